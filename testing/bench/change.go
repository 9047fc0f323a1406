package main

import (
	"bytes"
	"context"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"debvisor/internal/blocklist/addrset"
	"debvisor/internal/blocklist/kernel"
)

// measureChange adds ten addresses to the list in the kernel and removes them; the peer adds one. The module knows the list
// when it comes to that, so it is read in a program of its own, which says what the rest took.
func measureChange(ctx context.Context, b bench, f []Figure) error {
	for ns, load := range map[string]loader{"change": b.load, "change-peer": b.loadWithNft} {
		if err := freshNet(ctx, ns); err != nil {
			return err
		}
		if err := load(ctx, ns, large); err != nil {
			return err
		}
	}
	change, err := self("change", b.path(large, ".list"))
	if err != nil {
		return err
	}
	var inside []float64
	ours := func() (used, error) {
		var out bytes.Buffer
		u, err := run(ctx, &out, within("change", change...)...)
		if err != nil {
			return u, err
		}
		took, err := strconv.ParseFloat(strings.TrimSpace(out.String()), 64)
		inside = append(inside, took)
		return u, err
	}
	one := within("change-peer", "nft", "add", "element", "inet", "peer", "blocked", "{ 240.0.0.1 }")
	o, p, err := compare(2*b.runs, 1, ours, command(ctx, one...))
	if err != nil {
		return err
	}
	f[0].set(inside, p.cpu)
	f[1].set(o.cpu, p.cpu)
	return nil
}

// changeList adds ten addresses and removes them, and prints what CPU time that took.
func changeList(ctx context.Context, name string) error {
	from, err := readSet(name)
	if err != nil {
		return err
	}
	to := from.Union(addrset.Of(tenMore(from)...))
	c, err := kernel.Open()
	if err != nil {
		return err
	}
	before, err := processTime()
	if err != nil {
		return err
	}
	if err := c.Update(ctx, from, to); err != nil {
		return err
	}
	if err := c.Update(ctx, to, from); err != nil {
		return err
	}
	after, err := processTime()
	if err != nil {
		return err
	}
	fmt.Println((after - before).Seconds())
	return c.Close()
}

func processTime() (time.Duration, error) {
	var t unix.Timespec
	err := unix.ClockGettime(unix.CLOCK_PROCESS_CPUTIME_ID, &t)
	return time.Duration(t.Nano()), err
}

// tenMore are addresses that a list does not have. Two are beside listed hosts, so that ranges change as well, which costs
// more.
func tenMore(from addrset.Set) []netip.Prefix {
	var more []netip.Prefix
	for i := 0; len(more) < 2; i += 1000 {
		if r := from.V4[i]; r.First == r.Last && !from.Contains(address(r.Last+1)) {
			more = append(more, netip.PrefixFrom(address(r.Last+1), 32))
		}
	}
	for i := uint32(1); len(more) < 10; i += 1 << 10 {
		more = append(more, netip.PrefixFrom(address(240<<24+i), 32))
	}
	return more
}
