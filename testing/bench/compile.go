package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"path/filepath"
)

// measureCompile computes the effective list with the node's own command and with iprange, which must print the same.
func measureCompile(ctx context.Context, b bench, f []Figure) error {
	block, allow := b.path(large, ".txt"), b.path(large, ".allow")
	ours := []string{filepath.Join(b.bin, "debvisor"), "blocklist", "compile", "--block", block, "--allow", allow}
	peer := []string{"iprange", block, "--except", allow}
	if err := same(ctx, ours, peer); err != nil {
		return err
	}
	o, p, err := compare(2*b.runs, 2*b.runs, command(ctx, ours...), command(ctx, peer...))
	if err != nil {
		return err
	}
	f[0].set(o.cpu, p.cpu)
	return nil
}

// same says whether two commands print the same, and something.
func same(ctx context.Context, a, b []string) error {
	var sums [2][]byte
	for i, args := range [][]string{a, b} {
		h := sha256.New()
		if _, err := run(ctx, h, args...); err != nil {
			return err
		}
		sums[i] = h.Sum(nil)
	}
	if !bytes.Equal(sums[0], sums[1]) {
		return errors.New("the two do not print the same")
	}
	return nil
}
