package lab

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"time"

	"debvisor/internal/host"
)

// control is the name of the node that Ansible runs on.
const control = "control"

// packageName is how Debian names packages.
var packageName = regexp.MustCompile(`^[a-z0-9][a-z0-9+.-]+$`)

// spec is what makes up a lab; it lies in the lab's directory, readable by root alone: host keys are in it.
type spec struct {
	Dir        string
	Repo       string
	Authorized string // the public key that opens every account
	Nodes      []nodeSpec
}

// nodeSpec is a node and the trees that its own one lies over, the topmost first.
type nodeSpec struct {
	Name, IPv4, IPv6 string
	Lower            []string
	HostKey          string // private, as OpenSSH writes it
	PublicHostKey    string
}

// The lab's own networks; .1 is the bridge, where this host looks in.
const (
	network4, bridge4 = "10.99.0.0/24", "10.99.0.1"
	network6, bridge6 = "fd99::/64", "fd99::1"
)

// address gives number 10 to the control node, 11 to node1 and so on. IPv6 addresses read the same.
func address(number int) (v4, v6 string) {
	n := strconv.Itoa(number)
	return "10.99.0." + n, "fd99::" + n
}

// prepared is what a lab needs to be there.
type prepared struct {
	command       string // debvisor-lab
	repo          string
	node, control []string // trees
}

func prepare(ctx context.Context, o Options) (prepared, error) {
	p := prepared{}
	if err := check(); err != nil {
		return p, err
	}
	var err error
	if p.repo, err = repository(); err != nil {
		return p, err
	}
	if p.command, err = command(ctx, p.repo); err != nil {
		return p, err
	}
	t := trees{repo: p.repo, command: p.command, progress: o.Progress}
	if p.node, err = t.with(ctx, o.Packages); err != nil || !o.Control {
		return p, err
	}
	p.control, err = t.with(ctx, controlPackages)
	return p, err
}

// controlPackages turn a node into the one that Ansible runs on.
var controlPackages = []string{"acl", "ansible-core", "openssh-client"}

// write makes the lab's directory with all that is known before it starts.
func (p prepared) write(o Options) (*spec, error) {
	dir, err := makeDir(o.Dir)
	if err != nil {
		return nil, err
	}
	s := &spec{Dir: dir, Repo: p.repo}
	if o.Control {
		s.add(control, 10, p.control)
	}
	for i := range o.Nodes {
		s.add("node"+strconv.Itoa(i+1), 11+i, p.node)
	}
	if err := s.fill(p.command); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return s, nil
}

func (s *spec) add(name string, number int, lower []string) {
	v4, v6 := address(number)
	s.Nodes = append(s.Nodes, nodeSpec{Name: name, IPv4: v4, IPv6: v6, Lower: lower})
}

// fill draws the keys and writes the files that lead to the nodes.
func (s *spec) fill(command string) error {
	private, public, err := newKey("debvisor-lab")
	if err != nil {
		return err
	}
	s.Authorized = public
	for i := range s.Nodes {
		n := &s.Nodes[i]
		if n.HostKey, n.PublicHostKey, err = newKey(n.Name); err != nil {
			return err
		}
	}
	data, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	wants := append(s.ways(command, private), host.File{Path: "/" + specFile, Content: string(data), Mode: 0o600})
	h := &host.Host{Root: s.Dir}
	changes, err := h.Need(wants...)
	if err != nil {
		return err
	}
	return h.Apply(context.Background(), changes)
}

const specFile = "lab.json"

func readSpec(dir string) (*spec, error) {
	data, err := os.ReadFile(filepath.Join(dir, specFile))
	if err != nil {
		return nil, err
	}
	s := &spec{}
	return s, json.Unmarshal(data, s)
}

func (s *spec) lab(guard *link) *Lab {
	l := &Lab{Dir: s.Dir, repo: s.Repo, guard: guard}
	for _, n := range s.Nodes {
		l.nodes = append(l.nodes, &Node{Name: n.Name, IPv4: n.IPv4, IPv6: n.IPv6, lab: l})
	}
	return l
}

const dirPrefix = "debvisor-lab-"

// makeDir makes the lab's directory, or takes an empty one. What a lab left that was ended in a way that it could not
// clear up is removed.
func makeDir(dir string) (string, error) {
	if dir == "" {
		if err := sweep(); err != nil {
			return "", err
		}
		return os.MkdirTemp("", dirPrefix)
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	if len(dir) > longestDir {
		return "", fmt.Errorf("make a lab in %s: names of sockets below it would be too long; it can have %d letters", dir, longestDir)
	}
	if err := clearDead(dir, 0); err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	entries, err := os.ReadDir(dir)
	if err == nil && len(entries) > 0 {
		err = fmt.Errorf("make a lab in %s: the directory is not empty", dir)
	}
	return dir, errors.Join(err, os.Chmod(dir, 0o700))
}

// longestDir leaves room for ssh's sockets: "/cp/", a hash of 10 letters, and 17 more while one is made; a socket's name has
// at most 107.
const longestDir = 107 - 31

// sweep clears labs away whose guard was killed with everything else.
func sweep() error {
	dirs, err := filepath.Glob(filepath.Join(os.TempDir(), dirPrefix+"*"))
	if err != nil {
		return err
	}
	for _, dir := range dirs {
		if err := clearDead(dir, time.Minute); err != nil && !errors.Is(err, host.ErrLocked) {
			return err
		}
	}
	return nil
}

// clearDead removes the lab in dir if nothing of it runs and it is older than age, which a lab that is about to start is
// not. One that runs is host.ErrLocked.
func clearDead(dir string, age time.Duration) error {
	info, err := os.Stat(filepath.Join(dir, specFile))
	if errors.Is(err, os.ErrNotExist) || err == nil && time.Since(info.ModTime()) < age {
		return nil
	}
	if err != nil {
		return err
	}
	held, err := (&host.Host{Root: dir}).Lock(lockFile)
	if err != nil {
		return fmt.Errorf("%s holds a lab that runs: %w", dir, err)
	}
	return errors.Join(clear(dir), held.Close())
}

const lockFile = "/lock"
