// Package update changes records on name servers with signed messages, and never takes a name over that somebody else owns.
// It finds the zone of each name, sends to who may write, and says that a change is done only when every server has it that
// must. It does not decide what should be registered, and keeps nothing: what it was told to do is done or is told back.
package update

import (
	"encoding"
	"fmt"
	"net/netip"
	"time"
)

// Client is where and as whom records are changed. It has no state and may be used by several goroutines.
type Client struct {
	Servers []netip.AddrPort // asked in order; the port is also that of the members of a pair
	Key     Key              // signs all messages; nil signs none
	Timeout time.Duration    // how long to wait for one answer; 1 s when 0
}

// Key is what signs messages, by hmac-sha256: a tsig.Key, or the key that named makes for its own session.
type Key interface {
	Name() string   // without a dot at the end
	Secret() string // in base64
}

// Change is what should be different for one name. The reverse names of its addresses follow it.
type Change struct {
	Add       bool         // otherwise remove
	Name      string       // the full name, as FullName makes it
	Addresses []netip.Addr // what to add or remove, and nothing else; to remove none means all
	Owner     Identity     // whose the name is
	TTL       uint32       // of added records, in seconds; 300 when 0
	NoPTR     bool         // leave reverse names alone
}

// DefaultTTL is the time to live of added records, in seconds, where none is given.
const DefaultTTL = 300

// Result is how a change, or one record of it, ended. A later one is worse.
type Result int

// The results.
const (
	Unchanged       Result = iota // it was so already
	Done                          // it is on every server that must have it
	NotServed                     // no server has the zone of a reverse name, which is no failure
	NotOwner                      // the name is somebody else's
	Refused                       // the server's policy, or the server does not know the key
	NotAcknowledged               // a server took it, but not all that must are known to have it
	Unreachable                   // nobody who may write answered
)

var resultTexts = [...]string{"unchanged", "done", "not served", "not the owner", "refused", "not acknowledged", "unreachable"}

var _ encoding.TextMarshaler = Done

func (r Result) String() string { return resultTexts[r] }

// MarshalText is the result in JSON.
func (r Result) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// OK reports whether nothing is left to do.
func (r Result) OK() bool { return r <= NotServed }

// Outcome is how one Change ended.
type Outcome struct {
	Change  Change
	Result  Result   // the worst of the records'
	Records []Record // the name first, then its reverse names
}

// Record is how the records at one name ended.
type Record struct {
	Name   string   `json:"name"`           // without a dot at the end
	Zone   string   `json:"zone,omitempty"` // that it was found in, without a dot at the end
	Does   []string `json:"does,omitempty"` // what was sent, or would be: "add A 192.0.2.1"
	Result Result   `json:"result"`
	Why    string   `json:"why,omitempty"` // in words, unless all is well
	Err    error    `json:"-"`             // the cause, if it was an error: *KeyError, *RcodeError
}

// Err is nil when nothing is left to do.
func (o Outcome) Err() error {
	for _, r := range o.Records {
		if r.Result == o.Result && !r.Result.OK() {
			if r.Err != nil {
				return fmt.Errorf("%s: %s: %w", r.Name, r.Result, r.Err)
			}
			return fmt.Errorf("%s: %s: %s", r.Name, r.Result, r.Why)
		}
	}
	return nil
}
