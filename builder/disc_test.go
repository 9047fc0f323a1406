package builder

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"debvisor/internal/exit"
	"debvisor/internal/iso"
	"debvisor/internal/manifest"
)

var update = flag.Bool("update", false, "rewrite golden files")

// built makes an image of small files that stand for the large ones, and everything beside it.
func built(t *testing.T) (image string, key *signer) {
	t.Helper()
	b := newBuilder(t, "minimal", nil)
	key, err := b.openKey()
	if err != nil {
		t.Fatal(err)
	}
	image = builtWith(t, b, key)
	if _, err := b.sign(context.Background(), image, key); err != nil {
		t.Fatal(err)
	}
	return image, key
}

func builtWith(t *testing.T, b *Builder, key *signer) string {
	t.Helper()
	dir := t.TempDir()
	for name, size := range map[string]int{"eltorito.img": 50_000, "boot_hybrid.img": 512, "vmlinuz": 9000, "initrd.img": 7000,
		"BOOTX64.EFI": 100, "grubx64.efi": 200, "mmx64.efi": 300, "filesystem.squashfs": 300_000} {
		if err := os.WriteFile(filepath.Join(dir, name), bytes.Repeat([]byte(name[:1]), size), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	payload := payloadFile{key: "p", path: filepath.Join(dir, "filesystem.squashfs"), unpacked: 1 << 20}
	image, err := b.iso(context.Background(), b.layout(payload, bootFiles{key: "b", dir: dir}, time.Unix(1_700_000_000, 0)), key)
	if err != nil {
		t.Fatal(err)
	}
	return image
}

func TestWhatWasBuiltVerifies(t *testing.T) {
	image, key := built(t)
	v, err := Verify(context.Background(), image, key.public)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "verdict", strings.Join(append(v.Checked, v.NotChecked...), "\n"), `debvisor-1.0-minimal-amd64.iso has the hash that SHA256SUMS says
SHA256SUMS.sig is a signature of SHA256SUMS by this key
SHA256SUMS.sigstore.json is a signature of SHA256SUMS by this key
debvisor-1.0-minimal-amd64.iso.sig is a signature of debvisor-1.0-minimal-amd64.iso by this key
debvisor-1.0-minimal-amd64.iso.sigstore.json is a signature of debvisor-1.0-minimal-amd64.iso by this key
the manifest inside the image is signed by this key
all 12 files on the image have the hashes that the manifest says
it has boot entries for BIOS and UEFI, as CD and as disk
the slot for answers is empty
when it was signed: with a bare key there is no transparency log`)
}

func TestTheSameInputsGiveTheSameImage(t *testing.T) {
	b := newBuilder(t, "minimal", nil)
	key, err := b.openKey()
	if err != nil {
		t.Fatal(err)
	}
	first, err1 := os.ReadFile(builtWith(t, b, key))
	second, err2 := os.ReadFile(builtWith(t, newBuilder(t, "minimal", nil), key))
	if err1 != nil || err2 != nil || !bytes.Equal(first, second) {
		t.Errorf("two images of the same files and key differ (%v, %v)", err1, err2)
	}
}

func TestOneFlippedByteInTheImageIsFoundByEverySignature(t *testing.T) {
	image, key := built(t)
	flip(t, image, manifest.Payload)
	_, err := Verify(context.Background(), image, key.public)
	if exit.Code(err) != exit.Signature {
		t.Fatalf("exit code %d, want %d: %v", exit.Code(err), exit.Signature, err)
	}
	for _, part := range []string{"SHA256SUMS: ", ".iso.sig: ", ".iso.sigstore.json: ", manifest.Payload + ": was changed"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q is not in the error:\n%v", part, err)
		}
	}
}

func TestAForgedManifestIsFound(t *testing.T) {
	image, key := built(t)
	flip(t, image, manifest.Path)
	if err := os.Remove(filepath.Join(filepath.Dir(image), "SHA256SUMS")); err != nil {
		t.Fatal(err)
	}
	for _, ext := range []string{sigExt, bundleExt} {
		if err := os.Remove(image + ext); err != nil {
			t.Fatal(err)
		}
	}
	v, err := Verify(context.Background(), image, key.public)
	if exit.Code(err) != exit.Signature || !strings.HasPrefix(err.Error(), manifest.Signature+": ") {
		t.Errorf("error: %v", err)
	}
	same(t, "not checked", strings.Join(v.NotChecked, "\n"), `SHA256SUMS: is not there
debvisor-1.0-minimal-amd64.iso.sig: is not there
debvisor-1.0-minimal-amd64.iso.sigstore.json: is not there
when it was signed: with a bare key there is no transparency log`)
}

func TestAnotherKeyIsRefused(t *testing.T) {
	image, _ := built(t)
	other, err := newBuilder(t, "minimal", nil).openKey()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Verify(context.Background(), image, other.public); exit.Code(err) != exit.Signature {
		t.Errorf("exit code %d, want %d: %v", exit.Code(err), exit.Signature, err)
	}
}

func flip(t *testing.T, image, path string) {
	t.Helper()
	img, err := iso.Open(image)
	if err != nil {
		t.Fatal(err)
	}
	defer img.Close()
	at, err := img.Slot(path)
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(image, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b := make([]byte, 1)
	if _, err := f.ReadAt(b, at.Offset+at.Size/2); err != nil {
		t.Fatal(err)
	}
	b[0] ^= 1
	if _, err := f.WriteAt(b, at.Offset+at.Size/2); err != nil {
		t.Fatal(err)
	}
}

func TestInspectionShowsNoSecretsOfTheAnswers(t *testing.T) {
	image, _ := built(t)
	writeSlot(t, image, "version: 1\nhost: {fqdn: hv01.lab.example}\nusers: [{name: anna, admin: true, password_hash: \"$y$secret\"}]\nstorage: {profile: zfs}\n")
	in, err := Inspect(image)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	in.Print(&out)
	if strings.Contains(out.String(), "secret") || !strings.Contains(out.String(), "answers   for hv01.lab.example, profile zfs, users [anna]") {
		t.Errorf("inspection:\n%s", out.String())
	}
}

func TestSchemaIsAsPublished(t *testing.T) {
	got, err := Schema()
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "answers.schema.json", got)
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	same(t, name, string(got), string(want))
}

func TestPlanSaysWhatIsToDo(t *testing.T) {
	b := newBuilder(t, "minimal", nil)
	p := &Plan{Edition: "minimal", ISO: b.isoName(), Packages: 3, Size: 2_500_000_000, Missing: 1, Download: 12_000_000,
		Stages: []Planned{{"fetch", "", false, "http://deb.debian.org/debian"}, {"root", "0123", true, "3 packages"}}, Problems: []string{"no root"}}
	var out strings.Builder
	if err := p.Print(&out); err != nil {
		t.Fatal(err)
	}
	same(t, "plan", out.String(), `debvisor-1.0-minimal-amd64.iso (minimal)

fetch  to do         http://deb.debian.org/debian
root   cached  0123  3 packages

3 packages, 2.5 GB; 1 of them, 12.0 MB, to download
problem: no root
`)
}

func TestProgressOnATerminalIsOneLineAndJSONAnEventALine(t *testing.T) {
	for mode, want := range map[Mode]string{
		Plain: "[ 1/10] root      done, 2.0 s\n[ 2/10] iso       failed, 0.0 s\n",
		Live:  "\r\x1b[K[ 1/10] root        0 s  \r\x1b[K[ 1/10] root       50 %  unpacking\r\x1b[K[ 1/10] root      done, 2.0 s\n\r\x1b[K[ 2/10] iso         0 s  \r\x1b[K[ 2/10] iso       failed, 0.0 s\n",
		JSON: `{"stage":"root","n":1,"of":10,"state":"begin","seconds":0}
{"stage":"root","n":1,"of":10,"state":"progress","percent":50,"text":"unpacking","seconds":1}
{"stage":"root","n":1,"of":10,"state":"done","percent":50,"seconds":2}
{"stage":"iso","n":2,"of":10,"state":"begin","seconds":0}
{"stage":"iso","n":2,"of":10,"state":"failed","seconds":0}
`,
		Quiet: "",
	} {
		var out strings.Builder
		now := time.Unix(100, 0)
		p := NewProgress(&out, mode)
		p.now = func() time.Time { return now }
		p.begin("root")
		now = now.Add(time.Second)
		p.update(50, "unpacking")
		p.update(51, "too soon")
		now = now.Add(time.Second)
		p.end(nil)
		p.begin("iso")
		p.end(io.EOF)
		same(t, fmt.Sprint("mode ", mode), out.String(), want)
	}
}

func TestCacheKeepsTheNewestTwoAndNothingUnfinished(t *testing.T) {
	c := cache{filepath.Join(t.TempDir(), "cache")}
	unlock, err := c.open()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.open(); err == nil || !strings.Contains(err.Error(), "another build is running") {
		t.Errorf("a second build was let in: %v", err)
	}
	p := NewProgress(io.Discard, Quiet)
	for i, key := range []string{"a", "b", "c"} {
		dir, err := c.get(p, "root", "minimal", key, func(dir string) error { return os.WriteFile(filepath.Join(dir, "x"), nil, 0o644) })
		if err != nil {
			t.Fatal(err)
		}
		at := time.Unix(int64(1000+i), 0)
		if err := os.Chtimes(dir, at, at); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := c.get(p, "root", "minimal", "d", func(string) error { return io.EOF }); err == nil {
		t.Error("a stage that failed gave a result")
	}
	if err := os.Mkdir(filepath.Join(c.dir, "root-minimal-e"+unfinished), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := unlock(); err != nil {
		t.Fatal(err)
	}
	if unlock, err = c.open(); err != nil {
		t.Fatal(err)
	}
	defer unlock()
	same(t, "cache", tree(t, c.dir), "lock\nroot-minimal-b\nroot-minimal-b/x\nroot-minimal-c\nroot-minimal-c/x\n")
}

func TestPackageTimeIsReadFromTheArchive(t *testing.T) {
	deb := "!<arch>\n" + fmt.Sprintf("%-16s%-12d%-6d%-6d%-8s%-10d`\n", "debian-binary", 1_700_000_000, 0, 0, "100644", 4) + "2.0\n"
	at, err := arTime(strings.NewReader(deb), "x.deb")
	if err != nil || at.Unix() != 1_700_000_000 {
		t.Errorf("arTime = %v, %v", at, err)
	}
	for _, bad := range []string{"", deb[:40], strings.Replace(deb, "1700000000", "x", 1), strings.Replace(deb, "debian", "ubuntu", 1)} {
		if _, err := arTime(strings.NewReader(bad), "x.deb"); err == nil {
			t.Errorf("arTime(%q) has no error", bad)
		}
	}
}

func TestMachineCommandLine(t *testing.T) {
	m := Machine{ISO: "a,b.iso", UEFI: true, Disk: "d.img", Data: []string{"e.img"}, Answers: "n.yaml", Memory: 2048, CPUs: 2, Accel: "tcg", SSHPort: 2222, Dir: "/tmp/m"}
	same(t, "args", strings.Join(m.Args(), " "), `qemu-system-x86_64 -accel tcg -cpu max -smp 2 -m 2048 -nographic -device virtio-rng-pci -drive if=pflash,format=raw,readonly=on,file=/usr/share/OVMF/OVMF_CODE_4M.fd -drive if=pflash,format=raw,file=/tmp/m/variables.fd -drive if=none,id=disk0,format=raw,discard=unmap,file=d.img -device virtio-blk-pci,drive=disk0,serial=DEBVISOR-SYSTEM,bootindex=1 -drive if=none,id=disk1,format=raw,discard=unmap,file=e.img -device virtio-blk-pci,drive=disk1,serial=DEBVISOR-DATA-1 -drive if=none,id=cd,media=cdrom,format=raw,readonly=on,file=a,,b.iso -device ide-cd,drive=cd,bootindex=2 -drive if=none,id=answers,format=raw,readonly=on,file=/tmp/m/answers.img -device virtio-blk-pci,drive=answers,serial=ANSWERS -netdev user,id=net,hostfwd=tcp:127.0.0.1:2222-:22 -device virtio-net-pci,netdev=net,mac=52:54:00:de:b1:50`)
}
