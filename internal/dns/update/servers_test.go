package update

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"debvisor/internal/host"
	"debvisor/internal/host/hosttest"

	"github.com/miekg/dns"
)

func TestThePointerIsInTheZoneThatServesIt(t *testing.T) {
	at := server(t)
	for _, c := range []struct{ address, zone, name string }{
		{"192.0.2.30", "2.0.192.in-addr.arpa", "30.2.0.192.in-addr.arpa"},
		{"10.2.3.4", "2.10.in-addr.arpa", "4.3.2.10.in-addr.arpa"},
		{"192.0.3.5", "0-15.3.0.192.in-addr.arpa", "5.0-15.3.0.192.in-addr.arpa"}, // RFC 2317
		{"2001:db8::30", "8.b.d.0.1.0.0.2.ip6.arpa", bare(reverseName(netip.MustParseAddr("2001:db8::30")))},
		{"198.51.100.1", "", "1.100.51.198.in-addr.arpa"}, // nobody's
	} {
		outcomes, err := client(at).Apply(t.Context(), add("rev.debvisor.test", me, c.address))
		if err != nil {
			t.Fatal(err)
		}
		o := outcomes[0]
		if o.Result != Done || len(o.Records) != 2 || o.Records[1].Zone != c.zone || o.Records[1].Name != c.name {
			t.Errorf("%s: %+v", c.address, o)
			continue
		}
		if c.zone == "" {
			if r := o.Records[1]; r.Result != NotServed || r.Why == "" {
				t.Errorf("a zone that nobody has: %+v", r)
			}
		} else if got := there(t, at, c.name); got != "owned rev.debvisor.test." {
			t.Errorf("%s has %q", c.name, got)
		}
	}
}

func TestAPointerIsReplacedOnlyWhenItLeadsNowhere(t *testing.T) {
	at := server(t)
	c := client(at)
	want(t, results(t, c, add("one.debvisor.test", me, "10.2.0.1")), "done: done, done")
	want(t, results(t, c, add("two.debvisor.test", other, "10.2.0.1")), "not the owner: done, not the owner")
	nobody := remove("one.debvisor.test", me)
	nobody.NoPTR = true
	want(t, results(t, c, nobody), "done: done")
	want(t, results(t, c, add("two.debvisor.test", other, "10.2.0.1")), "done: unchanged, done")
	if got := there(t, at, "1.0.2.10.in-addr.arpa"); got != "owned two.debvisor.test." {
		t.Errorf("the pointer is %q", got)
	}
	want(t, results(t, c, remove("one.debvisor.test", me, "10.2.0.1")), "unchanged: unchanged, unchanged")
	want(t, results(t, c, add("three.debvisor.test", me, "10.2.0.53")), "refused: done, refused")
	want(t, results(t, c, add("three.debvisor.test", me, "192.0.2.9")), "not the owner: done, not the owner")
}

// The stock client and this one are refused and allowed the same.
func TestTheStockClientAgrees(t *testing.T) {
	at := server(t)
	for _, c := range []struct {
		name string
		key  Key
		ok   bool
	}{
		{"a.debvisor.test", nodeKey, true},
		{"b.vm.debvisor.test", guestKey, true},
		{"ns1.debvisor.test", nodeKey, false},
		{"debvisor.test", nodeKey, false},
		{"c.vm.debvisor.test", nodeKey, false},
		{"d.debvisor.test", guestKey, false},
		{"e.debvisor.test", lostKey, false},
	} {
		cl := &Client{Servers: []netip.AddrPort{at}, Key: c.key}
		change := add(c.name, me, "192.0.2.40")
		change.NoPTR = true
		if got := results(t, cl, change)[0] == "done: done"; got != c.ok {
			t.Errorf("%s by %s: allowed %t", c.name, c.key.Name(), got)
		}
		if got := nsupdate(t, at, c.key, c.name); got != c.ok {
			t.Errorf("nsupdate of %s by %s: allowed %t", c.name, c.key.Name(), got)
		}
	}
}

func nsupdate(t *testing.T, at netip.AddrPort, key Key, name string) bool {
	t.Helper()
	if _, err := host.Find("nsupdate"); err != nil {
		t.Skip("needs nsupdate")
	}
	dir := t.TempDir()
	place(t, dir, "key", fmt.Sprintf("key %q { algorithm hmac-sha256; secret %q; };\n", key.Name(), key.Secret()))
	text := fmt.Sprintf("server %s %d\nzone debvisor.test\nupdate add %s 300 A 192.0.2.41\nsend\n", at.Addr(), at.Port(), name)
	_, err := host.System{}.Run(t.Context(), host.Cmd{Args: []string{"nsupdate", "-k", filepath.Join(dir, "key")}, Stdin: text})
	return err == nil
}

func TestAForeignNameDoesNotSpoilTheRestOfABatch(t *testing.T) {
	at := server(t)
	c := client(at)
	const n = 2000
	var changes []Change
	for i := range n {
		changes = append(changes, add(fmt.Sprintf("h%d.debvisor.test", i), me, fmt.Sprintf("10.2.%d.%d", 1+i/250, 1+i%250)))
	}
	changes[700].Name = "ns1.debvisor.test"
	changes[701].Name = "fixed.debvisor.test"
	changes[1300].Name = "note.debvisor.test"
	start := time.Now()
	got := results(t, c, changes...)
	t.Logf("%d names and pointers in %s", n, time.Since(start))
	for i, result := range got {
		want := "done: done, done"
		switch i {
		case 700, 701, 1300:
			want = "not the owner: not the owner"
		}
		if result != want && !(i == 700 && result == "refused: refused") {
			t.Errorf("%s: %s, not %s", changes[i].Name, result, want)
		}
	}
	start = time.Now()
	again := slices.Compact(results(t, c, slices.Concat(changes[:700], changes[702:1300], changes[1301:])...))
	t.Logf("again in %s", time.Since(start))
	want(t, again, "unchanged: unchanged, unchanged")
	for i := range changes {
		changes[i].Add, changes[i].Addresses = false, nil
	}
	gone := results(t, c, slices.Concat(changes[:700], changes[702:1300], changes[1301:])...)
	want(t, slices.Compact(gone), "done: done, done")
}

func TestAServerThatIsDownIsPassedOver(t *testing.T) {
	at := server(t)
	down := netip.AddrPortFrom(at.Addr(), uint16(hosttest.FreePort(t, "127.0.0.1")))
	want(t, results(t, client(down, at), add("web.debvisor.test", me, "192.0.2.20")), "done: done, done")
	ctx, stop := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer stop()
	outcomes, err := client(down).Apply(ctx, add("web.debvisor.test", me, "192.0.2.20"))
	if err != nil || outcomes[0].Result != Unreachable || !errors.Is(outcomes[0].Err(), ErrSilent) {
		t.Errorf("%+v, %v", outcomes, err)
	}
}

func TestAKeyThatIsNotAcceptedIsToldFromARefusal(t *testing.T) {
	at := server(t)
	if err := Probe(t.Context(), at, "debvisor.test", nodeKey); err != nil {
		t.Error(err)
	}
	var key *KeyError
	if err := Probe(t.Context(), at, "debvisor.test", lostKey); !errors.As(err, &key) || key.Code != dns.RcodeBadKey {
		t.Errorf("a key that it does not know: %v", err)
	}
	impostor := forged{name: nodeKey.Name(), secret: lostKey.Secret()}
	if err := Probe(t.Context(), at, "debvisor.test", impostor); !errors.As(err, &key) || key.Code != dns.RcodeBadSig {
		t.Errorf("another secret: %v", err)
	}
	if err := Probe(t.Context(), at, "elsewhere.test", nodeKey); err == nil || errors.As(err, new(*KeyError)) {
		t.Errorf("a zone that it does not have: %v", err)
	}
	want(t, results(t, &Client{Servers: []netip.AddrPort{at}, Key: lostKey}, add("web.debvisor.test", me, "192.0.2.20")), "refused: refused")
}

type forged struct{ name, secret string }

func (f forged) Name() string   { return f.name }
func (f forged) Secret() string { return f.secret }

// The signature of an hour ago is what a clock that is an hour behind makes.
func TestAClockThatIsWrongIsToldInWords(t *testing.T) {
	at := server(t)
	s, err := newSigner(nodeKey)
	if err != nil {
		t.Fatal(err)
	}
	m := question("debvisor.test", dns.TypeSOA)
	m.SetTsig(s.name, dns.HmacSHA256, fudge, time.Now().Add(-time.Hour).Unix())
	wire, mac, err := dns.TsigGenerateWithProvider(m, s, "", false)
	if err != nil {
		t.Fatal(err)
	}
	c := &conversation{server: at, signer: s, wait: time.Second, first: m.Id, wires: [][]byte{wire}, macs: []string{mac}, answers: make([]*dns.Msg, 1), missing: 1}
	err = c.over(t.Context(), "udp")
	var key *KeyError
	if !errors.As(err, &key) || key.Code != dns.RcodeBadTime {
		t.Fatalf("the error is %v", err)
	}
	if key.Ahead.Abs() > 2*time.Second { // it compares the server's clock, in the answer, with this machine's, which is right
		t.Errorf("this machine seems %s ahead of itself", key.Ahead)
	}
	key.Ahead = -time.Hour
	if text := key.Error(); !strings.Contains(text, "the clock of this machine is 1h0m0s behind that of "+at.String()) {
		t.Error(text)
	}
}

func TestAWholeZoneIsRead(t *testing.T) {
	at := server(t)
	c := client(at)
	var changes []Change
	for i := range 1000 {
		changes = append(changes, add(fmt.Sprintf("h%d.debvisor.test", i), me, "10.2.0.9"))
		changes[i].NoPTR = true
	}
	want(t, slices.Compact(results(t, c, changes...)), "done: done")
	count := map[uint16]int{}
	if err := c.Transfer(t.Context(), at, "debvisor.test", func(r dns.RR) error { count[r.Header().Rrtype]++; return nil }); err != nil {
		t.Fatal(err)
	}
	if count[dns.TypeSOA] != 1 || count[dns.TypeDHCID] != 1000 || count[dns.TypeA] != 1002 {
		t.Errorf("the zone has %v", count)
	}
	enough := errors.New("enough")
	if err := c.Transfer(t.Context(), at, "debvisor.test", func(dns.RR) error { return enough }); !errors.Is(err, enough) {
		t.Errorf("the error is %v", err)
	}
	var answer *RcodeError
	guest := &Client{Servers: c.Servers, Key: guestKey}
	if err := guest.Transfer(t.Context(), at, "debvisor.test", func(dns.RR) error { return nil }); !errors.As(err, &answer) || answer.Rcode != dns.RcodeRefused {
		t.Errorf("a key that may not: %v", err)
	}
}

func TestAPlanChangesNothing(t *testing.T) {
	at := server(t)
	c := client(at)
	change := add("plan.debvisor.test", me, "192.0.2.50")
	for range 2 {
		outcomes, err := c.Plan(t.Context(), change, add("fixed.debvisor.test", me, "192.0.2.51"))
		if err != nil {
			t.Fatal(err)
		}
		if does := outcomes[0].Records[0].Does; !slices.Equal(does, []string{"add A 192.0.2.50", "add DHCID of the owner"}) {
			t.Errorf("it would %q", does)
		}
		if does := outcomes[0].Records[1].Does; !slices.Equal(does, []string{"add PTR plan.debvisor.test", "add DHCID of the owner"}) {
			t.Errorf("it would %q", does)
		}
		if outcomes[1].Result != NotOwner {
			t.Errorf("it says %s", outcomes[1].Result)
		}
	}
	if got := there(t, at, "plan.debvisor.test"); got != "" {
		t.Errorf("the plan made %s", got)
	}
	want(t, results(t, c, change), "done: done, done")
	outcomes, err := c.Plan(t.Context(), change)
	if err != nil || outcomes[0].Result != Unchanged || len(outcomes[0].Records[0].Does) > 0 {
		t.Errorf("the second plan is not empty: %+v, %v", outcomes, err)
	}
}

func TestChangesOfOneNameAreMadeInOrder(t *testing.T) {
	at := server(t)
	text := "add a 10.2.0.1\nadd a 10.2.0.2 # a second\n\nremove a 10.2.0.1\nadd b 10.2.0.1\nremove b\nadd b 10.2.0.3\n"
	changes, err := Defaults{Zone: "debvisor.test", Owner: me}.ReadBatch("x", bufio.NewReader(strings.NewReader(text)))
	if err != nil {
		t.Fatal(err)
	}
	for _, got := range results(t, client(at), changes...) {
		if !strings.HasPrefix(got, "done: ") {
			t.Error(got)
		}
	}
	for name, want := range map[string]string{"a.debvisor.test": "10.2.0.2 owned", "b.debvisor.test": "10.2.0.3 owned",
		"1.0.2.10.in-addr.arpa": "", "2.0.2.10.in-addr.arpa": "a.debvisor.test. owned", "3.0.2.10.in-addr.arpa": "b.debvisor.test. owned"} {
		if got := there(t, at, name); got != want {
			t.Errorf("%s has %q, not %q", name, got, want)
		}
	}
}
