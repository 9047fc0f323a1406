package firstboot

import (
	"context"

	"debvisor/config"
	"debvisor/internal/account"
	"debvisor/internal/host"
	"debvisor/internal/sshd"
	"debvisor/internal/unit"
)

// serviceAccounts are those that the documents name; nobody logs in to them.
var serviceAccounts = []string{"webpanel", "debvisor-rpc", "tsig-rotator"}

func (n node) serviceAccounts(context.Context) ([]host.Change, error) {
	d, err := account.Read(n.Host)
	if err != nil {
		return nil, err
	}
	var changes []host.Change
	for _, name := range serviceAccounts {
		changes = append(changes, d.System(name)...)
	}
	return changes, nil
}

func (n node) users(context.Context) ([]host.Change, error) {
	d, err := account.Read(n.Host)
	if err != nil {
		return nil, err
	}
	var changes []host.Change
	var withoutPassword []string
	for _, u := range n.answers.Users {
		p := person(u)
		login, err := d.Account(p)
		if err != nil {
			return nil, err
		}
		keys, err := d.Keys(n.Host, p)
		if err != nil {
			return nil, err
		}
		changes = append(append(changes, login...), keys...)
		if u.Admin && u.PasswordHash == "" {
			withoutPassword = append(withoutPassword, u.Name)
		}
	}
	sudo, err := account.Sudoers(n.Host, withoutPassword)
	return append(changes, sudo...), err
}

func person(u config.User) account.Person {
	p := account.Person{Name: u.Name, Hash: u.PasswordHash, Keys: u.SSHKeys}
	if u.Admin {
		p.Groups = []string{"sudo", "libvirt", "kvm"}
	}
	return p
}

func (n node) hostKeys(context.Context) ([]host.Change, error) { return sshd.HostKeys(n.Host) }

// ssh makes a server that runs already read the drop-in; at the first boot it starts only after this.
func (n node) ssh(ctx context.Context) ([]host.Change, error) {
	c := sshd.Config{Passwords: n.answers.SSH.PasswordAuthentication}
	check, err := c.Check(ctx, n.Host)
	if err != nil {
		return nil, err
	}
	write, err := n.applied("ssh", []host.Want{c.File()}, unit.Refresh(sshd.Unit))
	return append(check, write...), err
}
