package firstboot

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"debvisor/internal/host"
)

// hostIDFile is what zgenhostid writes: four bytes, by which ZFS knows that another machine has a pool imported.
const hostIDFile = "/etc/hostid"

// hostID derives the id from the machine's own, which is drawn anew for each installation: a run that was cut off and the
// next one agree. An id that is there stays, since pools carry it.
func (n node) hostID(context.Context) ([]host.Change, error) {
	had, err := n.readOr(hostIDFile, "")
	if err != nil || len(had) == 4 && strings.Trim(had, "\x00") != "" {
		return nil, err
	}
	machine, err := n.ReadFile("/etc/machine-id")
	if err != nil {
		return nil, fmt.Errorf("make %s: %w", hostIDFile, err)
	}
	if len(strings.TrimSpace(string(machine))) != 32 {
		return nil, fmt.Errorf("make %s: /etc/machine-id holds no id", hostIDFile)
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "debvisor hostid %s", machine))
	sum[0] |= 1 // 0 means none
	return n.Need(host.File{Path: hostIDFile, Content: string(sum[:4]), Mode: 0o644})
}

const (
	rndcConfgen = "/usr/sbin/rndc-confgen"
	rndcKeyFile = "/etc/bind/rndc.key"
)

func bindInstalled(h *host.Host) bool { return h.Exists("/usr/sbin/named") }

// rndcKey makes the key by which rndc commands named. BIND's package makes one only when it is installed, which was when
// the image was built, and the image leaves it out.
func (n node) rndcKey(context.Context) ([]host.Change, error) {
	if !bindInstalled(n.Host) {
		return nil, nil
	}
	info, err := n.Stat(rndcKeyFile)
	if errors.Is(err, fs.ErrNotExist) || err == nil && info.Size() == 0 {
		return []host.Change{host.Exec{Cmd: host.Cmd{Args: []string{rndcConfgen, "-a", "-u", "bind"}}}}, nil
	}
	return nil, err
}
