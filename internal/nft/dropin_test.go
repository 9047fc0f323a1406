package nft

import (
	"strings"
	"testing"

	"debvisor/internal/host"
	"debvisor/internal/host/hosttest"
)

const dropIn = "table inet x {\n}\n"

func TestADropInIsLoadedAndThenWritten(t *testing.T) {
	m := machine(t, "-- etc/nftables.d/30-other.conf --\ntable inet y {\n}\n")
	m.Runner.Answer("nft list tables", "")
	plan(t, m, Config{})
	changes, err := PlanDropIn(t.Context(), m.Host, "20-dns.conf", dropIn)
	want := loadAndKeep + "create /etc/nftables.d/20-dns.conf (0644)\n"
	if got := hosttest.Lines(changes); err != nil || got != want {
		t.Fatalf("%v, planned\n%s", err, got)
	}
	if err := m.Apply(t.Context(), changes[:2]); err != nil { // cut off after the load
		t.Fatal(err)
	}
	changes, err = PlanDropIn(t.Context(), m.Host, "20-dns.conf", dropIn)
	if got := hosttest.Lines(changes); err != nil || got != "write /run/debvisor-firewall/confirmed.json\ncreate /etc/nftables.d/20-dns.conf (0644)\n" {
		t.Fatalf("%v, planned\n%s", err, got)
	}
	if err := m.Apply(t.Context(), changes); err != nil {
		t.Fatal(err)
	}
	if left, err := PlanDropIn(t.Context(), m.Host, "20-dns.conf", dropIn); err != nil || len(left) > 0 {
		t.Errorf("left %v, %v", left, err)
	}
	if left, err := Plan(t.Context(), m.Host, Config{}); err != nil || strings.Contains(hosttest.Lines(left), "load") {
		t.Errorf("the base ruleset is not in force any more: %v, %v", left, err)
	}
}

func TestADropInTakesNothingAlong(t *testing.T) {
	m := machine(t, "")
	if _, err := PlanDropIn(t.Context(), m.Host, "20-dns.conf", dropIn); err == nil || !strings.Contains(err.Error(), "apply the role firewall first") {
		t.Errorf("without a firewall: %v", err)
	}
	plan(t, m, Config{})
	edited := host.Write{Path: LocalPath, After: "add rule inet debvisor input tcp dport 22 drop\n", Mode: 0o644}
	if err := m.Apply(t.Context(), []host.Change{edited}); err != nil {
		t.Fatal(err)
	}
	if _, err := PlanDropIn(t.Context(), m.Host, "20-dns.conf", dropIn); err == nil || !strings.Contains(err.Error(), "not what is in force (confirmed)") {
		t.Errorf("with a file that nobody loaded: %v", err)
	}
}
