package config

import (
	"encoding/base64"
	"fmt"
	"net"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // answers are checked anywhere, also where no zone files are installed

	"debvisor/internal/disk"
	"debvisor/internal/pattern"
	"debvisor/internal/report"
)

// check adds what no node can be to the report. Contradictions are findings; what is odd but possible is not.
func (n *Node) check(r *report.Report) {
	if n.Version != 1 {
		r.Add("version", "write version: 1", "must be 1")
	}
	n.Host.check(r)
	checkUsers(r, n.Users)
	n.Network.check(r)
	n.Storage.check(r)
	for i, a := range n.Addons {
		oneOf(r, fmt.Sprintf("addons[%d]", i), a, Addons)
	}
	if n.Install.After != "" {
		oneOf(r, "install.after", n.Install.After, []string{"reboot", "poweroff", "nothing"})
	}
}

func oneOf(r *report.Report, path, value string, allowed []string) {
	if slices.Contains(allowed, value) {
		return
	}
	hint := "one of: " + strings.Join(allowed, ", ")
	if near := report.Nearest(value, allowed); near != "" {
		hint = fmt.Sprintf("did you mean %s?", near)
	}
	if value == "" {
		r.Add(path, hint, "is missing")
		return
	}
	r.Add(path, hint, "%q is unknown", value)
}

var (
	label   = pattern.Lazy(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)
	account = pattern.Lazy(`^[a-z_][a-z0-9_-]{0,31}$`)
	zone    = pattern.Lazy(`^[A-Z][A-Za-z0-9_+-]*(/[A-Z][A-Za-z0-9_+-]*)*$`)
	ifname  = pattern.Lazy(`^[A-Za-z0-9_.-]{1,15}$`)
	hash    = pattern.Lazy(`^\$(y|gy|7|6)\$[./A-Za-z0-9$=,]{20,200}$`)
)

func (h Identity) check(r *report.Report) {
	switch {
	case h.FQDN == "":
		r.Add("host.fqdn", "write a name such as hv01.lab.example", "is missing")
	case !validFQDN(h.FQDN):
		r.Add("host.fqdn", "lower-case letters, digits and - in at least two parts, such as hv01.lab.example", "%q is not a full host name", h.FQDN)
	}
	if h.Timezone != "" && !validZone(h.Timezone) {
		r.Add("host.timezone", "a name such as Europe/Vienna", "%q is not a time zone", h.Timezone)
	}
	if h.Keyboard != "" && !slices.Contains(keyboards, h.Keyboard) {
		r.Add("host.keyboard", keyboardHint(h.Keyboard), "%q is not a keyboard layout", h.Keyboard)
	}
	for i, s := range h.NTP {
		if _, err := netip.ParseAddr(s); err != nil && !validFQDN(s) {
			r.Add(fmt.Sprintf("host.ntp[%d]", i), "a full host name or an address", "%q is not a time server", s)
		}
	}
}

// validFQDN: 253 characters in all, and no part that is only digits at the end, which would read as an address.
func validFQDN(s string) bool {
	parts := strings.Split(s, ".")
	last := parts[len(parts)-1]
	return len(s) <= 253 && len(parts) >= 2 && strings.Trim(last, "0123456789") != "" &&
		!slices.ContainsFunc(parts, func(p string) bool { return !label().MatchString(p) })
}

// keyboardHint knows what people write for the two layouts of English.
func keyboardHint(s string) string {
	switch near := report.Nearest(s, keyboards); {
	case s == "en":
		return "write us or gb"
	case s == "uk":
		return "write gb, or ua for Ukrainian"
	case near != "":
		return fmt.Sprintf("did you mean %s?", near)
	}
	return "a layout such as us or de"
}

// validZone does not take what time.LoadLocation finds only on this machine: "Local", paths, and other files beside zones.
func validZone(s string) bool {
	_, err := time.LoadLocation(s)
	return err == nil && s != "Local" && zone().MatchString(s)
}

func checkUsers(r *report.Report, users []User) {
	seen := map[string]bool{}
	for i, u := range users {
		path := fmt.Sprintf("users[%d]", i)
		u.check(r, path)
		if seen[u.Name] && u.Name != "" {
			r.Add(path+".name", "", "%q appears twice", u.Name)
		}
		seen[u.Name] = true
	}
	if !slices.ContainsFunc(users, func(u User) bool { return u.Admin && u.canLogIn() }) {
		r.Add("users", "give one user admin: true and an SSH key or a password_hash", "nobody could log in and administer this machine")
	}
}

func (u User) canLogIn() bool { return len(u.SSHKeys) > 0 || u.PasswordHash != "" }

func (u User) check(r *report.Report, path string) {
	if !account().MatchString(u.Name) {
		r.Add(path+".name", "lower-case letters, digits, - and _, at most 32", "%q is not an account name", u.Name)
	} else if slices.Contains(systemNames, u.Name) {
		r.Add(path+".name", "take another name", "%q is a name of the system", u.Name)
	}
	for i, key := range u.SSHKeys {
		if why := badKey(key); why != "" {
			r.Add(fmt.Sprintf("%s.ssh_keys[%d]", path, i), "paste the line of a file such as ~/.ssh/id_ed25519.pub", "not an SSH public key: %s", why)
		}
	}
	if u.PasswordHash != "" && !hash().MatchString(u.PasswordHash) {
		r.Add(path+".password_hash", "make one with: mkpasswd -m yescrypt", "not a yescrypt or SHA-512 hash; plain passwords are never taken")
	}
}

// badKey says why a line is not a public key, or "". The type in the text and in the key itself must agree.
func badKey(line string) string {
	if strings.Contains(line, "PRIVATE KEY") {
		return "this is a private key"
	}
	f := strings.Fields(line)
	if len(f) < 2 || strings.ContainsAny(line, "\n\r") {
		return "it must be one line: type, key, comment"
	}
	types := []string{"ssh-ed25519", "ssh-rsa", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "sk-ssh-ed25519@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com"}
	if !slices.Contains(types, f[0]) {
		return fmt.Sprintf("the type %q is unknown or too weak", f[0])
	}
	data, err := base64.StdEncoding.DecodeString(f[1])
	if err != nil || len(data) < 4+len(f[0])+32 || string(data[4:4+len(f[0])]) != f[0] {
		return "the key is damaged"
	}
	return ""
}

func (n Network) check(r *report.Report) {
	seen := map[string]bool{}
	for i, p := range n.Ports {
		path := fmt.Sprintf("network.ports[%d]", i)
		p.check(r, path)
		if key := p.key(); seen[key] {
			r.Add(path, "", "the same card appears twice")
		} else {
			seen[key] = true
		}
	}
	if n.VLAN != 0 && (n.VLAN < 1 || n.VLAN > 4094) || n.VLAN == 0 && r.Has("network.vlan") {
		r.Add("network.vlan", "leave it out for none", "must be 1 to 4094")
	}
	n.IPv4.check(r, "network.ipv4", []string{"dhcp", "static", "none"}, netip.Addr.Is4)
	n.IPv6.check(r, "network.ipv6", []string{"auto", "dhcp", "static", "none"}, netip.Addr.Is6)
	if n.IPv4.Method == "none" && n.IPv6.Method == "none" {
		r.Add("network", "give ipv4 or ipv6 an address", "the machine would have no address at all")
	}
	n.checkLists(r)
}

func (n Network) checkLists(r *report.Report) {
	for i, s := range n.DNS {
		if _, err := netip.ParseAddr(s); err != nil {
			r.Add(fmt.Sprintf("network.dns[%d]", i), "", "%q is not an IP address", s)
		}
	}
	for i, s := range n.Search {
		if !validFQDN(s) && !label().MatchString(s) {
			r.Add(fmt.Sprintf("network.search[%d]", i), "", "%q is not a domain", s)
		}
	}
	for i, s := range n.Management {
		path := fmt.Sprintf("network.management[%d]", i)
		p, err := netip.ParsePrefix(s)
		if err != nil {
			r.Add(path, "write a network such as 10.0.0.0/24", "%q is not a network", s)
		} else if p.Masked() != p {
			r.Add(path, fmt.Sprintf("write %s", p.Masked()), "%q has host bits set", s)
		}
	}
}

// key is the same for every way to write an address.
func (p Port) key() string {
	if mac, err := net.ParseMAC(p.MAC); err == nil {
		return mac.String()
	}
	return p.MAC + p.Name
}

func (p Port) check(r *report.Report, path string) {
	switch {
	case (p.MAC == "") == (p.Name == ""):
		r.Add(path, "", "needs either mac or name")
	case p.Name != "" && !ifname().MatchString(p.Name):
		r.Add(path+".name", "", "%q is not an interface name", p.Name)
	case p.Name == "br0" || p.Name == "lo":
		r.Add(path+".name", "name the network card", "%q cannot be in the bridge", p.Name)
	case p.MAC != "":
		p.checkMAC(r, path+".mac")
	}
}

// checkMAC: the lowest bit of the first byte marks an address of many cards, ff:ff:ff:ff:ff:ff among them.
func (p Port) checkMAC(r *report.Report, path string) {
	mac, err := net.ParseMAC(p.MAC)
	switch {
	case err != nil || len(mac) != 6:
		r.Add(path, "six pairs, such as 52:54:00:12:34:56", "%q is not a hardware address", p.MAC)
	case mac[0]&1 == 1 || slices.Max(mac) == 0:
		r.Add(path, "copy it from the card or from ip link", "%q is not the address of one card", p.MAC)
	}
}

func (a Address) check(r *report.Report, path string, methods []string, family func(netip.Addr) bool) {
	if a.Method == "" && a.Address == "" && a.Gateway == "" {
		return
	}
	if a.Method != "" {
		oneOf(r, path+".method", a.Method, methods)
	}
	static := a.Method == "static" || a.Method == ""
	if !static && (a.Address != "" || a.Gateway != "") {
		r.Add(path, "", "method %s and a fixed address contradict each other", a.Method)
		return
	}
	if static {
		a.checkStatic(r, path, family)
	}
}

func (a Address) checkStatic(r *report.Report, path string, family func(netip.Addr) bool) {
	p, err := netip.ParsePrefix(a.Address)
	switch {
	case err != nil || !family(p.Addr()):
		r.Add(path+".address", "write address and prefix length, such as 10.0.0.11/24 or fd00::11/64", "%q is not an address of this family", a.Address)
		return
	case p.Bits() < p.Addr().BitLen()-1 && p.Addr() == p.Masked().Addr() && p.Addr().Is4():
		r.Add(path+".address", "", "%s is the network's own address", a.Address)
	}
	if a.Gateway == "" {
		return
	}
	gw, err := netip.ParseAddr(a.Gateway)
	switch {
	case err != nil || !family(gw):
		r.Add(path+".gateway", "", "%q is not an address of this family", a.Gateway)
	case gw == p.Addr():
		r.Add(path+".gateway", "", "is the machine's own address")
	case !p.Contains(gw) && !gw.IsLinkLocalUnicast():
		r.Add(path+".gateway", "", "%s is not in %s", gw, p.Masked())
	}
}

func (s Storage) check(r *report.Report) {
	oneOf(r, "storage.profile", s.Profile, Profiles())
	if s.System.Count > 1 || s.System.Count < 0 {
		r.Add("storage.system.count", "", "the system is on exactly one disk")
	}
	checkRule(r, "storage.system", s.System)
	rules := []disk.Rule{s.System}
	for i, d := range s.Data {
		path := fmt.Sprintf("storage.data[%d]", i)
		if d.Count < 0 || d.Count == 0 && r.Has(path+".count") {
			r.Add(path+".count", "", "must be at least 1")
		}
		checkRule(r, path, d)
		if other := slices.IndexFunc(rules, func(o disk.Rule) bool { return reflect.DeepEqual(o.Match, d.Match) }); other >= 0 && d.Match != (disk.Match{}) {
			r.Add(path+".match", "a disk is for one thing; count says how many a rule means", "is the same rule as %s.match", ruleName(other))
		}
		rules = append(rules, d)
	}
	for i, w := range s.Wipe {
		if err := disk.CheckWipe(w); err != nil {
			r.Add(fmt.Sprintf("storage.wipe[%d]", i), "consent to wiping names one disk", "%v", err)
		}
	}
}

// ruleName is the place of a rule, counted from the system's.
func ruleName(i int) string {
	if i == 0 {
		return "storage.system"
	}
	return fmt.Sprintf("storage.data[%d]", i-1)
}

func checkRule(r *report.Report, path string, rule disk.Rule) {
	if rule.Match == (disk.Match{}) {
		r.Add(path+".match", "give at least one of serial, wwn, model, size, transport, by_id, …", "no rule says which disk is meant")
	}
}
