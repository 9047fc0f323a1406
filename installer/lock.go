package installer

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"time"

	"debvisor/internal/host"
)

// elsewhere is said on the console that has to wait.
const elsewhere = "installation runs on the other console"

func (in *Installer) openRun(name string, flags int) (*os.File, error) {
	p, err := in.Live.Path(name)
	if err != nil {
		return nil, err
	}
	return os.OpenFile(p, flags, 0o600)
}

// begin locks, and starts the log that the other console follows. Call end when done.
func (in *Installer) begin() (end func(), err error) {
	lock, err := in.Live.Lock(lockFile)
	if err != nil {
		return nil, err
	}
	log, err := in.openRun(logFile, os.O_RDWR|os.O_CREATE|os.O_TRUNC)
	if err != nil {
		lock.Close()
		return nil, err
	}
	in.Tell.Log = log
	return func() {
		in.Tell.Log = nil
		log.Close()
		lock.Close()
	}, nil
}

const followPause = 500 * time.Millisecond

// follow shows the log of the other console's installation until that ends.
func (in *Installer) follow(ctx context.Context) error {
	in.Tell.line(elsewhere)
	if err := pause(ctx, 2*followPause); err != nil { // the log is emptied right after locking
		return err
	}
	f, err := in.openRun(logFile, os.O_RDONLY)
	if err != nil {
		return err
	}
	defer f.Close()
	r := bufio.NewReader(f)
	for {
		text, err := r.ReadString('\n')
		if err == nil {
			in.Tell.line(strings.TrimSuffix(text, "\n"))
		}
		if strings.HasPrefix(text, endMark) {
			return nil
		}
		if errors.Is(err, io.EOF) {
			if err := in.stillLocked(ctx); err != nil {
				return err
			}
		} else if err != nil {
			return err
		}
	}
}

// stillLocked pauses, and is an error when nobody is installing any more.
func (in *Installer) stillLocked(ctx context.Context) error {
	lock, err := in.Live.Lock(lockFile)
	if err == nil {
		lock.Close()
		return errors.New("the installation on the other console ended without a result")
	}
	if !errors.Is(err, host.ErrLocked) {
		return err
	}
	return pause(ctx, followPause)
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
