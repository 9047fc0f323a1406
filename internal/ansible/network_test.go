package ansible

import (
	"strings"
	"testing"
)

func TestNetworksAreMeantAsWritten(t *testing.T) {
	for text, want := range map[string]string{"10.0.0.0/24": "10.0.0.0/24", "10.0.0.7": "10.0.0.7/32", "fd00::1": "fd00::1/128", "::/0": "::/0"} {
		if got, err := parseNetwork(text); err != nil || got.String() != want {
			t.Errorf("%s: got %s, %v", text, got, err)
		}
	}
	for wrong, why := range map[string]string{
		"10.0.0.1/24":         "write 10.0.0.0/24",
		"::ffff:10.0.0.0/104": "write it as IPv4",
		"::ffff:10.0.0.1":     "write it as IPv4",
		"fe80::1%br0":         "neither a network",
		"10.0.0.0/33":         "neither a network",
		"010.0.0.0/8":         "neither a network",
		"hv01":                "neither a network",
	} {
		if got, err := parseNetwork(wrong); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%q: got %s, %v", wrong, got, err)
		}
	}
}
