package installer

import (
	"slices"
	"strings"
	"testing"

	"debvisor/config"
	"debvisor/internal/exit"
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
