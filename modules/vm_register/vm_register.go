// Package vm_register is the Ansible module vm_register: whether the guests of a hypervisor are registered by name, and with
// which name servers. It puts the hook, the settings and the units in place; what they do is internal/guests's.
package vm_register

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"strings"

	"debvisor/internal/ansible"
	"debvisor/internal/dns"
	"debvisor/internal/guests/installed"
	"debvisor/internal/host"
	"debvisor/internal/names"
	"debvisor/internal/tsig"
	"debvisor/internal/unit"
)

//go:embed vm_register.yml
var docs string

type params struct {
	State   string   `param:"state,default=present,choices=present|absent"`
	Servers []server `param:"servers"`
	Zone    string   `param:"zone,default=debvisor.local"`
	Guests  string   `param:"guests,default=vm"`
	TTL     int      `param:"ttl,default=300"`
}

// server is a name server, with its port.
type server struct{ netip.AddrPort }

const dnsPort = 53

// UnmarshalText reads an address, with :port unless it is 53.
func (s *server) UnmarshalText(text []byte) (err error) {
	if a, wrong := netip.ParseAddr(string(text)); wrong == nil {
		s.AddrPort = netip.AddrPortFrom(a, dnsPort)
		return nil
	}
	if s.AddrPort, err = netip.ParseAddrPort(string(text)); err != nil {
		return fmt.Errorf("%q is no address of a name server, such as 192.0.2.53 or [2001:db8::53]:5353", text)
	}
	return nil
}

var zoneFormat = regexp.MustCompile(`^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$`)

// Validate says what is wrong with values that are right by themselves.
func (p *params) Validate() (wrong error) {
	if p.State == "present" && len(p.Servers) == 0 {
		wrong = errors.New("servers is empty; give the virtual address of the name servers, or one of each")
	}
	if !zoneFormat.MatchString(p.Zone) {
		wrong = errors.Join(wrong, fmt.Errorf("zone is %q; write a name in small letters without a dot at its end", p.Zone))
	}
	if !zoneFormat.MatchString(p.Guests) || strings.Contains(p.Guests, ".") {
		wrong = errors.Join(wrong, fmt.Errorf("guests is %q; write one label in small letters", p.Guests))
	}
	if p.TTL < 1 || p.TTL > 86400 {
		wrong = errors.Join(wrong, fmt.Errorf("ttl is %d; write from 1 to 86400 seconds", p.TTL))
	}
	return wrong
}

// Module is the module.
var Module = ansible.New(docs, func(ctx context.Context, t *ansible.Task, p params) ([]host.Change, error) {
	if p.State == "absent" {
		return absent(ctx, t.Host)
	}
	if err := ready(t.Host); err != nil {
		return nil, err
	}
	changes, err := p.files(t.Host)
	if err != nil {
		return nil, err
	}
	if err := tellSeen(ctx, t); err != nil {
		return nil, err
	}
	for _, u := range []string{installed.PathUnit, installed.TimerUnit} {
		start, err := unit.Started(ctx, t.Host, u)
		if err != nil {
			return nil, err
		}
		changes = append(changes, start...)
	}
	return changes, nil
})

// ready says what a host lacks that the role does not bring.
func ready(h *host.Host) error {
	if !h.Exists("/usr/bin/virsh") {
		return errors.New("this host has no libvirt, so it has no guests to register")
	}
	if _, err := tsig.ClientKey(h, tsig.VM); err != nil {
		return fmt.Errorf("the key that signs the names of guests: %w; rotate-tsig-ha.yml brings it to hosts that are in its inventory", err)
	}
	return nil
}

// files are the settings and the hook. Directories that are there stay as they are.
func (p params) files(h *host.Host) ([]host.Change, error) {
	settings := dns.Client{Zone: p.Zone, Guests: p.Guests + "." + p.Zone, TTL: uint32(p.TTL)}
	for _, s := range p.Servers {
		settings.Servers = append(settings.Servers, s.AddrPort)
	}
	text, err := dns.Text(settings)
	if err != nil {
		return nil, err
	}
	var wants []host.Want
	for _, dir := range []string{"/var/lib/debvisor", "/var/log/debvisor", installed.HooksDir + "/qemu.d"} {
		if !h.Exists(dir) {
			wants = append(wants, host.Dir{Path: dir, Mode: 0o755})
		}
	}
	return h.Need(append(wants,
		host.File{Path: dns.ClientPath, Content: text, Mode: 0o644},
		host.File{Path: installed.HookPath, Content: installed.Hook, Mode: 0o755})...)
}

// absent stops everything before it removes what is registered, and the hook last. The settings stay: the node's own name
// is registered by them too.
func absent(ctx context.Context, h *host.Host) (changes []host.Change, err error) {
	for _, u := range []string{installed.PathUnit, installed.TimerUnit} {
		stop, err := unit.Unscheduled(ctx, h, u)
		if err != nil {
			return nil, err
		}
		changes = append(changes, stop...)
	}
	s, err := unit.Read(ctx, h, installed.Service)
	if err != nil {
		return nil, err
	}
	if s.Running() {
		changes = append(changes, host.Exec{Cmd: host.Cmd{Args: []string{"systemctl", "stop", installed.Service}}})
	}
	registered, err := installed.Registered(h)
	if err != nil {
		return nil, err
	}
	if registered > 0 {
		changes = append(changes, host.Exec{Why: "remove the names of guests", Cmd: host.Cmd{Args: []string{names.Debvisor, "vm", "reconcile", "--withdraw"}}})
	}
	hook, err := h.Need(host.Absent{Path: installed.HookPath})
	return append(changes, hook...), err
}
