package update

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"time"

	"github.com/miekg/dns"
)

// What goes by UDP: no more messages at once than a socket's buffer holds for sure, none larger than what every network
// carries in one piece.
const (
	maxDatagrams = 8
	maxDatagram  = 1232
)

// maxAtOnce is how many messages share a connection: as many as have an identifier of their own, with room to spare.
const maxAtOnce = 10_000

func (c *Client) timeout() time.Duration {
	if c.Timeout == 0 {
		return time.Second
	}
	return c.Timeout
}

// conversation is messages that are sent to one server without waiting for each other's answers.
type conversation struct {
	server  netip.AddrPort
	signer  *signer
	wait    time.Duration
	first   uint16 // identifier of the first message; the others follow
	wires   [][]byte
	macs    []string
	answers []*dns.Msg
	missing int
}

// exchange sends messages to one server and returns the answers in the same order, whatever they say. All are sent again by
// TCP when one was cut short.
func (c *Client) exchange(ctx context.Context, server netip.AddrPort, messages ...*dns.Msg) ([]*dns.Msg, error) {
	if len(messages) > maxAtOnce {
		first, err := c.exchange(ctx, server, messages[:maxAtOnce]...)
		if err != nil {
			return nil, err
		}
		rest, err := c.exchange(ctx, server, messages[maxAtOnce:]...)
		return append(first, rest...), err
	}
	t, err := c.converse(server, messages)
	if err != nil {
		return nil, err
	}
	if t.small() {
		err = t.over(ctx, "udp")
	}
	if !t.small() || err == nil && t.truncated() {
		t.answers, t.missing = make([]*dns.Msg, len(messages)), len(messages)
		err = t.over(ctx, "tcp")
	}
	return t.answers, err
}

func (c *Client) converse(server netip.AddrPort, messages []*dns.Msg) (*conversation, error) {
	s, err := newSigner(c.Key)
	if err != nil {
		return nil, err
	}
	n := len(messages)
	t := &conversation{server: server, signer: s, wait: c.timeout(), first: uint16(rand.Uint32()),
		wires: make([][]byte, n), macs: make([]string, n), answers: make([]*dns.Msg, n), missing: n}
	for i, m := range messages {
		m.Id = t.first + uint16(i)
		if t.wires[i], t.macs[i], err = s.pack(m); err != nil {
			return nil, fmt.Errorf("make a message: %w", err)
		}
	}
	return t, nil
}

func (t *conversation) small() bool {
	if len(t.wires) > maxDatagrams {
		return false
	}
	for _, w := range t.wires {
		if len(w) > maxDatagram {
			return false
		}
	}
	return true
}

func (t *conversation) truncated() bool {
	for _, a := range t.answers {
		if a.Truncated {
			return true
		}
	}
	return false
}

func (t *conversation) over(ctx context.Context, network string) error {
	d := net.Dialer{Timeout: t.wait}
	conn, err := d.DialContext(ctx, network, t.server.String())
	if err != nil {
		return t.silent(ctx, err)
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	if network == "udp" {
		err = t.datagrams(conn)
	} else {
		err = t.stream(conn)
	}
	var broken net.Error
	if errors.As(err, &broken) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return t.silent(ctx, err)
	}
	return err
}

// silent is the error of a server that does not answer.
func (t *conversation) silent(ctx context.Context, err error) error {
	var timeout net.Error
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("%s: %w: %w", t.server, ErrSilent, ctx.Err())
	case errors.As(err, &timeout) && timeout.Timeout():
		return fmt.Errorf("%s: %w within %s", t.server, ErrSilent, t.wait)
	}
	return fmt.Errorf("%s: %w: %w", t.server, ErrSilent, err)
}

func (t *conversation) datagrams(conn net.Conn) error {
	conn.SetDeadline(time.Now().Add(t.wait))
	for _, w := range t.wires {
		if _, err := conn.Write(w); err != nil {
			return err
		}
	}
	buffer := make([]byte, dns.MaxMsgSize)
	for t.missing > 0 {
		n, err := conn.Read(buffer)
		if err != nil {
			return err
		}
		if err := t.take(buffer[:n]); err != nil {
			return err
		}
	}
	return nil
}

// stream writes while it reads: a server stops reading when nobody takes its answers.
func (t *conversation) stream(conn net.Conn) error {
	conn.SetDeadline(time.Now().Add(t.wait))
	wrote := make(chan error, 1)
	go func() { wrote <- t.write(conn) }()
	in := bufio.NewReaderSize(conn, 1<<16)
	for t.missing > 0 {
		wire, err := readFrame(in)
		if err != nil {
			return err
		}
		conn.SetDeadline(time.Now().Add(t.wait))
		if err := t.take(wire); err != nil {
			return err
		}
	}
	return <-wrote
}

func (t *conversation) write(conn net.Conn) error {
	out := bufio.NewWriterSize(conn, 1<<16)
	for _, w := range t.wires {
		if _, err := out.Write(binary.BigEndian.AppendUint16(nil, uint16(len(w)))); err != nil {
			return err
		}
		if _, err := out.Write(w); err != nil {
			return err
		}
	}
	return out.Flush()
}

// readFrame reads one message from a stream.
func readFrame(in io.Reader) ([]byte, error) {
	var size [2]byte
	if _, err := io.ReadFull(in, size[:]); err != nil {
		return nil, err
	}
	wire := make([]byte, binary.BigEndian.Uint16(size[:]))
	_, err := io.ReadFull(in, wire)
	return wire, err
}

// take keeps an answer; what answers nothing that was asked is left out.
func (t *conversation) take(wire []byte) error {
	if len(wire) < 12 {
		return nil
	}
	i := int(binary.BigEndian.Uint16(wire) - t.first)
	if i >= len(t.answers) || t.answers[i] != nil {
		return nil
	}
	m, err := t.signer.unpack(t.server, wire, t.macs[i], false)
	if err != nil {
		return err
	}
	t.answers[i] = m
	t.missing--
	return nil
}
