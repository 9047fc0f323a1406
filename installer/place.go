package installer

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"debvisor/config"
	"debvisor/internal/exit"
)

// What the new system, which is the same as this live one, knows of the world.
const (
	zoneDir = "/usr/share/zoneinfo"
	layouts = "/usr/share/X11/xkb/rules/base.lst"
)

// checkPlace refuses a time zone or a keyboard that the new system does not have; a system without those lists, such as a
// build host that only plans, cannot tell.
func (in *Installer) checkPlace(id config.Identity) error {
	return exit.With(exit.Usage, errors.Join(in.checkZone(id.Timezone), in.checkKeyboard(id.Keyboard)))
}

func (in *Installer) checkZone(zone string) error {
	if !in.Live.Exists(zoneDir) {
		return nil
	}
	name := path.Join(zoneDir, zone)
	info, err := in.Live.Stat(name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("host.timezone: %w", err)
	}
	if err != nil || !info.Mode().IsRegular() {
		return fmt.Errorf("host.timezone: the image has no time zone %q", zone)
	}
	return nil
}

func (in *Installer) checkKeyboard(layout string) error {
	list, err := in.Live.ReadFile(layouts)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("host.keyboard: %w", err)
	}
	if !slices.Contains(parseLayouts(string(list)), layout) {
		return fmt.Errorf("host.keyboard: the image has no keyboard layout %q", layout)
	}
	return nil
}

// parseLayouts lists the names in the section "! layout" of xkb's list.
func parseLayouts(list string) []string {
	var names []string
	section := ""
	for line := range strings.Lines(list) {
		f := strings.Fields(line)
		switch {
		case len(f) == 0:
		case f[0] == "!":
			section = strings.Join(f[1:], " ")
		case section == "layout":
			names = append(names, f[0])
		}
	}
	return names
}
