package update

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/miekg/dns"
)

// ErrSilent is in the error of a server that did not answer.
var ErrSilent = errors.New("no answer")

// KeyError says that a server did not accept the signature of a message.
type KeyError struct {
	Server netip.AddrPort
	Key    string
	Code   uint16        // dns.RcodeBadKey, dns.RcodeBadSig, dns.RcodeBadTime
	Ahead  time.Duration // for BADTIME: how far this machine's clock is ahead of the server's
}

func (e *KeyError) Error() string {
	switch e.Code {
	case dns.RcodeBadKey:
		return fmt.Sprintf("%s does not know the key %s (BADKEY)", e.Server, e.Key)
	case dns.RcodeBadSig:
		return fmt.Sprintf("%s has another secret for the key %s (BADSIG)", e.Server, e.Key)
	case dns.RcodeBadTime:
		if e.Ahead < 0 {
			return fmt.Sprintf("the clock of this machine is %s behind that of %s (BADTIME): set it right", -e.Ahead, e.Server)
		}
		return fmt.Sprintf("the clock of this machine is %s ahead of that of %s (BADTIME): set it right", e.Ahead, e.Server)
	}
	return fmt.Sprintf("%s does not accept the key %s: %s", e.Server, e.Key, dns.RcodeToString[int(e.Code)])
}

// RcodeError is an answer that is a refusal of some kind.
type RcodeError struct {
	Server netip.AddrPort
	Rcode  int // of package dns
}

func (e *RcodeError) Error() string {
	return fmt.Sprintf("%s answers %s", e.Server, rcodeText(e.Rcode))
}

func rcodeText(rcode int) string {
	if text, known := dns.RcodeToString[rcode]; known {
		return text
	}
	return fmt.Sprintf("code %d", rcode)
}

// prerequisite reports whether an update was not made since something was not as it asked for.
func (e *RcodeError) prerequisite() bool {
	switch e.Rcode {
	case dns.RcodeYXDomain, dns.RcodeYXRrset, dns.RcodeNXRrset, dns.RcodeNameError:
		return true
	}
	return false
}

// rcodeOf is the code of the answer in an error, or -1.
func rcodeOf(err error) int {
	var answer *RcodeError
	if errors.As(err, &answer) {
		return answer.Rcode
	}
	return -1
}
