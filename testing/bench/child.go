package main

import (
	"context"
	"fmt"
	"os"

	"debvisor/internal/blocklist/addrset"
	"debvisor/internal/blocklist/kernel"
)

// child is this program as one that is measured, or that needs memory which nobody measures: its own process, so that
// what it uses is told from what others use.
func child(ctx context.Context, args []string) error {
	switch {
	case args[0] == "lists" && len(args) == 2:
		return writeLists(args[1])
	case args[0] == "load" && len(args) == 2:
		return loadList(ctx, args[1])
	case args[0] == "change" && len(args) == 2:
		return changeList(ctx, args[1])
	case args[0] == "packets" && len(args) == 2:
		return packetCosts(args[1])
	case args[0] == "flood" && len(args) == 4:
		return flood(ctx, args[1], args[2], args[3])
	}
	return fmt.Errorf("no child is called %q", args)
}

// self is a command that is a child of this program.
func self(args ...string) ([]string, error) {
	exe, err := os.Executable()
	return append([]string{exe, "child"}, args...), err
}

func readSet(name string) (addrset.Set, error) {
	var s addrset.Set
	data, err := os.ReadFile(name)
	if err != nil {
		return s, err
	}
	return s, s.UnmarshalBinary(data)
}

// loadList brings a list into the kernel as the module does.
func loadList(ctx context.Context, name string) error {
	list, err := readSet(name)
	if err != nil {
		return err
	}
	c, err := kernel.Open()
	if err != nil {
		return err
	}
	if err := c.Load(ctx, list); err != nil {
		return err
	}
	return c.Close()
}
