package health

import (
	"context"
	"slices"
	"strings"
)

func ownName(_ context.Context, n *Node, r *Result) error {
	want, err := n.answers()
	if err != nil {
		return err
	}
	fqdn := want.Host.FQDN
	short, _, _ := strings.Cut(fqdn, ".")
	for _, name := range []string{"/proc/sys/kernel/hostname", "/etc/hostname"} {
		got, err := n.line(name)
		if err != nil {
			return err
		}
		if got != short && got != fqdn {
			r.fail("%s says %q, the answers say %s", name, got, fqdn)
		}
	}
	hosts, err := n.ReadFile("/etc/hosts")
	if err != nil {
		return err
	}
	if !slices.Contains(strings.Fields(string(hosts)), fqdn) {
		r.fail("%s is not in /etc/hosts", fqdn)
	}
	r.ok("%s", fqdn)
	return nil
}
