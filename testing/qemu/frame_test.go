package qemu

import "testing"

const (
	head  = "\x01\x02\x03\x04\x05\x06\x0a\x0b\x0c\x0d\x0e\x0f"
	plain = head + "\x08\x00payload"
	vlan5 = head + "\x81\x00\x00\x05\x08\x00payload"
	prio5 = head + "\x81\x00\x60\x05\x08\x00payload" // VLAN 5 with a priority
)

func TestFramesOnATrunk(t *testing.T) {
	if got := string(tagged([]byte(plain), 5)); got != vlan5 {
		t.Errorf("tagged: got %q", got)
	}
	if got := string(tagged([]byte(plain), 0)); got != plain {
		t.Errorf("not tagged: got %q", got)
	}
	for _, c := range []struct {
		name, frame string
		vlan        uint16
		want        string
		ok          bool
	}{
		{"its VLAN", vlan5, 5, plain, true},
		{"its VLAN with a priority", prio5, 5, plain, true},
		{"another VLAN", vlan5, 6, "", false},
		{"no tag on a trunk", plain, 5, "", false},
		{"a tag where there are no VLANs", vlan5, 0, "", false},
		{"no tag where there are no VLANs", plain, 0, plain, true},
		{"cut in the addresses", head, 0, "", false},
		{"cut in the tag", head + "\x81\x00\x00", 5, "", false},
	} {
		got, ok := untagged([]byte(c.frame), c.vlan)
		if ok != c.ok || ok && string(got) != c.want {
			t.Errorf("%s: got %q, %v; want %q, %v", c.name, got, ok, c.want, c.ok)
		}
	}
}
