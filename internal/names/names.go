// Package names is the one list of names that other software and people rely on and that this version brings: commands,
// their links, units, accounts and files. The image is built from it, health looks for it on a node, and tests call each of them. It does
// not say what they do.
package names

// Where the static binaries are on a node. ClusterName is none that people call.
const (
	Debvisor    = "/usr/local/bin/debvisor"
	Installer   = "/usr/local/sbin/debvisor-installer"
	Firstboot   = "/usr/local/sbin/debvisor-firstboot"
	ClusterName = "/usr/local/lib/debvisor/debvisor-cluster-name"
)

// AuditLog has a line for each thing that was done to the node, and by whom.
const AuditLog = "/var/log/debvisor/audit.log"

// Answers is where an installed node keeps its answers.
const Answers = "/etc/debvisor/answers.yaml"

// Binaries are the commands that an image brings.
var Binaries = []string{Debvisor, Installer, Firstboot, ClusterName}

// Link is a fixed name that leads to a binary, which looks at the name it was called by.
type Link struct {
	Path, Target string
	Verb         []string // what the name stands for; none for a binary that does one thing
}

// Links are the fixed names of commands.
var Links = []Link{
	{Path: "/usr/local/bin/debvisor-dns-update.sh", Target: Debvisor, Verb: []string{"dns", "update"}},
	{Path: "/usr/local/bin/hostname-register.sh", Target: Debvisor, Verb: []string{"hostname", "register"}},
	{Path: "/usr/local/bin/run-tsig-rotation.sh", Target: Debvisor, Verb: []string{"tsig", "run"}},
	{Path: "/usr/local/bin/tsig-keygen.sh", Target: Debvisor, Verb: []string{"tsig", "keygen"}},
	{Path: "/usr/local/sbin/debvisor-firstboot.sh", Target: Firstboot},
	{Path: "/usr/local/sbin/debvisor-profile-summary.sh", Target: Debvisor, Verb: []string{"profile", "summary"}},
	{Path: "/usr/local/sbin/debvisor-vm-register.sh", Target: Debvisor, Verb: []string{"vm", "register"}},
}

// Units are the fixed names of systemd units.
var Units = []string{"debvisor-firstboot.service", "hostname-register.service", "tsig-rotate.service", "tsig-rotate.timer"}

// Accounts are the system accounts of DebVisor's own services; nobody logs in to them.
var Accounts = []string{"webpanel", "debvisor-rpc", "tsig-rotator"}

// Files are the fixed names of files and directories on an installed node.
var Files = []string{
	"/etc/debvisor-profile",
	"/etc/nftables.conf",
	"/etc/nftables.d",
	"/etc/nftables/debvisor.nft",
	"/etc/nftables/debvisor-local.nft",
	"/var/log/debvisor/install-profile.log",
	"/var/log/debvisor/profile-summary.json",
	"/var/log/debvisor/profile-summary.txt",
}
