package builder

import (
	"bytes"
	"context"
	"io/fs"
	"os"
	"strings"
	"testing"
	"time"

	"debvisor/internal/host"
	"debvisor/internal/iso"
)

func TestTheInitramfsAndTheMediumKnowEachOther(t *testing.T) {
	image, _ := built(t)
	img, err := iso.Open(image)
	if err != nil {
		t.Fatal(err)
	}
	defer img.Close()
	initrd, err1 := fs.ReadFile(img, "live/initrd.img")
	medium, err2 := fs.ReadFile(img, liveIdentity)
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	_, archive, _ := bytes.Cut(initrd, []byte(uuidFile))
	if len(medium) != 9 || !bytes.Contains(archive, medium) || !bytes.HasPrefix(initrd, bytes.Repeat([]byte("i"), 7000)) {
		t.Errorf("medium says %q, the initramfs ends with %q", medium, archive)
	}
}

func TestCpioReadsTheArchive(t *testing.T) {
	if _, err := host.Find("cpio"); err != nil {
		t.Skip("cpio is not installed: apt-get install cpio")
	}
	archive := identified(nil, "0123abcd", time.Unix(1_700_000_000, 0))
	dir := t.TempDir()
	name := dir + "/archive"
	if err := os.WriteFile(name, archive, 0o644); err != nil {
		t.Fatal(err)
	}
	out, err := host.New().Run(context.Background(), "sh", "-c", `cpio -t --quiet < "$1" && cd "$2" && cpio -i --quiet < "$1" && cat conf/uuid.conf`, "sh", name, dir)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "list and content", strings.TrimSpace(string(out)), "conf\nconf/uuid.conf\n0123abcd")
}

func TestTheSecondArchiveBeginsWhereTheKernelLooks(t *testing.T) {
	for n := range 8 {
		all := identified(bytes.Repeat([]byte("x"), n), "0123abcd", time.Unix(0, 0))
		if at := bytes.Index(all, []byte("070701")); at%4 != 0 || at < n || at > n+3 {
			t.Errorf("after %d bytes it begins at %d", n, at)
		}
	}
}
