// Command modules is the binary debvisor-modules: every Ansible module of DebVisor in one, so that a node needs one file
// for all of them. The runtime chooses the module and does the rest.
package main

import (
	"os"

	"debvisor/internal/ansible"
	"debvisor/modules/blocklist"
	"debvisor/modules/dns_ha"
	"debvisor/modules/firewall"
	"debvisor/modules/tsig_rotate"
	"debvisor/modules/vm_register"
)

// modules is where a module is added.
var modules = []ansible.Module{blocklist.Module, dns_ha.Module, firewall.Module, tsig_rotate.Module, vm_register.Module}

func main() {
	os.Exit(ansible.Main(os.Args, os.Stdin, os.Stdout, os.Stderr, modules...))
}
