package health

import (
	"context"
	"slices"
	"strings"

	"debvisor/internal/names"
)

func passwords(_ context.Context, n *Node, r *Result) error {
	shadow, err := n.records("/etc/shadow", 2)
	if err != nil {
		return err
	}
	for _, f := range shadow {
		switch {
		case f[1] == "":
			r.fail("%s has an empty password", f[0])
		case f[0] == "root" && !locked(f[1]):
			r.fail("root has a password")
		}
	}
	if record(shadow, "root") == nil {
		r.fail("root is not in /etc/shadow")
	}
	accounts, err := n.records("/etc/passwd", 7)
	if err != nil {
		return err
	}
	for _, f := range accounts {
		if f[1] != "x" {
			r.fail("the password of %s is in /etc/passwd", f[0])
		}
		if f[2] == "0" && f[0] != "root" {
			r.fail("%s has the user id of root", f[0])
		}
	}
	r.ok("root is locked, no empty passwords")
	return nil
}

func locked(hash string) bool { return strings.HasPrefix(hash, "!") || strings.HasPrefix(hash, "*") }

var noShell = []string{"/usr/sbin/nologin", "/sbin/nologin", "/bin/false", "/usr/bin/false"}

func serviceAccounts(_ context.Context, n *Node, r *Result) error {
	accounts, err := n.records("/etc/passwd", 7)
	if err != nil {
		return err
	}
	shadow, err := n.records("/etc/shadow", 2)
	if err != nil {
		return err
	}
	for _, name := range names.Accounts {
		serviceAccount(r, name, record(accounts, name), record(shadow, name))
	}
	r.ok("%s", strings.Join(names.Accounts, ", "))
	return nil
}

func serviceAccount(r *Result, name string, account, shadow []string) {
	if account == nil {
		r.fail("there is no account %s", name)
		return
	}
	if !slices.Contains(noShell, account[6]) {
		r.fail("%s has the shell %s", name, account[6])
	}
	if len(account[2]) > 3 || account[2] == "0" { // system ids are 1 to 999
		r.fail("%s has the id %s, not a system account's", name, account[2])
	}
	if shadow == nil || !locked(shadow[1]) {
		r.fail("%s can log in with a password", name)
	}
}
