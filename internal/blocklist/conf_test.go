package blocklist

import (
	"encoding/binary"
	"net/netip"
	"testing"
)

func TestAddressesAreWrittenAsNetipDoes(t *testing.T) {
	for a := uint32(0); a < 0xff000000; a += 0x00010203 * 7 {
		var b [4]byte
		binary.BigEndian.PutUint32(b[:], a)
		if got, want := string(address4([]byte("x"), a)), "x"+netip.AddrFrom4(b).String(); got != want {
			t.Fatalf("got %s, want %s", got, want)
		}
	}
	if got := string(address4(nil, 0xffffffff)) + string(address4(nil, 0)); got != "255.255.255.2550.0.0.0" {
		t.Errorf("the ends are %s", got)
	}
}
