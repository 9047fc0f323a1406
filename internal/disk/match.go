package disk

import (
	"fmt"
	"strings"
)

// Mismatch lists why a disk is not what the rule means, in the order of Match's fields; empty means that it is.
func (m Match) Mismatch(d Disk) []string {
	var why []string
	for _, a := range m.texts() {
		if a.want == "" || a.want.Holds(a.have(d)...) {
			continue
		}
		why = append(why, differs(a.name, strings.Join(a.have(d), ", "), string(a.want)))
	}
	if m.Size != "" && !m.Size.Holds(d.Size) {
		why = append(why, differs("size", fmt.Sprintf("%s (%d bytes)", Human(d.Size), d.Size), string(m.Size)))
	}
	why = append(why, flagMismatch("rotational", m.Rotational, d.Rotational)...)
	why = append(why, flagMismatch("removable", m.Removable, d.Removable)...)
	if Portable(d) && !m.meansPortable() {
		why = append(why, "is a USB or removable disk, which the rule does not ask for")
	}
	return why
}

func differs(name, have, want string) string {
	if have == "" {
		return fmt.Sprintf("has no %s, wanted %s", name, want)
	}
	return fmt.Sprintf("%s is %s, wanted %s", name, have, want)
}

func flagMismatch(name string, want, have *bool) []string {
	switch {
	case want == nil || have != nil && *want == *have:
		return nil
	case have == nil:
		return []string{differs(name, "", fmt.Sprint(*want))}
	}
	return []string{differs(name, fmt.Sprint(*have), fmt.Sprint(*want))}
}

// Portable disks are what people forget in a machine. USB SSDs say that they are not removable, hence the transport.
func Portable(d Disk) bool {
	return d.Transport == "usb" || d.Removable != nil && *d.Removable
}

func (m Match) meansPortable() bool {
	return m.Transport != "" || m.Removable != nil || m.Serial != "" || m.WWN != "" || m.ByID != "" || m.Path != ""
}
