package installer

import (
	"golang.org/x/sys/unix"
)

// silence switches echo off; the rest of the line discipline, Ctrl-C among it, stays.
func silence(fd int) (restore func(), err error) {
	before, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		return nil, err
	}
	quiet := *before
	quiet.Lflag &^= unix.ECHO
	return resetter(fd, before), unix.IoctlSetTermios(fd, unix.TCSETS, &quiet)
}

// keys delivers each key at once, without echo; Ctrl-C still interrupts.
func keys(fd int) (restore func(), err error) {
	before, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		return nil, err
	}
	raw := *before
	raw.Lflag &^= unix.ECHO | unix.ICANON
	raw.Cc[unix.VMIN], raw.Cc[unix.VTIME] = 1, 0
	return resetter(fd, before), unix.IoctlSetTermios(fd, unix.TCSETS, &raw)
}

// resetter gives the terminal its settings back; one that has gone meanwhile has none to lose.
func resetter(fd int, before *unix.Termios) func() {
	return func() { _ = unix.IoctlSetTermios(fd, unix.TCSETS, before) }
}

// keyPressed waits up to the given milliseconds for input and takes it. It never blocks longer.
func keyPressed(fd int, milliseconds int) bool {
	ready := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	n, err := unix.Poll(ready, milliseconds)
	if err != nil || n == 0 || ready[0].Revents&unix.POLLIN == 0 {
		return false
	}
	var key [64]byte
	got, err := unix.Read(fd, key[:])
	return err == nil && got > 0
}
