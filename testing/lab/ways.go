package lab

import (
	"fmt"
	"path"
	"strings"

	"gopkg.in/yaml.v3"

	"debvisor/internal/host"
)

// The files of a lab by which people and programs reach it.
const (
	keyFile        = "key"
	knownHostsFile = "known_hosts"
	sshConfigFile  = "ssh_config"
	inventoryFile  = "inventory.yml"
	sharedDir      = "shared"
	insideDir      = "inside" // the same for the control node, where it lies at /lab
	insideMount    = "/lab"
)

// ways are the key, the known hosts, and what leads ssh and Ansible to the nodes: from this host, and from the control
// node.
func (s *spec) ways(command, private string) []host.Want {
	wants := []host.Want{
		host.Dir{Path: "/cp", Mode: 0o700},
		host.Dir{Path: "/ansible", Mode: 0o700},
		host.Dir{Path: "/run", Mode: 0o700},
		host.Dir{Path: "/" + sharedDir, Mode: 0o700},
		host.Dir{Path: "/" + insideDir, Mode: 0o700},
		host.Dir{Path: "/" + insideDir + "/cp", Mode: 0o700},
		host.Dir{Path: "/" + insideDir + "/" + sharedDir, Mode: 0o700},
	}
	for _, w := range []way{{dir: s.Dir, dial: command}, {dir: insideMount}} {
		at := "/"
		if w.dial == "" {
			at = "/" + insideDir
		}
		wants = append(wants,
			host.File{Path: path.Join(at, keyFile), Content: private, Mode: 0o600, Secret: true},
			host.File{Path: path.Join(at, knownHostsFile), Content: s.knownHosts(), Mode: 0o600},
			host.File{Path: path.Join(at, sshConfigFile), Content: s.sshConfig(w), Mode: 0o600},
			host.File{Path: path.Join(at, inventoryFile), Content: s.inventory(w), Mode: 0o600})
	}
	return wants
}

// way is from where one looks: the directory with the files, and the program that leads into the lab's network, if it
// takes one.
type way struct{ dir, dial string }

func (s *spec) knownHosts() string {
	var b strings.Builder
	for _, n := range s.Nodes {
		fmt.Fprintf(&b, "%s,%s,%s %s", n.Name, n.IPv4, n.IPv6, n.PublicHostKey)
	}
	return b.String()
}

// sshConfig makes "ssh -F" lead to every node by name and address. It is all the configuration there is: ssh does not
// read the user's beside it.
func (s *spec) sshConfig(w way) string {
	var b strings.Builder
	for _, n := range s.Nodes {
		fmt.Fprintf(&b, "Host %s\n\tHostName %s\n", n.Name, n.IPv4)
	}
	fmt.Fprintf(&b, "Host *\n\tUser root\n\tIdentityFile %q\n\tIdentitiesOnly yes\n\tUserKnownHostsFile %q\n"+
		"\tGlobalKnownHostsFile none\n\tStrictHostKeyChecking yes\n", path.Join(w.dir, keyFile), path.Join(w.dir, knownHostsFile))
	if w.dial != "" {
		fmt.Fprintf(&b, "\tProxyCommand %s dial --dir %s %%h %%p\n", shellWord(w.dial), shellWord(w.dir))
	}
	return b.String()
}

func shellWord(s string) string { return host.Cmd{Args: []string{s}}.String() }

// inventory has the nodes as a group. Control sockets are kept with the lab: the next one has the same addresses.
func (s *spec) inventory(w way) string {
	hosts := map[string]any{}
	for _, n := range s.Nodes {
		if n.Name != control {
			hosts[n.Name] = map[string]string{"ansible_host": n.IPv4, "lab_ipv4": n.IPv4, "lab_ipv6": n.IPv6}
		}
	}
	vars := map[string]string{
		"ansible_control_path_dir":     path.Join(w.dir, "cp"),
		"ansible_user":                 "root",
		"ansible_ssh_private_key_file": path.Join(w.dir, keyFile),
		"ansible_ssh_common_args":      "-F " + shellWord(path.Join(w.dir, sshConfigFile)),
		"ansible_python_interpreter":   "/usr/bin/python3",
	}
	data, err := yaml.Marshal(map[string]any{"all": map[string]any{"vars": vars,
		"children": map[string]any{"nodes": map[string]any{"hosts": hosts}}}})
	if err != nil {
		panic(err) // plain maps
	}
	return string(data)
}
