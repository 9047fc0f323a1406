package installer

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"debvisor/config"
	"debvisor/internal/disk"
	"debvisor/internal/host/hosttest"
	"debvisor/internal/manifest"
)

// noTime is a clock that stands still.
func noTime(ctx context.Context, _ time.Duration) error { return ctx.Err() }

// clock counts what was waited, and has something happen at a certain time.
type clock struct {
	waited, at time.Duration
	happens    func()
}

func (c *clock) pause(ctx context.Context, d time.Duration) error {
	if c.waited += d; c.waited == c.at {
		c.happens()
	}
	return ctx.Err()
}

func TestAMediumThatShowsUpLateIsFound(t *testing.T) {
	for _, c := range []struct {
		line   string
		at     time.Duration
		found  bool
		waited time.Duration
	}{
		{"debvisor.install=auto", 0, false, patience},
		{"debvisor.install=auto", 10 * time.Second, true, 10 * time.Second},
		{"", 10 * time.Second, false, 0},
	} {
		in, m, out := live(t, "", noMedia)
		clock := &clock{at: c.at, happens: func() {
			slot := filepath.Join(m.Root, "medium", manifest.Slot)
			if err := errors.Join(os.MkdirAll(filepath.Dir(slot), 0o755), os.WriteFile(slot, []byte(good("late")), 0o644)); err != nil {
				t.Fatal(err)
			}
		}}
		in.Pause = clock.pause
		a, _, err := in.findPatiently(t.Context(), ParseCmdline(c.line))
		if err != nil || (a != nil) != c.found || clock.waited != c.waited {
			t.Errorf("%q, there after %s: %v, %v, waited %s\n%s", c.line, c.at, a, err, clock.waited, out)
		}
	}
}

func TestADiskThatShowsUpLateIsTaken(t *testing.T) {
	for _, c := range []struct {
		name   string
		serial string
		at     time.Duration
		want   error
		waited time.Duration
	}{
		{"at once", "NV12 34", 0, nil, 0},
		{"late", "LATE", 8 * time.Second, nil, 8 * time.Second},
		{"never", "NEVER", 0, disk.ErrNoMatch, patience},
		{"two of them", "TWIN", 0, disk.ErrAmbiguous, 0},
		{"not empty", "S3Z8NX0K1", 0, disk.ErrNotEmpty, 0},
	} {
		m := hosttest.New(t, card("enp1s0", "52:54:00:00:00:01"))
		disks := fixture(t)
		clock := &clock{at: c.at, happens: func() {
			late := disks[1]
			late.Path, late.Serial = "/dev/nvme1n1", "LATE"
			disks = append(disks, late)
		}}
		in := &Installer{Live: m.Host, Pause: clock.pause, Tell: &Teller{Out: &bytes.Buffer{}}}
		a := answers(t, ">=1GiB", "")
		a.Node.Storage.System.Match = disk.Match{Serial: disk.Pattern(c.serial)}
		p, err := in.planPatiently(t.Context(), func() (*Plan, error) {
			return in.decide(a, &manifest.Manifest{Profiles: config.Profiles()}, disk.Facts{Disks: disks}, true)
		})
		if !errors.Is(err, c.want) || (err == nil) != (p != nil) || clock.waited != c.waited {
			t.Errorf("%s: %v, waited %s", c.name, err, clock.waited)
		}
	}
}

func TestWaitingEndsWithItsContext(t *testing.T) {
	in, _, out := live(t, "", noMedia)
	ctx, cancel := context.WithCancel(t.Context())
	in.Pause = func(context.Context, time.Duration) error { cancel(); return context.Canceled }
	if _, _, err := in.findPatiently(ctx, Cmdline{Auto: true}); !errors.Is(err, context.Canceled) || strings.Count(out.String(), "waiting") != 1 {
		t.Errorf("%v\n%s", err, out)
	}
}
