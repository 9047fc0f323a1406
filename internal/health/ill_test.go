package health

import (
	"os"
	"slices"
	"strings"
	"testing"

	"debvisor/internal/names"
)

const (
	showUnit  = "systemctl show --property=LoadState,ActiveState,Result,UnitFileState "
	listTable = "nft -s list table inet debvisor"
	jsonTable = "nft -j list table inet debvisor"
	fileTable = "unshare --net sh -c 'nft -f - && nft -s list table inet debvisor'"
	sshdRoot  = "/usr/sbin/sshd -T -C user=root,host=client.invalid,addr=192.0.2.1"
	sshdAlice = "/usr/sbin/sshd -T -C user=alice,host=client.invalid,addr=192.0.2.1"
	poolInfo  = "virsh -q -c qemu:///system pool-info default"
	netInfo   = "virsh -q -c qemu:///system net-info br0"
	autoNets  = "virsh -q -c qemu:///system net-list --autostart --name"
	guests    = "virsh -q -c qemu:///system list --name"
	address   = "ip -j address show dev br0"
	df        = "df --output=pcent,ipcent,target / /var /boot/efi"
	failed    = "systemctl list-units --state=failed --plain --no-legend --full"
)

type illness struct {
	name string
	make func(p *patient)
	want string
}

// check is the name in the wanted line.
func (i illness) check() string { return strings.Fields(i.want)[1] }

// illnesses are what can be wrong with a node: how it comes about, and the line of the report that must name it.
var illnesses = []illness{
	{"a unit failed", func(p *patient) {
		p.says("systemctl show --property=SystemState --value", "running", "degraded")
		p.m.Runner.Answer(failed, "smartd.service loaded failed failed Self Monitoring\nnut.service loaded failed failed NUT\n")
	}, "fail  system            failed: smartd.service, nut.service\n"},
	{"the system is starting", func(p *patient) {
		p.says("systemctl show --property=SystemState --value", "running", "starting")
	}, "warn  system            still starting\n"},
	{"the system is in maintenance", func(p *patient) {
		p.says("systemctl show --property=SystemState --value", "running", "maintenance")
	}, "fail  system            the system is maintenance\n"},
	{"no identity", func(p *patient) { p.remove("/usr/share/debvisor/image.json") },
		"fail  image             open /usr/share/debvisor/image.json: no such file or directory\n"},
	{"half an identity", func(p *patient) { p.edit("/usr/share/debvisor/image.json", "trixie", "") },
		"fail  image             read /usr/share/debvisor/image.json: suite is missing\n"},
	{"no key", func(p *patient) { p.remove("/usr/share/debvisor/debvisor.pub") },
		"fail  image             open /usr/share/debvisor/debvisor.pub: no such file or directory\n"},
	{"a key that is none", func(p *patient) { p.edit("/usr/share/debvisor/debvisor.pub", "BEGIN", "") },
		"fail  image             read /usr/share/debvisor/debvisor.pub: not a PEM file\n"},
	{"answers with a mistake", func(p *patient) { p.edit("/etc/debvisor/answers.yaml", "profile: zfs", "profile: xfs") },
		"fail  answers           /etc/debvisor/answers.yaml:14:12: storage.profile: \"xfs\" is unknown hint: did you mean zfs?\n"},
	{"first boot failed", func(p *patient) {
		p.says(showUnit+"debvisor-firstboot.service", "Result=success", "Result=exit-code")
		p.says(showUnit+"debvisor-firstboot.service", "ActiveState=inactive", "ActiveState=failed")
		p.edit("/var/lib/debvisor/firstboot.journal", `"finish","phase":"done","changes":1`, `"net/bridge","phase":"failed","error":"no card"`)
	}, "fail  firstboot         debvisor-firstboot.service failed (exit-code); last step: net/bridge failed: no card\n"},
	{"first boot was killed", func(p *patient) {
		p.says(showUnit+"debvisor-firstboot.service", "UnitFileState=disabled", "UnitFileState=enabled")
		p.edit("/var/lib/debvisor/firstboot.journal", `"finish","phase":"done"`, `"virt/libvirt","phase":"begin"`)
	}, "fail  firstboot         not complete: debvisor-firstboot.service is still enabled; last step: virt/libvirt begin\n"},
	{"first boot is running", func(p *patient) {
		p.says(showUnit+"debvisor-firstboot.service", "ActiveState=inactive", "ActiveState=activating")
		p.edit("/var/lib/debvisor/firstboot.journal", `"finish","phase":"done"`, `"virt/libvirt","phase":"begin"`)
	}, "warn  firstboot         still running; last step: virt/libvirt begin\n"},
	{"first boot never ran", func(p *patient) { p.remove("/var/lib/debvisor/firstboot.journal") },
		"fail  firstboot         open /var/lib/debvisor/firstboot.journal: no such file or directory\n"},
	{"first boot was disabled before its end", func(p *patient) {
		p.edit("/var/lib/debvisor/firstboot.journal", `"finish","phase":"done"`, `"virt/libvirt","phase":"done"`)
	}, "fail  firstboot         not complete; last step: virt/libvirt done\n"},
	{"a later run failed and was mended", func(p *patient) {
		p.append("/var/lib/debvisor/firstboot.journal", `{"step":"net/bridge","phase":"failed","error":"no card"}`+"\n")
	}, "ok    firstboot         complete\n"},
	{"no first boot at all", func(p *patient) {
		p.says(showUnit+"debvisor-firstboot.service", "LoadState=loaded", "LoadState=not-found")
	}, "fail  firstboot         debvisor-firstboot.service is not-found\n"},
	{"a command is gone", func(p *patient) { p.remove("/usr/local/sbin/debvisor-firstboot") },
		"fail  names             lstat /usr/local/sbin/debvisor-firstboot: no such file or directory\n"},
	{"a command cannot be run", func(p *patient) { p.chmod("/usr/local/bin/debvisor", 0o700) },
		"fail  names             /usr/local/bin/debvisor is not executable for everybody (0700)\n"},
	{"a fixed file is gone", func(p *patient) { p.remove("/etc/nftables/debvisor-local.nft") },
		"fail  names             lstat /etc/nftables/debvisor-local.nft: no such file or directory\n"},
	{"a fixed name leads elsewhere", func(p *patient) {
		link := p.Host.Root + "/usr/local/sbin/debvisor-profile-summary.sh"
		p.must(os.Remove(link))
		p.must(os.Symlink("/bin/true", link))
	}, "fail  names             /usr/local/sbin/debvisor-profile-summary.sh leads to /bin/true, not to /usr/local/bin/debvisor\n"},
	{"another address is registered", func(p *patient) { p.edit("/etc/dnsmasq.d/hosts/hv01.hosts", "192.0.2.11", "192.0.2.12") },
		"warn  registration      not registered as hv01.lab.example is 192.0.2.11 and 2001:db8::5054:ff:fe12:3456: see journalctl -t hostname-register\n"},
	{"the cluster has no name for it", func(p *patient) {
		p.must(os.WriteFile(p.where("/etc/debvisor/etcd.json"), []byte("{}"), 0o600))
		p.m.Runner.Answer(names.ClusterName, `{"fqdn": ""}`)
	}, "warn  registration      registered by its local name: the cluster has no name for this machine\n"},
	{"no machine id", func(p *patient) {
		p.edit("/etc/machine-id", "0123456789abcdef0123456789abcdef", "uninitialized")
	}, "fail  machine-id        /etc/machine-id holds \"uninitialized\", not an id\n"},
	{"another name", func(p *patient) { p.edit("/proc/sys/kernel/hostname", "hv01", "hv02") },
		"fail  hostname          /proc/sys/kernel/hostname says \"hv02\", the answers say hv01.lab.example\n"},
	{"another name after the next boot", func(p *patient) { p.edit("/etc/hostname", "hv01", "hv02") },
		"fail  hostname          /etc/hostname says \"hv02\", the answers say hv01.lab.example\n"},
	{"its name is not in hosts", func(p *patient) { p.edit("/etc/hosts", "hv01.lab.example ", "") },
		"fail  hostname          hv01.lab.example is not in /etc/hosts\n"},
	{"the clock follows nothing", func(p *patient) { p.says("chronyc -c tracking", "Normal", "Not synchronised") },
		"warn  time              not synchronised yet: no time server has answered\n"},
	{"chrony is stopped", func(p *patient) { p.says(showUnit+"chrony.service", "=active", "=inactive") },
		"fail  time              chrony.service is inactive\n"},
	{"another time zone", func(p *patient) {
		p.must(os.Remove(p.Host.Root + "/etc/localtime"))
		p.must(os.Symlink("/usr/share/zoneinfo/Etc/UTC", p.Host.Root+"/etc/localtime"))
	}, "fail  time              /etc/localtime leads to /usr/share/zoneinfo/Etc/UTC, the answers say Europe/Vienna\n"},
	{"root has a password", func(p *patient) { p.edit("/etc/shadow", "root:*", "root:$y$x") },
		"fail  passwords         root has a password\n"},
	{"an empty password", func(p *patient) { p.edit("/etc/shadow", "alice:!", "alice:") },
		"fail  passwords         alice has an empty password\n"},
	{"a second root", func(p *patient) { p.edit("/etc/passwd", "alice:x:1000", "alice:x:0") },
		"fail  passwords         alice has the user id of root\n"},
	{"a service account with a shell", func(p *patient) {
		p.edit("/etc/passwd", "webpanel:x:998:998::/nonexistent:/usr/sbin/nologin", "webpanel:x:998:998::/nonexistent:/bin/bash")
	}, "fail  service-accounts  webpanel has the shell /bin/bash\n"},
	{"no service account", func(p *patient) { p.edit("/etc/passwd", "tsig-rotator", "someone") },
		"fail  service-accounts  there is no account tsig-rotator\n"},
	{"a service account with a person's id", func(p *patient) { p.edit("/etc/passwd", "webpanel:x:998", "webpanel:x:1001") },
		"fail  service-accounts  webpanel has the id 1001, not a system account's\n"},
	{"a service account with a password", func(p *patient) { p.edit("/etc/shadow", "webpanel:!", "webpanel:$y$x") },
		"fail  service-accounts  webpanel can log in with a password\n"},
	{"nobody can log in", func(p *patient) { p.remove("/home/alice/.ssh/authorized_keys") },
		"fail  users             open /home/alice/.ssh/authorized_keys: no such file or directory; no administrator can log in\n"},
	{"a key is missing", func(p *patient) {
		p.must(os.WriteFile(p.where("/home/alice/.ssh/authorized_keys"), []byte("ssh-ed25519 AAAA other\n"), 0o600))
	}, "fail  users             /home/alice/.ssh/authorized_keys lacks the key admin@example of the answers\n"},
	{"others may write the keys", func(p *patient) { p.chmod("/home/alice/.ssh/authorized_keys", 0o666) },
		"fail  users             /home/alice/.ssh/authorized_keys can be written by others (0666): sshd ignores it\n"},
	{"the administrator is none", func(p *patient) { p.edit("/etc/group", "sudo:x:27:alice", "sudo:x:27:") },
		"fail  users             alice is not in the group sudo\n"},
	{"no administrator", func(p *patient) { p.edit("/etc/passwd", "alice", "bob") },
		"fail  users             there is no account alice; no administrator can log in\n"},
	{"sudo is broken", func(p *patient) { p.fails("visudo -c") },
		"fail  sudo              run visudo -c: broken on purpose\n"},
	{"everybody may read the answers", func(p *patient) { p.chmod("/etc/debvisor/answers.yaml", 0o644) },
		"fail  secrets           /etc/debvisor/answers.yaml has mode 0644; needed: set /etc/debvisor/answers.yaml to 0600\n"},
	{"the answers are somebody's", func(p *patient) { p.m.Owners["/etc/debvisor/answers.yaml"] = "alice:alice" },
		"fail  secrets           /etc/debvisor/answers.yaml has mode 0600; needed: set /etc/debvisor/answers.yaml to 0600\n"},
	{"ssh takes passwords", func(p *patient) {
		p.says(sshdRoot, "passwordauthentication no", "passwordauthentication yes")
		p.says(sshdAlice, "passwordauthentication no", "passwordauthentication yes")
	}, "fail  ssh               passwordauthentication is yes for root, not no; passwordauthentication is yes for alice, not no\n"},
	{"ssh takes one user's password", func(p *patient) {
		p.says(sshdAlice, "kbdinteractiveauthentication no", "kbdinteractiveauthentication yes")
	}, "fail  ssh               kbdinteractiveauthentication is yes for alice, not no\n"},
	{"root may log in", func(p *patient) { p.says(sshdRoot, "permitrootlogin no", "permitrootlogin without-password") },
		"fail  ssh               permitrootlogin is without-password for root, not no\n"},
	{"sshd is stopped", func(p *patient) { p.says(showUnit+"ssh.service", "=active", "=inactive") },
		"fail  ssh               ssh.service is inactive\n"},
	{"sshd will not start again", func(p *patient) { p.says(showUnit+"ssh.service", "=enabled", "=disabled") },
		"fail  ssh               ssh.service is disabled: it will not be there after the next boot\n"},
	{"sshd does not take its files", func(p *patient) { p.fails(sshdRoot) },
		"fail  ssh               run " + sshdRoot + ": broken on purpose\n"},
	{"everybody may read a host key", func(p *patient) { p.chmod("/etc/ssh/ssh_host_rsa_key", 0o644) },
		"fail  ssh-host-keys     /etc/ssh/ssh_host_rsa_key has mode 0644; needed: set /etc/ssh/ssh_host_rsa_key to 0600\n"},
	{"no host keys", func(p *patient) {
		for _, kind := range []string{"rsa", "ecdsa", "ed25519"} {
			p.remove("/etc/ssh/ssh_host_" + kind + "_key")
		}
	}, "fail  ssh-host-keys     there is no host key in /etc/ssh\n"},
	{"the table is gone", func(p *patient) { p.fails(jsonTable) },
		"fail  firewall          the table inet debvisor is not in the kernel: run " + jsonTable + ": broken on purpose\n"},
	{"the input is open", func(p *patient) {
		p.says(jsonTable, `"hook": "input", "prio": 0, "policy": "drop"`, `"hook": "input", "prio": 0, "policy": "accept"`)
	}, "fail  firewall          the policy at the hook input is accept, not drop\n"},
	{"no input chain", func(p *patient) { p.says(jsonTable, `"hook": "input"`, `"hook": "ingress"`) },
		"fail  firewall          there is no chain at the hook input\n"},
	{"the firewall will not start", func(p *patient) { p.says(showUnit+"nftables.service", "=enabled", "=disabled") },
		"fail  firewall          nftables.service is disabled: it will not be there after the next boot\n"},
	{"a rule was added by hand", func(p *patient) {
		p.says(listTable, "\t\ttcp dport 22 accept\n", "\t\ttcp dport 22 accept\n\t\ttcp dport 8080 accept\n")
	}, "fail  firewall-rules    in the kernel and not in the files: tcp dport 8080 accept\n"},
	{"a rule was deleted by hand", func(p *patient) { p.says(listTable, "\t\ttcp dport 22 accept\n", "") },
		"fail  firewall-rules    in the files and not in the kernel: tcp dport 22 accept\n"},
	{"a rule is there twice", func(p *patient) {
		p.says(listTable, "\t\ttcp dport 22 accept\n", "\t\ttcp dport 22 accept\n\t\ttcp dport 22 accept\n")
	}, "fail  firewall-rules    the rules in the kernel are in another order than in the files, or more often there\n"},
	{"a fallback is loaded", func(p *patient) { p.says(listTable, "sha256:0123", "fallback") },
		"fail  firewall-rules    a fallback is in force, not /etc/nftables.conf\n"},
	{"sets are in the order in which they came to be", func(p *patient) {
		v4, v6 := "\tset management4 {\n\t\ttype ipv4_addr\n\t\tflags interval\n\t}\n", "\tset management6 {\n\t\ttype ipv6_addr\n\t\tflags interval\n\t}\n"
		p.says(listTable, v4+"\n"+v6, v6+"\n"+v4)
	}, "ok    firewall-rules    the kernel has just what the files say\n"},
	{"rules are on trial", func(p *patient) {
		p.must(os.MkdirAll(p.where("/run/debvisor-firewall"), 0o700))
		p.must(os.WriteFile(p.where("/run/debvisor-firewall/trial.json"), []byte(`{"digest": "sha256:0123", "confirm_by": "2030-01-01T12:00:00Z"}`), 0o600))
	}, "warn  firewall-rules    rules on trial are in force until 2030-01-01T12:00:00Z; see debvisor firewall status\n"},
	{"the files have a mistake", func(p *patient) { p.fails(fileTable) },
		"fail  firewall-rules    /etc/nftables.conf cannot be loaded: run " + fileTable + ": broken on purpose\n"},
	{"everything is open", func(p *patient) { p.fails(jsonTable) },
		"fail  ports             without a firewall these are open to everybody: 22/tcp (sshd), 9090/tcp (systemd)\n"},
	{"no SSH", func(p *patient) { p.says(jsonTable, `"right": 22}`, `"right": 23}`) },
		"fail  ports             the firewall lets no SSH in\n"},
	{"an opened port", func(p *patient) {
		p.says(jsonTable, `"right": 22}`, `"right": {"set": [22, {"range": [9000, 9100]}]}}`)
	},
		"ok    ports             open: 22/tcp (sshd), 9090/tcp (systemd); closed by the firewall: none\n"},
	{"networkd is off", func(p *patient) { p.says(showUnit+"systemd-networkd.service", "=active", "=failed") },
		"fail  network-files     systemd-networkd.service is failed\n"},
	{"no file for the bridge", func(p *patient) { p.remove("/etc/systemd/network/10-debvisor-br0.netdev") },
		"fail  network-files     there is no /etc/systemd/network/10-debvisor-*.netdev\n"},
	{"networkd may not read a file", func(p *patient) { p.chmod("/etc/systemd/network/10-debvisor-br0.network", 0o600) },
		"fail  network-files     /etc/systemd/network/10-debvisor-br0.network cannot be read by systemd-networkd (0600)\n"},
	{"no bridge", func(p *patient) { p.remove("/sys/class/net/br0/bridge") },
		"fail  bridge            there is no bridge br0\n"},
	{"the bridge is down", func(p *patient) { p.edit("/sys/class/net/br0/operstate", "up", "down") },
		"fail  bridge            br0 is down\n"},
	{"the card left the bridge", func(p *patient) { p.must(os.Remove(p.Host.Root + "/sys/class/net/br0/brif/enp1s0")) },
		"fail  bridge            52:54:00:12:34:56 is not in br0\n"},
	{"the only card left the bridge", func(p *patient) {
		p.edit("/etc/debvisor/answers.yaml", `ports: [{mac: "52:54:00:12:34:56"}]`, "ports: []")
		p.must(os.Remove(p.Host.Root + "/sys/class/net/br0/brif/enp1s0"))
	}, "fail  bridge            no network card is in br0\n"},
	{"no address", func(p *patient) { p.m.Runner.Answer(address, `[{"ifname":"br0","addr_info":[]}]`) },
		"fail  addresses         br0 has IPv4 none, the answers say 192.0.2.11/24\n"},
	{"the same IPv6 address in another spelling", func(p *patient) {
		p.edit("/etc/debvisor/answers.yaml", "gateway: 192.0.2.1}", "gateway: 192.0.2.1}\n  ipv6: {address: \"2001:DB8:0::5054:ff:fe12:3456/64\"}")
	}, "ok    addresses         br0 has 192.0.2.11/24, 2001:db8::5054:ff:fe12:3456/64\n"},
	{"another address", func(p *patient) { p.says(address, "192.0.2.11", "192.0.2.12") },
		"fail  addresses         br0 has IPv4 192.0.2.12/24, the answers say 192.0.2.11/24\n"},
	{"no lease", func(p *patient) {
		p.edit("/etc/debvisor/answers.yaml", "{address: 192.0.2.11/24, gateway: 192.0.2.1}", "dhcp")
		p.m.Runner.Answer(address, "[]")
	}, "fail  addresses         br0 has no IPv4 address: DHCP has not answered\n"},
	{"no route", func(p *patient) { p.m.Runner.Answer("ip -j -4 route show default", "[]") },
		"fail  routes            the IPv4 default route is by none, the answers say 192.0.2.1\n"},
	{"no router", func(p *patient) {
		p.edit("/etc/debvisor/answers.yaml", "{address: 192.0.2.11/24, gateway: 192.0.2.1}", "dhcp")
		p.m.Runner.Answer("ip -j -4 route show default", "")
	}, "warn  routes            there is no IPv4 default route: DHCP named none\n"},
	{"no name server", func(p *patient) { p.edit("/run/systemd/resolve/resolv.conf", "nameserver 192.0.2.1", "") },
		"warn  dns               no name server is known\n"},
	{"resolv.conf leads nowhere", func(p *patient) { p.remove("/run/systemd/resolve/stub-resolv.conf") },
		"fail  dns               /etc/resolv.conf is missing or leads nowhere\n"},
	{"no firewall is no hindrance", func(p *patient) { p.fails(jsonTable) },
		"skip  forwarding        no rules to look at: see firewall\n"},
	{"guests are cut off", func(p *patient) { p.says(jsonTable, `"right": "br0"`, `"right": "br1"`) },
		"fail  forwarding        br_netfilter is on and the firewall drops packets between guests on br0\n"},
	{"guests may be cut off", func(p *patient) {
		p.remove("/proc/sys/net/bridge")
		p.says(jsonTable, `"right": "br0"`, `"right": "br1"`)
	}, "warn  forwarding        no rule lets packets pass within br0: guests are cut off once br_netfilter is loaded\n"},
	{"libvirtd is silent", func(p *patient) { p.fails(guests) },
		"fail  libvirt           run " + guests + ": broken on purpose\n"},
	{"the pool is stopped", func(p *patient) { p.says(poolInfo, "running", "inactive") },
		"fail  pool              default: state is \"inactive\", not running\n"},
	{"the pool does not start", func(p *patient) { p.says(poolInfo, "Autostart:      yes", "Autostart:      no") },
		"fail  pool              default does not start by itself\n"},
	{"the guests' network is off", func(p *patient) { p.says(netInfo, "Active:         yes", "Active:         no") },
		"fail  guest-network     br0: active is \"no\", not yes\n"},
	{"NAT starts by itself", func(p *patient) { p.says(autoNets, "br0", "br0\ndefault") },
		"warn  guest-network     libvirt's own network default (NAT) starts by itself\n"},
	{"no KVM", func(p *patient) { p.remove("/dev/kvm") },
		"warn  kvm               there is no /dev/kvm: guests are emulated; turn on virtualisation in the firmware\n"},
	{"an unknown profile", func(p *patient) { p.edit("/etc/debvisor-profile", "zfs", "btrfs") },
		"fail  profile           /etc/debvisor-profile:1: \"btrfs\" is not a profile; write one of: usb-zfs, zfs, ceph, mixed\n"},
	{"another profile", func(p *patient) { p.edit("/etc/debvisor-profile", "zfs", "ceph") },
		"fail  profile           /etc/debvisor-profile says ceph, the answers say zfs\n"},
	{"a profile that the image does not serve", func(p *patient) { p.edit("/usr/share/debvisor/image.json", `"zfs", `, "") },
		"fail  profile           this image does not serve the profile zfs\n"},
	{"no summary", func(p *patient) { p.remove("/var/log/debvisor/profile-summary.json") },
		"warn  profile           /var/log/debvisor/profile-summary.json is missing\n"},
	{"no profile", func(p *patient) { p.remove("/etc/debvisor-profile") },
		"fail  storage           open /etc/debvisor-profile: no such file or directory\n"},
	{"a file system is not mounted", func(p *patient) { p.edit("/proc/self/mounts", "/dev/vda5 /srv", "/dev/vda5 /mnt") },
		"fail  mounts            /srv is not mounted\n"},
	{"a file system that may be missing is", func(p *patient) { p.edit("/etc/fstab", "/media/cdrom0 udf,iso9660 user,noauto", "/mnt/iso udf nofail") },
		"warn  mounts            /mnt/iso is not mounted\n"},
	{"the system's own may not be missing", func(p *patient) {
		p.edit("/etc/fstab", "vfat umask=0077", "vfat umask=0077,nofail")
		p.edit("/proc/self/mounts", "/boot/efi", "/mnt")
	}, "fail  mounts            /boot/efi is not mounted\n"},
	{"fstab forgot one", func(p *patient) { p.edit("/etc/fstab", "UUID=3 /boot/efi", "#") },
		"fail  mounts            /boot/efi is not in /etc/fstab\n"},
	{"read-only after an error", func(p *patient) { p.edit("/proc/self/mounts", "/ ext4 rw", "/ ext4 ro") },
		"fail  mounts            / is read-only\n"},
	{"a full disk", func(p *patient) { p.says(df, "  7%    1%", " 95%    1%") },
		"fail  space             /var is 95 % full\n"},
	{"a nearly full disk", func(p *patient) { p.says(df, " 42% ", " 85% ") },
		"warn  space             / is 85 % full\n"},
	{"no inodes", func(p *patient) { p.says(df, "  7%    1%", "  7%  100%") },
		"fail  space             /var is 100 % out of inodes\n"},
	{"a newer kernel", func(p *patient) {
		p.must(os.WriteFile(p.where("/boot/vmlinuz-6.12.100+deb13-amd64"), []byte("k"), 0o644))
	}, "warn  kernel            6.12.48+deb13-amd64 is running, 6.12.100+deb13-amd64 is installed: reboot\n"},
	{"no kernel", func(p *patient) {
		p.remove("/boot/vmlinuz-6.12.48+deb13-amd64")
		p.remove("/boot/vmlinuz-6.12.9+deb13-amd64")
	}, "fail  kernel            no kernel is installed\n"},
	{"an update of shim did not arrive", func(p *patient) { p.edit("/usr/lib/shim/shimx64.efi.signed", "shim", "shim 2") },
		"warn  boot              /boot/efi/EFI/debian/shimx64.efi differs from /usr/lib/shim/shimx64.efi.signed: debvisor boot refresh; /boot/efi/EFI/BOOT/BOOTX64.EFI differs from /usr/lib/shim/shimx64.efi.signed: debvisor boot refresh\n"},
	{"an update of GRUB for BIOS did not arrive", func(p *patient) { p.edit("/usr/lib/grub/i386-pc/normal.mod", "2.12-1", "2.12-2") },
		"warn  boot              GRUB for BIOS is not that of the package: debvisor boot refresh\n"},
	{"no loader", func(p *patient) { p.remove("/boot/efi/EFI/BOOT/BOOTX64.EFI") },
		"fail  boot              lstat /boot/efi/EFI/BOOT/BOOTX64.EFI: no such file or directory\n"},
	{"the menu names what is not there", func(p *patient) { p.remove("/boot/initrd.img-6.12.48+deb13-amd64") },
		"fail  boot              lstat /boot/initrd.img-6.12.48+deb13-amd64: no such file or directory\n"},
	{"an empty menu", func(p *patient) { p.must(os.WriteFile(p.where("/boot/grub/grub.cfg"), nil, 0o644)) },
		"fail  boot              /boot/grub/grub.cfg names no kernel\n"},
	{"a loader of no bytes", func(p *patient) { p.must(os.WriteFile(p.where("/boot/efi/EFI/BOOT/grubx64.efi"), nil, 0o644)) },
		"fail  boot              /boot/efi/EFI/BOOT/grubx64.efi is empty\n"},
	{"no cockpit", func(p *patient) { p.says(showUnit+"cockpit.socket", "LoadState=loaded", "LoadState=not-found") },
		"fail  cockpit           cockpit.socket is not-found\n"},
	{"cockpit is not in this edition", func(p *patient) { p.edit("/usr/share/debvisor/image.json", "standard", "minimal") },
		"skip  cockpit           not part of the edition minimal\n"},
}

func TestEveryIllnessIsNamed(t *testing.T) {
	for _, ill := range slices.Concat(illnesses, nameIllnesses) {
		t.Run(ill.name, func(t *testing.T) {
			p := healthy(t)
			ill.make(p)
			if got := text(p.Node, []Check{byName(ill.check())}); got != ill.want {
				t.Errorf("got\n%swant\n%s", got, ill.want)
			}
		})
	}
}

func TestEveryCheckHasAnIllness(t *testing.T) {
	for _, c := range Checks() {
		if !slices.ContainsFunc(slices.Concat(illnesses, nameIllnesses), func(i illness) bool { return i.check() == c.Name }) {
			t.Errorf("no test makes the check %s say anything but ok", c.Name)
		}
	}
}
