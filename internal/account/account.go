// Package account reads the machine's account files and says which commands of Debian's passwd package make the accounts
// that should be there. It never edits those files itself, and knows nothing of what an account is for.
package account

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"debvisor/internal/host"
)

// Database is what /etc/passwd, /etc/group and /etc/shadow say.
type Database struct {
	users   map[string]user
	groups  map[string]group
	byID    map[string]string // group id to name
	secrets map[string]string // user to the password field
}

type user struct{ uid, gid, home, shell string }

type group struct {
	gid     string
	members []string
}

// Read reads the account files. A missing /etc/shadow is an empty one.
func Read(h *host.Host) (Database, error) {
	d := Database{users: map[string]user{}, groups: map[string]group{}, byID: map[string]string{}, secrets: map[string]string{}}
	err := errors.Join(
		eachLine(h, "/etc/passwd", 7, func(f []string) { d.users[f[0]] = user{uid: f[2], gid: f[3], home: f[5], shell: f[6]} }),
		eachLine(h, "/etc/group", 4, func(f []string) {
			d.groups[f[0]] = group{gid: f[2], members: strings.Split(f[3], ",")}
			d.byID[f[2]] = f[0]
		}))
	if err != nil {
		return d, err
	}
	err = eachLine(h, "/etc/shadow", 9, func(f []string) { d.secrets[f[0]] = f[1] })
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return d, err
}

func eachLine(h *host.Host, name string, fields int, add func([]string)) error {
	data, err := h.ReadFile(name)
	if err != nil {
		return err
	}
	number := 0
	for line := range strings.Lines(string(data)) {
		number++
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		f := strings.Split(line, ":")
		if len(f) < fields {
			return fmt.Errorf("%s:%d: has %d fields, not %d", name, number, len(f), fields)
		}
		add(f)
	}
	return nil
}

// System plans a system account that nobody logs in to, with a group of its own and no home.
func (d Database) System(name string) []host.Change {
	const nologin, nowhere = "/usr/sbin/nologin", "/nonexistent"
	u, ok := d.users[name]
	if !ok {
		return []host.Change{run(append([]string{"useradd", "--system", d.ownGroup(name), "--no-create-home",
			"--home-dir", nowhere, "--shell", nologin}, d.named(name)...)...)}
	}
	var args []string
	if u.shell != nologin {
		args = append(args, "--shell", nologin)
	}
	if u.home != nowhere {
		args = append(args, "--home", nowhere)
	}
	if len(args) == 0 {
		return nil
	}
	return []host.Change{run(append(append([]string{"usermod"}, args...), name)...)}
}

// ownGroup and named are the two halves of useradd's arguments: a group of that name can be left of a useradd that was
// killed, or have come with a package.
func (d Database) ownGroup(name string) string {
	if _, ok := d.groups[name]; ok {
		return "--no-user-group"
	}
	return "--user-group"
}

func (d Database) named(name string) []string {
	if _, ok := d.groups[name]; ok {
		return []string{"--gid", name, name}
	}
	return []string{name}
}

func run(args ...string) host.Change { return host.Exec{Cmd: host.Cmd{Args: args}} }

// Person is somebody who logs in.
type Person struct {
	Name   string
	Groups []string // further groups; those that the machine does not have are left out
	Hash   string   // of the password, or empty for none
	Keys   []string // for SSH
}

// Account plans the account, its groups and its password. A password that the account already has is left alone: its
// owner may have changed it. An account or group of that name which the system made is an error: nobody could log in as
// games, and whoever is in disk reads every disk.
func (d Database) Account(p Person) ([]host.Change, error) {
	if err := d.refuseSystem(p.Name); err != nil {
		return nil, err
	}
	var changes []host.Change
	if _, ok := d.users[p.Name]; !ok {
		changes = append(changes, run(append([]string{"useradd", d.ownGroup(p.Name), "--create-home", "--shell", "/bin/bash"}, d.named(p.Name)...)...))
	}
	if missing := d.missingGroups(p); len(missing) > 0 {
		changes = append(changes, run("usermod", "--append", "--groups", strings.Join(missing, ","), p.Name))
	}
	if p.Hash != "" && noPassword(d.secrets[p.Name]) {
		changes = append(changes, host.Exec{Why: "set the password of " + p.Name,
			Cmd: host.Cmd{Args: []string{"chpasswd", "--encrypted"}, Stdin: p.Name + ":" + p.Hash + "\n"}})
	}
	return changes, nil
}

func (d Database) refuseSystem(name string) error {
	u, isUser := d.users[name]
	g, isGroup := d.groups[name]
	switch {
	case isUser && ofSystem(u.uid):
		return fmt.Errorf("make the account %s: the system has one of that name (user id %s)", name, u.uid)
	case isGroup && ofSystem(g.gid):
		return fmt.Errorf("make the account %s: the system has a group of that name (id %s)", name, g.gid)
	}
	return nil
}

// ofSystem: Debian gives 1000 to 59999 to people; what is above belongs to packages such as ceph, and nobody.
func ofSystem(id string) bool {
	n, err := strconv.Atoi(id)
	return err != nil || n < 1000 || n > 59999
}

func noPassword(field string) bool { return field == "" || strings.Trim(field, "!*") == "" }

func (d Database) missingGroups(p Person) []string {
	var missing []string
	for _, name := range p.Groups {
		if g, ok := d.groups[name]; ok && !slices.Contains(g.members, p.Name) {
			missing = append(missing, name)
		}
	}
	return missing
}
