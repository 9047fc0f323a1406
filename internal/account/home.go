package account

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"debvisor/internal/host"
)

// Keys plans the person's home and authorized_keys. Keys that are there already stay: their owner may have added them.
// A link where a file of the person's should be is an error, since root would write through it.
func (d Database) Keys(h *host.Host, p Person) ([]host.Change, error) {
	home, owner := d.home(p.Name), d.owner(p.Name)
	ssh := home + "/.ssh"
	file := ssh + "/authorized_keys"
	if err := refuseLinks(h, home, ssh, file); err != nil {
		return nil, fmt.Errorf("set the SSH keys of %s: %w", p.Name, err)
	}
	var wants []host.Want
	if !h.Exists(home) {
		wants = append(wants, host.Dir{Path: home, Mode: 0o700, Owner: owner})
	}
	if len(p.Keys) > 0 {
		keys, err := withKeys(h, file, p.Keys)
		if err != nil {
			return nil, err
		}
		wants = append(wants, host.Dir{Path: ssh, Mode: 0o700, Owner: owner},
			host.File{Path: file, Content: keys, Mode: 0o600, Owner: owner})
	}
	return h.Need(wants...)
}

func (d Database) home(name string) string {
	if u, ok := d.users[name]; ok {
		return u.home
	}
	return "/home/" + name
}

func (d Database) owner(name string) string {
	if u, ok := d.users[name]; ok && d.byID[u.gid] != "" {
		return name + ":" + d.byID[u.gid]
	}
	return name + ":" + name
}

func refuseLinks(h *host.Host, names ...string) error {
	for _, name := range names {
		info, err := h.Lstat(name)
		if err == nil && info.Mode()&fs.ModeSymlink != 0 {
			return fmt.Errorf("%s is a symbolic link", name)
		}
	}
	return nil
}

func withKeys(h *host.Host, file string, keys []string) (string, error) {
	data, err := h.ReadFile(file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	lines := strings.FieldsFunc(string(data), func(r rune) bool { return r == '\n' })
	for _, k := range keys {
		if k = strings.TrimSpace(k); !slices.Contains(lines, k) {
			lines = append(lines, k)
		}
	}
	return strings.Join(lines, "\n") + "\n", nil
}

// SudoersPath is the drop-in of those whose sudo asks for no password.
const SudoersPath = "/etc/sudoers.d/debvisor"

// Sudoers plans sudo without a password for the named people, who have none; for nobody, the absence of the drop-in.
// visudo checks it first: sudo refuses everybody when a file has a mistake.
func Sudoers(h *host.Host, names []string) ([]host.Change, error) {
	if len(names) == 0 {
		return h.Need(host.Absent{Path: SudoersPath})
	}
	text := "# Written by DebVisor: administrators that have no password to ask for.\n"
	for _, name := range names {
		text += name + " ALL=(ALL:ALL) NOPASSWD: ALL\n"
	}
	changes, err := h.Need(host.File{Path: SudoersPath, Content: text, Mode: 0o440})
	if err != nil || len(changes) == 0 {
		return nil, err
	}
	check := host.Exec{Why: "check the sudoers drop-in", Cmd: host.Cmd{Args: []string{"visudo", "--check", "--quiet", "--file=-"}, Stdin: text}}
	return append([]host.Change{check}, changes...), nil
}
