package config

// systemNames are the users and groups that no person can be called: those of Debian's base-passwd
// (/usr/share/base-passwd/*.master), those that the packages of the editions make (/etc/passwd and /etc/group of both
// images), and DebVisor's own.
var systemNames = []string{
	"_apt", "_chrony", "_ssh", "adm", "audio", "backup", "bin", "bind", "cdrom", "ceph", "clock", "daemon",
	"debvisor-rpc", "dialout", "dip", "disk", "dnsmasq", "docker", "fax", "floppy", "games", "input", "irc", "kmem",
	"kvm", "libvirt", "libvirt-qemu", "libvirtdbus", "list", "lp", "mail", "man", "messagebus", "news", "nobody",
	"nogroup", "nova", "nut", "operator", "plugdev", "polkitd", "prometheus", "proxy", "rdma", "render", "root", "sasl",
	"sgx", "shadow", "src", "sshd", "staff", "sudo", "sync", "sys", "systemd-journal", "systemd-network",
	"systemd-resolve", "tape", "tcpdump", "tsig-rotator", "tss", "tty", "users", "utmp", "uucp", "uuidd", "video",
	"voice", "webpanel", "www-data",
}
