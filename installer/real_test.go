package installer

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"debvisor/config"
	"debvisor/internal/disk"
	"debvisor/internal/exit"
	"debvisor/internal/host"
	"debvisor/internal/manifest"
)

// bench is a machine with real loop devices as disks, in a mount namespace of its own.
type bench struct {
	t   *testing.T
	in  *Installer
	out *bytes.Buffer
	dir string
	// spare is an empty disk that the storage profile may have; too small for the system.
	spare string
}

// namespaced runs the calling test again in a private mount namespace, and reports whether this is that run.
func namespaced(t *testing.T) bool {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("needs root: loop devices and mounts")
	}
	for _, tool := range []string{"unshare", "losetup", "partx", "mkfs.vfat", "mkfs.ext4", "mksquashfs", "unsquashfs", "wipefs", "udevadm", "fsck.vfat"} {
		if _, err := host.Find(tool); err != nil {
			t.Skipf("needs %s", tool)
		}
	}
	const inside = "DEBVISOR_TEST_NAMESPACE"
	if os.Getenv(inside) == "1" {
		return true
	}
	cmd := host.Cmd{Args: []string{"unshare", "-m", os.Args[0], "-test.run", "^" + t.Name() + "$", "-test.v"}, Env: []string{inside + "=1"}}
	out, err := host.System{}.Run(t.Context(), cmd)
	t.Log(string(out))
	if err != nil {
		t.Fatal(err)
	}
	return false
}

func newBench(t *testing.T) *bench {
	dir := t.TempDir()
	b := &bench{t: t, dir: dir, out: &bytes.Buffer{}}
	key := b.medium()
	b.in = &Installer{
		Live: &host.Host{Root: "/", Runner: stubChroot{target: filepath.Join(dir, "target")}}, Medium: filepath.Join(dir, "medium"),
		Target: filepath.Join(dir, "target"), Key: key, Loops: true, Tell: &Teller{Out: b.out},
	}
	b.spare = b.loop("spare.img", gib)
	return b
}

// stubChroot stands in for GRUB's tools, which a tree of a few files does not have; everything else is real.
type stubChroot struct {
	target string
	fail   string // this command fails
	seen   func(name string)
}

func (s stubChroot) Run(ctx context.Context, c host.Cmd) ([]byte, error) {
	if s.seen != nil {
		s.seen(c.Args[0])
	}
	if c.Args[0] != "chroot" {
		return host.System{}.Run(ctx, c)
	}
	if c.Args[2] == s.fail {
		return nil, errors.New("run " + s.fail + ": killed")
	}
	if c.Args[2] == "grub-install" {
		return nil, bootCode(c.Args[len(c.Args)-1])
	}
	fstab, err := os.ReadFile(filepath.Join(s.target, "etc/fstab"))
	if err != nil {
		return nil, err
	}
	uuid, _, _ := strings.Cut(strings.SplitAfter(string(fstab), "UUID=")[1], "\t")
	menu := "linux /boot/vmlinuz-6 root=UUID=" + uuid + "\ninitrd /boot/initrd.img-6\n"
	return nil, os.WriteFile(filepath.Join(s.target, "boot/grub/grub.cfg"), []byte(menu), 0o644)
}

// bootCode stands in for what grub-install writes to the first sector.
func bootCode(device string) (err error) {
	f, err := os.OpenFile(device, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	_, err = f.WriteAt([]byte{0xeb, 0x63, 0x90}, 0)
	return err
}

var payloadFiles = map[string]string{
	"boot/grub/.keep": "", "boot/efi/.keep": "", "etc/hostname": "debian\n", "etc/passwd": "root:x:0:0::/root:/bin/sh\n",
	"etc/ssh/ssh_host_ed25519_key":                      "leaked",
	"usr/lib/shim/shimx64.efi.signed":                   strings.Repeat("shim", 100000),
	"usr/lib/shim/mmx64.efi.signed":                     strings.Repeat("mok!", 100000),
	"var/lib/systemd/.keep":                             "",
	"dev/.keep":                                         "",
	"proc/.keep":                                        "",
	"sys/.keep":                                         "",
	"usr/share/debvisor/image.json":                     "{}",
	"usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed": strings.Repeat("grub", 400000),
}

// medium makes a signed medium and returns the path of its key.
func (b *bench) medium() string {
	tree, medium := filepath.Join(b.dir, "tree"), filepath.Join(b.dir, "medium")
	for name, text := range payloadFiles {
		b.write(filepath.Join(tree, name), []byte(text))
	}
	payload := filepath.Join(medium, manifest.Payload)
	b.must(os.MkdirAll(filepath.Dir(payload), 0o755))
	b.run("mksquashfs", tree, payload, "-quiet", "-no-progress")
	m := manifest.Manifest{Version: "1.0", Edition: "minimal", BuildID: "0123abcd", Profiles: config.Profiles(), Files: map[string]manifest.File{manifest.Payload: b.fileOf(payload)}}
	text, err := m.JSON()
	b.must(err)
	b.write(filepath.Join(medium, manifest.Path), text)
	return b.sign(medium, text)
}

func (b *bench) fileOf(name string) manifest.File {
	data, err := os.ReadFile(name)
	b.must(err)
	sum := sha256.Sum256(data)
	return manifest.File{Size: int64(len(data)), SHA256: hex.EncodeToString(sum[:])}
}

func (b *bench) sign(medium string, text []byte) string {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	b.must(err)
	sum := sha256.Sum256(text)
	sig, err := ecdsa.SignASN1(rand.Reader, key, sum[:])
	b.must(err)
	b.write(filepath.Join(medium, manifest.Signature), []byte(base64.StdEncoding.EncodeToString(sig)))
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	b.must(err)
	name := filepath.Join(b.dir, "debvisor.pub")
	b.write(name, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
	return name
}

// loop attaches a new sparse image and returns its device.
func (b *bench) loop(name string, size int64) string {
	image := filepath.Join(b.dir, name)
	b.write(image, nil)
	b.must(os.Truncate(image, size))
	device := strings.TrimSpace(b.run("losetup", "-f", "--show", image))
	b.t.Cleanup(func() {
		host.System{}.Run(context.Background(), host.Cmd{Args: []string{"partx", "-d", device}}) // none there is an error
		b.run("losetup", "-d", device)
	})
	return device
}

func (b *bench) run(args ...string) string {
	b.t.Helper()
	out, err := host.System{}.Run(context.Background(), host.Cmd{Args: args})
	b.must(err)
	return string(out)
}

func (b *bench) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatalf("%v\n%s", err, b.out)
	}
}

func (b *bench) write(name string, data []byte) {
	b.must(os.MkdirAll(filepath.Dir(name), 0o755))
	b.must(os.WriteFile(name, data, 0o644))
}

const answersText = `version: 1
host: {fqdn: hv01.lab.example}
users: [{name: ops, admin: true, ssh_keys: ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA ops"]}]
storage:
  profile: zfs
  system: {match: {size: "%s"}}
  wipe: [%s]
`

func answers(t *testing.T, size, wipe string) Answers {
	text := fmt.Sprintf(answersText, size, wipe)
	n, err := config.ParseNode("answers.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return Answers{Source: "a test", Text: text, Node: n}
}

// facts are those of the given loop devices and the spare one only: other tests of this machine have theirs.
func (b *bench) facts(devices ...string) *disk.Facts {
	all, err := b.in.Facts(b.t.Context())
	b.must(err)
	var mine disk.Facts
	for _, d := range all.Disks {
		if d.Path == b.spare || slices.Contains(devices, d.Path) {
			mine.Disks = append(mine.Disks, d)
		}
	}
	return &mine
}

// fact is one disk.
func (b *bench) fact(device string) disk.Disk {
	for _, d := range b.facts(device).Disks {
		if d.Path == device {
			return d
		}
	}
	b.t.Fatalf("there is no disk %s", device)
	return disk.Disk{}
}

// sum is the hash of what an image holds; holes count as zeros.
func (b *bench) sum(name string) string {
	f, err := os.Open(filepath.Join(b.dir, name))
	b.must(err)
	defer f.Close()
	h := sha256.New()
	_, err = io.Copy(h, io.NewSectionReader(f, 0, 64*mib)) // both ends are enough to see a write, and take no minute
	b.must(err)
	info, err := f.Stat()
	b.must(err)
	_, err = io.Copy(h, io.NewSectionReader(f, info.Size()-64*mib, 64*mib))
	b.must(err)
	st, err := os.Stat(f.Name())
	b.must(err)
	return fmt.Sprintf("%x %d", h.Sum(nil), st.Size())
}

func TestARealDiskIsInstalled(t *testing.T) {
	if !namespaced(t) {
		return
	}
	b := newBench(t)
	device := b.loop("system.img", 28*gib)
	p, err := b.in.Look(t.Context(), answers(t, ">=27GiB", ""), b.facts(device))
	b.must(err)
	b.must(b.in.Install(t.Context(), p))
	t.Log(b.out)
	b.checkDisk(p)
	b.checkSystem(p)
}

// Whatever stops an installation, nothing on the disk boots and nothing stays mounted.
func TestAnInterruptedInstallationDoesNotBoot(t *testing.T) {
	if !namespaced(t) {
		return
	}
	b := newBench(t)
	for _, fail := range []string{"update-grub", "grub-install"} {
		b.in.Live.Runner = stubChroot{target: b.in.Target, fail: fail}
		device := b.loop(fail+".img", 28*gib)
		p, err := b.in.Look(t.Context(), answers(t, ">=27GiB", ""), b.facts(device))
		b.must(err)
		if err := b.in.Install(t.Context(), p); exit.Code(err) != exit.Failed || !strings.Contains(err.Error(), "bootloader: run "+fail) {
			t.Errorf("%s: code %d, %v", fail, exit.Code(err), err)
		}
		b.checkDead(p)
		if name := b.fact(device).Contents.InstallationName(); name != "" {
			t.Errorf("what was begun counts as complete: %s", name)
		}
		if _, err := b.in.Look(t.Context(), answers(t, ">=27GiB", ""), b.facts(device)); exit.Code(err) != exit.Refused || !errors.Is(err, disk.ErrNotEmpty) {
			t.Errorf("what was begun is begun again without consent: code %d, %v", exit.Code(err), err)
		}
	}
}

// Answers that named the disk, or the installation before, do not name the one that is there now.
func TestAnInstallationIsReplacedOnlyByItsOwnName(t *testing.T) {
	if !namespaced(t) {
		return
	}
	b := newBench(t)
	device := b.loop("system.img", 28*gib)
	p, err := b.in.Look(t.Context(), answers(t, ">=27GiB", ""), b.facts(device))
	b.must(err)
	b.must(b.in.Install(t.Context(), p))
	first := "installation:" + strings.ToLower(p.Layout.GUID)
	if got := b.fact(device).Contents.InstallationName(); got != first {
		t.Fatalf("the disk says %q, want %q", got, first)
	}
	if !strings.Contains(b.out.String(), removeMedium) {
		t.Errorf("nobody was told to remove the medium:\n%s", b.out)
	}
	b.isInstalled(device, "")
	p, err = b.in.Look(t.Context(), answers(t, ">=27GiB", first), b.facts(device))
	b.must(err)
	b.must(b.in.Install(t.Context(), p))
	b.isInstalled(device, first)
}

// isInstalled: an installation with this wipe list is refused, the reason names the way, and nothing is written.
func (b *bench) isInstalled(device, wipe string) {
	b.t.Helper()
	before := b.sum("system.img")
	p, err := b.in.Look(b.t.Context(), answers(b.t, ">=27GiB", wipe), b.facts(device))
	way := "add " + b.fact(device).Contents.InstallationName() + " to storage.wipe"
	if p != nil || exit.Code(err) != exit.Refused || !errors.Is(err, disk.ErrInstalled) || !strings.Contains(err.Error(), way) {
		b.t.Errorf("wipe %q: code %d, %v", wipe, exit.Code(err), err)
	}
	if b.sum("system.img") != before {
		b.t.Error("the disk was written to")
	}
}

// A dying stick serves other bytes the second time: they are never unpacked.
func TestWhatIsUnpackedIsWhatWasChecked(t *testing.T) {
	if !namespaced(t) {
		return
	}
	b := newBench(t)
	device := b.loop("system.img", 28*gib)
	p, err := b.in.Look(t.Context(), answers(t, ">=27GiB", ""), b.facts(device))
	b.must(err)
	var ran []string
	b.in.Live.Runner = stubChroot{target: b.in.Target, seen: func(name string) {
		if ran = append(ran, name); name == "mkfs.vfat" { // the payload was checked, and the disk is being written
			b.flip(manifest.Payload)
		}
	}}
	err = b.in.Install(t.Context(), p)
	if exit.Code(err) != exit.Signature || !errors.Is(err, errPayload) || slices.Contains(ran, "unsquashfs") {
		t.Errorf("code %d, %v, ran %v", exit.Code(err), err, ran)
	}
	b.checkDead(p)
}

// unsquashfs meets a damaged block: its step fails.
func TestAPayloadThatCannotBeUnpackedEndsTheInstallation(t *testing.T) {
	if !namespaced(t) {
		return
	}
	b := newBench(t)
	device := b.loop("system.img", 28*gib)
	p, err := b.in.Look(t.Context(), answers(t, ">=27GiB", ""), b.facts(device))
	b.must(err)
	b.in.Live.Runner = stubChroot{target: b.in.Target, seen: func(name string) {
		if name == "unsquashfs" {
			b.must(os.Truncate(filepath.Join(b.in.Target, payloadCopy), 200))
		}
	}}
	if err := b.in.Install(t.Context(), p); exit.Code(err) != exit.Failed || !strings.Contains(err.Error(), "unpack: ") {
		t.Errorf("code %d, %v", exit.Code(err), err)
	}
	b.checkDead(p)
}

// checkDead: no boot code for BIOS, no file that UEFI would look for.
func (b *bench) checkDead(p *Plan) {
	b.t.Helper()
	r := b.in.newRun(p)
	if mounted, err := r.mounted(); err != nil || len(mounted) > 0 {
		b.t.Errorf("still mounted: %v, %v", mounted, err)
	}
	f, err := os.Open(p.Layout.Disk)
	b.must(err)
	defer f.Close()
	code := make([]byte, 440)
	_, err = f.ReadAt(code, 0)
	b.must(err)
	if strings.Trim(string(code), "\x00") != "" {
		b.t.Error("there is boot code")
	}
	if have, err := r.readESP(); err != nil || len(have) > 0 {
		b.t.Errorf("the EFI system partition has %d files, %v", len(have), err)
	}
}

// A disk that holds something is installed when it was named, and keeps nothing of what it held.
func TestADiskThatWasNamedIsWiped(t *testing.T) {
	if !namespaced(t) {
		return
	}
	b := newBench(t)
	device := b.loop("system.img", 28*gib)
	p, err := b.in.Look(t.Context(), answers(t, ">=27GiB", ""), b.facts(device))
	b.must(err)
	b.run("mkfs.ext4", "-q", "-L", "precious", device)
	p.Choice.System = disk.Target{Disk: b.fact(device), Wipe: true} // loop devices have no name to consent by
	b.must(b.in.Install(t.Context(), p))
	b.checkDisk(p)
	b.checkSystem(p)
	for _, s := range b.facts(device).Disks[0].Contents.Signatures {
		if s.Label == "precious" {
			t.Errorf("still there: %s", s)
		}
	}
}

func (b *bench) checkDisk(p *Plan) {
	b.t.Helper()
	r := b.in.newRun(p)
	if mounted, err := r.mounted(); err != nil || len(mounted) > 0 {
		b.t.Errorf("still mounted: %v, %v", mounted, err)
	}
	table := b.run("sgdisk", "-v", "-p", p.Layout.Disk)
	for _, want := range []string{"No problems found", "debvisor-esp", "debvisor-bios", "debvisor-root-a", "debvisor-root-b", "debvisor-state", p.Layout.GUID[:8]} {
		if !strings.Contains(strings.ToLower(table), strings.ToLower(want)) {
			b.t.Errorf("sgdisk does not say %q:\n%s", want, table)
		}
	}
	if out, err := (host.System{}).Run(b.t.Context(), host.Cmd{Args: []string{"fsck.vfat", "-n", p.Layout.Device(esp)}}); err != nil {
		b.t.Errorf("%v\n%s", err, out)
	}
	for _, i := range []int{rootA, state} {
		b.run("e2fsck", "-fn", p.Layout.Device(i))
	}
	for _, f := range p.espFiles() {
		got := b.run("mtype", "-i", p.Layout.Device(esp), "::"+f.path)
		want := f.text
		if f.from != "" {
			want = payloadFiles[f.from[1:]]
		}
		if got != want {
			b.t.Errorf("%s: %d bytes, want %d", f.path, len(got), len(want))
		}
	}
}

func (b *bench) checkSystem(p *Plan) {
	b.t.Helper()
	r := b.in.newRun(p)
	mounts, err := r.mounts()
	b.must(err)
	b.must(b.in.Live.Apply(b.t.Context(), mounts))
	defer func() { b.must(r.cleanUp(context.Background())) }()
	for name, want := range map[string]string{
		"/etc/fstab": p.fstab(), "/etc/hostname": "hv01\n", "/etc/debvisor-profile": "zfs\n", "/etc/machine-id": p.MachineID + "\n",
		"/etc/debvisor/answers.yaml": p.Answers.Text, "/etc/passwd": payloadFiles["etc/passwd"],
	} {
		if got, err := r.new.ReadFile(name); err != nil || string(got) != want {
			b.t.Errorf("%s: %q, %v; want %q", name, got, err, want)
		}
	}
	if r.new.Exists(payloadCopy) {
		b.t.Error("the copy of the payload is still there")
	}
	if r.new.Exists("/etc/ssh/ssh_host_ed25519_key") {
		b.t.Error("the image's host key is still there")
	}
	log, err := r.new.ReadFile(installLog)
	b.must(err)
	for _, want := range []string{"build 0123abcd", "step unpack ", "step bootloader ", "profile zfs", p.Layout.Disk} {
		if !strings.Contains(string(log), want) {
			b.t.Errorf("%s has no %q:\n%s", installLog, want, log)
		}
	}
}

// Each refusal comes before the first write.
func TestWhatIsRefusedLeavesTheDiskAsItWas(t *testing.T) {
	if !namespaced(t) {
		return
	}
	b := newBench(t)
	full, second := b.loop("full.img", 28*gib), b.loop("second.img", 30*gib)
	b.run("mkfs.ext4", "-q", full)
	before := b.sum("full.img") + b.sum("second.img")
	for _, c := range []struct {
		name  string
		size  string
		disks []string
		want  int
		says  error
	}{
		{"a disk with data", ">=27GiB <29GiB", []string{full, second}, exit.Refused, disk.ErrNotEmpty},
		{"two disks for one", ">=27GiB", []string{full, second}, exit.NoMatch, disk.ErrAmbiguous},
		{"no disk", ">=1TB", []string{full, second}, exit.NoMatch, disk.ErrNoMatch},
		{"no disk for the profile", ">=29GiB", []string{full, second}, exit.NoMatch, errTooFew},
	} {
		if c.says == errTooFew {
			b.run("mkfs.ext4", "-q", b.spare)
		}
		p, err := b.in.Look(t.Context(), answers(t, c.size, ""), b.facts(c.disks...))
		if p != nil || exit.Code(err) != c.want || !errors.Is(err, c.says) {
			t.Errorf("%s: code %d, %v; want %d, %v", c.name, exit.Code(err), err, c.want, c.says)
		}
	}
	b.run("wipefs", "-q", "-a", b.spare)
	b.run("dd", "if=/dev/zero", "of="+b.spare, "bs=1M", "count=1024", "status=none")
	b.flip(manifest.Payload)
	p, err := b.in.Look(t.Context(), answers(t, ">=29GiB", ""), b.facts(full, second))
	b.must(err)
	if err := b.in.Install(t.Context(), p); exit.Code(err) != exit.Signature {
		t.Errorf("a flipped byte of the payload: code %d, %v", exit.Code(err), err)
	}
	b.flip(manifest.Path)
	if _, err := b.in.Look(t.Context(), answers(t, ">=29GiB", ""), b.facts(full, second)); exit.Code(err) != exit.Signature {
		t.Errorf("a flipped byte of the manifest: code %d, %v", exit.Code(err), err)
	}
	if after := b.sum("full.img") + b.sum("second.img"); after != before {
		t.Error("a disk was written to")
	}
}

// flip changes a byte in the middle of a file of the medium.
func (b *bench) flip(name string) {
	p := filepath.Join(b.in.Medium, name)
	data, err := os.ReadFile(p)
	b.must(err)
	data[len(data)/2] ^= 1
	b.must(os.WriteFile(p, data, 0o644))
}

// Between the plan and the write somebody puts a file system on the disk.
func TestADiskThatChangedSinceThePlanIsNotTouched(t *testing.T) {
	if !namespaced(t) {
		return
	}
	b := newBench(t)
	device := b.loop("system.img", 28*gib)
	p, err := b.in.Look(t.Context(), answers(t, ">=27GiB", ""), b.facts(device))
	b.must(err)
	b.run("mkfs.ext4", "-q", device)
	before := b.sum("system.img")
	if err := b.in.Install(t.Context(), p); exit.Code(err) != exit.Refused {
		t.Errorf("code %d, %v", exit.Code(err), err)
	}
	if b.sum("system.img") != before {
		t.Error("the disk was written to")
	}
}
