package installer

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"debvisor/config"
	"debvisor/internal/disk"
	"debvisor/internal/exit"
	"debvisor/internal/host/hosttest"
	"debvisor/internal/manifest"
)

const place = `-- usr/share/zoneinfo/Etc/UTC --
-- usr/share/zoneinfo/UTC --
-- usr/share/zoneinfo/Europe/Vienna --
-- usr/share/X11/xkb/rules/base.lst --
! model
  pc105           Generic 105-key PC

! layout
  us              English (US)
  de              German

! variant
  uk              us: not a layout
`

// An image without the zone or the layout would stop at its first boot.
func TestAZoneOrKeyboardThatTheImageLacksIsRefused(t *testing.T) {
	network := card("enp1s0", "52:54:00:00:00:01")
	for _, c := range []struct {
		zone, keyboard, files string
		want                  []string
	}{
		{"Europe/Vienna", "de", place, nil},
		{"US/Eastern", "uk", place, []string{`host.timezone: the image has no time zone "US/Eastern"`, `host.keyboard: the image has no keyboard layout "uk"`}},
		{"Europe", "us", place, []string{`host.timezone: the image has no time zone "Europe"`}},
		{"US/Eastern", "uk", "", nil},
	} {
		p, err := decided(t, network+c.files, func(n *config.Node) { n.Host.Timezone, n.Host.Keyboard = c.zone, c.keyboard })
		if len(c.want) == 0 {
			if err != nil {
				t.Errorf("%s, %s: %v", c.zone, c.keyboard, err)
			}
		} else if p != nil || exit.Code(err) != exit.Usage || err.Error() != strings.Join(c.want, "\n") {
			t.Errorf("%s, %s: code %d, %v", c.zone, c.keyboard, exit.Code(err), err)
		}
	}
}

func FuzzParseLayouts(f *testing.F) {
	f.Add("! layout\n  us English\n! variant\n x y\n")
	f.Fuzz(func(t *testing.T, list string) {
		if slices.Contains(parseLayouts(list), "") {
			t.Error("a layout without a name")
		}
	})
}

// What this machine lacks counts for a plan for this machine only; the disks of a facts file are somebody else's.
func TestOnlyAPlanForThisMachineIsHeldAgainstIt(t *testing.T) {
	m := hosttest.New(t, place+"-- proc/self/mountinfo --\n-- proc/swaps --\n")
	b := &bench{t: t, dir: m.Root, out: &bytes.Buffer{}}
	text, err := (&manifest.Manifest{Version: "1.0", Edition: "minimal", BuildID: "0123abcd", Profiles: config.Profiles(),
		Files: map[string]manifest.File{manifest.Payload: {Size: 1, SHA256: strings.Repeat("0", 64)}}}).JSON()
	b.must(err)
	medium := filepath.Join(m.Root, "medium")
	b.write(filepath.Join(medium, manifest.Path), text)
	b.sign(medium, text)
	b.must(os.MkdirAll(filepath.Join(m.Root, "sys/class/block"), 0o755))
	in := &Installer{Live: m.Host, Medium: "/medium", Key: "/debvisor.pub", Tell: &Teller{Out: b.out}}
	a := answers(t, ">=1TB <2TB", "")
	a.Node.Host.Timezone = "US/Eastern"
	if p, err := in.Look(t.Context(), a, nil); p != nil || exit.Code(err) != exit.Usage {
		t.Errorf("this machine: code %d, %v", exit.Code(err), err)
	}
	if p, err := in.Look(t.Context(), a, &disk.Facts{Disks: fixture(t)}); p == nil {
		t.Errorf("a facts file: %v", err)
	}
}
