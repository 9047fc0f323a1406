package health

import (
	"strings"
	"time"

	"debvisor/internal/dns"
	"debvisor/internal/guests/installed"
	"debvisor/internal/names"
	"debvisor/internal/tsig"
)

const (
	pairStatus = names.Debvisor + " dns status --json"
	digVIP     = "dig +short +norecurse +time=1 +tries=2 @192.0.2.53 lab.example SOA"
	digVIP6    = "dig +short +norecurse +time=1 +tries=2 @2001:db8::53 lab.example SOA"
	here       = `"vip_here": ["192.0.2.53", "2001:db8::53"]`
)

// previous is a generation that is not in use any more.
var previous = strings.ReplaceAll(tsig.New(tsig.VM, 2026101501).Statement(), "\t", "")

// nameIllnesses are what can be wrong with name servers, and with the names of guests.
var nameIllnesses = []illness{
	{"no name server", func(p *patient) { p.remove(dns.ServerPath) },
		"skip  dns-pair          no name server of a pair\n"},
	{"a further name server", func(p *patient) { p.edit(dns.ServerPath, `"peer": "192.0.2.12"`, `"primaries": ["192.0.2.12"]`) },
		"skip  dns-pair          a further name server; the pair is looked at on its own nodes\n"},
	{"settings that cannot be read", func(p *patient) { p.edit(dns.ServerPath, `"peer"`, `"pear"`) },
		"fail  dns-pair          /etc/debvisor/dns-server.json: json: unknown field \"pear\"\n"},
	{"no watcher and no keepalived", func(p *patient) {
		p.says(showUnit+"debvisor-dns-pair.service", "ActiveState=active", "ActiveState=failed")
		p.says(showUnit+"keepalived.service", "UnitFileState=enabled", "UnitFileState=disabled")
	}, "fail  dns-pair          debvisor-dns-pair.service is failed; keepalived.service is disabled: it will not be there after the next boot\n"},
	{"the watcher is mute", func(p *patient) { p.fails(pairStatus) },
		"fail  dns-pair          run " + pairStatus + ": broken on purpose\n"},
	{"the watcher says nothing", func(p *patient) { p.says(pairStatus, `"state"`, `"stale"`) },
		"fail  dns-pair          debvisor dns status knows no zone\n"},
	{"named does not answer", func(p *patient) { p.says(pairStatus, `"answers": true`, `"answers": false`) },
		"fail  dns-pair          named does not answer for every zone\n"},
	{"a zone is missing", func(p *patient) { p.says(pairStatus, `"loaded": true`, `"loaded": false`) },
		"fail  dns-pair          lab.example: named does not have it\n"},
	{"nobody wrote", func(p *patient) { p.says(pairStatus, `"epoch": 2, "writer"`, `"epoch": 0, "writer"`) },
		"warn  dns-pair          lab.example: nobody has written yet: both have the zone\n"},
	{"the writer refuses", func(p *patient) { p.says(pairStatus, `"role": "primary"`, `"role": "closed"`) },
		"warn  dns-pair          lab.example: epoch 2 is written by 192.0.2.11, and this server is closed: both have the zone\n"},
	{"two write", func(p *patient) { p.says(pairStatus, `"writer": "192.0.2.11"`, `"writer": "192.0.2.12"`) },
		"warn  dns-pair          lab.example: epoch 2 is written by 192.0.2.12, and this server is primary: both have the zone\n"},
	{"the peer is no member", func(p *patient) { p.says(pairStatus, `["192.0.2.11", "192.0.2.12"]`, `["192.0.2.11"]`) },
		"warn  dns-pair          lab.example: 192.0.2.11 goes on alone since epoch 2: both have the zone\n"},
	{"changes are missing", func(p *patient) { p.says(pairStatus, `"lag": 0`, `"lag": 7, "behind": 190.5`) },
		"warn  dns-pair          lab.example: lacks 7 changes of the peer for 3 min\n"},
	{"the peer is silent", func(p *patient) {
		p.says(pairStatus, `"peer_state": "answers"`, `"peer_state": "silent", "peer_silent": 90.7`)
	}, "warn  dns-pair          the peer 192.0.2.12 is silent for 90 s\n"},
	{"the arbiter is silent", func(p *patient) {
		p.says(pairStatus, `"arbiter": "epoch=2 writer=192.0.2.11 members=192.0.2.11,192.0.2.12"`, `"arbiter": "silent", "arbiter_error": "BADTIME"`)
	}, "warn  dns-pair          the arbiter is silent (BADTIME); if the peer were, too, this server could not write\n"},
	{"a later record is not taken", func(p *patient) { p.says(pairStatus, `"lag": 0`, `"lag": 0, "stale": 130`) },
		"fail  dns-pair          lab.example: the peer has had a later record for 2 min, and this server does not take it\n"},
	{"the next step cannot be made", func(p *patient) { p.says(pairStatus, `"lag": 0`, `"lag": 0, "trouble": "no space left on device"`) },
		"fail  dns-pair          lab.example: no space left on device\n"},
	{"records were set aside", func(p *patient) { p.says(pairStatus, `"zones"`, `"unconfirmed": ["/var/lib/x.zone"], "zones"`) },
		"warn  dns-pair          records that the pair lacks are set aside in /var/lib/x.zone\n"},
	{"half of the virtual addresses", func(p *patient) { p.says(pairStatus, here, `"vip_here": ["192.0.2.53"]`) },
		"fail  dns-pair          of the virtual addresses 192.0.2.53 and 2001:db8::53 only 192.0.2.53 is here\n"},
	{"nobody hears named at a virtual address", func(p *patient) { p.says(pairStatus, here, here+`, "vip_error": "192.0.2.53:53: no answer"`) },
		"fail  dns-pair          at the virtual address named does not answer: 192.0.2.53:53: no answer\n"},
	{"a record that nobody can believe", func(p *patient) {
		p.says(pairStatus, `"epoch": 2, "writer"`, `"epoch": 0, "trouble": "the record of who writes cannot be believed", "writer"`)
	}, "fail  dns-pair          lab.example: the record of who writes cannot be believed\n"},
	{"handed over, and not", func(p *patient) { p.says(pairStatus, `"away": false`, `"away": true`) },
		"fail  dns-pair          the virtual addresses were handed over and are here\n"},
	{"handed over", func(p *patient) {
		p.says(pairStatus, `"away": false`, `"away": true`)
		p.elsewhere("ns1. admin. 1\n")
	}, "warn  dns-pair          handed over: debvisor dns handover --return lets the virtual addresses come back\n"},
	{"the virtual addresses are on the peer", func(p *patient) { p.elsewhere("ns1. admin. 1\n") },
		"ok    dns-pair          lab.example epoch 2 by 192.0.2.11; the virtual addresses are on 192.0.2.12\n"},
	{"the virtual addresses are nowhere", func(p *patient) {
		p.elsewhere("")
		p.m.Runner.Fail(digVIP6, errBroken)
	}, "fail  dns-pair          the virtual address 192.0.2.53 is not here, and nobody answers there; the virtual address 2001:db8::53 is not here, and nobody answers there\n"},
	{"alone without the virtual address", func(p *patient) {
		p.says(pairStatus, `"peer": "192.0.2.12", `, "")
		p.says(pairStatus, here, `"vip_here": []`)
	}, "fail  dns-pair          the virtual addresses are not here, and there is no peer\n"},
	{"no virtual address", func(p *patient) {
		p.edit(dns.ServerPath, `"vip": ["192.0.2.53", "2001:db8::53"], `, "")
		p.says(pairStatus, `"vip": ["192.0.2.53", "2001:db8::53"], `, "")
	}, "ok    dns-pair          lab.example epoch 2 by 192.0.2.11\n"},

	{"no keys", func(p *patient) { p.remove("/etc/bind"); p.remove(tsig.NodeKeyPath); p.remove(tsig.VMKeyPath) },
		"skip  dns-keys          no keys of name servers here\n"},
	{"a role without keys", func(p *patient) { p.remove(tsig.VMPath) },
		"fail  dns-keys          the name server has keys of 2 of 3 roles: tsig-keygen.sh\n"},
	{"a key that everybody reads", func(p *patient) { p.chmod(tsig.NodePath, 0o644); p.chmod(tsig.VMKeyPath, 0o640) },
		"fail  dns-keys          /etc/bind/tsig-node.conf has mode 0644; needed: set /etc/bind/tsig-node.conf to 0640, root:bind; /etc/debvisor/dns.vm.key has mode 0640; needed: set /etc/debvisor/dns.vm.key to 0600\n"},
	{"a key that bind does not read", func(p *patient) { p.m.Owners[tsig.VMPath] = "root:root" },
		"fail  dns-keys          /etc/bind/tsig-vm.conf has mode 0640; needed: set /etc/bind/tsig-vm.conf to 0640, root:bind\n"},
	{"old keys", func(p *patient) {
		p.now = p.now.Add(60 * 24 * time.Hour)
		p.remove(tsig.NodePath)
		p.remove(tsig.VMPath)
	},
		"fail  dns-keys          debvisor-xfer-2026111501 is in use for 69 days: the monthly rotation does not happen; the name server has keys of 1 of 3 roles: tsig-keygen.sh\n"},
	{"old keys of a client", func(p *patient) {
		p.now = p.now.Add(60 * 24 * time.Hour)
		p.remove("/etc/bind")
		p.remove(tsig.VMKeyPath)
	},
		"warn  dns-keys          debvisor-node-2026111501 was made 69 days ago: the monthly rotation does not reach this machine\n"},
	{"a rotation did not end", func(p *patient) { p.append(tsig.VMPath, previous) },
		"warn  dns-keys          a rotation has not ended: debvisor-vm-2026111501 was made 9 days ago and debvisor-vm-2026101501 is still accepted\n"},
	{"keys of before the first rotation", func(p *patient) { p.remove(tsig.ActivePath) },
		"ok    dns-keys          accepted: 3 roles, generation 0; signs with 2 keys\n"},
	{"a key file with a mistake", func(p *patient) { p.append(tsig.NodeKeyPath, "options { };\n") },
		"fail  dns-keys          /etc/debvisor/dns.update.key:5: a key statement should begin here\n"},

	{"guests are not registered", func(p *patient) {
		p.remove(installed.RegistryPath)
		p.says(showUnit+installed.PathUnit, "UnitFileState=enabled", "UnitFileState=disabled")
	}, "skip  guests-names      this host registers no guests\n"},
	{"the role's unit was turned off", func(p *patient) {
		p.says(showUnit+installed.PathUnit, "UnitFileState=enabled", "UnitFileState=disabled")
	}, "fail  guests-names      debvisor-guests.path is disabled: it will not be there after the next boot\n"},
	{"nobody takes the hook's notes", func(p *patient) {
		p.says(showUnit+installed.PathUnit, "ActiveState=active", "ActiveState=failed")
	}, "fail  guests-names      debvisor-guests.path is failed\n"},
	{"a guest is not registered yet", func(p *patient) {
		p.edit(installed.RegistryPath, `"addresses"`, `"error": "no answer", "since": "2026-11-24T07:30:00Z", "addresses"`)
	}, "warn  guests-names      web.vm.lab.example is not as it should be for 4 h: no answer\n"},
	{"a registry with a mistake", func(p *patient) { p.edit(installed.RegistryPath, `"guests":`, "") },
		"fail  guests-names      what this host has registered: invalid character '[' looking for beginning of object key string\n"},
}

// elsewhere has the virtual addresses on the peer, which answers.
func (p *patient) elsewhere(answer string) {
	p.says(pairStatus, here, `"vip_here": []`)
	for _, dig := range []string{digVIP, digVIP6} {
		p.m.Runner.Answer(dig, answer)
	}
}
