package nft

import (
	"errors"
	"net/netip"
	"os"
	"strings"
	"testing"

	"debvisor/internal/host"
	"debvisor/internal/host/hosttest"
)

func config(networks ...string) Config {
	var c Config
	for _, n := range networks {
		c.Management = append(c.Management, netip.MustParsePrefix(n))
	}
	return c
}

func TestRulesetsAreWrittenAsExpected(t *testing.T) {
	for file, got := range map[string]string{
		"testdata/open.nft":     Base(Config{}),
		"testdata/managed.nft":  Base(config("fd00::/64", "10.1.0.0/16", "10.0.0.0/8", "192.0.2.7/32", "10.0.0.0/8")),
		"testdata/services.nft": Base(services),
		"testdata/final.nft":    Final(),
		"testdata/main.nft":     Main(),
	} {
		if os.Getenv("UPDATE_GOLDEN") != "" {
			if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil || got != string(want) {
			t.Errorf("%s: %v, got\n%s", file, err, got)
		}
	}
}

const list = "nft -t list ruleset inet"

// machine has a kernel that keeps the comment of what was loaded last, and refuses what holds "mistake".
func machine(t *testing.T, archive string) *hosttest.Machine {
	m := hosttest.New(t, archive)
	m.Runner.Answer(list, "")
	m.Runner.Answer("nft -c -f -", "")
	m.Runner.Do("nft -f -", func(c host.Cmd) {
		_, rest, _ := strings.Cut(c.Stdin, "loaded accept comment ")
		m.Runner.Answer(list, "table inet other {\n\tchain loaded {\n\t\taccept comment \"x\"\n\t}\n}\ntable inet debvisor {\n\tchain loaded {\n\t\taccept comment "+rest+"\t}\n}\n")
	})
	return m
}

func plan(t *testing.T, m *hosttest.Machine, c Config) string {
	t.Helper()
	changes, err := Plan(t.Context(), m.Host, c)
	if err != nil {
		t.Fatal(err)
	}
	text := hosttest.Lines(changes)
	if err := m.Apply(t.Context(), changes); err != nil {
		t.Fatal(err)
	}
	if left, err := Plan(t.Context(), m.Host, c); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
	return text
}

const loadAndKeep = "check the ruleset: nft -c -f -\nload the ruleset: nft -f -\nwrite /run/debvisor-firewall/confirmed.json\n"

func TestFilesAreWrittenAfterTheyAreInForce(t *testing.T) {
	m := machine(t, "")
	const want = `create /etc/nftables/debvisor-local.nft (0644)
check the ruleset: nft -c -f -
load the ruleset: nft -f -
create directory /run/debvisor-firewall (0700)
create /run/debvisor-firewall/confirmed.json (0600)
create directory /etc/nftables.d (0755)
create /etc/nftables/debvisor.nft (0644)
create /etc/nftables/debvisor-final.nft (0644)
create /etc/nftables.conf (0755)
`
	if got := plan(t, m, config("10.0.0.0/8")); got != want {
		t.Errorf("got\n%s", got)
	}
	const less = loadAndKeep + "write /etc/nftables/debvisor.nft\n"
	if got := plan(t, m, Config{}); got != less {
		t.Errorf("other networks: got\n%s", got)
	}
}

func TestAFileOfTheOperatorIsLoadedButNeverWritten(t *testing.T) {
	m := machine(t, "")
	plan(t, m, Config{})
	for _, name := range []string{LocalPath, DropInDir + "/20-dns.conf"} {
		if err := m.Apply(t.Context(), []host.Change{host.Write{Path: name, After: "# mine\n", Mode: 0o600}}); err != nil {
			t.Fatal(err)
		}
		if got := plan(t, m, Config{}); got != loadAndKeep {
			t.Errorf("%s: got\n%s", name, got)
		}
	}
	if err := Load(t.Context(), m.Host); err != nil {
		t.Error(err)
	}
	if left, err := Plan(t.Context(), m.Host, Config{}); err != nil || len(left) > 0 {
		t.Errorf("after Load: %v, %v", left, err)
	}
}

func TestAKernelThatLostTheRulesetGetsItAgain(t *testing.T) {
	m := machine(t, "")
	plan(t, m, Config{})
	m.Runner.Answer(list, "table inet debvisor {\n\tchain loaded {\n\t}\n}\n")
	if got := plan(t, m, Config{}); got != "check the ruleset: nft -c -f -\nload the ruleset: nft -f -\n" {
		t.Errorf("got\n%s", got)
	}
}

func TestWhenNothingIsTakenLoadSaysSo(t *testing.T) {
	m := machine(t, "")
	m.Runner.Fail("nft -c -f -", errors.New("no netfilter"))
	err := Load(t.Context(), m.Host)
	if err == nil || !strings.Contains(err.Error(), "not even the built-in one") {
		t.Errorf("got %v", err)
	}
}

func TestNothingFlushesTheWholeRuleset(t *testing.T) {
	for _, f := range fallbacks("", "") {
		if strings.Contains(f.text, "flush ruleset") {
			t.Errorf("%s flushes everything", f.name)
		}
	}
	for _, text := range []string{Main(), Base(Config{}), Final(), Local()} {
		if strings.Contains(text, "\nflush ruleset") || strings.Contains(text, "delete ") || strings.Contains(text, "destroy ") {
			t.Errorf("this opens the machine for a moment:\n%s", text)
		}
	}
	if !strings.Contains(DropIn, "ExecStop=\n") {
		t.Error("the drop-in leaves Debian's ExecStop in force")
	}
}
