package builder

import (
	"bytes"
	"fmt"
	"time"
)

// liveIdentity is where live-boot looks on a medium, and uuidFile in the initramfs, for the same text: an older image that
// is in the machine too is not taken for this one.
const (
	liveIdentity = ".disk/live-uuid"
	uuidFile     = "conf/uuid.conf"
)

// identified is an initramfs that knows which medium is its own. The kernel unpacks one archive after the other; the
// second must begin at a multiple of four.
func identified(initrd []byte, buildID string, at time.Time) []byte {
	var a cpio
	a.add("conf", 0o040755, at, nil)
	a.add(uuidFile, 0o100644, at, []byte(buildID+"\n"))
	a.add("TRAILER!!!", 0, time.Unix(0, 0), nil)
	return append(padded(initrd), a.Bytes()...)
}

// cpio is an archive in the form that the kernel calls newc.
type cpio struct {
	bytes.Buffer
	inode int
}

// add appends an entry: mode has the type as in stat(2), owner and group are root.
func (a *cpio) add(name string, mode int, at time.Time, data []byte) {
	a.inode++
	fmt.Fprint(a, "070701")
	for _, n := range []int{a.inode, mode, 0, 0, 1, int(at.Unix()), len(data), 0, 0, 0, 0, len(name) + 1, 0} {
		fmt.Fprintf(a, "%08X", n)
	}
	a.WriteString(name + "\x00")
	a.align()
	a.Write(data)
	a.align()
}

func (a *cpio) align() { a.Write(make([]byte, -a.Len()&3)) }

// padded is data with zeros up to a multiple of four.
func padded(data []byte) []byte { return append(data, make([]byte, -len(data)&3)...) }
