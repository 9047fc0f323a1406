package disk

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"debvisor/internal/host"
	"debvisor/internal/host/hosttest"
)

// A machine file describes /sys, /proc, /run/udev and /dev in few words, a line each:
//
//	disk NAME MAJ:MIN DEVICE-PATH [attribute=value …]   attributes of sysfs; size is in sectors of 512 bytes
//	part NAME MAJ:MIN DISK START SIZE
//	stack NAME MAJ:MIN [attribute=value …] : SLAVE …
//	udev MAJ:MIN LINE                                    a line of udev's database
//	data NAME OFFSET TEXT                                what is on the disk
//	wipefs NAME JSON
//	mount LINE, swap LINE                                of mountinfo, of /proc/swaps
//	btrfs ID DEVICE …
//	pool NAME
//	link NAME TARGET                                     in /dev
type machine struct {
	t testing.TB
	*hosttest.Machine
	dirs map[string]string
}

func loadMachine(t testing.TB, name string) *host.Host {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata/machines", name+".txt"))
	if err != nil {
		t.Fatal(err)
	}
	return newMachine(t, string(text))
}

func newMachine(t testing.TB, text string) *host.Host {
	t.Helper()
	m := machine{t: t, Machine: hosttest.New(t, "-- proc/self/mountinfo --\n-- proc/swaps --\n-- dev/null --\n"), dirs: map[string]string{}}
	for line := range strings.Lines(text) {
		verb, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		if verb != "" && verb != "#" {
			m.line(verb, strings.TrimSpace(rest))
		}
	}
	return m.Host
}

func (m machine) line(verb, rest string) {
	f := strings.Fields(rest)
	switch verb {
	case "disk":
		m.block(f[0], f[1], f[2]+"/block/"+f[0], append([]string{"ro=0", "removable=0", "queue/rotational=0",
			"queue/logical_block_size=512", "queue/physical_block_size=512"}, f[3:]...))
		m.device(f[0])
	case "part":
		m.block(f[0], f[1], m.dirs[f[2]]+"/"+f[0], []string{"partition=1", "start=" + f[3], "size=" + f[4]})
	case "stack":
		attributes, slaves, _ := strings.Cut(rest, ":"+" ")
		f = strings.Fields(attributes)
		m.block(f[0], f[1], "virtual/block/"+f[0], append(f[2:], "size=2048"))
		for slave := range strings.FieldsSeq(slaves) {
			m.write(m.sys(f[0])+"/slaves/"+slave, "")
			m.write(m.sys(slave)+"/holders/"+f[0], "")
		}
	case "udev":
		m.add("run/udev/data/b"+f[0], strings.TrimSpace(rest[len(f[0]):]))
	case "data":
		m.put(f[0], f[1], strings.TrimSpace(strings.SplitN(rest, " ", 3)[2]))
	case "wipefs":
		m.Runner.Answer("wipefs -n --json /dev/"+f[0], rest[len(f[0]):])
	case "mount":
		m.add("proc/self/mountinfo", rest)
	case "swap":
		m.add("proc/swaps", rest)
	case "btrfs":
		for _, device := range f[1:] {
			m.write("sys/fs/btrfs/"+f[0]+"/devices/"+device, "")
		}
	case "link":
		if err := os.Symlink(f[1], m.file("dev/"+f[0])); err != nil {
			m.t.Fatal(err)
		}
	case "pool":
		m.write("proc/spl/kstat/zfs/"+f[0]+"/state", "ONLINE\n")
	default:
		m.t.Fatalf("machine file: unknown line %q", verb)
	}
}

func (m machine) sys(name string) string { return "sys/devices/" + m.dirs[name] }

func (m machine) block(name, number, dir string, attributes []string) {
	m.dirs[name] = dir
	m.write(m.sys(name)+"/dev", number+"\n")
	for _, a := range attributes {
		key, value, _ := strings.Cut(a, "=")
		m.write(m.sys(name)+"/"+key, strings.ReplaceAll(value, "~", " ")+"\n")
	}
	link := m.file("sys/class/block/" + name)
	if err := os.Symlink("../../devices/"+dir, link); err != nil {
		m.t.Fatal(err)
	}
}

// device makes the disk itself: a sparse file that is as large as sysfs says, and a wipefs that finds nothing.
func (m machine) device(name string) {
	size, err := os.ReadFile(filepath.Join(m.Root, m.sys(name), "size"))
	if err != nil {
		m.t.Fatal(err)
	}
	var sectors int64
	if _, err := fmt.Sscan(string(size), &sectors); err != nil {
		m.t.Fatal(err)
	}
	m.write("dev/"+name, "")
	if err := os.Truncate(m.file("dev/"+name), sectors*512); err != nil {
		m.t.Fatal(err)
	}
	m.Runner.Answer("wipefs -n --json /dev/"+name, "")
}

func (m machine) put(name, offset, text string) {
	var at int64
	if _, err := fmt.Sscan(offset, &at); err != nil {
		m.t.Fatal(err)
	}
	if text == "zfs:tank" {
		text = xdr("tank")
	}
	f, err := os.OpenFile(m.file("dev/"+name), os.O_WRONLY, 0)
	if err != nil {
		m.t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt([]byte(text), at); err != nil {
		m.t.Fatal(err)
	}
}

func (m machine) file(name string) string {
	p := filepath.Join(m.Root, name)
	if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
		m.t.Fatal(err)
	}
	return p
}

func (m machine) write(name, text string) {
	if err := os.WriteFile(m.file(name), []byte(text), 0o644); err != nil {
		m.t.Fatal(err)
	}
}

func (m machine) add(name, line string) {
	f, err := os.OpenFile(m.file(name), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		m.t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString(line + "\n"); err != nil {
		m.t.Fatal(err)
	}
}
