package firstboot

import (
	"crypto/sha256"
	"fmt"
	"slices"

	"debvisor/internal/host"
)

const stamps = "/var/lib/debvisor/applied/"

// applied plans files and the changes that make a daemon read them. A stamp of what was read is taken away before the
// files change and written at the very end: files that were in place when the power went are still told to the daemon at
// the next run.
func (n node) applied(name string, files []host.Want, read ...host.Change) ([]host.Change, error) {
	changes, err := n.Need(files...)
	if err != nil {
		return nil, err
	}
	stamp := host.Write{Path: stamps + name, After: digest(files), Mode: 0o644, New: true}
	had, err := n.readOr(stamp.Path, "")
	if err != nil || len(changes) == 0 && had == stamp.After {
		return nil, err
	}
	if had != "" {
		changes = slices.Insert(changes, 0, host.Change(host.Remove{Path: stamp.Path}))
	}
	return append(append(changes, read...), stamp), nil
}

// digest leaves out what must not be there: that is only known while it is there.
func digest(wants []host.Want) string {
	sum := sha256.New()
	for _, w := range wants {
		if _, absent := w.(host.Absent); !absent {
			fmt.Fprintf(sum, "%q", w)
		}
	}
	return fmt.Sprintf("sha256:%x\n", sum.Sum(nil))
}
