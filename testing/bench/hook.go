package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"

	"debvisor/internal/guests/installed"
)

// hookMeasurements are of what libvirt waits for each time that a guest starts or stops.
func hookMeasurements() []measurement {
	return []measurement{{dns, []Figure{{Name: "hook of a guest, a process", Unit: "ms", Goal: absolute(10)}}, measureHook}}
}

// measureHook calls the hook with a directory of its own in place of the one in /run.
func measureHook(ctx context.Context, b bench, f []Figure) error {
	work, err := b.workspace()
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	hook := filepath.Join(work, "hook")
	if err := os.Mkdir(filepath.Join(work, "events"), 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(hook, []byte(strings.Replace(installed.Hook, installed.RunDir, work, 1)), 0o755); err != nil {
		return err
	}
	ours, _, err := compare(20*b.runs, 0, command(ctx, hook, "web", "started", "begin", "-"), nil)
	if err != nil {
		return err
	}
	f[0].set(scaled(ours.seconds, 1000), nil)
	return nil
}
