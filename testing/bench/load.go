package main

import "context"

// measureLoad brings the list into empty kernels, each a network namespace of its own.
func measureLoad(ctx context.Context, b bench, f []Figure) error {
	load, err := self("load", b.path(large, ".list"))
	if err != nil {
		return err
	}
	alone := func(args ...string) task { return command(ctx, append([]string{"unshare", "--net"}, args...)...) }
	o, p, err := compare(b.runs, 3, alone(load...), alone("nft", "-f", b.path(large, ".nft")))
	if err != nil {
		return err
	}
	f[0].set(o.seconds, p.seconds)
	f[1].set(o.memory, p.memory)
	return nil
}
