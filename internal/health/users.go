package health

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"strings"

	"debvisor/config"
)

func users(_ context.Context, n *Node, r *Result) error {
	want, err := n.answers()
	if err != nil {
		return err
	}
	a, err := n.readAccounts()
	if err != nil {
		return err
	}
	var admins []string
	for _, u := range want.Users {
		able := a.person(n, r, u)
		if u.Admin && able {
			admins = append(admins, u.Name)
		}
	}
	if len(admins) == 0 {
		r.fail("no administrator can log in")
	}
	r.ok("%s can log in and administer", strings.Join(admins, ", "))
	return nil
}

// accounts are the machine's account files.
type accounts struct{ passwd, shadow, group [][]string }

func (n *Node) readAccounts() (a accounts, err error) {
	var errs [3]error
	a.passwd, errs[0] = n.records("/etc/passwd", 7)
	a.shadow, errs[1] = n.records("/etc/shadow", 2)
	a.group, errs[2] = n.records("/etc/group", 4)
	return a, errors.Join(errs[:]...)
}

// person adds what is wrong with somebody's account and reports whether they can log in.
func (a accounts) person(n *Node, r *Result, u config.User) bool {
	account, secret := record(a.passwd, u.Name), record(a.shadow, u.Name)
	if account == nil || secret == nil {
		r.fail("there is no account %s", u.Name)
		return false
	}
	if slices.Contains(noShell, account[6]) {
		r.fail("%s has the shell %s", u.Name, account[6])
		return false
	}
	if u.Admin && !a.member("sudo", u.Name) {
		r.fail("%s is not in the group sudo", u.Name)
	}
	keys := n.keys(r, u, account[5]+"/.ssh/authorized_keys")
	return keys || !locked(secret[1])
}

func (a accounts) member(group, name string) bool {
	g := record(a.group, group)
	return g != nil && slices.Contains(strings.Split(g[3], ","), name)
}

// keys reports whether somebody has an SSH key, and adds each of the answers' keys that is not there.
func (n *Node) keys(r *Result, u config.User, file string) bool {
	data, err := n.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) && len(u.SSHKeys) == 0 {
		return false
	}
	if err != nil {
		r.fail("%v", err)
		return false
	}
	if info, err := n.Stat(file); err == nil && info.Mode()&0o022 != 0 {
		r.fail("%s can be written by others (%04o): sshd ignores it", file, info.Mode().Perm())
	}
	for _, key := range u.SSHKeys {
		if f := strings.Fields(key); !strings.Contains(string(data), f[1]) {
			r.fail("%s lacks the key %s of the answers", file, strings.Join(f[2:], " "))
		}
	}
	return strings.TrimSpace(string(data)) != ""
}
