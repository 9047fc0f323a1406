package kernel

import (
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// Evidence identifies the state of all nftables of a network namespace. When two are equal, nothing was changed in between,
// in this table or any other; when they differ, something may have been. Evidence without a Generation is of no use: it
// never equals that of another Conn.
type Evidence struct {
	Boot       string `json:"boot"`       // the kernel's boot id
	Namespace  uint64 `json:"namespace"`  // the network namespace's cookie, which no other one gets while the kernel runs
	Generation uint32 `json:"generation"` // of the ruleset: every transaction increases it
}

// Evidence is that of now, in microseconds. After Load and Update, and after an Inspect that found no difference, it is that
// of what these left or saw. If somebody changed anything since, there is none: Generation is 0 this time.
func (c *Conn) Evidence() (Evidence, error) {
	now, err := c.generation()
	if err != nil {
		return Evidence{}, err
	}
	e := Evidence{Boot: c.boot, Namespace: c.namespace, Generation: now}
	if c.lost || c.known != 0 && c.known != now {
		e.Generation = 0
		c.known, c.lost = 0, false
		return e, nil
	}
	c.learn(now)
	return e, nil
}

// identify finds out which kernel and which network namespace this is.
func (c *Conn) identify() error {
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return err
	}
	c.boot = strings.TrimSpace(string(boot))
	if c.namespace, err = unix.GetsockoptUint64(c.socket.fd, unix.SOL_SOCKET, unix.SO_NETNS_COOKIE); err != nil {
		return fmt.Errorf("identify the network namespace: %w", err)
	}
	return nil
}
