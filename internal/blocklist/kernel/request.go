package kernel

import (
	"context"
	"errors"
	"fmt"

	"debvisor/internal/blocklist/addrset"

	"golang.org/x/sys/unix"
)

// commit sends a transaction. The error is errUnknown when it may have been done or not.
func (c *Conn) commit(b *batch) error {
	if err := c.socket.send(b.seal()); err != nil {
		return err
	}
	o, err := c.socket.answers(b.doing, func(message) error { return nil })
	switch {
	case err != nil:
		return err
	case errors.Is(o.refused, unix.ERESTART):
		return errUnknown
	case o.refused != nil:
		return o.refused
	case !o.acknowledged:
		return errUnknown
	}
	return nil
}

// ask sends one request with the attributes and takes the answers to it.
func (c *Conn) ask(n, flags uint16, family byte, attributes []byte, each func(message) error) (outcome, error) {
	b := batch{bytes: make([]byte, 0, 64+len(attributes))}
	b.begin(messageType(n), flags, family, 0, "read the ruleset")
	b.bytes = append(b.bytes, attributes...)
	b.finish()
	if err := c.socket.send(b.bytes); err != nil {
		return outcome{}, err
	}
	o, err := c.socket.answers(b.doing, each)
	switch {
	case err == nil && o.refused == nil && o.overrun:
		err = explain("read the ruleset", unix.ENOBUFS)
	case err == nil:
		err = o.refused
	}
	return o, err
}

// list asks for all there is of a kind. When the ruleset changes meanwhile the error is errUnknown.
func (c *Conn) list(n uint16, attributes []byte, each func(message) error) error {
	o, err := c.ask(n, unix.NLM_F_DUMP, unix.NFPROTO_INET, attributes, each)
	switch {
	case errors.Is(err, unix.EINTR) || err == nil && o.interrupted:
		return errUnknown
	case err == nil && !o.done:
		return errors.New("read the ruleset: the kernel's answer has no end")
	}
	return err
}

// patiently does what fails when somebody else changes the ruleset meanwhile, again and again.
func patiently(ctx context.Context, do func() error) error {
	const most = 20
	for range most {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := do(); !errors.Is(err, errUnknown) {
			return err
		}
	}
	return fmt.Errorf("%w, %d times in a row", errUnknown, most)
}

// generation is the number of the ruleset: every transaction of this network namespace, in whatever table, increases it.
func (c *Conn) generation() (uint32, error) {
	var generation uint32
	_, err := c.ask(unix.NFT_MSG_GETGEN, 0, unix.NFPROTO_UNSPEC, nil, func(m message) error {
		generation = number(attribute(m.body, unix.NFTA_GEN_ID))
		return nil
	})
	if err == nil && generation == 0 {
		err = errors.New("read the ruleset: the kernel does not tell its generation")
	}
	return generation, err
}

// element is an element as the kernel has it.
type element struct {
	key addrset.Addr6
	end bool // the end of a range: its key is the first address behind it
	all bool // it stands for every address, and has no key
}
