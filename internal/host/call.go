package host

import "context"

// Call is a change that this program makes itself because no command does it as exactly: a partition table written byte
// by byte, a rule set sent to the kernel. Why says what it changes.
type Call struct {
	Why           string
	Do            func(ctx context.Context) error
	Before, After string // what becomes of what, as text to compare; a bounded excerpt without secrets, or both empty
}

func (c Call) String() string { return c.Why }

func (c Call) apply(ctx context.Context, _ *Host) error { return c.Do(ctx) }
