package guests

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"debvisor/internal/host"
)

// A guest that says the MAC of another one puts nothing on its name and takes nothing off.
func TestAnAgentSpeaksOnlyForItself(t *testing.T) {
	s := newSite(t)
	s.pass(t, both)
	sees(s.Machine, Agent, "eth0 "+webMAC+" ipv4 10.0.0.66/24\n", dbID)
	s.pass(t, both)
	if o := s.pass(t, both); o.Changed {
		t.Errorf("%+v", o)
	}
}

func TestALeaseIsOfTheGuestThatWasAskedAbout(t *testing.T) {
	got := parseLeased("vnet9 " + webMAC + " ipv4 10.0.0.4/24\n" + webID + "\n vnet0 " + webMAC + " ipv4 10.0.0.5/24\n" + dbID + "\n vnet1 " + webMAC + " ipv4 10.0.0.6/24\n")
	if len(got) != 2 || got[0].uuid != webID || got[1].uuid != dbID {
		t.Fatalf("%+v", got)
	}
	web := Guest{Name: "web", UUID: webID, NICs: []NIC{{MAC: webMAC}}}
	if all := assign([]Guest{web}, got, nil); found(all, "web") != "10.0.0.5 lease" {
		t.Errorf("%+v", all)
	}
}

// An agent takes an address neither from who has it registered nor from who was seen with it.
func TestAnAgentTakesNoAddressFromANeighbour(t *testing.T) {
	s := newSite(t)
	sees(s.Machine, Lease, "", dbID, webID)
	s.Runner.Answer("ip -j neigh show", `[{"dst":"10.0.0.7","dev":"br0","lladdr":"`+webMAC+`","state":["STALE"]}]`)
	s.pass(t, "db 10.0.0.6 fd00::6; web 10.0.0.7")
	sees(s.Machine, Agent, "eth0 "+dbMAC+" ipv4 10.0.0.7/24\neth0 "+dbMAC+" ipv4 10.0.0.6/24\neth1 52:54:00:00:00:03 ipv6 fd00::6/64\n", dbID)
	for range 3 {
		s.now = s.now.Add(2 * unseenFor)
		s.pass(t, "db 10.0.0.6 fd00::6; web 10.0.0.7")
	}
	sees(s.Machine, Lease, "vnet1 "+dbMAC+" ipv4 10.0.0.7/24\n", dbID, webID)
	s.pass(t, "db 10.0.0.6 10.0.0.7 fd00::6") // the host itself gave it
}

// However often an agent changes its mind, its name has no more than a guest may have.
func TestAGuestHasOnlySoManyAddresses(t *testing.T) {
	s := newSite(t)
	for round := range 5 {
		lines := ""
		for i := range mostOfAGuest {
			lines += fmt.Sprintf("eth0 %s ipv6 fd00::%d:%d/64\n", dbMAC, round+1, i+1)
		}
		sees(s.Machine, Agent, "", dbID)
		s.Runner.Answer("ip -j neigh show", neighbourhood(lines))
		s.Pass(t.Context())
		s.now = s.now.Add(time.Minute)
		if n := len(s.has["db.vm.test"]); n != mostOfAGuest {
			t.Fatalf("round %d: %d addresses", round, n)
		}
		if last := netip.MustParseAddr(fmt.Sprintf("fd00::%d:1", round+1)); !strings.Contains(s.zone.String(), last.String()) {
			t.Errorf("round %d: what is seen is not there: %s", round, s.zone)
		}
	}
}

// neighbourhood is a neighbour table of what an agent would say.
func neighbourhood(lines string) string {
	var all []string
	for _, s := range parseAddresses(lines, "", Neighbour) {
		all = append(all, fmt.Sprintf(`{"dst":"%s","dev":"br0","lladdr":"%s","state":["STALE"]}`, s.addr, s.mac))
	}
	return "[" + strings.Join(all, ",") + "]"
}

// meeting is a runner in which agents answer nothing until a number of them was asked.
type meeting struct {
	host.Runner
	asked chan string
	all   chan struct{}
}

func (m meeting) Run(ctx context.Context, c host.Cmd) ([]byte, error) {
	if !strings.Contains(c.String(), "source agent") {
		return m.Runner.Run(ctx, c)
	}
	m.asked <- c.String()
	select {
	case <-m.all:
	case <-ctx.Done():
	}
	return nil, errors.New("agent is not responding")
}

// Silent agents are asked together, after what is known without them is registered, and not each time.
func TestSilentAgents(t *testing.T) {
	s := newSite(t)
	mac := "52:54:00:00:00:0a"
	runs(s.Machine, xmlOf("web", webID, "", webMAC), xmlOf("db", dbID, withAgent, dbMAC), xmlOf("mute", id(7), withAgent, mac))
	sees(s.Machine, Lease, "vnet0 "+webMAC+" ipv4 10.0.0.5/24\nvnet1 "+mac+" ipv4 10.0.0.8/24\n", dbID, id(7), webID)
	m := meeting{s.Machine.Host.Runner, make(chan string, 8), make(chan struct{})}
	s.Machine.Host.Runner = m
	known := ""
	go func() {
		<-m.asked
		<-m.asked // one alone would wait for ever
		known = s.zone.String()
		close(m.all)
	}()
	s.pass(t, "mute 10.0.0.8; web 10.0.0.5")
	if known != "mute 10.0.0.8; web 10.0.0.5" {
		t.Errorf("before the agents were asked there was %q", known)
	}
	s.reboot()
	s.pass(t, "mute 10.0.0.8; web 10.0.0.5")
	if n := len(m.asked); n != 0 {
		t.Errorf("%d were asked again at once", n)
	}
	s.now = s.now.Add(firstSilence)
	s.pass(t, "mute 10.0.0.8; web 10.0.0.5")
	s.now = s.now.Add(firstSilence)
	s.pass(t, "mute 10.0.0.8; web 10.0.0.5")
	if n := len(m.asked); n != 2 {
		t.Errorf("%d were asked in two more rounds, of which the second was too early", n)
	}
}

func TestSilenceGrowsAndEnds(t *testing.T) {
	var r Registry
	now, s := time.Unix(1000, 0), survey{running: []Guest{{UUID: dbID, Agent: true}}}
	for _, want := range []time.Duration{30 * time.Second, time.Minute, 2 * time.Minute} {
		r.heard([]answer{{uuid: dbID, asked: true, err: errors.New("silent")}}, now)
		if got := r.silence(dbID).Until.Sub(now); got != want || len(s.askable(&r, now)) != 0 {
			t.Errorf("%s, not %s", got, want)
		}
	}
	for range 80 {
		r.heard([]answer{{uuid: dbID, asked: true, err: errors.New("silent")}}, now)
	}
	r.heard([]answer{{uuid: dbID, err: errors.New("no time")}}, now)
	if got := r.silence(dbID).Until.Sub(now); got != lastSilence {
		t.Errorf("%s", got)
	}
	if r.heard([]answer{{uuid: dbID, asked: true}}, now); len(r.Silent) != 0 || len(s.askable(&r, now)) != 1 {
		t.Errorf("%+v", r)
	}
}
