package blocklist

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"debvisor/internal/ansible"
	"debvisor/internal/ansible/ansibletest"
	"debvisor/internal/blocklist"
	"debvisor/internal/host/hosttest"
	"debvisor/internal/names"
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
	d, err := p.desired(t.Context(), m.Host)
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
	if _, err := p.desired(t.Context(), m.Host); err == nil || !strings.Contains(err.Error(), "called feed.txt") {
		t.Errorf("two of a name: %v", err)
	}
}

func TestTheAnswersManagementNetworksAreProtected(t *testing.T) {
	m := hosttest.New(t, "-- etc/debvisor/answers.yaml --\n")
	m.Runner.Answer(names.Debvisor+" answers management", "10.7.0.0/16\nfd07::/48\n")
	d, err := params{Management: []ansible.Network{{Prefix: netip.MustParsePrefix("10.2.0.0/16")}}}.desired(t.Context(), m.Host)
	if err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(d.Managed) != "[10.7.0.0/16 fd07::/48]" || len(d.Management) != 1 {
		t.Errorf("managed %v, management %v", d.Managed, d.Management)
	}
}

// A quarantine must not touch the lists, nor forget who is in quarantine already.
func TestAQuarantineLeavesTheListsAsTheyAre(t *testing.T) {
	m := hosttest.New(t, `
-- etc/debvisor/quarantine.json --
[{"address": "203.0.113.1", "reason": "over", "by": "a", "since": "2020-01-01T00:00:00Z", "expires": "1h", "until": "2020-01-01T01:00:00Z"},
 {"address": "203.0.113.2", "reason": "stays", "by": "a", "since": "2020-01-01T00:00:00Z"}]
`)
	p := params{Quarantine: &quarantine{Address: "203.0.113.7", State: "present", Reason: "scan", Expires: "1h", By: "ops", Force: true}}
	d, err := p.desired(t.Context(), m.Host)
	if err != nil {
		t.Fatal(err)
	}
	if !d.KeepLists || d.By != "ops" || len(d.Quarantine) != 2 || d.Quarantine[0].Reason != "stays" || !d.Quarantine[1].Force || d.Quarantine[1].Until.Before(time.Now()) {
		t.Errorf("desired is %+v", d)
	}
	p.Quarantine.State = "absent"
	if d, err := p.desired(t.Context(), m.Host); err != nil || len(d.Quarantine) != 1 {
		t.Errorf("released: %v, %v", d.Quarantine, err)
	}
	p.Quarantine.Address = "203.0.113.0/24"
	if _, err := p.desired(t.Context(), m.Host); err == nil || !strings.Contains(err.Error(), "not an address") {
		t.Errorf("a network: %v", err)
	}
	if d, err := (params{}).desired(t.Context(), m.Host); err != nil || d.KeepLists || len(d.Quarantine) != 1 {
		t.Errorf("the role: %+v, %v", d, err)
	}
}

func TestAQuarantineThatEndsByItselfHasATimer(t *testing.T) {
	m := hosttest.New(t, "")
	const off = "LoadState=loaded\nUnitFileState=disabled\nActiveState=inactive\n"
	for _, timer := range []string{"debvisor-blocklist.timer", "debvisor-quarantine.timer"} {
		m.Runner.Answer("systemctl show --property=LoadState,UnitFileState,ActiveState "+timer, off)
		m.Runner.Answer("systemctl show --property=NeedDaemonReload --value "+timer, "no\n")
	}
	none, often := "", "often"
	ends := blocklist.Quarantine{{Until: time.Now().Add(time.Hour)}}
	for _, p := range []params{{}, {Refresh: &none}} {
		changes, err := p.timers(t.Context(), m.Host, ends)
		if got := hosttest.Lines(changes); err != nil || got != "run systemctl enable debvisor-quarantine.timer\nrun systemctl start debvisor-quarantine.timer\n" {
			t.Errorf("planned\n%s%v", got, err)
		}
		if changes, err := p.timers(t.Context(), m.Host, nil); err != nil || len(changes) > 0 {
			t.Errorf("without one, planned\n%s%v", hosttest.Lines(changes), err)
		}
	}
	m.Runner.Fail("systemd-analyze calendar often", errors.New("exit status 1"))
	if _, err := (params{Refresh: &often}).timers(t.Context(), m.Host, nil); err == nil || !strings.Contains(err.Error(), `refresh: "often" is no time`) {
		t.Errorf("refresh: %v", err)
	}
}
