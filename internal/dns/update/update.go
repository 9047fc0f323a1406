// Package update changes records on a name server with signed messages and never takes a name over that somebody else
// owns. It does not decide what should be registered.
package update

import _ "github.com/miekg/dns" // messages
