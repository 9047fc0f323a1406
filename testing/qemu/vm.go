package qemu

import (
	"context"
	"errors"
	"fmt"
	"os"

	"debvisor/internal/host"
)

// VM is a machine that runs.
type VM struct {
	Console *Console
	process *host.Process
	keys    *os.File
	log     *os.File
}

// Accel is the accelerator in use: TCG, unless the environment variable DEBVISOR_ACCEL names another.
func Accel() string {
	if accel := os.Getenv("DEBVISOR_ACCEL"); accel != "" {
		return accel
	}
	return "tcg"
}

// Start switches the machine on. It goes off with ctx at the latest; when it reboots, it goes off instead.
func Start(ctx context.Context, m Machine) (*VM, error) {
	if err := m.prepare(); err != nil {
		return nil, err
	}
	log, err := os.OpenFile(m.Log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return nil, fmt.Errorf("keep the console's output: %w", err)
	}
	read, keys, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(err, log.Close())
	}
	console := newConsole(log, keys)
	process, err := host.Start(ctx, host.Cmd{Args: m.args(Accel())}, host.Streams{In: read, Out: console, Err: console})
	if err != nil {
		return nil, errors.Join(err, read.Close(), keys.Close(), log.Close())
	}
	vm := &VM{Console: console, process: process, keys: keys, log: log}
	go func() {
		<-process.Done()
		console.end()
	}()
	return vm, read.Close()
}

// Wait blocks until the machine has gone off: it was shut down, it rebooted, or QEMU failed.
func (vm *VM) Wait(ctx context.Context) error {
	select {
	case <-vm.process.Done():
		return errors.Join(vm.process.Wait(), vm.close())
	case <-ctx.Done():
		return fmt.Errorf("wait for the machine to go off: %w", ctx.Err())
	}
}

// Kill is a power cut. It may be called on a machine that is off.
func (vm *VM) Kill() error {
	return errors.Join(vm.process.Kill(), vm.close())
}

func (vm *VM) close() error {
	errs := []error{vm.keys.Close(), vm.log.Close()}
	for i, err := range errs {
		if errors.Is(err, os.ErrClosed) {
			errs[i] = nil
		}
	}
	return errors.Join(errs...)
}
