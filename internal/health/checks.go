package health

// Checks are all checks in their fixed order: the machine as a whole, who may use it, how it is reached, what it runs, and
// what it stands on.
func Checks() []Check {
	return []Check{
		{"system", "a failed unit is a service that somebody relies on", running, system},
		{"image", "without its identity and key nobody can say, or verify, what is installed", files, image},
		{"answers", "the answers say what this machine should be", root, answers},
		{"firstboot", "until the first boot is complete the machine is neither hardened nor usable", running, firstboot},
		{"names", "other software and people rely on these commands, links and files", files, fixedNames},
		{"machine-id", "two machines with one id get one DHCP lease and mix up their journals", files, machineID},
		{"hostname", "guests, DNS and certificates know the machine by its name", root | running, ownName},
		{"time", "TSIG, TLS and Ceph fail when clocks differ", running, clock},
		{"passwords", "an empty or a known password is an open door", root, passwords},
		{"service-accounts", "services must not be able to log in", root, serviceAccounts},
		{"users", "somebody must be able to log in and administer the machine", root, users},
		{"sudo", "sudo refuses everything when one of its files is wrong", root | running, sudo},
		{"secrets", "what is readable is known", root, secrets},
		{"ssh", "SSH is the one service that is open to the network", root | running, ssh},
		{"ssh-host-keys", "clients know the machine by its host keys", root, hostKeys},
		{"firewall", "everything but SSH is closed to the network", root | running, firewall},
		{"firewall-rules", "rules changed by hand are gone, or back, after the next boot", root | running, firewallRules},
		{"ports", "what listens beyond loopback must be meant to", root | running, ports},
		{"network-files", "an address without a file is lost at the next boot", running, networkFiles},
		{"bridge", "br0 carries the machine and its guests", running, bridge},
		{"addresses", "the machine must be where its operator looks for it", root | running, addresses},
		{"routes", "without a default route there are no updates and no replies", root | running, routes},
		{"dns", "names must resolve", running, nameServers},
		{"registration", "others find the machine by what is registered", running, registered},
		{"forwarding", "guests on br0 must reach each other through the firewall", root | running, forwarding},
		{"libvirt", "without libvirtd no guest can be started", root | running, libvirt},
		{"pool", "new disks of guests go to the pool default", root | running, pool},
		{"guest-network", "guests are attached to the network br0", root | running, guestNetwork},
		{"kvm", "without KVM guests are emulated, many times slower", running, kvm},
		{"profile", "the profile decides which storage the machine gets", root, profileFile},
		{"storage", "guests' disks live there", files, storage},
		{"mounts", "a file system that is not mounted swallows what is written in its place", running, mounts},
		{"space", "a full disk stops guests, logs and updates", running, space},
		{"kernel", "a security update of the kernel takes effect after a reboot", running, kernel},
		{"boot", "the next boot needs these files", root, boot},
		{"cockpit", "the standard edition is administered with it", running, cockpit},
	}
}
