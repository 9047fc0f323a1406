package named

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"strings"

	"debvisor/internal/host"
)

// check lets named-checkconf read the whole configuration, and the zones of a primary too. It gets it on its standard input,
// so a check leaves nothing behind and no secret is copied.
func (t text) check(ctx context.Context, h *host.Host, zones bool) error {
	args := []string{"named-checkconf", "/dev/stdin"}
	if zones {
		args = []string{"named-checkconf", "-z", "/dev/stdin"}
	}
	out, err := h.Runner.Run(ctx, host.Cmd{Args: args, Stdin: strings.Join(t.lines, "\n") + "\n"})
	if err != nil {
		return fmt.Errorf("the new configuration of named is not taken up: %s: %w", strings.TrimSpace(t.located(string(out))), err)
	}
	return nil
}

var (
	zoneLine    = regexp.MustCompile(`^[ \t]*zone[ \t]`)
	primaryLine = regexp.MustCompile(`\btype[ \t]+(primary|master)[ \t]*;`)
	fileOption  = regexp.MustCompile(`\bfile[ \t]+"(/[^"]+)"`)
)

// zonesThere reports whether there is a file for each zone that this server is primary of.
func (t text) zonesThere(h *host.Host) bool {
	isPrimary, file := false, ""
	for _, line := range t.lines {
		if zoneLine.MatchString(line) {
			isPrimary, file = false, ""
		}
		isPrimary = isPrimary || primaryLine.MatchString(line)
		if m := fileOption.FindStringSubmatch(line); m != nil {
			file = m[1]
		}
		if isPrimary && file != "" && !h.Exists(file) {
			return false
		}
	}
	return true
}

const pidPath = "/run/named/named.pid"

// running reports whether named runs. What is left of one that was killed is not enough.
func running(h *host.Host) (bool, error) {
	pid, err := h.ReadFile(pidPath)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	command, err := h.ReadFile("/proc/" + strings.TrimSpace(string(pid)) + "/cmdline")
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	program, _, _ := strings.Cut(string(command), "\x00")
	return path.Base(program) == "named", err
}
