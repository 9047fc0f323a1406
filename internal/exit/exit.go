// Package exit is how DebVisor's commands end: the numbers that scripts and tests read, and an error that carries one. It
// prints nothing and ends nothing; a main does.
package exit

import (
	"errors"

	"debvisor/internal/report"
)

// What the exit codes mean, for every command.
const (
	Done      = 0
	Failed    = 1
	Usage     = 2 // a wrong command line or a file that does not hold what it should
	NoMatch   = 3 // a rule matches no disk, or more disks than it says
	Refused   = 4 // a disk holds something, a check failed
	Signature = 5 // a signature or a hash is wrong
)

// Error is an error that knows the exit code it asks for.
type Error struct {
	Code int
	Err  error
}

func (e *Error) Error() string { return e.Err.Error() }

func (e *Error) Unwrap() error { return e.Err }

// With gives err an exit code; nil stays nil.
func With(code int, err error) error {
	if err == nil {
		return nil
	}
	return &Error{Code: code, Err: err}
}

// Code is the exit code that err asks for: the outermost one in its chain, Usage for a file with findings, otherwise Failed.
func Code(err error) int {
	var coded *Error
	var findings *report.Error
	switch {
	case err == nil:
		return Done
	case errors.As(err, &coded):
		return coded.Code
	case errors.As(err, &findings):
		return Usage
	default:
		return Failed
	}
}
