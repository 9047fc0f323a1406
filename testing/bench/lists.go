package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"

	"debvisor/internal/blocklist/addrset"
	"debvisor/internal/blocklist/addrset/sample"
)

// The lists: "large" and "small", each with another one that shares little with it, to be replaced by.
const (
	large, otherLarge = "large", "other-large"
	small, otherSmall = "small", "other-small"
)

func (b bench) work() string { return filepath.Join(b.results(), "work") }

func (b bench) path(name, extension string) string {
	return filepath.Join(b.work(), name+extension)
}

// write makes a file among the lists and returns its name.
func (b bench) write(name, content string) (string, error) {
	p := filepath.Join(b.work(), name)
	return p, os.WriteFile(p, []byte(content), 0o644)
}

// makeLists has the lists written, each as block list (.txt), whitelist (.allow), effective list (.list) and, for nft, as one
// interval set (.nft).
func (b bench) makeLists(ctx context.Context) error {
	args, err := self("lists", b.work())
	if err != nil {
		return err
	}
	_, err = run(ctx, nil, args...)
	return err
}

func writeLists(dir string) error {
	for _, l := range []struct {
		name           string
		lines, allowed int
		seed           uint64
	}{{large, 1_000_000, 10_000, 1}, {otherLarge, 1_000_000, 10_000, 2}, {small, 10_000, 100, 3}, {otherSmall, 10_000, 100, 4}} {
		if err := writeList(filepath.Join(dir, l.name), sample.Block4(l.lines, l.seed), whitelist(l.allowed, l.lines, l.seed)); err != nil {
			return err
		}
	}
	return nil
}

// whitelist has loopback in it: the node's guard refuses a list that blocks that.
func whitelist(lines, blocked int, seed uint64) []byte {
	return append(sample.Allow4(lines, blocked, seed), "127.0.0.0/8\n"...)
}

func writeList(path string, block, allow []byte) error {
	var blocked, allowed addrset.Reader
	if err := errors.Join(blocked.Read("block", bytes.NewReader(block)), allowed.Read("allow", bytes.NewReader(allow))); err != nil {
		return err
	}
	list := blocked.Set().Except(allowed.Set())
	data, err := list.MarshalBinary()
	if err != nil {
		return err
	}
	return errors.Join(os.WriteFile(path+".txt", block, 0o644), os.WriteFile(path+".allow", allow, 0o644),
		os.WriteFile(path+".list", data, 0o644), writeIntervals(path+".nft", list))
}

// writeIntervals writes what people give to nft: the table is deleted and made again, with all ranges in one set.
func writeIntervals(path string, list addrset.Set) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	w := bufio.NewWriter(f)
	fmt.Fprint(w, "table inet peer { }\ndelete table inet peer\ntable inet peer {\n\tset blocked { type ipv4_addr; flags interval; elements = {\n")
	for _, r := range list.V4 {
		fmt.Fprintf(w, "%s-%s,\n", address(r.First), address(r.Last))
	}
	fmt.Fprint(w, "} }\n\tchain input { type filter hook input priority -200; policy accept; ip saddr @blocked counter drop; }\n}\n")
	return errors.Join(w.Flush(), f.Close())
}

func address(v uint32) netip.Addr {
	return netip.AddrFrom4([4]byte{byte(v >> 24), byte(v >> 16), byte(v >> 8), byte(v)})
}
