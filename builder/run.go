package builder

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"debvisor/internal/host"
)

// work is a command of a stage: everything it says goes to build/log/<stage>.log, and it dies with the builder.
type work struct {
	log  string
	env  []string
	line func(string)
	args []string
}

func (b *Builder) run(ctx context.Context, w work) ([]byte, error) {
	name := filepath.Join(b.Dir, "log", w.log+".log")
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return nil, err
	}
	log, err := os.OpenFile(name, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	cmd := host.Cmd{Args: tied(w.args), Env: w.env, Line: func(s string) {
		fmt.Fprintln(log, s)
		if w.line != nil {
			w.line(s)
		}
	}}
	fmt.Fprintf(log, "+ %s\n", cmd)
	out, err := b.runner.Run(ctx, cmd)
	if err != nil {
		err = fmt.Errorf("%w\n(all of it is in %s)", err, name)
	}
	return out, errors.Join(err, log.Close())
}

// tied makes a command end when the builder does, also when the builder is killed. KILL, because unshare holds TERM back.
func tied(args []string) []string {
	return append([]string{"setpriv", "--pdeathsig", "KILL", "--"}, args...)
}

// apart makes a command and all that it starts end together, and its mounts with them: mmdebstrap mounts /proc, /sys and
// /dev into the tree, and they must not outlive it.
func apart(args ...string) []string {
	return append([]string{"unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"}, args...)
}

// inside makes a command run with root as its file system, with /proc, and with mounts that end when it does.
func inside(root string, args ...string) []string {
	return append([]string{"unshare", "--mount", "--pid", "--fork", "--kill-child", "--root=" + root, "--wd=/", "--mount-proc=/proc"}, args...)
}

// startLog empties the log of a stage that begins.
func (b *Builder) startLog(stage string) error {
	if err := os.MkdirAll(filepath.Join(b.Dir, "log"), 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(b.Dir, "log", stage+".log"), nil, 0o644)
}
