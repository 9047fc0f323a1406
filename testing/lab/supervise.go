package lab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"

	"debvisor/internal/host"
)

// supervisor holds the nodes. It is the first process of its namespaces: when it ends, the kernel ends everything.
type supervisor struct {
	*spec
	nodes map[string]*machine
	ended chan struct{}
}

// Supervise makes the lab in dir, says so on standard output, and serves it until somebody asks for its end. It must be
// the first process of its own mount, process, network and control group namespaces.
func Supervise(ctx context.Context, dir string) error {
	if os.Getpid() != 1 {
		return errors.New("supervise a lab: this is not the first process of its namespace")
	}
	s, err := readSpec(dir)
	if err != nil {
		return err
	}
	v := &supervisor{spec: s, nodes: map[string]*machine{}, ended: make(chan struct{})}
	if err := v.mount(); err != nil {
		return err
	}
	if err := v.network(ctx); err != nil {
		return err
	}
	listener, err := net.Listen("unix", filepath.Join(dir, socketFile))
	if err != nil {
		return err
	}
	if err := v.bootAll(ctx); err != nil {
		return err
	}
	fmt.Print(ready)
	go v.serve(ctx, listener)
	<-v.ended
	return nil
}

// runDir is where trees and what nodes write are mounted. It is in memory.
const runDir = "run"

// mount gives the lab its own /run, where systemd-nspawn keeps its state, and a view of its own network and groups.
func (v *supervisor) mount() error {
	if strings.HasPrefix(v.Dir, "/run/") {
		return fmt.Errorf("make a lab in %s: it cannot lie below /run", v.Dir)
	}
	return errors.Join(
		mountAt(filepath.Join(v.Dir, runDir), "tmpfs", "mode=755"),
		mountAt("/run", "tmpfs", "mode=755"),
		mountAt("/sys", "sysfs", ""),
		mountAt(groupRoot, "cgroup2", ""))
}

const groupRoot = "/sys/fs/cgroup"

// bridgeName is the switch that all nodes are on.
const bridgeName = "lab0"

// network makes the bridge. Nothing leads from it to a network outside, and nothing is forwarded.
func (v *supervisor) network(ctx context.Context) error {
	return ip(ctx, "link set lo up", "link add "+bridgeName+" type bridge", "link set "+bridgeName+" up",
		"addr add "+bridge4+"/24 dev "+bridgeName, "addr add "+bridge6+"/64 dev "+bridgeName+" nodad")
}

func ip(ctx context.Context, batch ...string) error {
	_, err := host.System{}.Run(ctx, host.Cmd{Args: []string{"ip", "-batch", "-"}, Stdin: strings.Join(batch, "\n") + "\n"})
	return err
}

func (v *supervisor) bootAll(ctx context.Context) error {
	errs := make([]error, len(v.Nodes))
	var all sync.WaitGroup
	for i, n := range v.Nodes {
		m := &machine{nodeSpec: n, lab: v.spec}
		v.nodes[n.Name] = m
		all.Go(func() {
			if errs[i] = m.make(); errs[i] == nil {
				errs[i] = m.boot(ctx)
			}
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

// serve answers one request on each connection.
func (v *supervisor) serve(ctx context.Context, l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go v.answer(ctx, c.(*net.UnixConn))
	}
}

// answer keeps the connection open when it is told to hold: whoever is in the lab's network sees its end so.
func (v *supervisor) answer(ctx context.Context, c *net.UnixConn) {
	defer c.Close()
	q, err := receive[request](c)
	if err != nil {
		return // the asker has gone away
	}
	a := response{}
	if err := v.do(ctx, q, &a); err != nil {
		a.Error = err.Error()
	}
	if send(c, a) != nil {
		return
	}
	switch q.Verb {
	case "hold":
		_, _ = c.Read(make([]byte, 1)) // until either side ends
	case "down":
		close(v.ended)
	}
}

func (v *supervisor) do(ctx context.Context, q request, a *response) error {
	if q.Verb == "status" || q.Verb == "hold" || q.Verb == "down" {
		for _, n := range v.Nodes {
			a.Nodes = append(a.Nodes, v.nodes[n.Name].status())
		}
		return nil
	}
	m, ok := v.nodes[q.Node]
	if !ok {
		return fmt.Errorf("the lab has no node %s", q.Node)
	}
	m.busy.Lock()
	defer m.busy.Unlock()
	switch q.Verb {
	case "boot":
		return m.boot(ctx)
	case "kill":
		return m.kill()
	case "cut":
		return m.cable(ctx, "down")
	case "restore":
		return m.cable(ctx, "up")
	}
	return fmt.Errorf("the lab cannot %s", q.Verb)
}

// socketFile is where the supervisor listens. Who is on the other end tells the asker the lab's process.
const socketFile = "socket"

func peer(c *net.UnixConn) (int, error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return 0, err
	}
	var cred *syscall.Ucred
	var failed error
	err = raw.Control(func(fd uintptr) {
		cred, failed = syscall.GetsockoptUcred(int(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED)
	})
	if err := errors.Join(err, failed); err != nil {
		return 0, err
	}
	return int(cred.Pid), nil
}
