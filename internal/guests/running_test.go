package guests

import (
	"errors"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"debvisor/internal/host/hosttest"
)

const (
	webID, dbID = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"
	webMAC      = "52:54:00:00:00:01"
	dbMAC       = "52:54:00:00:00:02"
	ask         = "virsh --quiet --connect qemu:///system "
)

// xmlOf is what virsh dumpxml says of a guest that runs.
func xmlOf(name, uuid, extra string, macs ...string) string {
	var nics strings.Builder
	for _, m := range macs {
		nics.WriteString("<interface type='bridge'><mac address='" + m + "'/><source network='lan' bridge='br0'/><target dev='vnet0'/></interface>")
	}
	return "<domain type='qemu' id='1'>\n<name>" + name + "</name>\n<uuid>" + uuid + "</uuid><devices>" + nics.String() + extra + "</devices>\n</domain>\n\n"
}

const withAgent = "<channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0' state='connected'/></channel>"

// machine has two guests that run, web and db.
func machine(t *testing.T) *hosttest.Machine {
	m := hosttest.New(t, "-- run/debvisor-guests/events/ --\n")
	runs(m, xmlOf("web", webID, "", webMAC), xmlOf("db", dbID, withAgent, dbMAC, "52:54:00:00:00:03"))
	m.Runner.Answer("ip -j address show", `[{"addr_info":[{"family":"inet","local":"10.0.0.1","broadcast":"10.0.0.255"},{"local":"fe80::1"}]}]`)
	m.Runner.Answer("ip -j neigh show", "[]\n")
	sees(m, Agent, "", dbID)
	return m
}

// runs sets which guests run, without any lease.
func runs(m *hosttest.Machine, xmls ...string) {
	byName := map[string]string{}
	var ids []string
	for _, x := range xmls {
		_, name, _ := strings.Cut(x, "<name>")
		name, rest, _ := strings.Cut(name, "</name>")
		_, id, _ := strings.Cut(rest, "<uuid>")
		ids = append(ids, id[:36])
		byName[name] = id[:36]
	}
	m.Runner.Answer(quoted("list --uuid"), strings.Join(ids, "\n")+"\n\n")
	m.Runner.Answer(quoted(each("dumpxml", ids, "")), strings.Join(xmls, ""))
	var sorted []string
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		sorted = append(sorted, byName[name])
	}
	sees(m, Lease, "", sorted...)
}

// sees sets what libvirt says of addresses.
func sees(m *hosttest.Machine, source Source, lines string, ids ...string) {
	word := map[Source]string{Lease: "lease", Agent: "agent"}[source]
	command := each("domifaddr", ids, "--full --source "+word)
	if source == Lease {
		command, lines = leased(lines, ids)
	}
	m.Runner.Answer(quoted(command), lines)
}

// leased is the question for leases and its answer, in which every guest is said to have all the lines.
func leased(lines string, ids []string) (command, answer string) {
	var all []string
	for _, id := range ids {
		all = append(all, leasesOf(id))
		answer += id + "\n" + lines
	}
	return strings.Join(all, "; "), answer
}

func quoted(command string) string { return ask + "'" + command + "'" }

func TestWhatRuns(t *testing.T) {
	m := machine(t)
	got, err := Running(t.Context(), m.Host)
	if err != nil || len(got) != 2 || got[0].Name != "db" || !got[0].Agent || len(got[0].NICs) != 2 || got[1].Agent || got[1].NICs[0] != (NIC{MAC: webMAC, Bridge: "br0"}) {
		t.Fatalf("%+v, %v", got, err)
	}
	// Both are defined and do not run any more.
	m.Runner.Answer(quoted(each("dumpxml", []string{webID, dbID}, "")), strings.ReplaceAll(xmlOf("web", webID, "", webMAC)+xmlOf("db", dbID, "", dbMAC), " id='1'", ""))
	if got, err := Running(t.Context(), m.Host); err != nil || len(got) != 0 {
		t.Errorf("%+v, %v", got, err)
	}
	m.Runner.Answer(quoted(each("dumpxml", []string{webID, dbID}, "")), "<domain id='1'><name>x")
	if _, err := Running(t.Context(), m.Host); err == nil {
		t.Error("half a description is taken for a guest")
	}
	m.Runner.Fail(quoted("list --uuid"), errors.New("no connection"))
	if _, err := Running(t.Context(), m.Host); err == nil {
		t.Error("a silent libvirt is taken for a host without guests")
	}
}

// found are the addresses of a guest with their sources, in words.
func found(all []Seen, guest string) string {
	var words []string
	for _, s := range all {
		for _, a := range s.sorted() {
			if s.Name == guest {
				words = append(words, a.String()+" "+s.Addresses[a].Source.String())
			}
		}
	}
	return strings.Join(words, ", ")
}

func discover(t *testing.T, m *hosttest.Machine, not ...netip.Addr) ([]Seen, []error) {
	t.Helper()
	running, err := Running(t.Context(), m.Host)
	if err != nil {
		t.Fatal(err)
	}
	var r Registry
	s := look(t.Context(), m.Host, running, not, time.Unix(1000, 0))
	s.hear(agents(t.Context(), m.Host, s.askable(&r, time.Unix(1000, 0))), &r, time.Unix(1000, 0))
	return s.seen()
}

func TestAddressesOfAllSources(t *testing.T) {
	m := machine(t)
	sees(m, Lease, " vnet0 "+webMAC+" ipv4 10.0.0.5/24\n vnet0 "+webMAC+" ipv6 fd00::5/64\n", dbID, webID)
	sees(m, Agent, ` lo 00:00:00:00:00:00 ipv4 127.0.0.1/8
 eth0 `+dbMAC+` ipv4 10.0.0.6/24
 eth0 `+dbMAC+` ipv6 fe80::6/64
 my net 1 52:54:00:00:00:03 ipv4 10.1.0.6/24
 docker0 02:42:00:00:00:01 ipv4 172.17.0.1/16
 eth0 `+dbMAC+` ipv4 10.0.0.1/24
 eth0 `+dbMAC+` ipv4 10.0.0.255/24
 eth0 `+dbMAC+` ipv4 10.0.0.53/24
 eth0 `+dbMAC+` ipv4 0.0.0.0/0
 eth0 `+dbMAC+` ipv4 224.0.0.1/4
 eth0 rubbish
`, dbID)
	m.Runner.Answer("ip -j neigh show", `[{"dst":"10.0.0.5","dev":"br0","lladdr":"`+webMAC+`","state":["STALE"]},
{"dst":"fd00::55","dev":"br0","lladdr":"`+webMAC+`","state":["REACHABLE"]},
{"dst":"10.0.0.77","dev":"br0","lladdr":"`+webMAC+`","state":["FAILED"]},
{"dst":"10.0.0.78","dev":"eth1","lladdr":"`+webMAC+`","state":["REACHABLE"]},
{"dst":"fe80::5","dev":"br0","lladdr":"`+webMAC+`","state":["REACHABLE"]},
{"dst":"10.0.0.79","dev":"br0","state":["INCOMPLETE"]}]`)
	got, problems := discover(t, m, netip.MustParseAddr("10.0.0.53"))
	if web := found(got, "web"); web != "10.0.0.5 lease, fd00::5 neighbour table, fd00::55 neighbour table" || len(problems) > 0 {
		t.Errorf("web: %s, %v", web, problems)
	}
	if db := found(got, "db"); db != "10.0.0.6 guest agent, 10.1.0.6 guest agent" {
		t.Errorf("db: %s", db)
	}
}

func TestLeasesOfTheHostsOwnServer(t *testing.T) {
	m := machine(t)
	lines := []string{"2000 " + webMAC + " 10.0.0.5 web 01:" + webMAC, "900 " + webMAC + " 10.0.0.4 web *", "0 " + dbMAC + " 10.0.0.6 * *", "duid 00:01",
		"2000 7 fd00::5 web 00:01:00:01:2a:2b:2c:2d:" + webMAC, "2000 8 fd00::6 * 00:03:00:01:" + dbMAC, "2000 9 fd00::7 * 00:04:aa", "x", "y z a b c"}
	if err := writeFile(m, LeaseFile, strings.Join(lines, "\n")+"\n"); err != nil {
		t.Fatal(err)
	}
	got, problems := discover(t, m)
	if web := found(got, "web"); web != "10.0.0.5 lease" || len(problems) > 0 {
		t.Errorf("web: %s, %v", web, problems)
	}
	if db := found(got, "db"); db != "10.0.0.6 lease" {
		t.Errorf("db: %s", db)
	}
}

// Nobody gets an address by saying that it is theirs.
func TestAnAddressThatTwoClaim(t *testing.T) {
	m := machine(t)
	sees(m, Lease, "vnet0 "+webMAC+" ipv4 10.0.0.5/24\n", dbID, webID)
	sees(m, Agent, "eth0 "+dbMAC+" ipv4 10.0.0.5/24\neth0 "+dbMAC+" ipv4 10.0.0.9/24\n", dbID)
	got, problems := discover(t, m)
	if web, db := found(got, "web"), found(got, "db"); web != "10.0.0.5 lease" || db != "10.0.0.9 guest agent" || len(problems) != 1 {
		t.Errorf("web: %s, db: %s, %v", web, db, problems)
	}
	sees(m, Lease, "", dbID, webID)
	m.Runner.Answer("ip -j neigh show", `[{"dst":"10.0.0.7","dev":"br0","lladdr":"`+webMAC+`","state":["STALE"]},{"dst":"10.0.0.7","dev":"br0","lladdr":"`+dbMAC+`","state":["STALE"]}]`)
	sees(m, Agent, "", dbID)
	if got, problems = discover(t, m); found(got, "web")+found(got, "db") != "" || len(problems) != 1 {
		t.Errorf("%v, %v", got, problems)
	}
}

func TestWhatCannotBeAskedIsAProblemAndNoMore(t *testing.T) {
	m := machine(t)
	sees(m, Lease, "vnet0 "+webMAC+" ipv4 10.0.0.5/24\n", dbID, webID)
	m.Runner.Fail(quoted("domifaddr "+dbID+" --full --source agent"), errors.New("agent is not responding"))
	m.Runner.Answer("ip -j neigh show", "rubbish")
	got, problems := discover(t, m)
	if found(got, "web") != "10.0.0.5 lease" || len(problems) != 2 {
		t.Errorf("%v, %v", got, problems)
	}
	m.Runner.Fail("ip -j address show", errors.New("no"))
	if got, problems = discover(t, m); len(got) != 2 || found(got, "web") != "" || len(problems) != 1 {
		t.Errorf("without the host's own addresses: %v, %v", got, problems)
	}
}
