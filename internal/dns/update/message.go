package update

import (
	"context"
	"net/netip"

	"github.com/miekg/dns"
)

// Query asks one server for what it has itself, without recursion. An answer that is no error, or that there is no such
// name, is returned; others are an *RcodeError or a *KeyError, and silence is ErrSilent.
func (c *Client) Query(ctx context.Context, server netip.AddrPort, name string, kind uint16) (*dns.Msg, error) {
	answers, err := c.exchange(ctx, server, question(name, kind))
	if err != nil {
		return nil, err
	}
	return answers[0], wrong(server, answers[0])
}

func wrong(server netip.AddrPort, m *dns.Msg) error {
	if m.Rcode != dns.RcodeSuccess && m.Rcode != dns.RcodeNameError {
		return &RcodeError{server, m.Rcode}
	}
	return nil
}

func question(name string, kind uint16) *dns.Msg {
	m := new(dns.Msg)
	m.SetQuestion(dns.Fqdn(name), kind)
	m.RecursionDesired = false
	m.SetEdns0(maxDatagram, false)
	return m
}

// Update sends one update of a zone to one server: if all prerequisites hold, all changes are made. Both are records as RFC
// 2136 has them, which this package's NotUsed, Exactly, None, Delete and DeleteAll make; a record as it is is added. An answer
// other than NOERROR is an *RcodeError or a *KeyError.
func (c *Client) Update(ctx context.Context, server netip.AddrPort, zone string, prerequisites, changes []dns.RR) error {
	m := new(dns.Msg)
	m.SetUpdate(dns.Fqdn(zone))
	m.Answer, m.Ns = prerequisites, changes
	answers, err := c.exchange(ctx, server, m)
	if err != nil {
		return err
	}
	if answers[0].Rcode != dns.RcodeSuccess {
		return &RcodeError{server, answers[0].Rcode}
	}
	return nil
}

// NotUsed is the prerequisite that a name has no records.
func NotUsed(name string) dns.RR { return &dns.ANY{Hdr: header(name, dns.TypeANY, dns.ClassNONE)} }

// None is the prerequisite that a name has no records of a type.
func None(name string, kind uint16) dns.RR { return &dns.ANY{Hdr: header(name, kind, dns.ClassNONE)} }

// Exactly is the prerequisite that a name has these records of their type and no others.
func Exactly(records ...dns.RR) []dns.RR { return with(dns.ClassINET, records) }

// Some is the prerequisite that a name has records of a type, whichever.
func Some(name string, kind uint16) dns.RR { return &dns.ANY{Hdr: header(name, kind, dns.ClassANY)} }

// Delete takes single records away.
func Delete(records ...dns.RR) []dns.RR { return with(dns.ClassNONE, records) }

// DeleteAll takes all records of a type away.
func DeleteAll(name string, kind uint16) dns.RR {
	return &dns.ANY{Hdr: header(name, kind, dns.ClassANY)}
}

func header(name string, kind, class uint16) dns.RR_Header {
	return dns.RR_Header{Name: dns.Fqdn(name), Rrtype: kind, Class: class}
}

// with is copies of records, of another class and without a time to live.
func with(class uint16, records []dns.RR) []dns.RR {
	copies := make([]dns.RR, len(records))
	for i, r := range records {
		copies[i] = dns.Copy(r)
		copies[i].Header().Class, copies[i].Header().Ttl = class, 0
	}
	return copies
}
