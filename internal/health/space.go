package health

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// From these percentages on a file system is nearly full, or as good as full.
const nearlyFull, full = 85, 95

// df is asked, not the kernel: a dead mount hangs the one who asks, and df can be ended.
func space(ctx context.Context, n *Node, r *Result) error {
	out, err := n.Run(ctx, "df", "--output=pcent,ipcent,target", "/", "/var", "/boot/efi")
	if err != nil {
		return err
	}
	lines := slices.Collect(strings.Lines(string(out)))
	if len(lines) != 4 { // a heading and three
		return fmt.Errorf("read what df printed: %q", out)
	}
	for _, line := range lines[1:] {
		f := strings.Fields(line)
		used(r, f[2], "full", f[0])
		used(r, f[2], "out of inodes", f[1])
	}
	return nil
}

func used(r *Result, point, what, percent string) {
	p, err := strconv.Atoi(strings.TrimSuffix(percent, "%"))
	switch {
	case err != nil: // "-": a file system without inodes
	case p >= full:
		r.fail("%s is %d %% %s", point, p, what)
	case p >= nearlyFull:
		r.warn("%s is %d %% %s", point, p, what)
	case what == "full":
		r.ok("%s %d %%", point, p)
	}
}
