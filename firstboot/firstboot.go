// Package firstboot is what happens at the first boot of an installed machine: Steps is its table of contents. Each step
// compares the machine with its answers and plans what is missing, so it can run again at any time. Disks are not
// provisioned here yet, and nothing is asked: the answers were checked before.
package firstboot

import (
	"context"
	"fmt"
	"time"

	"debvisor/config"
	"debvisor/internal/host"
	"debvisor/internal/profile"
	"debvisor/internal/step"
)

// Where things are on a machine.
const (
	Answers = config.AnswersPath
	Journal = "/var/lib/debvisor/firstboot.journal"
	Unit    = "debvisor-firstboot.service"
)

// node is a machine and what it must become.
type node struct {
	*host.Host
	answers *config.Node
	profile string
	now     func() time.Time
}

// Load reads /etc/debvisor-profile and the answers. It changes nothing; a profile that is unknown, or that the answers
// do not name, is an error.
func Load(h *host.Host) ([]step.Step, error) {
	text, err := h.ReadFile(profile.Path)
	if err != nil {
		return nil, err
	}
	name, err := profile.Parse(string(text))
	if err != nil {
		return nil, err
	}
	data, err := h.ReadFile(Answers)
	if err != nil {
		return nil, err
	}
	answers, err := config.ParseNode(Answers, data)
	if err != nil {
		return nil, err
	}
	if answers.Storage.Profile != name {
		return nil, fmt.Errorf("%s names the profile %s, %s names %s", profile.Path, name, Answers, answers.Storage.Profile)
	}
	return Steps(h, answers), nil
}

// Steps are the steps of a first boot, in order: first what lets the operator in, so that a mistake in the rest can be
// mended from afar. The machine has no address before net/bridge and no SSH server before the end, so whatever fails, SSH
// is never open to networks that the answers shut out.
func Steps(h *host.Host, answers *config.Node) []step.Step {
	n := node{Host: h, answers: answers, profile: answers.Storage.Profile, now: time.Now}
	return []step.Step{
		{Name: "base/hostname", Plan: n.hostname},
		{Name: "accounts/users", Plan: n.users},
		{Name: "ssh/host-keys", Plan: n.hostKeys},
		{Name: "ssh/hardening", Plan: n.ssh},
		{Name: "net/firewall", Plan: n.firewall},
		{Name: "net/bridge", Plan: n.bridge},
		{Name: "base/time", Plan: n.time},
		{Name: "base/keyboard", Plan: n.keyboard},
		{Name: "base/hostid", Plan: n.hostID},
		{Name: "accounts/service", Plan: n.serviceAccounts},
		{Name: "storage/" + n.profile, Plan: nothing, Note: "storage is not provisioned by this version: no disk is touched"},
		{Name: "dns/rndc-key", Plan: n.rndcKey, Note: n.without(bindInstalled(h), "BIND")},
		{Name: "dns/tsig", Plan: n.tsigKeys, Note: n.without(bindInstalled(h), "BIND")},
		{Name: "virt/libvirt", Plan: n.libvirt, Note: n.without(virtInstalled(h), "libvirt")},
		{Name: "web/cockpit", Plan: n.cockpit, Note: n.without(cockpitInstalled(h), "Cockpit")},
		{Name: "files/placeholders", Plan: n.placeholders},
		{Name: "ansible/site", Plan: n.site, Note: n.without(ansibleInstalled(h), "Ansible")},
		{Name: "profile/summary", Plan: n.summary},
		{Name: "finish", Plan: n.finish},
	}
}

// nothing holds a step's place.
func nothing(context.Context) ([]host.Change, error) { return nil, nil }

// without is the note of a step whose program the edition does not have.
func (node) without(installed bool, program string) string {
	if installed {
		return ""
	}
	return program + " is not part of this edition"
}
