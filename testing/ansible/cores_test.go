package ansible_test

import (
	"os"
	"testing"

	"debvisor/internal/host"
)

// core is one version of ansible-core, as a controller of this machine.
type core struct {
	name   string
	prefix []string // of a command that runs with it; it sees /tmp, and nothing else of this machine is needed
}

// inRoot runs a command in another system's root, with this machine's /tmp, in a mount namespace that ends with it.
const inRoot = `root=$1; shift
mount -t proc proc "$root/proc" && mount --rbind /dev "$root/dev" && mount --bind /tmp "$root/tmp" && exec chroot "$root" "$@"`

// cores are the controllers to run everything with: this machine's, and the one in the root that DEBVISOR_CONTROL_ROOT
// names, a Debian 13 with ansible-core.
func cores(t *testing.T) []core {
	t.Helper()
	var all []core
	if _, err := host.Find("ansible-playbook"); err == nil {
		all = append(all, core{name: "here"})
	}
	if root := os.Getenv("DEBVISOR_CONTROL_ROOT"); root != "" {
		all = append(all, core{"control", []string{"unshare", "--mount", "sh", "-ec", inRoot, "sh", root}})
	}
	if len(all) == 0 {
		t.Skip("needs ansible-playbook")
	}
	return all
}
