package update

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// RFC 4701, 3.6.
func TestTheRecordOfAnOwnerIsTheStandards(t *testing.T) {
	for _, c := range []struct {
		kind       byte
		identifier []byte
		name, want string
	}{
		{2, []byte{0, 1, 0, 6, 0x41, 0x2d, 0xf1, 0x66, 1, 2, 3, 4, 5, 6}, "chi6.example.com", "AAIBY2/AuCccgoJbsaxcQc9TUapptP69lOjxfNuVAA2kjEA="},
		{1, []byte{1, 7, 8, 9, 0x0a, 0x0b, 0x0c}, "chi.example.com", "AAEBOSD+XR3Os/0LozeXVqcNc7FwCfQdWL3b/NaiUDlW2No="},
		{0, []byte{1, 1, 2, 3, 4, 5, 6}, "client.example.com", "AAABxLmlskllE0MVjd57zHcWmEH3pCQ6VytcKD//7es/deY="},
	} {
		if got := dhcid(c.kind, c.identifier, c.name+"."); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

func TestAnOwnerIsAUUID(t *testing.T) {
	a := mustIdentity("11111111222233334444aaaaaaaaaaaa\n")
	if b := mustIdentity("11111111-2222-3333-4444-AAAAAAAAAAAA"); a != b || a.String() != "11111111-2222-3333-4444-aaaaaaaaaaaa" {
		t.Errorf("%s and %s", a, b)
	}
	if a.dhcid("web.debvisor.test.") == a.dhcid("www.debvisor.test.") || a.dhcid("web.debvisor.test.") != a.dhcid("WEB.debvisor.test.") {
		t.Error("the record is not of the name")
	}
	for _, text := range []string{"", "web", "1111", "1-1111111-2222-3333-4444-aaaaaaaaaaaa", strings.Repeat("0", 32), strings.Repeat("g", 32), strings.Repeat("1", 34)} {
		if i, err := IdentityOf(text); err == nil {
			t.Errorf("%q is %s", text, i)
		}
	}
}

func TestANameIsLettersDigitsAndHyphens(t *testing.T) {
	for host, want := range map[string]string{
		"web": "web.debvisor.test", "Web-1": "web-1.debvisor.test", "a.b": "a.b.debvisor.test", "web.debvisor.test": "web.debvisor.test",
		"web.DEBVISOR.test.": "web.debvisor.test", "1": "1.debvisor.test", strings.Repeat("a", 63): strings.Repeat("a", 63) + ".debvisor.test",
	} {
		if got, err := FullName(host, "debvisor.test."); got != want || err != nil {
			t.Errorf("%q is %q, %v", host, got, err)
		}
	}
	for _, host := range []string{"", ".", "a..b", "-a", "a-", "a_b", "a b", "a;b", "a\nb", "ä", `a\046b`, "*", "@", "10.0.0.1", "2001:db8::1", "web.elsewhere.test.",
		"debvisor.test.", strings.Repeat("a", 64), strings.Repeat("a.", 130) + "a"} {
		if got, err := FullName(host, "debvisor.test"); err == nil {
			t.Errorf("%q is taken as %q", host, got)
		}
	}
	if _, err := FullName("web", "a;b"); err == nil {
		t.Error("a zone may be anything")
	}
}

func FuzzFullName(f *testing.F) {
	for _, s := range []string{"web", "a.b", "web.debvisor.test.", "-", "a\x00b", "\xff"} {
		f.Add(s, "debvisor.test")
	}
	f.Fuzz(func(t *testing.T, host, zone string) {
		full, err := FullName(host, zone)
		if err != nil {
			return
		}
		if again, err := FullName(full+".", zone); err != nil || again != full {
			t.Errorf("%q is %q, which is %q, %v", host, full, again, err)
		}
		if _, ok := dns.IsDomainName(full); !ok || strings.ContainsAny(full, "\\;\"() \t\n$@*_") || full != strings.ToLower(full) {
			t.Errorf("%q is %q", host, full)
		}
		me.dhcid(full + ".")
	})
}

func TestEveryWrongLineIsTold(t *testing.T) {
	text := "add a 192.0.2.1\nad b 192.0.2.1\n# x\nadd c\nremove d 192.0.2.300\nadd e fe80::1%eth0\nremove f\n"
	changes, err := Defaults{Zone: "debvisor.test", Owner: me}.ReadBatch("hosts", strings.NewReader(text))
	want := `hosts:2: it is neither add HOST ADDRESS... nor remove HOST [ADDRESS...]
hosts:4: c.debvisor.test: there is no address to add
hosts:5: "192.0.2.300" is not an address
hosts:6: e.debvisor.test: the address fe80::1%eth0: it has a zone`
	if err == nil || err.Error() != want || len(changes) != 2 {
		t.Errorf("%d changes, and\n%v", len(changes), err)
	}
	_, err = Defaults{Zone: "debvisor.test", Owner: me}.ReadBatch("hosts", strings.NewReader(strings.Repeat("x\n", 30)+"add "+strings.Repeat("y", 100_000)))
	if lines := strings.Split(fmt.Sprint(err), "\n"); len(lines) != maxWrong+1 || lines[maxWrong] != "hosts: and 11 more wrong lines" {
		t.Errorf("it says\n%v", err)
	}
}

func FuzzReadBatch(f *testing.F) {
	f.Add("add web 192.0.2.1 2001:db8::1 # both\nremove web\n")
	f.Add("add web ::ffff:192.0.2.1\nremove\n\x00\n")
	f.Fuzz(func(t *testing.T, text string) {
		changes, err := Defaults{Zone: "debvisor.test", Owner: me}.ReadBatch("x", strings.NewReader(text))
		if err != nil && !strings.HasPrefix(err.Error(), "x:") {
			t.Errorf("the error does not say where: %v", err)
		}
		for _, c := range changes {
			if c.check() != nil || !strings.HasSuffix(c.Name, ".debvisor.test") {
				t.Errorf("%+v", c)
			}
			for _, a := range c.Addresses {
				reverseName(a)
			}
		}
	})
}

// What a server says is not to be trusted more than its signature.
func FuzzUnpack(f *testing.F) {
	s, err := newSigner(nodeKey)
	if err != nil {
		f.Fatal(err)
	}
	wire, mac, err := s.pack(question("debvisor.test", dns.TypeSOA))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(wire)
	f.Add(wire[:20])
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := s.unpack(netip.AddrPort{}, data, mac, false)
		if err == nil && m.Rcode != dns.RcodeNotAuth {
			t.Error("an answer was taken that nobody signed")
		}
	})
}

func TestAnAnswerMustBeSignedByTheSameKey(t *testing.T) {
	ours, err := newSigner(nodeKey)
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := newSigner(forged{nodeKey.Name(), lostKey.Secret()})
	if err != nil {
		t.Fatal(err)
	}
	wire, _, err := theirs.pack(question("debvisor.test", dns.TypeSOA))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ours.unpack(netip.AddrPort{}, wire, "", false); !errors.Is(err, dns.ErrSig) {
		t.Errorf("the error is %v", err)
	}
}
