package update

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

func client(at ...netip.AddrPort) *Client { return &Client{Servers: at, Key: nodeKey} }

func add(name string, owner Identity, addrs ...string) Change {
	return Change{Add: true, Name: name, Addresses: addresses(addrs), Owner: owner}
}

func remove(name string, owner Identity, addrs ...string) Change {
	return Change{Name: name, Addresses: addresses(addrs), Owner: owner}
}

func addresses(texts []string) []netip.Addr {
	var all []netip.Addr
	for _, a := range texts {
		all = append(all, netip.MustParseAddr(a))
	}
	return all
}

// results are the outcomes of changes in short: "done: done, unchanged".
func results(t *testing.T, c *Client, changes ...Change) []string {
	t.Helper()
	outcomes, err := c.Apply(t.Context(), changes...)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, o := range outcomes {
		var each []string
		for _, r := range o.Records {
			each = append(each, r.Result.String())
			if r.Why != "" {
				t.Logf("%s: %s", r.Name, r.Why)
			}
		}
		all = append(all, fmt.Sprintf("%s: %s", o.Result, strings.Join(each, ", ")))
	}
	return all
}

func want(t *testing.T, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// there is what a server has at a name, of the types that count, without who owns it.
func there(t *testing.T, at netip.AddrPort, name string) string {
	t.Helper()
	var all []string
	for _, kind := range []uint16{dns.TypeA, dns.TypeAAAA, dns.TypePTR, dns.TypeDHCID} {
		m, err := client(at).Query(t.Context(), at, name, kind)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range m.Answer {
			text := strings.TrimPrefix(r.String(), r.Header().String())
			if kind == dns.TypeDHCID {
				text = "owned"
			}
			all = append(all, text)
		}
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}

func TestANameIsItsOwners(t *testing.T) {
	at := server(t)
	c := client(at)
	want(t, results(t, c, add("web.debvisor.test", me, "192.0.2.20", "2001:db8::20")), "done: done, done, done")
	want(t, results(t, c, add("web.debvisor.test", me, "192.0.2.20", "2001:db8::20")), "unchanged: unchanged, unchanged, unchanged")
	want(t, results(t, c, add("web.debvisor.test", other, "192.0.2.21")), "not the owner: not the owner")
	want(t, results(t, c, remove("web.debvisor.test", other)), "not the owner: not the owner")
	want(t, results(t, c, add("fixed.debvisor.test", me, "192.0.2.21")), "not the owner: not the owner")
	want(t, results(t, c, add("note.debvisor.test", me, "192.0.2.21")), "not the owner: not the owner")
	want(t, results(t, c, add("alias.debvisor.test", me, "192.0.2.21")), "not the owner: not the owner")
	want(t, results(t, c, add("debvisor.test", me, "192.0.2.21")), "refused: refused")
	want(t, results(t, c, add("x.sub.debvisor.test", me, "192.0.2.21")), "refused: refused")
	if got := there(t, at, "web.debvisor.test"); got != "192.0.2.20 2001:db8::20 owned" {
		t.Errorf("web has %s", got)
	}
	want(t, results(t, c, add("web.debvisor.test", me, "192.0.2.22")), "done: done, done")
	want(t, results(t, c, remove("web.debvisor.test", me, "192.0.2.20")), "done: done, done")
	if got := there(t, at, "web.debvisor.test"); got != "192.0.2.22 2001:db8::20 owned" {
		t.Errorf("web has %s", got)
	}
	want(t, results(t, c, remove("web.debvisor.test", me)), "done: done, done, done")
	for _, name := range []string{"web.debvisor.test", "20.2.0.192.in-addr.arpa", "22.2.0.192.in-addr.arpa", reverseName(netip.MustParseAddr("2001:db8::20"))} {
		if got := there(t, at, name); got != "" {
			t.Errorf("%s has still %s", name, got)
		}
	}
	want(t, results(t, c, remove("web.debvisor.test", me)), "unchanged: unchanged")
}
