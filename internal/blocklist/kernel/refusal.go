package kernel

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// refusal is an error of the kernel; it wraps its number.
type refusal struct {
	what  string
	errno unix.Errno
	why   string // the kernel's own words; often empty
}

func (r *refusal) Error() string {
	switch {
	case r.why == "" && (r.errno == unix.EPERM || r.errno == unix.EACCES):
		return fmt.Sprintf("%s: %s: this needs root (CAP_NET_ADMIN)", r.what, r.errno.Error())
	case r.errno == unix.EOPNOTSUPP || r.errno == unix.EPROTONOSUPPORT || r.errno == unix.EAFNOSUPPORT:
		return fmt.Sprintf("%s: %s: the kernel has no nftables", r.what, r.errno.Error())
	case r.why != "":
		return fmt.Sprintf("%s: %s: %s", r.what, r.why, r.errno.Error())
	}
	return fmt.Sprintf("%s: %s", r.what, r.errno.Error())
}

func (r *refusal) Unwrap() error { return r.errno }

func explain(what string, err error) error {
	var errno unix.Errno
	if errors.As(err, &errno) {
		return &refusal{what: what, errno: errno}
	}
	return fmt.Errorf("%s: %w", what, err)
}

// errUnknown is for when it cannot be known whether a transaction was done, or when somebody else changed the ruleset
// first. What the ruleset is must be read again.
var errUnknown = errors.New("the ruleset changed meanwhile")

// isStale says whether an error means that the kernel does not hold what it was thought to hold, or has no room for more.
func isStale(err error) bool {
	for _, e := range []error{errUnknown, unix.ENOENT, unix.EEXIST, unix.ENFILE} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}
