package builder

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"debvisor/config"
	"debvisor/internal/host"
	"debvisor/internal/host/hosttest"
	"debvisor/internal/names"

	"github.com/diskfs/go-diskfs"
)

// image is a configuration with the parts that a test looks at.
func image(t *testing.T) fstest.MapFS {
	t.Helper()
	text := func(s string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(s)} }
	return fstest.MapFS{
		"image.yaml": text(`version: 1
suite: trixie
architecture: amd64
volume_label: DEBVISOR
archive: {mirror: http://deb.debian.org/debian, security: http://deb.debian.org/debian-security, components: [main, contrib]}
extra_repositories: [{name: grafana, enabled: true, uri: https://apt.example, suite: stable, components: [main], signed_by: keys/grafana.asc, packages: [grafana]}]
kernel_command_line: console=tty0
live_command_line: boot=live noeject
compression: {algorithm: zstd, level: 12}
exclude: [/usr/share/man/*]
keep: [/usr/share/doc/*/copyright]
editions: {minimal: {packages: [base], profiles: [zfs], records_only: true}, standard: {packages: [base, more, zfs], profiles: [zfs]}}
`),
		"keys/grafana.asc":          text("KEY\n"),
		"packages/base.list":        text("# base\nbash\n\nsshd # no such\n"),
		"packages/more.list":        text("bash\nzfsd\n"),
		"packages/zfs.list":         text(""),
		"overlay/etc/issue":         text("DebVisor\n"),
		"overlay/etc/secret.conf":   text("x\n"),
		"overlay/etc/empty.d/.keep": text(""),
		"overlay.modes":             text("# modes\netc/secret.conf 0600 root:root\netc/empty.d 2750 root:adm\n"),
		"boot/grub.cfg":             text("# {{.Version}} {{.Edition}}\nsearch --label {{.VolumeID}}\nlinux /live/vmlinuz {{.CommandLine}}\n"),
	}
}

func programs() fstest.MapFS {
	files := fstest.MapFS{}
	for _, p := range names.Binaries {
		files[filepath.Base(p)] = &fstest.MapFile{Data: []byte("ELF " + p)}
	}
	files["debvisor-modules-linux-amd64"] = &fstest.MapFile{Data: []byte("ELF modules")}
	files["debvisor.notices"] = &fstest.MapFile{Data: []byte("licences")}
	return files
}

func newBuilder(t *testing.T, edition string, r host.Runner) *Builder {
	t.Helper()
	o := Options{Edition: edition, Dir: t.TempDir(), Version: "1.0", Files: image(t), Payload: programs()}
	b, err := New(o, r, NewProgress(io.Discard, Quiet))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func same(t *testing.T, what, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s:\n--- got\n%s\n--- want\n%s", what, got, want)
	}
}

func TestPackagesThatDoNotExistAreAllReportedWithTheirLine(t *testing.T) {
	m := hosttest.New(t, "")
	m.Runner.Answer("apt-cache policy bash grafana sshd zfsd", "bash:\n  Installed: (none)\n  Candidate: 5.2\n  Version table:\nsshd:\n  Installed: (none)\n  Candidate: (none)\n  Version table:\n")
	b := newBuilder(t, "standard", m.Runner)
	wanted, err := b.image.Packages(b.Files, b.Edition)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "error", fmt.Sprint(b.checkPackages(context.Background(), wanted)), `image.yaml: no package "grafana" in trixie (main, contrib)
packages/base.list:4: no package "sshd" in trixie (main, contrib)
packages/more.list:2: no package "zfsd" in trixie (main, contrib)`)
}

const stanzas = `Package: bash
Version: 1:5.2-1
Architecture: amd64
Filename: pool/b/bash.deb
Size: 10
SHA256: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
Description: shell

Package: adduser
Version: 3
Architecture: all
Size: 5
SHA256: bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb
Filename: pool/a/adduser.deb
`

func TestLockIsWhatAptWouldInstall(t *testing.T) {
	m := hosttest.New(t, "")
	m.Runner.Answer("apt-get install --simulate '?essential' '?priority(required)' bash", "NOTE: simulation\nInst bash (1:5.2-1 Debian:13/stable [amd64])\nInst adduser (3 Debian:13/stable [all])\nConf bash (1:5.2-1 x)\n")
	m.Runner.Answer("apt-cache show bash=1:5.2-1 adduser=3", stanzas)
	lock, err := newBuilder(t, "minimal", m.Runner).lock(context.Background(), []config.Package{{Name: "bash"}})
	if err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	for _, p := range lock.Packages {
		fmt.Fprintln(&got, p.File(), p.Size)
	}
	same(t, "files", got.String(), "adduser_3_all.deb 5\nbash_1%3a5.2-1_amd64.deb 10\n")
	if lock.Size() != 15 {
		t.Errorf("size is %d, want 15", lock.Size())
	}
	same(t, "relocated", relocate(lock.Packages[0]), "Package: adduser\nVersion: 3\nArchitecture: all\nSize: 5\nSHA256: "+strings.Repeat("b", 64)+"\nFilename: ./adduser_3_all.deb\n")
}

func TestAnIndexEntryWithoutAHashIsAnError(t *testing.T) {
	_, err := parseStanzas("Package: bash\nVersion: 1\nArchitecture: all\nSize: 10\n")
	if err == nil {
		t.Error("an entry without a hash was taken")
	}
}

func FuzzStanzas(f *testing.F) {
	f.Add(stanzas)
	f.Fuzz(func(t *testing.T, text string) {
		packages, err := parseStanzas(text)
		if err == nil && len(packages) == 0 {
			t.Error("neither packages nor an error")
		}
	})
}

func TestSourcesHaveDebianItsUpdatesAndEnabledRepositories(t *testing.T) {
	b := newBuilder(t, "minimal", nil)
	same(t, "sources", b.sources(func(name string) string { return "/k/" + filepath.Base(name) }),
		`deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian trixie main contrib
deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian trixie-updates main contrib
deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian-security trixie-security main contrib
deb [signed-by=/k/grafana.asc] https://apt.example stable main
`)
}

func TestOnlyTheWayToTheNetworkIsTakenFromTheHost(t *testing.T) {
	same(t, "settings", networkSettings(`APT "";
Acquire::http::Proxy "http://proxy:3128";
Acquire::Check-Valid-Until "false";
Acquire::Languages "de";
DPkg::Post-Invoke:: "rm -f x";
`), "Acquire::http::Proxy \"http://proxy:3128\";\nAcquire::Check-Valid-Until \"false\";\n")
}

func TestCommandsOfTheStages(t *testing.T) {
	b := newBuilder(t, "minimal", nil)
	lock := &Lock{Requested: []string{"bash", "sudo"}}
	same(t, "mmdebstrap", host.Cmd{Args: b.mmdebstrap(lock, "/b/repo", "/b/tree")}.String(),
		`mmdebstrap --mode=root --variant=minbase --format=directory --architectures=amd64 '--aptopt=APT::Install-Recommends "false"' --dpkgopt=force-unsafe-io '--dpkgopt=path-exclude=/usr/share/man/*' '--dpkgopt=path-include=/usr/share/doc/*/copyright' --include=bash,sudo trixie /b/tree 'deb [trusted=yes] copy:///b/repo ./'`)
	same(t, "apart", host.Cmd{Args: tied(apart("mmdebstrap"))}.String(), "setpriv --pdeathsig KILL -- unshare --mount --pid --fork --kill-child --mount-proc mmdebstrap")
	got := host.Cmd{Args: b.mksquashfs("/b/tree", "/b/out")}.String()
	if !strings.HasPrefix(got, "mksquashfs /b/tree /b/out -comp zstd -Xcompression-level 12 -b 262144 -processors ") || !strings.HasSuffix(got, " -noappend -no-exports") {
		t.Errorf("mksquashfs: %s", got)
	}
	same(t, "inside", host.Cmd{Args: inside("/b/tree", "systemctl", "preset-all")}.String(),
		"unshare --mount --pid --fork --kill-child --root=/b/tree --wd=/ --mount-proc=/proc systemctl preset-all")
}

func TestMenuIsFilledIn(t *testing.T) {
	b := newBuilder(t, "minimal", nil)
	files, err := b.menu(disc{buildID: "0123abcd"})
	if err != nil {
		t.Fatal(err)
	}
	same(t, "menu", files[0].Path+"\n"+string(files[0].Data), "boot/grub/grub.cfg\n# 1.0 minimal\nsearch --label DEBVISOR_0123ABCD\nlinux /live/vmlinuz boot=live noeject\n")
}

func TestAMenuThatAsksForSomethingUnknownIsAnError(t *testing.T) {
	if _, err := fill("grub.cfg", "{{.Kernel}}", menuData{}); err == nil {
		t.Error("it was filled in")
	}
}

func TestOverlayFilesHaveTheirModes(t *testing.T) {
	m := hosttest.New(t, "")
	b := newBuilder(t, "minimal", m.Runner)
	if err := b.copyOverlay(context.Background(), m.Host, "overlay"); err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	for _, name := range []string{"/etc/issue", "/etc/secret.conf", "/etc/empty.d"} {
		info, err := m.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintln(&got, name, info.Mode(), m.Owners[name])
	}
	same(t, "modes", got.String(), "/etc/issue -rw-r--r-- root:root\n/etc/secret.conf -rw------- root:root\n/etc/empty.d dgrwxr-x--- root:adm\n")
	if m.Exists("/etc/empty.d/.keep") {
		t.Error("the placeholder was copied")
	}
}

func TestModesThatAreNoneAreRefused(t *testing.T) {
	for _, text := range []string{"etc/x 0644\n", "etc/x 0999 root:root\n", "etc/x 0644 root\n", "etc/x 77777 root:root\n"} {
		if _, err := parseModes("# fine\n" + text); err == nil || !strings.HasPrefix(err.Error(), "overlay.modes:2: ") {
			t.Errorf("parseModes(%q): %v", text, err)
		}
	}
}

func FuzzModes(f *testing.F) {
	f.Add("etc/secret.conf 0600 root:root\n# x\n")
	f.Fuzz(func(t *testing.T, text string) {
		if modes, err := parseModes(text); err == nil {
			for name := range modes {
				if !filepath.IsAbs(name) {
					t.Errorf("path %q is not absolute", name)
				}
			}
		}
	})
}

func TestScrubLeavesNoSecretsAndMovesDpkg(t *testing.T) {
	m := hosttest.New(t, `-- etc/ssh/ssh_host_rsa_key --
secret
-- etc/ssh/sshd_config --
kept
-- etc/nvme/hostid --
secret
-- etc/machine-id --
0123
-- etc/resolv.conf --
nameserver 192.0.2.1
-- var/log/apt/history.log --
x
-- var/lib/dpkg/status --
Package: bash
-- var/lib/dpkg/status-old --
Package: bash
-- root/.bash_history --
x
-- usr/bin/x --
x
`)
	if err := scrub(m.Root); err != nil {
		t.Fatal(err)
	}
	same(t, "tree", tree(t, m.Root), `etc
etc/.updated
etc/machine-id
etc/nvme
etc/resolv.conf -> ../run/systemd/resolve/stub-resolv.conf
etc/ssh
etc/ssh/sshd_config
root
usr
usr/bin
usr/bin/x
usr/lib
usr/lib/debvisor
usr/lib/debvisor/dpkg
usr/lib/debvisor/dpkg/status
var
var/.updated
var/lib
var/lib/dpkg -> /usr/lib/debvisor/dpkg
var/log
var/log/apt
`)
}

func tree(t *testing.T, root string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(root, func(name string, d os.DirEntry, err error) error {
		if err != nil || name == root {
			return err
		}
		rel, _ := filepath.Rel(root, name) // both are absolute
		if target, err := os.Readlink(name); err == nil {
			rel += " -> " + target
		}
		fmt.Fprintln(&b, rel)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestAnswersMediumHoldsTheFile(t *testing.T) {
	dir := t.TempDir()
	answers := filepath.Join(dir, "n.yaml")
	if err := os.WriteFile(answers, []byte("version: 1\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	medium := filepath.Join(dir, "answers.img")
	if err := writeAnswersMedium(medium, answers); err != nil {
		t.Fatal(err)
	}
	d, err := diskfs.Open(medium, diskfs.WithOpenMode(diskfs.ReadOnly))
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	fsys, err := d.GetFilesystem(0)
	if err != nil {
		t.Fatal(err)
	}
	f, err := fsys.OpenFile("/debvisor.yaml", os.O_RDONLY)
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(f)
	same(t, "debvisor.yaml", string(data), "version: 1\n")
	if err != nil || strings.TrimSpace(fsys.Label()) != AnswersLabel {
		t.Errorf("label %q, %v", fsys.Label(), err)
	}
}

func TestWhatIsMountedInATreeIsFoundInnermostFirst(t *testing.T) {
	table := "proc /proc proc rw 0 0\nproc /b/t/proc proc rw 0 0\nnone /b/t/dev tmpfs rw 0 0\nnone /b/t/dev/pts devpts rw 0 0\nnone /b/tree tmpfs rw 0 0\n"
	same(t, "mounts", strings.Join(mountsBelow(table, "/b/t"), " "), "/b/t/dev/pts /b/t/dev /b/t/proc")
}

// A download that was damaged later has the right name and size, and must be fetched again.
func TestADamagedDownloadIsMissing(t *testing.T) {
	a := apt{debs: t.TempDir()}
	good := Locked{Name: "good", Version: "1", Arch: "all", Size: 3, SHA256: fmt.Sprintf("%x", sha256.Sum256([]byte("abc")))}
	bad := good
	bad.Name = "bad"
	for name, content := range map[string]string{good.File(): "abc", bad.File(): "abd"} {
		if err := os.WriteFile(filepath.Join(a.debs, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got := a.missing(&Lock{Packages: []Locked{good, bad, {Name: "absent"}}}); len(got) != 2 || got[0].Name != "bad" || got[1].Name != "absent" {
		t.Errorf("missing: %+v", got)
	}
}
