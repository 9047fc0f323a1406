// Package kernel is the blocklist's table in the kernel: it reads it, fills it, changes it and removes it, so that at no
// instant an address gets through that is blocked before and after. It speaks netlink and touches no table but its own; what
// is to be blocked it is told.
//
// Single addresses are in hash sets, wider ranges in interval sets. Both are filled by flushing and adding within one
// transaction. They are never deleted and made again while they hold something: a new interval set answers nothing until
// the end of its transaction, which takes a second with a million ranges. An interval set also takes effect a little later
// in a transaction than a hash set. So an address that moves from one to the other is in both for a time.
package kernel

import (
	"context"
	"errors"
	"fmt"
	"runtime"

	"github.com/google/nftables"
)

// Conn is a connection to the nftables of one network namespace. It is not for concurrent use.
type Conn struct {
	socket    *socket
	boot      string // identifies the running kernel
	namespace uint64 // identifies the network namespace; never used again while this kernel runs
	known     uint32 // generation of the ruleset on which rests what this Conn knows; 0: none
	lost      bool   // the ruleset is not what this Conn last made or saw
	noCounts  bool
	scratch   []byte // the bytes of the last of several transactions
}

// Option changes how a Conn works.
type Option func(*Conn)

// WithoutCounts makes a Conn work as on kernels before 6.16, which do not say how many elements a set has: Inspect then
// reads sets as a whole. The kernel takes time for that which grows with the square of the size: a minute for a million.
func WithoutCounts() Option { return func(c *Conn) { c.noCounts = true } }

// Open connects to nftables in the network namespace of the calling thread, which a goroutine in another namespace than
// the process must have locked; afterwards the Conn may be used from any thread. It needs CAP_NET_ADMIN.
func Open(options ...Option) (*Conn, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	s, err := dial()
	if err != nil {
		return nil, fmt.Errorf("connect to nftables: %w", err)
	}
	c := &Conn{socket: s}
	for _, o := range options {
		o(c)
	}
	if err := c.identify(); err != nil {
		return nil, fmt.Errorf("connect to nftables: %w", errors.Join(err, s.close()))
	}
	return c, nil
}

// Close ends the connection. What is in the kernel stays.
func (c *Conn) Close() error { return c.socket.close() }

// Remove deletes the table with all that is in it. It is no error when there is none.
func (c *Conn) Remove(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	c.forget()
	b := newBatch(0)
	if err := b.library(func(l *nftables.Conn) error {
		l.AddTable(table)
		l.DelTable(table)
		return nil
	}); err != nil {
		return err
	}
	return c.commit(b)
}

// forget is for when the ruleset may have become something that nobody looked at.
func (c *Conn) forget() { c.known, c.lost = 0, true }

// learn is for when the ruleset of a generation is known.
func (c *Conn) learn(generation uint32) { c.known, c.lost = generation, false }

// HostSetSize is how many elements a hash set for n addresses has room for: a power of two, at least 1024, with a quarter
// of n to spare. The room is fixed when a set is made.
func HostSetSize(n int) int {
	size := 1024
	for size*4 < n*5 {
		size *= 2
	}
	return size
}
