package update

import (
	"context"
	"fmt"
	"net/netip"

	"github.com/miekg/dns"
)

// Probe asks a server, signed with a key, for the zone's SOA, and sends it an update that asks whether the zone is there and
// changes nothing. No error means that the server knows the key for both; one that does not is a *KeyError. It does not show
// what the key may write.
func Probe(ctx context.Context, server netip.AddrPort, zone string, key Key) error {
	c := &Client{Key: key}
	answer, err := c.Query(ctx, server, zone, dns.TypeSOA)
	if err != nil {
		return err
	}
	if _, err := soaOf(answer, zone); err != nil {
		return fmt.Errorf("%s: %w", server, err)
	}
	there := &dns.ANY{Hdr: header(zone, dns.TypeSOA, dns.ClassANY)}
	return c.Update(ctx, server, zone, []dns.RR{there}, nil)
}

// Serial is the serial of a zone on a server.
func (c *Client) Serial(ctx context.Context, server netip.AddrPort, zone string) (uint32, error) {
	answer, err := c.Query(ctx, server, zone, dns.TypeSOA)
	if err != nil {
		return 0, err
	}
	soa, err := soaOf(answer, zone)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", server, err)
	}
	return soa.Serial, nil
}

// soaOf is the SOA record in an answer that a server of the zone gave.
func soaOf(m *dns.Msg, zone string) (*dns.SOA, error) {
	for _, r := range m.Answer {
		if soa, ok := r.(*dns.SOA); ok && m.Authoritative && dns.CanonicalName(soa.Hdr.Name) == dns.CanonicalName(zone) {
			return soa, nil
		}
	}
	return nil, fmt.Errorf("it does not have the zone %s", bare(zone))
}

// Newer reports whether serial a is b or came after it (RFC 1982).
func Newer(a, b uint32) bool { return int32(a-b) >= 0 }
