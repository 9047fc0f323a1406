// Package installed is what the registration of guests consists of on a machine: names of files and units, and the hook of
// libvirt. It is apart from what they do so that what installs them is small, and it changes nothing itself.
package installed

import (
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"

	"debvisor/internal/host"
)

// Where things are on a machine.
const (
	HooksDir     = "/etc/libvirt/hooks"
	HookPath     = HooksDir + "/qemu.d/50-debvisor"
	RunDir       = "/run/debvisor-guests" // the hook's own; only root may look
	EventsDir    = RunDir + "/events"     // systemd makes it when it starts PathUnit
	RegistryPath = "/var/lib/debvisor/guests.json"
)

// The units: PathUnit starts Service when there is a note of the hook, and TimerUnit does so each minute.
const (
	PathUnit  = "debvisor-guests.path"
	TimerUnit = "debvisor-guests.timer"
	Service   = "debvisor-guests.service"
)

// Hook is the text of HookPath. It is a shell script and not a link to the node command because a shell starts in half the
// time; libvirt waits for it each time.
//
//go:embed hook.sh
var Hook string

// Registered is how many names this host has registered, by RegistryPath.
func Registered(h *host.Host) (int, error) {
	var r struct {
		Entries []struct{} `json:"guests"`
	}
	data, err := h.ReadFile(RegistryPath)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err == nil {
		err = json.Unmarshal(data, &r)
	}
	if err != nil {
		return 0, fmt.Errorf("what this host has registered: %w", err)
	}
	return len(r.Entries), nil
}
