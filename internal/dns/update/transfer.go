package update

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/miekg/dns"
)

// Transfer reads a whole zone from a server (AXFR) and gives each record to take, from the SOA to the one before the SOA that
// ends it. Each message must be signed, if the client has a key.
func (c *Client) Transfer(ctx context.Context, server netip.AddrPort, zone string, take func(dns.RR) error) error {
	m := new(dns.Msg)
	m.SetAxfr(dns.Fqdn(zone))
	t, err := c.converse(server, []*dns.Msg{m})
	if err != nil {
		return err
	}
	d := net.Dialer{Timeout: t.wait}
	conn, err := d.DialContext(ctx, "tcp", server.String())
	if err != nil {
		return t.silent(ctx, err)
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	if err := t.write(conn); err != nil {
		return t.silent(ctx, err)
	}
	return t.records(ctx, conn, take)
}

// records reads messages until the SOA has come for the second time. Each is signed over the MAC of the one before.
func (t *conversation) records(ctx context.Context, conn net.Conn, take func(dns.RR) error) error {
	in := bufio.NewReaderSize(conn, 1<<16)
	begun := false
	for mac := t.macs[0]; ; {
		conn.SetDeadline(time.Now().Add(t.wait))
		wire, err := readFrame(in)
		if err != nil {
			return t.silent(ctx, err)
		}
		m, err := t.signer.unpack(t.server, wire, mac, begun)
		if err != nil {
			return err
		}
		if m.Rcode != dns.RcodeSuccess {
			return &RcodeError{t.server, m.Rcode}
		}
		if s := m.IsTsig(); s != nil {
			mac = s.MAC
		}
		if ended, err := eachRecord(m.Answer, &begun, take); ended || err != nil {
			return err
		}
	}
}

func eachRecord(records []dns.RR, begun *bool, take func(dns.RR) error) (ended bool, err error) {
	for _, r := range records {
		_, soa := r.(*dns.SOA)
		switch {
		case soa && *begun:
			return true, nil
		case !soa && !*begun:
			return false, errors.New("the transfer does not begin with an SOA")
		}
		*begun = true
		if err := take(r); err != nil {
			return false, fmt.Errorf("take %s: %w", bare(r.Header().Name), err)
		}
	}
	if !*begun {
		return false, errors.New("the transfer is empty")
	}
	return false, nil
}
