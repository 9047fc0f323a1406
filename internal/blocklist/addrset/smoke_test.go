package addrset

import (
	"net/netip"
	"strings"
	"testing"
)

func TestWhitelistedHostPunchesAHole(t *testing.T) {
	var block, allow Reader
	if err := block.Read("b", strings.NewReader("\ufeff10.0.0.0/8 # x\r\n\n::/0\n2001:db8::1\n")); err != nil {
		t.Fatal(err)
	}
	if err := allow.Read("w", strings.NewReader("10.1.2.3\n10.1.2.8-10.255.255.255\n8000::/1")); err != nil {
		t.Fatal(err)
	}
	got := block.Set().Except(allow.Set())
	var text strings.Builder
	got.WriteTo(&text)
	want := "10.0.0.0/16\n10.1.0.0/23\n10.1.2.0/31\n10.1.2.2\n10.1.2.4/30\n::/1\n"
	if text.String() != want {
		t.Errorf("got\n%s", text.String())
	}
	b, _ := got.MarshalBinary()
	var again Set
	if err := again.UnmarshalBinary(b); err != nil || !again.Equal(got) {
		t.Errorf("%v %v", again, err)
	}
	if got.Contains(netip.MustParseAddr("10.1.2.3")) || !got.Contains(netip.MustParseAddr("::ffff:10.1.2.4")) {
		t.Error("contains")
	}
}
