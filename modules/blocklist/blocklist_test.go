package blocklist

import (
	"errors"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"debvisor/internal/ansible/ansibletest"
	"debvisor/internal/blocklist"
	"debvisor/internal/host/hosttest"
)

func TestTheDocumentationIsOfTheModule(t *testing.T) {
	for _, wrong := range ansibletest.CheckDocs(Module) {
		t.Error(wrong)
	}
}

func TestListsOfTheControllerGetAFileEach(t *testing.T) {
	m := hosttest.New(t, "")
	p := params{Sources: []string{blocklist.DefaultSource}, ControllerSources: map[string]string{"a/feed.txt": "x", "b/other.txt": "y"},
		ControllerWhitelists: map[string]string{"a/feed.txt": "z"}}
	d, err := p.desired(m.Host)
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(d.Sources, " "); got != "/etc/debvisor/blocklist.txt /etc/debvisor/blocklist.d/block-feed.txt /etc/debvisor/blocklist.d/block-other.txt" {
		t.Errorf("sources: %s", got)
	}
	if got := strings.Join(d.Whitelists, " "); got != "/etc/debvisor/blocklist.d/allow-feed.txt" || d.Texts[got].Content != "z" || d.Texts[got].Name != "a/feed.txt" {
		t.Errorf("whitelists: %s, %v", got, d.Texts)
	}
	p.ControllerSources["c/feed.txt"] = "again"
	if _, err := p.desired(m.Host); err == nil || !strings.Contains(err.Error(), "called feed.txt") {
		t.Errorf("two of a name: %v", err)
	}
}

func TestTheAnswersManagementNetworksAreProtected(t *testing.T) {
	answers, err := os.ReadFile("../../docs/examples/answers-full.yaml")
	if err != nil {
		t.Fatal(err)
	}
	m := hosttest.New(t, "-- etc/debvisor/answers.yaml --\n"+string(answers))
	d, err := params{Management: []network{{netip.MustParsePrefix("10.2.0.0/16")}}}.desired(m.Host)
	if err != nil {
		t.Fatal(err)
	}
	if len(d.Managed) == 0 || !strings.Contains(string(answers), d.Managed[0].String()) || len(d.Management) != 1 {
		t.Errorf("managed %v, management %v", d.Managed, d.Management)
	}
}

// A quarantine must not forget what the lists are, nor who is in quarantine already.
func TestAQuarantineLeavesTheListsAsTheyAre(t *testing.T) {
	m := hosttest.New(t, `
-- etc/debvisor/blocklist.json --
{"sources": ["/etc/debvisor/a.txt"], "whitelists": ["/etc/debvisor/b.txt"], "block_anyway": ["10.0.0.1/32"], "skip_invalid": true}
-- etc/debvisor/quarantine.json --
[{"address": "203.0.113.1", "reason": "over", "by": "a", "since": "2020-01-01T00:00:00Z", "expires": "1h", "until": "2020-01-01T01:00:00Z"},
 {"address": "203.0.113.2", "reason": "stays", "by": "a", "since": "2020-01-01T00:00:00Z"}]
`)
	p := params{Quarantine: &quarantine{Address: "203.0.113.7", State: "present", Reason: "scan", Expires: "1h", By: "ops"}}
	d, err := p.desired(m.Host)
	if err != nil {
		t.Fatal(err)
	}
	if len(d.Sources) != 1 || len(d.Whitelists) != 1 || len(d.BlockAnyway) != 1 || !d.SkipInvalid || d.By != "ops" {
		t.Errorf("the settings are %+v", d.Settings)
	}
	if len(d.Quarantine) != 2 || d.Quarantine[0].Reason != "stays" || d.Quarantine[1].Until.Before(time.Now()) {
		t.Errorf("the quarantine is %v", d.Quarantine)
	}
	p.Quarantine.State = "absent"
	if d, err := p.desired(m.Host); err != nil || len(d.Quarantine) != 1 {
		t.Errorf("released: %v, %v", d.Quarantine, err)
	}
	p.Quarantine.Address = "203.0.113.0/24"
	if _, err := p.desired(m.Host); err == nil || !strings.Contains(err.Error(), "not an address") {
		t.Errorf("a network: %v", err)
	}
}

const (
	notEnabled = "LoadState=loaded\nUnitFileState=disabled\nActiveState=inactive\n"
	enabled    = "LoadState=loaded\nUnitFileState=enabled\nActiveState=active\n"
	show       = "systemctl show --property=LoadState,UnitFileState,ActiveState debvisor-blocklist.timer"
	needReload = "systemctl show --property=NeedDaemonReload --value debvisor-blocklist.timer"
)

func TestRefreshSetsTheTimer(t *testing.T) {
	m := hosttest.New(t, "")
	m.Runner.Answer("systemd-analyze calendar hourly", "")
	m.Runner.Answer(needReload, "no\n")
	m.Runner.Answer(show, notEnabled)
	hourly := "hourly"
	p := params{Refresh: &hourly}
	changes, err := p.refresh(t.Context(), m.Host, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := "create /etc/systemd/system/debvisor-blocklist.timer.d/schedule.conf (0644)\nrun systemctl daemon-reload\n" +
		"run systemctl enable debvisor-blocklist.timer\nrun systemctl start debvisor-blocklist.timer\n"
	if got := hosttest.Lines(changes); got != want {
		t.Errorf("planned\n%s", got)
	}
	if err := m.Apply(t.Context(), changes[:1]); err != nil { // cut off before systemd read it
		t.Fatal(err)
	}
	m.Runner.Answer(needReload, "yes\n")
	m.Runner.Answer(show, enabled)
	changes, err = p.refresh(t.Context(), m.Host, nil)
	if got := hosttest.Lines(changes); err != nil || got != "run systemctl daemon-reload\n" {
		t.Errorf("planned\n%s%v", got, err)
	}
	m.Runner.Answer(needReload, "no\n")
	if changes, err := p.refresh(t.Context(), m.Host, nil); err != nil || len(changes) > 0 {
		t.Errorf("planned again\n%s%v", hosttest.Lines(changes), err)
	}
}

func TestRefreshIsTurnedOffUnlessAQuarantineNeedsIt(t *testing.T) {
	m := hosttest.New(t, "-- etc/systemd/system/debvisor-blocklist.timer.d/schedule.conf --\n[Timer]\n")
	m.Runner.Answer(show, enabled)
	m.Runner.Answer(needReload, "no\n")
	off := ""
	changes, err := params{Refresh: &off}.refresh(t.Context(), m.Host, nil)
	if got := hosttest.Lines(changes); err != nil || got != "remove /etc/systemd/system/debvisor-blocklist.timer.d/schedule.conf\nrun systemctl daemon-reload\nrun systemctl disable --now debvisor-blocklist.timer\n" {
		t.Errorf("planned\n%s%v", got, err)
	}
	m.Runner.Answer(show, notEnabled)
	ends := blocklist.Quarantine{{Until: time.Now().Add(time.Hour)}}
	changes, err = params{Refresh: &off}.refresh(t.Context(), m.Host, ends)
	if got := hosttest.Lines(changes); err != nil || got != "run systemctl enable debvisor-blocklist.timer\nrun systemctl start debvisor-blocklist.timer\n" {
		t.Errorf("planned with a quarantine\n%s%v", got, err)
	}
}

func TestATimeThatSystemdDoesNotKnowIsRefused(t *testing.T) {
	m := hosttest.New(t, "")
	m.Runner.Fail("systemd-analyze calendar often", errors.New("exit status 1"))
	often := "often"
	if _, err := (params{Refresh: &often}).refresh(t.Context(), m.Host, nil); err == nil || !strings.Contains(err.Error(), `"often" is no time`) {
		t.Errorf("refresh: %v", err)
	}
}
