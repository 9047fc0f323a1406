// Package lab is nodes to test on: Debian 13 with systemd from the product's own minimal root file system, in containers
// of systemd-nspawn that share one read-only tree and are joined by a bridge in a network that nothing leads out of. Nodes
// are up in seconds and reached by SSH from this host; links can be cut and power too; and nothing is left afterwards,
// whatever ends a lab. It is no machine: there is no kernel, boot loader or disk of its own, and firstboot does not run.
//
// Three processes make a lab. The guard outlives everything and clears up; the supervisor is the first process of
// namespaces in which all mounts, links and nodes are, so that the kernel removes them with it; and whoever asked for the
// lab holds a pipe to the guard, which ends with it. README.md has the picture for people.
package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Options say what a lab has.
type Options struct {
	Nodes    int       // node1, node2 and so on; at most MaxNodes
	Packages []string  // of Debian, on the nodes beside the minimal edition's
	Control  bool      // a further node, "control", that has ansible-core 2.19 and sees the repository at /src
	Dir      string    // of the lab's keys and inventories, removed with the lab; a temporary one when empty
	Detach   bool      // the lab stays when this program ends, until Close or "debvisor-lab down"
	Owner    int       // a process with which the lab ends, also when it is detached; 0 for none
	Progress io.Writer // is told what takes long; nil for nobody
}

// MaxNodes is as many as the addresses have room for.
const MaxNodes = 80

func (o Options) check() error {
	if o.Nodes < 0 || o.Nodes > MaxNodes {
		return fmt.Errorf("make a lab of %d nodes: it can have up to %d", o.Nodes, MaxNodes)
	}
	if o.Nodes == 0 && !o.Control {
		return errors.New("make a lab: it has no node")
	}
	for _, p := range o.Packages {
		if !packageName.MatchString(p) {
			return fmt.Errorf("make a lab: %q is no package's name", p)
		}
	}
	return nil
}

// Lab is a running lab. All methods may be called from several goroutines.
type Lab struct {
	Dir   string // holds key, known_hosts, ssh_config and the inventories
	nodes []*Node
	repo  string
	guard *link // nil for a lab that somebody else started
}

// Start makes a lab and waits until its nodes are up. The first lab with some packages installs them, which takes as
// long as apt does; after that the tree is there. What this system lacks is ErrCannot. The caller closes the lab; when
// its program ends without that, the lab ends all the same.
func Start(ctx context.Context, o Options) (*Lab, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	p, err := prepare(ctx, o)
	if err != nil {
		return nil, err
	}
	s, err := p.write(o)
	if err != nil {
		return nil, err
	}
	guard, err := startGuard(ctx, p.command, s, o.Owner)
	if err != nil {
		return nil, errors.Join(err, clear(s.Dir))
	}
	if o.Detach {
		return s.lab(nil), guard.detach()
	}
	return s.lab(guard), nil
}

// ErrNone is in the error of a lab that does not run.
var ErrNone = errors.New("no lab runs there")

// Open finds a lab that runs already, or returns ErrNone.
func Open(dir string) (*Lab, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	s, err := readSpec(dir)
	if err != nil {
		return nil, fmt.Errorf("open the lab in %s: %w: %w", dir, ErrNone, err)
	}
	l := s.lab(nil)
	_, err = l.ask(context.Background(), request{Verb: "status"})
	return l, err
}

// Clear removes what is left of a lab that was killed with everything that would have cleared up. One that runs is
// host.ErrLocked.
func Clear(dir string) error {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	return clearDead(dir, 0)
}

// Close ends the lab and waits until nothing of it is left. One that has ended already is fine.
func (l *Lab) Close() error {
	if l.guard == nil {
		if _, err := os.Stat(l.Dir); errors.Is(err, os.ErrNotExist) {
			return nil
		}
		return l.down()
	}
	return errors.Join(l.guard.close(), clear(l.Dir))
}

// All are the nodes and the control node.
func (l *Lab) All() []*Node { return slices.Clone(l.nodes) }

// Ended is closed when a lab that this program started and did not detach has ended, by whatever ended it.
func (l *Lab) Ended() <-chan struct{} { return l.guard.ended }

// Nodes are node1, node2 and so on, in order.
func (l *Lab) Nodes() []*Node {
	return slices.DeleteFunc(slices.Clone(l.nodes), func(n *Node) bool { return n.Name == control })
}

// Node is the i-th node, the first being 1; there is no other way than a mistake in the caller to ask for one that is
// not there.
func (l *Lab) Node(i int) *Node { return l.Nodes()[i-1] }

// Control is the control node, or nil.
func (l *Lab) Control() *Node {
	n, _ := l.Named(control)
	return n
}

// Named is the node of that name.
func (l *Lab) Named(name string) (*Node, error) {
	var known []string
	for _, n := range l.nodes {
		if n.Name == name {
			return n, nil
		}
		known = append(known, n.Name)
	}
	return nil, fmt.Errorf("the lab has no node %s; it has %s", name, strings.Join(known, ", "))
}

// Inventory is the file for ansible-playbook on this host.
func (l *Lab) Inventory() string { return filepath.Join(l.Dir, inventoryFile) }

// Shared is a directory that has the same name here and on the control node.
func (l *Lab) Shared() string { return filepath.Join(l.Dir, sharedDir) }

// Console is what a node's systemd has written so far.
func (l *Lab) Console(node string) (string, error) {
	data, err := os.ReadFile(filepath.Join(l.Dir, node+".console"))
	return string(data), err
}
