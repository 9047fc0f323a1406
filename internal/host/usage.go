package host

import (
	"syscall"
	"time"
)

// Usage is what a command used, with the children that it waited for.
type Usage struct {
	User, System time.Duration
	MaxRSS       int64 // most bytes of memory in use at one time; never less than this program had when it started the command
}

// Usage is for when the process has ended; before that it is zero.
func (p *Process) Usage() Usage {
	if p.running() {
		return Usage{}
	}
	state := p.cmd.ProcessState
	if state == nil {
		return Usage{}
	}
	u := Usage{User: state.UserTime(), System: state.SystemTime()}
	if r, ok := state.SysUsage().(*syscall.Rusage); ok {
		u.MaxRSS = r.Maxrss * 1024
	}
	return u
}
