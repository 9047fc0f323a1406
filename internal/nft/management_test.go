package nft

import (
	"fmt"
	"net/netip"
	"testing"

	"debvisor/internal/host/hosttest"
)

func TestManagementNetworksAreReadFromTheRuleset(t *testing.T) {
	for _, want := range [][]netip.Prefix{nil, {netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("192.0.2.1/32"), netip.MustParsePrefix("fd00::/64")}} {
		m := hosttest.New(t, "-- "+BasePath[1:]+" --\n"+Base(Config{Management: want}))
		if got, err := Management(m.Host); err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("got %v, %v, want %v", got, err, want)
		}
	}
	if got, err := Management(hosttest.New(t, "").Host); err != nil || got != nil {
		t.Errorf("without a file: %v, %v", got, err)
	}
}
