package disk

import (
	"encoding/binary"
	"errors"
	"slices"
	"strings"
	"testing"
	stdutf16 "unicode/utf16"
)

const someGUID = "\x33\x22\x11\x00\x55\x44\x77\x66\x88\x99\xaa\xbb\xcc\xdd\xee\xff"

// gptWith is a GPT for sectors of 512 bytes with one partition of this name, from the header on.
func gptWith(name string) string {
	le := binary.LittleEndian
	head := make([]byte, 1024)
	copy(head, gptMagic)
	copy(head[56:], someGUID)
	le.PutUint64(head[72:], 2)
	le.PutUint32(head[80:], 1)
	le.PutUint32(head[84:], 128)
	e := head[512:]
	copy(e, someGUID)
	le.PutUint64(e[32:], 2048)
	le.PutUint64(e[40:], 4095)
	for i, u := range stdutf16.Encode([]rune(name)) {
		le.PutUint16(e[56+2*i:], u)
	}
	return string(head)
}

func TestAnInstallationIsCompleteWhenItsPartitionsAndItsBootCodeAreThere(t *testing.T) {
	const want = "00112233-4455-6677-8899-aabbccddeeff"
	code := piece{0, "\xeb\x63\x90"}
	for _, c := range []struct {
		name, want string
		image      *image
	}{
		{"complete", want, blank(code, piece{512, gptWith(rootName)})},
		{"no boot code", "", blank(piece{512, gptWith(rootName)})},
		{"somebody else's", "", blank(code, piece{512, gptWith("debian-root")})},
		{"boot code alone", "", blank(code)},
		{"an empty disk", "", blank()},
	} {
		if got := c.image.probe().Installation; got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// Consent to a disk is not consent to what was installed on it since.
func TestAnInstallationIsReplacedOnlyWhenItIsNamedItself(t *testing.T) {
	const name, older = "installation:00112233-4455-6677-8899-aabbccddeeff", "installation:ffffffff-4455-6677-8899-aabbccddeeff"
	for _, c := range []struct {
		wipe []string
		ok   bool
	}{
		{nil, false}, {[]string{"disk-a"}, false}, {[]string{"disk-a", older}, false}, {[]string{name}, true}, {[]string{"disk-a", name}, true},
	} {
		disks := recorded(t, "virtio-blank")
		disks[0].Contents = blank(piece{0, "\xeb"}, piece{512, gptWith(rootName)}).probe()
		roles := []Role{system(Match{Serial: "disk-a"})}
		plan, err := Select(disks, roles, c.wipe)
		if c.ok {
			if err != nil || chosen(plan, roles) != "system=vda!" {
				t.Errorf("%v: %s, %v", c.wipe, chosen(plan, roles), err)
			}
			continue
		}
		first, table, _ := strings.Cut(err.Error(), "\n")
		if !errors.Is(err, ErrInstalled) || !strings.HasSuffix(first, "add "+name+" to storage.wipe") || !strings.Contains(table, "that installation is not named for wiping") {
			t.Errorf("%v: %v", c.wipe, err)
		}
	}
}

// A copied disk has its original's GUID: then the disk must be named, too.
func TestTheNameOfACopiedInstallationAloneIsNoConsent(t *testing.T) {
	disks := recorded(t, "virtio-blank")
	for i := range disks {
		disks[i].Contents = blank(piece{0, "\xeb"}, piece{512, gptWith(rootName)}).probe()
	}
	name, roles := disks[0].Contents.InstallationName(), []Role{system(Match{Serial: "disk-a"})}
	if _, err := Select(disks, roles, []string{name}); !errors.Is(err, ErrInstalled) {
		t.Errorf("the installation alone: %v", err)
	}
	if plan, err := Select(disks, roles, slices.Concat([]string{name}, []string{"disk-a"})); err != nil || chosen(plan, roles) != "system=vda!" {
		t.Errorf("the installation and the disk: %v", err)
	}
}
