package update

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"time"

	"github.com/miekg/dns"
)

// fudge is by how many seconds two clocks may differ, as everywhere.
const fudge = 300

// signer is a key as package dns wants it. The answers of one connection are checked each by the MAC of its own question:
// the library's own connection keeps one MAC, so that a second signed message on it is refused.
type signer struct {
	name   string // with a dot at the end
	secret []byte
}

func newSigner(k Key) (*signer, error) {
	if k == nil {
		return nil, nil
	}
	secret, err := base64.StdEncoding.DecodeString(k.Secret())
	if err != nil {
		return nil, fmt.Errorf("the secret of %s is not base64", k.Name())
	}
	return &signer{dns.CanonicalName(k.Name()), secret}, nil
}

// Generate implements dns.TsigProvider.
func (s *signer) Generate(msg []byte, _ *dns.TSIG) ([]byte, error) {
	h := hmac.New(sha256.New, s.secret)
	h.Write(msg)
	return h.Sum(nil), nil
}

// Verify implements dns.TsigProvider.
func (s *signer) Verify(msg []byte, t *dns.TSIG) error {
	if dns.CanonicalName(t.Hdr.Name) != s.name || dns.CanonicalName(t.Algorithm) != dns.HmacSHA256 {
		return dns.ErrKey
	}
	got, err := hex.DecodeString(t.MAC)
	want, _ := s.Generate(msg, t) // never an error
	if err != nil || !hmac.Equal(got, want) {
		return dns.ErrSig
	}
	return nil
}

// pack is a message as it is sent, and the MAC that its answer is checked with; s may be nil.
func (s *signer) pack(m *dns.Msg) (wire []byte, mac string, err error) {
	if s == nil {
		wire, err = m.Pack()
		return wire, "", err
	}
	signed := *m // a second SetTsig on the same message would add a second record
	signed.Extra = append([]dns.RR(nil), m.Extra...)
	signed.SetTsig(s.name, dns.HmacSHA256, fudge, time.Now().Unix())
	return dns.TsigGenerateWithProvider(&signed, s, "", false)
}

// errUnsigned is an answer that anybody could have sent.
var errUnsigned = errors.New("the answer is not signed")

// unpack reads an answer and checks its signature. An error about the key comes from who does not know it, so it is unsigned.
func (s *signer) unpack(server netip.AddrPort, wire []byte, mac string, timersOnly bool) (*dns.Msg, error) {
	m := new(dns.Msg)
	if err := m.Unpack(wire); err != nil {
		return nil, fmt.Errorf("%s: %w", server, err)
	}
	if s == nil {
		return m, nil
	}
	t := m.IsTsig()
	switch {
	case t == nil:
		return nil, fmt.Errorf("%s: %w (%s)", server, errUnsigned, rcodeText(m.Rcode))
	case m.Rcode == dns.RcodeNotAuth && t.Error != 0:
		return nil, s.keyError(server, t)
	case m.Rcode == dns.RcodeNotAuth:
		return m, nil // the library cannot check one; whoever sent it can but make us ask somebody else
	}
	if err := dns.TsigVerifyWithProvider(wire, s, mac, timersOnly); err != nil {
		return nil, fmt.Errorf("%s: the signature of the answer: %w", server, err)
	}
	return m, nil
}

func (s *signer) keyError(server netip.AddrPort, t *dns.TSIG) error {
	e := &KeyError{Server: server, Key: bare(s.name), Code: t.Error}
	if theirs, err := strconv.ParseInt(t.OtherData, 16, 64); err == nil && t.Error == dns.RcodeBadTime {
		e.Ahead = time.Since(time.Unix(theirs, 0)).Round(time.Second)
	}
	return e
}
