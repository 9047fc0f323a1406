package repository

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var postInvoke = regexp.MustCompile(`DPkg::Post-Invoke \{ "(.*)"; \};`)

// Boot loaders that cannot be renewed must not make an upgrade look failed, and must not go unnoticed.
func TestAptRenewsTheBootLoadersAndNeverFailsForThem(t *testing.T) {
	hook := postInvoke.FindStringSubmatch(read(t, "config/overlay/etc/apt/apt.conf.d/90debvisor-boot"))
	if hook == nil {
		t.Fatal("there is no hook")
	}
	for _, c := range []struct{ name, debvisor, logger, log, said string }{
		{"refreshed", "echo renewed $*", "cat >$LOG", "renewed boot refresh\n", ""},
		{"failed", "echo no space >&2; exit 1", "cat >$LOG", "no space\n", ""},
		{"no log", "echo renewed", "exit 1", "", "debvisor boot refresh: cannot be logged\n"},
	} {
		dir := t.TempDir()
		for name, script := range map[string]string{"debvisor": c.debvisor, "logger": c.logger} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		line := strings.NewReplacer("/usr/local/bin/debvisor", dir+"/debvisor", "/run/systemd/system", dir).Replace(hook[1])
		cmd := exec.Command("sh", "-c", line)
		cmd.Env = []string{"PATH=" + dir + ":/usr/bin:/bin", "LOG=" + dir + "/log"}
		said, err := cmd.CombinedOutput()
		if err != nil || string(said) != c.said {
			t.Errorf("%s: %v, said %q", c.name, err, said)
		}
		if log, err := os.ReadFile(dir + "/log"); string(log) != c.log || err != nil && c.log != "" {
			t.Errorf("%s: logged %q, %v", c.name, log, err)
		}
	}
}
