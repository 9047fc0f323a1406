package hostname

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"debvisor/internal/host"
	"debvisor/internal/host/hosttest"
)

// dnsmasq is the real daemon with the image's configuration, for a machine below a temporary root.
type dnsmasq struct {
	t    *testing.T
	port int
	p    *host.Process
}

// startDnsmasq starts it as Debian's unit does, with a folder of configuration that has a folder in it.
func startDnsmasq(t *testing.T, m *hosttest.Machine) *dnsmasq {
	t.Helper()
	if _, err := host.Find("dnsmasq"); err != nil || os.Geteuid() != 0 {
		t.Skip("needs dnsmasq, and root: it gives its rights up")
	}
	d := &dnsmasq{t: t, port: hosttest.FreePort(t, "127.0.0.55")}
	text, err := os.ReadFile("../../config/overlay/etc/dnsmasq.d/debvisor.conf")
	if err != nil {
		t.Fatal(err)
	}
	below := strings.NewReplacer("=/etc/", "="+m.Root+"/etc/").Replace(string(text))
	put(t, m, "/etc/dnsmasq.d/debvisor.conf", below+fmt.Sprintf("port=%d\n", d.port))
	if err := os.Chmod(filepath.Dir(m.Root), 0o755); err != nil {
		t.Fatal(err)
	}
	conf := m.Root + "/etc/dnsmasq.d,.dpkg-dist,.dpkg-old,.dpkg-new"
	d.p = hosttest.Daemon(t, d.answers, "dnsmasq", "-k", "-C", "/dev/null", "-7", conf, "--user=root", "--pid-file=", "--log-facility=-")
	m.Runner.Do(reload, func(host.Cmd) { d.hangup() })
	return d
}

// answers has an error until it knows a name, or says that it does not.
func (d *dnsmasq) answers(context.Context) error {
	if d.ask(hv01) == nil && !d.refuses("www.example.org") {
		return errors.New("no answer")
	}
	return nil
}

func (d *dnsmasq) hangup() {
	if _, err := (host.System{}).Run(d.t.Context(), host.Cmd{Args: []string{"kill", "-HUP", fmt.Sprint(d.p.Pid())}}); err != nil {
		d.t.Error(err)
	}
}

func (d *dnsmasq) resolver() *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, fmt.Sprintf("127.0.0.55:%d", d.port))
	}}
}

// ask are the addresses that it has for a name, sorted.
func (d *dnsmasq) ask(name string) []netip.Addr {
	all, err := d.resolver().LookupNetIP(d.t.Context(), "ip", name+".")
	if err != nil {
		return nil
	}
	for i := range all {
		all[i] = all[i].Unmap()
	}
	slices.SortFunc(all, netip.Addr.Compare)
	return all
}

// refuses reports whether it answers that it does not answer.
func (d *dnsmasq) refuses(name string) bool { return d.dig(name, "A", "status: REFUSED") }

func (d *dnsmasq) dig(name, kind, want string) bool {
	out, err := (host.System{}).Run(d.t.Context(), host.Cmd{Args: []string{"dig", "@127.0.0.55", "-p", fmt.Sprint(d.port), "+time=1", "+tries=1", name, kind}})
	return err == nil && strings.Contains(string(out), want)
}

func (d *dnsmasq) eventually(what string, holds func() bool) {
	d.t.Helper()
	begun := time.Now()
	for !holds() {
		if time.Since(begun) > 10*time.Second {
			d.t.Fatalf("not within 10 s: %s", what)
		}
		time.Sleep(time.Millisecond)
	}
	d.t.Logf("%s after %s", what, time.Since(begun).Round(time.Millisecond))
}

const hv01 = "hv01.lab.example"

func TestDnsmasqAnswersWhatIsRegistered(t *testing.T) {
	m := machine(t)
	put(t, m, ServersPath, (Settings{}).serversText())
	d := startDnsmasq(t, m)
	register(t, m, Settings{})
	both := addrs("192.0.2.11", "2001:db8::11")
	d.eventually("both addresses are answered", func() bool { return slices.Equal(d.ask(hv01), both) })
	if !d.dig("hv01", "AAAA", "2001:db8::11") || !d.dig("11.2.0.192.in-addr.arpa", "PTR", hv01+".") || len(d.ask("operator.lab.example")) != 1 || len(d.ask("printer.lab.example")) != 1 {
		t.Error("short name, reverse name or the names of others are not answered")
	}
	if !d.dig("unknown.debvisor.local", "A", "status: NXDOMAIN") || !d.refuses("www.example.org") {
		t.Error("a name of the zone exists, or one outside it was asked for elsewhere")
	}
	put(t, m, "/etc/hostname", "hv02\n")
	register(t, m, Settings{})
	d.eventually("the new name is answered, and the old one is not", func() bool {
		return slices.Equal(d.ask("hv02.debvisor.local"), both) && d.ask(hv01) == nil
	})
	moved, err := os.ReadFile("testdata/node.txtar")
	if err != nil {
		t.Fatal(err)
	}
	_, links, _ := strings.Cut(string(moved), "-- "+ipAddresses+" --\n")
	links, _, _ = strings.Cut(links, "-- ")
	m.Runner.Answer(ipAddresses, strings.Replace(links, `"192.0.2.11"`, `"192.0.2.21"`, 1))
	register(t, m, Settings{})
	d.eventually("only the new address is answered", func() bool {
		return slices.Equal(d.ask("hv02.debvisor.local"), addrs("192.0.2.21", "2001:db8::11"))
	})
	if err := m.Apply(t.Context(), []host.Change{host.Remove{Path: Dir + "/hv02.hosts"}}); err != nil {
		t.Fatal(err)
	}
	d.eventually("a removed name is not answered", func() bool { return d.ask("hv02.debvisor.local") == nil })
}

// The names of the zone that are not here are the name servers'.
func TestDnsmasqAsksTheNameServersOfTheZone(t *testing.T) {
	other := machine(t)
	put(t, other, ServersPath, (Settings{}).serversText())
	put(t, other, Dir+"/guest", "192.0.2.77 guest.debvisor.local\n")
	server := startDnsmasq(t, other)
	m := machine(t)
	put(t, m, ServersPath, (Settings{}).serversText())
	d := startDnsmasq(t, m)
	if !d.dig("guest.debvisor.local", "A", "status: NXDOMAIN") {
		t.Error("it knows the name before it can")
	}
	s := Settings{Zone: DefaultZone, Servers: []netip.AddrPort{netip.AddrPortFrom(netip.MustParseAddr("127.0.0.55"), uint16(server.port))}}
	register(t, m, s)
	d.eventually("it asks", func() bool { return slices.Equal(d.ask("guest.debvisor.local"), addrs("192.0.2.77")) })
	if !slices.Equal(d.ask(hv01), addrs("192.0.2.11", "2001:db8::11")) || !d.refuses("www.example.org") {
		t.Error("its own name, or that of others, is answered otherwise")
	}
	register(t, m, Settings{})
	d.eventually("it asks no more", func() bool { return d.dig("guest.debvisor.local", "A", "status: NXDOMAIN") })
}
