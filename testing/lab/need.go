package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"debvisor/internal/host"
)

// ErrCannot is in the error of a lab that this system cannot have; the text says what is missing.
var ErrCannot = errors.New("no lab here")

// tools are the commands that a lab is made with.
var tools = []string{"systemd-nspawn", "unshare", "nsenter", "setsid", "ip"}

// Can says what this system lacks for a lab, which is ErrCannot, or nothing.
func Can() error {
	if err := check(); err != nil {
		return err
	}
	repo, err := repository()
	if err != nil {
		return err
	}
	_, err = base(repo)
	return err
}

func check() error {
	if os.Geteuid() != 0 {
		return fmt.Errorf("%w: needs root", ErrCannot)
	}
	for _, t := range tools {
		if _, err := host.Find(t); err != nil {
			return fmt.Errorf("%w: needs %s", ErrCannot, t)
		}
	}
	return nil
}

// repository is the one above the working directory, or above the program.
func repository() (string, error) {
	at, err := os.Getwd()
	if err != nil {
		return "", err
	}
	program, err := os.Executable()
	if err != nil {
		return "", err
	}
	for _, dir := range []string{at, filepath.Dir(program), filepath.Dir(os.Getenv("DEBVISOR_LAB"))} {
		for dir != "/" && dir != "." {
			if _, err := os.Stat(filepath.Join(dir, "testing", "lab", "lab.go")); err == nil {
				return dir, nil
			}
			dir = filepath.Dir(dir)
		}
	}
	return "", fmt.Errorf("%w: needs DebVisor's repository above the working directory", ErrCannot)
}

// base is the tree that a node is made of: the one that DEBVISOR_LAB_ROOT names, or the last one that was built.
func base(repo string) (string, error) {
	if dir := os.Getenv("DEBVISOR_LAB_ROOT"); dir != "" {
		return dir, nil
	}
	found, err := filepath.Glob(filepath.Join(repo, "build/cache/overlay-minimal-*"))
	if err != nil {
		return "", err
	}
	found = slices.DeleteFunc(found, func(n string) bool { return strings.Contains(filepath.Base(n), ".") })
	if len(found) == 0 {
		return "", fmt.Errorf("%w: needs a built root file system: make iso EDITION=minimal, or set DEBVISOR_LAB_ROOT", ErrCannot)
	}
	return slices.MaxFunc(found, func(a, b string) int { return modified(a).Compare(modified(b)) }), nil
}

func modified(name string) time.Time {
	info, err := os.Stat(name)
	if err != nil {
		return time.Time{} // just removed; the others count
	}
	return info.ModTime()
}

// Command is debvisor-lab, for those who start labs by it. It is made of this repository if need be.
func Command(ctx context.Context) (string, error) {
	repo, err := repository()
	if err != nil {
		return "", err
	}
	return command(ctx, repo)
}

// commandName is the program that a lab's processes are.
const commandName = "debvisor-lab"

// command is debvisor-lab: this program, the one that DEBVISOR_LAB names, or one that is made of this repository.
func command(ctx context.Context, repo string) (string, error) {
	if name := os.Getenv("DEBVISOR_LAB"); name != "" {
		return name, nil
	}
	if self, err := os.Executable(); err == nil && filepath.Base(self) == commandName {
		return self, nil
	}
	dir := filepath.Join(repo, "build/bin")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	held, err := wait(ctx, dir, "/"+commandName+".lock")
	if err != nil {
		return "", err
	}
	defer held.Close()
	name := filepath.Join(dir, commandName)
	build := host.Cmd{Args: []string{"go", "build", "-C", repo, "-trimpath", "-buildvcs=false", "-o", name, "./testing/lab/cmd/" + commandName},
		Env: []string{"CGO_ENABLED=0"}}
	if _, err := (host.System{}).Run(ctx, build); err != nil {
		return "", fmt.Errorf("make %s: %w", commandName, err)
	}
	return name, nil
}
