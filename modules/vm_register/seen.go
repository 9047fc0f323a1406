package vm_register

import (
	"context"
	"strconv"
	"strings"
	"syscall"
	"time"

	"debvisor/internal/ansible"
	"debvisor/internal/guests/installed"
	"debvisor/internal/host"
)

// libvirtd looks for hooks once, when it starts. If there is none for guests it calls none until it starts again, and a
// reload is no start; if there is one, it finds all that are added later. Restarting it is for the operator to do: guests go
// on, but whoever manages them is cut off for a moment.
func tellSeen(ctx context.Context, t *ansible.Task) error {
	seen, err := hookSeen(ctx, t.Host)
	if err != nil {
		return err
	}
	t.Return("hook_seen", seen)
	if !seen {
		t.Warn("libvirtd was started before it had a hook, and does not call one until it is started again; until then, guests are " +
			"registered within a minute and not at once. Restart it when it suits you (systemctl restart libvirtd); guests go on")
	}
	return nil
}

// hookSeen reports whether libvirt calls the hook, or will, as it does not run yet.
func hookSeen(ctx context.Context, h *host.Host) (bool, error) {
	for _, daemon := range []string{"virtqemud.service", "libvirtd.service"} {
		out, err := h.Run(ctx, "systemctl", "show", "--property=ActiveState,ExecMainStartTimestamp", "--timestamp=unix", daemon)
		if err != nil {
			return false, err
		}
		if strings.Contains(string(out), "ActiveState=active") {
			return hookBefore(h, started(string(out)))
		}
	}
	return true, nil
}

// started is the time in "ExecMainStartTimestamp=@1795544955".
func started(shown string) time.Time {
	_, text, _ := strings.Cut(shown, "ExecMainStartTimestamp=@")
	text, _, _ = strings.Cut(text, "\n")
	seconds, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return time.Time{}
	}
	return time.Unix(seconds, 0)
}

// hookBefore reports whether there was a hook for guests at that time: an operator's own does as well as ours.
func hookBefore(h *host.Host, then time.Time) (bool, error) {
	found, err := h.Glob(installed.HooksDir + "/qemu.d/*")
	if err != nil {
		return false, err
	}
	for _, name := range append(found, installed.HooksDir+"/qemu") {
		info, err := h.Stat(name)
		if err != nil {
			continue // a dangling link, or none
		}
		stat, is := info.Sys().(*syscall.Stat_t)
		if is && info.Mode()&0o111 != 0 && time.Unix(stat.Ctim.Unix()).Before(then.Add(time.Second)) {
			return true, nil
		}
	}
	return false, nil
}
