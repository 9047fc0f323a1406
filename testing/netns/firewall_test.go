package netns

import (
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"debvisor/internal/host"
	"debvisor/internal/nft"
)

var management = nft.Config{Management: []netip.Prefix{netip.MustParsePrefix("10.91.0.0/24"), netip.MustParsePrefix("fd91::/64")}}

// apply plans and applies a configuration, and plans again: nothing may be left.
func (l *lab) apply(t *testing.T, c nft.Config) {
	t.Helper()
	changes, err := nft.Plan(t.Context(), l.Host, c)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Apply(t.Context(), changes); err != nil {
		t.Fatal(err)
	}
	left, err := nft.Plan(t.Context(), l.Host, c)
	if err != nil || len(left) > 0 {
		t.Fatalf("after applying, %v is left, %v", left, err)
	}
}

func (l *lab) write(t *testing.T, name, text string) {
	t.Helper()
	if err := l.Apply(t.Context(), []host.Change{host.Write{Path: name, After: text, Mode: 0o644}}); err != nil {
		t.Fatal(err)
	}
}

func (l *lab) nft(t *testing.T, args ...string) string {
	t.Helper()
	out, err := l.Run(t.Context(), append([]string{"nft"}, args...)...)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func TestOnlySSHIsOpen(t *testing.T) {
	l := newLab(t)
	l.listen(t, 22, 80, 9090, 9443)
	if got := l.open(t, 9443); got != "10.91.0.1:9443 10.92.0.1:9443 fd91::1:9443 fd92::1:9443" {
		t.Fatalf("without a firewall only %s is open: the lab is broken", got)
	}
	l.apply(t, nft.Config{})
	if got := l.open(t, 22, 80, 9090, 9443); got != "10.91.0.1:22 10.92.0.1:22 fd91::1:22 fd92::1:22" {
		t.Errorf("open: %s", got)
	}
}

func TestManagementNetworksLimitSSH(t *testing.T) {
	l := newLab(t)
	l.listen(t, 22)
	l.apply(t, management)
	if got := l.open(t, 22); got != "10.91.0.1:22 fd91::1:22" {
		t.Errorf("open: %s", got)
	}
	l.apply(t, nft.Config{Management: []netip.Prefix{netip.MustParsePrefix("10.92.0.0/24")}})
	if got := l.open(t, 22); got != "10.92.0.1:22" {
		t.Errorf("with another network, open: %s", got)
	}
	l.apply(t, nft.Config{})
	if got := l.open(t, 22); got != "10.91.0.1:22 10.92.0.1:22 fd91::1:22 fd92::1:22" {
		t.Errorf("without networks, open: %s", got)
	}
}

func TestALineInTheLocalFileOpensAPort(t *testing.T) {
	for name, text := range map[string]string{
		"rule":  "add rule inet debvisor input tcp dport $rpc_port accept\n",
		"chain": "table inet debvisor {\n\tchain local_input {\n\t\ttcp dport $rpc_port accept\n\t}\n}\n",
	} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t)
			l.listen(t, 22, 9443)
			l.apply(t, management)
			l.write(t, nft.LocalPath, text)
			for range 3 { // loading again must not pile up rules
				if err := nft.Load(t.Context(), l.Host); err != nil {
					t.Fatal(err)
				}
			}
			if got := l.open(t, 22, 9443); got != "10.91.0.1:22 10.91.0.1:9443 10.92.0.1:9443 fd91::1:22 fd91::1:9443 fd92::1:9443" {
				t.Errorf("open: %s", got)
			}
			if n := strings.Count(l.nft(t, "list", "table", "inet", "debvisor"), "dport 9443"); n != 1 {
				t.Errorf("the rule is there %d times", n)
			}
			l.apply(t, management) // the plan knows the operator's file
			l.write(t, nft.LocalPath, "")
			l.apply(t, management)
			if got := l.open(t, 9443); got != "" {
				t.Errorf("after the line went, open: %s", got)
			}
		})
	}
}

func TestFilesBesideTheBaseAreLoadedAndForeignTablesStay(t *testing.T) {
	l := newLab(t)
	l.listen(t, 22, 9443)
	l.nft(t, "add", "table", "ip", "foreign")
	l.nft(t, "add", "chain", "ip", "foreign", "c")
	l.nft(t, "add", "rule", "ip", "foreign", "c", "tcp", "dport", "7", "accept")
	l.write(t, nft.DropInDir+"/20-own.conf", "add rule inet debvisor input tcp dport $rpc_port accept\n")
	l.apply(t, nft.Config{})
	l.apply(t, management)
	if got := l.open(t, 9443); got != "10.91.0.1:9443 10.92.0.1:9443 fd91::1:9443 fd92::1:9443" {
		t.Errorf("open: %s", got)
	}
	if got := l.nft(t, "list", "table", "ip", "foreign"); !strings.Contains(got, "tcp dport 7 accept") {
		t.Errorf("the foreign table is now:\n%s", got)
	}
}

func TestABrokenFileLeavesTheLastGoodRuleset(t *testing.T) {
	l := newLab(t)
	l.listen(t, 22, 9443)
	l.apply(t, management)
	before := l.nft(t, "list", "ruleset")
	for _, broken := range []string{"add rule inet debvisor input tcp dport $rcp_port accept\n", "add rule inet debvisor no_such_chain accept\n", "{"} {
		l.write(t, nft.LocalPath, broken)
		err := nft.Load(t.Context(), l.Host)
		if err == nil || !strings.Contains(err.Error(), "last good ruleset") || !strings.Contains(err.Error(), "debvisor-local.nft:1:") {
			t.Errorf("load with %q: %v", broken, err)
		}
		if after := l.nft(t, "list", "ruleset"); withoutCounters(after) != withoutCounters(before) {
			t.Errorf("the ruleset changed to\n%s", after)
		}
	}
}

// withoutCounters leaves out what packets change.
func withoutCounters(ruleset string) string {
	var kept []string
	for _, f := range strings.Fields(ruleset) {
		if strings.Trim(f, "0123456789") != "" {
			kept = append(kept, f)
		}
	}
	return strings.Join(kept, " ")
}

func TestABootWithBrokenFilesIsClosedButForSSH(t *testing.T) {
	l := newLab(t)
	l.listen(t, 22, 80, 9443)
	l.apply(t, management)
	l.write(t, nft.DropInDir+"/10-own.conf", "table ip own { }\n")
	for _, c := range []struct{ name, open string }{
		{nft.LocalPath, "10.91.0.1:22 fd91::1:22"},
		{nft.DropInDir + "/10-own.conf", "10.91.0.1:22 fd91::1:22"},
		{nft.BasePath, "10.91.0.1:22 10.92.0.1:22 fd91::1:22 fd92::1:22"},
	} {
		l.write(t, c.name, "this is no rule\n")
		l.nft(t, "flush", "ruleset") // as after a boot
		if err := nft.Load(t.Context(), l.Host); err == nil || !strings.Contains(err.Error(), "not as configured") {
			t.Errorf("load with a broken %s: %v", c.name, err)
		}
		if got := l.open(t, 22, 80, 9443); got != c.open {
			t.Errorf("with a broken %s, open: %s", c.name, got)
		}
	}
}

func TestAMissingFileAtBootIsClosedToo(t *testing.T) {
	l := newLab(t)
	l.listen(t, 22, 80)
	if err := nft.Load(t.Context(), l.Host); err == nil {
		t.Error("no error without any file")
	}
	if got := l.open(t, 22, 80); got != "10.91.0.1:22 10.92.0.1:22 fd91::1:22 fd92::1:22" {
		t.Errorf("open: %s", got)
	}
	l.apply(t, management)
	if got := l.open(t, 22, 80); got != "10.91.0.1:22 fd91::1:22" {
		t.Errorf("after the first boot, open: %s", got)
	}
}

func TestALoadThatWasCutOffIsDoneAgain(t *testing.T) {
	l := newLab(t)
	changes, err := nft.Plan(t.Context(), l.Host, management)
	if err != nil {
		t.Fatal(err)
	}
	for cut := range changes {
		l.nft(t, "flush", "ruleset")
		for _, name := range []string{nft.MainPath, nft.BasePath, nft.FinalPath, nft.LocalPath} {
			os.Remove(filepath.Join(l.Root, name)) // not there in the first round
		}
		if err := l.Apply(t.Context(), changes[:cut]); err != nil {
			t.Fatal(err)
		}
		l.apply(t, management)
	}
}

func TestReloadingLeaksNothingAndCutsNothing(t *testing.T) {
	l := newLab(t)
	l.listen(t, 22)
	count := l.count(t, 9999)
	sent := l.flood(t, 9999)
	if !until(func() bool { return count() > 0 }) {
		t.Fatal("without a firewall nothing of the flood arrives: the lab is broken")
	}
	l.apply(t, management)
	kept, err := l.dial(t, "10.91.0.1", 22)
	if err != nil {
		t.Fatal(err)
	}
	defer kept.Close()
	before, sentBefore := count(), sent()
	stop, done := make(chan struct{}), make(chan struct{})
	var loads atomic.Int64
	go func() {
		defer close(done)
		l.reload(t, stop, &loads)
	}()
	enough := until(func() bool {
		l.stillOpen(t)
		echo(t, kept)
		return loads.Load() >= 30 && sent()-sentBefore >= 2000
	})
	close(stop)
	<-done
	if leaked := count() - before; leaked > 0 {
		t.Errorf("%d of %d packets went through in %d reloads", leaked, sent()-sentBefore, loads.Load())
	}
	if !enough {
		t.Errorf("%d packets in %d reloads prove little", sent()-sentBefore, loads.Load())
	}
}

// until asks again and again, for half a minute at most, and reports whether the answer was yes.
func until(yes func() bool) bool {
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if yes() {
			return true
		}
	}
	return false
}

// reload changes the management networks back and forth, which loads the whole ruleset each time.
func (l *lab) reload(t *testing.T, stop chan struct{}, loads *atomic.Int64) {
	more := nft.Config{Management: append([]netip.Prefix{netip.MustParsePrefix("172.16.0.0/12")}, management.Management...)}
	for ; ; loads.Add(1) {
		select {
		case <-stop:
			return
		default:
		}
		changes, err := nft.Plan(t.Context(), l.Host, []nft.Config{more, management}[loads.Load()%2])
		if err == nil {
			err = l.Apply(t.Context(), changes)
		}
		if err != nil {
			t.Error(err)
			return
		}
	}
}

// stillOpen connects to what must be open all the time.
func (l *lab) stillOpen(t *testing.T) {
	t.Helper()
	for _, address := range []string{"10.91.0.1", "fd91::1"} {
		c, err := l.dial(t, address, 22)
		if err != nil {
			t.Errorf("port 22 was closed during a reload: %v", err)
			continue
		}
		c.Close()
	}
}

func echo(t *testing.T, c net.Conn) {
	t.Helper()
	if err := c.SetDeadline(time.Now().Add(time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Write([]byte("x")); err != nil {
		t.Fatalf("the connection that was open was cut: %v", err)
	}
	if _, err := c.Read(make([]byte, 1)); err != nil {
		t.Fatalf("the connection that was open was cut: %v", err)
	}
}
