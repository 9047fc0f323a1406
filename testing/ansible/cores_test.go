package ansible_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"debvisor/internal/host"
	"debvisor/testing/lab"
)

// core is one version of ansible-core, as a controller of this machine.
type core struct {
	name   string
	prefix []string // of a command that runs with it; it sees this machine's /tmp and writes nowhere else
}

// inTrees runs a command in a root made of some trees, with this machine's /tmp, in a mount namespace that ends with it.
const inTrees = `root=$1 trees=$2; shift 2
mount -t overlay -o "lowerdir=$trees" overlay "$root"
mount -t proc proc "$root/proc" && mount --rbind /dev "$root/dev" && mount --bind /tmp "$root/tmp" && exec chroot "$root" "$@"`

// eachCore runs a test once with every controller: this machine's, and the lab's control node's.
func eachCore(t *testing.T, test func(t *testing.T, c core)) {
	t.Helper()
	t.Run("host", func(t *testing.T) {
		if _, err := host.Find("ansible-playbook"); err != nil {
			t.Skipf("needs ansible-core on this machine: %v", err)
		}
		test(t, core{name: "host"})
	})
	t.Run("control", func(t *testing.T) { test(t, control(t)) })
}

func control(t *testing.T) core {
	t.Helper()
	trees, err := lab.ControlTrees(t.Context())
	if errors.Is(err, lab.ErrCannot) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	root := filepath.Join(collections, "root")
	if err := os.MkdirAll(root, 0o755); err != nil {
		t.Fatal(err)
	}
	return core{"control", []string{"unshare", "--mount", "sh", "-ec", inTrees, "sh", root, strings.Join(trees, ":")}}
}
