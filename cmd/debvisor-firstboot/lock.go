package main

import (
	"fmt"
	"os"
	"syscall"
)

const lockPath = "/run/debvisor-firstboot.lock"

// lock keeps a second run out until unlock, or until the process ends in whatever way.
func lock(path string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock the first boot: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		return nil, fmt.Errorf("lock the first boot: %s: another run holds it: %w", path, err)
	}
	return func() { f.Close() }, nil
}
