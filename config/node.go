package config

import (
	"debvisor/internal/disk"
	"debvisor/internal/report"
)

// Node is what an operator wants one machine to be: the answers file, in full. The installer and firstboot read the same.
// Docs: docs/answers.md; every key has its meaning there and in the JSON schema.
type Node struct {
	Version int      `yaml:"version" doc:"version of this format: 1"`
	Host    Identity `yaml:"host" doc:"who the machine is"`
	Users   []User   `yaml:"users" doc:"people who may log in; at least one of them must be able to administer the machine"`
	SSH     SSH      `yaml:"ssh" doc:"what sshd allows"`
	Network Network  `yaml:"network" doc:"br0 and the address on it"`
	Storage Storage  `yaml:"storage" doc:"profile and disks"`
	Addons  []string `yaml:"addons" doc:"further roles to set up after installation"`
	Install Install  `yaml:"install" doc:"how the installer behaves"`
}

// Identity is the name, place and hours of a machine.
type Identity struct {
	FQDN     string   `yaml:"fqdn" doc:"full name, such as hv01.lab.example"`
	Timezone string   `yaml:"timezone" doc:"such as Europe/Vienna; UTC when missing"`
	Keyboard string   `yaml:"keyboard" doc:"console keyboard layout, such as us or de; us when missing"`
	NTP      []string `yaml:"ntp" doc:"time servers; Debian's pool when missing"`
}

// User is a person's account. There are no plain passwords and no default ones.
type User struct {
	Name         string   `yaml:"name" doc:"account name, lower case"`
	Admin        bool     `yaml:"admin" doc:"may use sudo and manage VMs; without a password_hash sudo asks for none"`
	SSHKeys      []string `yaml:"ssh_keys" doc:"public keys, a line each as in authorized_keys"`
	PasswordHash string   `yaml:"password_hash" doc:"for the console and sudo: yescrypt or SHA-512, as mkpasswd prints it"`
}

// SSH is what sshd allows.
type SSH struct {
	PasswordAuthentication bool `yaml:"password_authentication" doc:"keep password logins over SSH; off when missing"`
}

// Network is br0: a bridge over the given ports with the machine's own address on it.
type Network struct {
	Ports      []Port   `yaml:"ports" doc:"network cards in br0, each by mac or by name; the only card when missing"`
	VLAN       int      `yaml:"vlan" doc:"VLAN (1-4094) of the machine's address; guests share it unless they ask for another"`
	IPv4       Address  `yaml:"ipv4" doc:"dhcp, none, or address and gateway; dhcp when missing"`
	IPv6       Address  `yaml:"ipv6" doc:"auto (router advertisements), dhcp, none, or address and gateway; auto when missing"`
	DNS        []string `yaml:"dns" doc:"name servers, beside those of DHCP"`
	Search     []string `yaml:"search" doc:"search domains"`
	Management []string `yaml:"management" doc:"networks (CIDR) that may reach SSH; every network when missing"`
}

// Port is one network card.
type Port struct {
	MAC  string `yaml:"mac" doc:"hardware address"`
	Name string `yaml:"name" doc:"interface name, such as enp1s0"`
}

// Address is how br0 gets an address of one family.
type Address struct {
	Method  string `yaml:"method" doc:"dhcp, auto (IPv6), static or none"`
	Address string `yaml:"address" doc:"address with prefix length, such as 10.0.0.11/24"`
	Gateway string `yaml:"gateway" doc:"default gateway"`
}

// FromScalar reads the short form: a method's name.
func (a *Address) FromScalar(text string) error {
	a.Method = text
	return nil
}

// Storage is the profile and the disks it may use.
type Storage struct {
	Profile string      `yaml:"profile" doc:"usb-zfs, zfs, ceph or mixed"`
	System  disk.Rule   `yaml:"system" doc:"the disk that DebVisor itself is installed on"`
	Data    []disk.Rule `yaml:"data" doc:"disks of the storage profile; all eligible empty ones when missing"`
	Wipe    []string    `yaml:"wipe" doc:"disks that may be wiped although they hold something, each by its exact serial, wwn or by-id name; an installed DebVisor by installation:<disk GUID>"`
}

// Install is how the installer behaves.
type Install struct {
	After string `yaml:"after" doc:"reboot, poweroff or nothing when installed; reboot when missing"`
}

// Addons are the names that answers may list.
var Addons = []string{"monitoring-stack", "vnc-console", "rpc-service", "webpanel"}

// ParseNode reads and checks an answers file, filling in the defaults. The error is a *report.Error with everything that
// is wrong; file is the name to show.
func ParseNode(file string, data []byte) (*Node, error) {
	n := &Node{}
	r := report.Decode(file, data, n)
	if r.Err() == nil || r.Has("version") || r.Has("host") { // not a file that is something else altogether
		n.check(r)
	}
	n.fillIn()
	return n, r.Err()
}

func (n *Node) fillIn() {
	setDefault(&n.Host.Timezone, "UTC")
	setDefault(&n.Host.Keyboard, "us")
	setDefault(&n.Install.After, "reboot")
	n.Network.IPv4.fillIn("dhcp")
	n.Network.IPv6.fillIn("auto")
	n.Storage.System.Count = 1
	for i := range n.Storage.Data {
		if n.Storage.Data[i].Count == 0 {
			n.Storage.Data[i].Count = 1
		}
	}
}

func (a *Address) fillIn(method string) {
	if a.Address != "" {
		method = "static"
	}
	setDefault(&a.Method, method)
}

func setDefault(s *string, value string) {
	if *s == "" {
		*s = value
	}
}
