package firstboot

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"strings"

	"debvisor/internal/host"
	"debvisor/internal/netcfg"
	"debvisor/internal/pattern"
	"debvisor/internal/unit"
)

func (n node) hostname(context.Context) ([]host.Change, error) {
	name := netcfg.Hostname(n.answers.Host.FQDN)
	hosts, err := n.readOr("/etc/hosts", "")
	if err != nil {
		return nil, err
	}
	changes, err := n.Need(
		host.File{Path: "/etc/hostname", Content: name + "\n", Mode: 0o644},
		host.File{Path: "/etc/hosts", Content: netcfg.Hosts(hosts, n.answers.Host.FQDN), Mode: 0o644})
	if err != nil {
		return nil, err
	}
	running, err := n.ReadFile("/proc/sys/kernel/hostname")
	if err != nil {
		return nil, err
	}
	if strings.TrimSpace(string(running)) != name {
		changes = append(changes, host.Exec{Cmd: host.Cmd{Args: []string{"hostname", name}}})
	}
	return changes, nil
}

func (n node) readOr(name, otherwise string) (string, error) {
	data, err := n.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return otherwise, nil
	}
	return string(data), err
}

func (n node) time(context.Context) ([]host.Change, error) {
	zone := "/usr/share/zoneinfo/" + n.answers.Host.Timezone
	if !n.Exists(zone) {
		return nil, fmt.Errorf("set the time zone: %s is not there; older names are in the package tzdata-legacy", zone)
	}
	wants := []host.Want{host.Symlink{Path: "/etc/localtime", Target: zone}}
	if n.Exists("/etc/timezone") {
		wants = append(wants, host.File{Path: "/etc/timezone", Content: n.answers.Host.Timezone + "\n", Mode: 0o644})
	}
	link, err := n.Need(wants...)
	if err != nil || !n.Exists(chronyConf) {
		return link, err
	}
	sources, err := n.chrony()
	return append(link, sources...), err
}

const (
	chronyConf    = "/etc/chrony/chrony.conf"
	chronySources = "/etc/chrony/sources.d/debvisor.sources"
)

// pool is Debian's line with its own servers, live or already commented out by this step.
var pool = pattern.Lazy(`(?m)^(# replaced by ` + regexp.QuoteMeta(chronySources) + `: )?(pool .*)$`)

// chrony puts the operator's time servers in the place of Debian's pool, or brings it back.
func (n node) chrony() ([]host.Change, error) {
	text, err := n.ReadFile(chronyConf)
	if err != nil {
		return nil, err
	}
	line, sources := "$2", host.Want(host.Absent{Path: chronySources})
	if servers := n.answers.Host.NTP; len(servers) > 0 {
		line = "# replaced by " + chronySources + ": $2"
		sources = host.File{Path: chronySources, Content: "server " + strings.Join(servers, " iburst\nserver ") + " iburst\n", Mode: 0o644}
	}
	main := host.File{Path: chronyConf, Content: pool().ReplaceAllString(string(text), line), Mode: 0o644}
	return n.applied("chrony", []host.Want{main, sources}, unit.Refresh("chrony.service"))
}

func (n node) keyboard(context.Context) ([]host.Change, error) {
	text := "XKBMODEL=\"pc105\"\nXKBLAYOUT=\"" + n.answers.Host.Keyboard + "\"\nXKBVARIANT=\"\"\nXKBOPTIONS=\"\"\nBACKSPACE=\"guess\"\n"
	file := host.File{Path: "/etc/default/keyboard", Content: text, Mode: 0o644}
	if !n.Exists("/usr/bin/setupcon") {
		return n.Need(file)
	}
	// keyboard-setup.service loads what was saved, not the file; and what is older than the file, the next boot saves anew.
	return n.applied("keyboard", []host.Want{file},
		host.Exec{Cmd: host.Cmd{Args: []string{"setupcon", "--save-only"}}},
		host.Exec{Cmd: host.Cmd{Args: []string{"systemctl", "--no-block", "try-restart", "keyboard-setup.service"}}})
}
