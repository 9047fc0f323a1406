package health

import (
	"context"
	"slices"
	"strings"
)

func kernel(_ context.Context, n *Node, r *Result) error {
	booted, err := n.line("/proc/sys/kernel/osrelease")
	if err != nil {
		return err
	}
	found, err := n.Glob("/boot/vmlinuz-*")
	if err != nil {
		return err
	}
	if len(found) == 0 {
		r.fail("no kernel is installed")
		return nil
	}
	newest := strings.TrimPrefix(slices.MaxFunc(found, compareVersions), "/boot/vmlinuz-")
	if newest != booted {
		r.warn("%s is running, %s is installed: reboot", booted, newest)
	}
	r.ok("%s", booted)
	return nil
}

// compareVersions orders texts with numbers in them by the numbers: 6.12.9 before 6.12.48, and a release candidate (~)
// before its release.
func compareVersions(a, b string) int {
	for a != "" && b != "" {
		var x, y string
		x, a = run(a)
		y, b = run(b)
		if c := compareRuns(x, y); c != 0 {
			return c
		}
	}
	return compareRuns(a, b)
}

// run cuts off a leading run of digits, or one other character.
func run(s string) (string, string) {
	i := strings.IndexFunc(s, func(c rune) bool { return c < '0' || c > '9' })
	switch {
	case i < 0:
		return s, ""
	case i == 0:
		return s[:1], s[1:]
	}
	return s[:i], s[i:]
}

func compareRuns(x, y string) int {
	for _, end := range []struct {
		s string
		c int
	}{{x, -1}, {y, 1}} {
		if strings.HasPrefix(end.s, "~") && x != y {
			return end.c
		}
	}
	if isDigits(x) && isDigits(y) {
		x, y = strings.TrimLeft(x, "0"), strings.TrimLeft(y, "0")
		if len(x) != len(y) {
			return len(x) - len(y)
		}
	}
	return strings.Compare(x, y)
}

func isDigits(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }
