package e2e

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"debvisor/internal/host"
)

// xorriso is another implementation of the same standards: it must find both ways to boot in what go-diskfs wrote.
func TestXorrisoFindsBothWaysToBoot(t *testing.T) {
	iso := imageUnderTest(t, "xorriso")
	for report, lines := range map[string][]string{
		"-report_el_torito": {
			`El Torito cat path : .*|El Torito catalog  : .*`,
			`El Torito boot img :   1  BIOS  y   none  .*`,
			`El Torito boot img :   2  UEFI  y   none  .*`,
			`El Torito img opts :   1  boot-info-table grub2-boot-info`,
		},
		"-report_system_area": {
			`System area summary: MBR protective-msdos-label grub2-mbr cyl-align-off GPT`,
			`GPT type GUID      :   1  28732ac11ff8d211ba4b00a0c93ec93b`, // an EFI system partition
		},
	} {
		out, err := host.New().Run(t.Context(), "xorriso", "-indev", iso, report, "plain")
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range lines {
			if !regexp.MustCompile(`(?m)^(` + line + `)\s*$`).Match(out) {
				t.Errorf("%s has no line %q:\n%s", report, line, out)
			}
		}
	}
}

// Debian's own cosign, in a Debian 13 root without a network, must accept what we signed and reject what was changed.
func TestDebiansCosignVerifies(t *testing.T) {
	iso := imageUnderTest(t, "mmdebstrap", "unshare", "chroot")
	root := cosignRoot(t)
	work := filepath.Join(root, "mnt")
	for from, to := range map[string]string{
		iso: "image.iso", iso + ".sig": "image.iso.sig", iso + ".sigstore.json": "image.iso.sigstore.json",
		filepath.Join(filepath.Dir(iso), "debvisor.pub"): "debvisor.pub", filepath.Join(filepath.Dir(iso), "trusted_root.json"): "trusted_root.json",
	} {
		copyFile(t, from, filepath.Join(work, to))
	}
	forms := map[string][]string{
		"the signature": {"--signature", "image.iso.sig", "--insecure-ignore-tlog=true"},
		"the bundle":    {"--bundle", "image.iso.sigstore.json", "--new-bundle-format", "--trusted-root", "trusted_root.json", "--insecure-ignore-tlog=true"},
	}
	for name, form := range forms {
		if out, err := cosign(t, root, form); err != nil {
			t.Errorf("%s is not accepted: %v: %s", name, err, out)
		}
	}
	flip(t, filepath.Join(work, "image.iso"))
	for name, form := range forms {
		if out, err := cosign(t, root, form); err == nil || !strings.Contains(err.Error(), "invalid signature") {
			t.Errorf("%s of a changed image: %v: %s", name, err, out)
		}
	}
}

func cosign(t *testing.T, root string, form []string) ([]byte, error) {
	args := append([]string{"unshare", "--net", "chroot", root, "env", "-C", "/mnt", "cosign", "verify-blob", "--key", "debvisor.pub"}, form...)
	return host.New().Run(t.Context(), append(args, "image.iso")...)
}

// cosignRoot is a Debian 13 with cosign, made once.
func cosignRoot(t *testing.T) string {
	t.Helper()
	root, err := filepath.Abs(filepath.Join(buildDir, "cache", "cosign-root"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(root); err == nil {
		return root
	}
	part := root + ".part"
	if err := os.RemoveAll(part); err != nil {
		t.Fatal(err)
	}
	_, err = host.New().Run(t.Context(), "mmdebstrap", "--mode=root", "--variant=minbase", "--include=cosign",
		"trixie", part, "http://deb.debian.org/debian")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(part, root); err != nil {
		t.Fatal(err)
	}
	return root
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	if _, err := host.New().Run(t.Context(), "cp", "--reflink=auto", from, to); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.Remove(to); err != nil {
			t.Error(err)
		}
	})
}

// flip changes one bit in the middle of a file.
func flip(t *testing.T, path string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 1)
	if _, err := f.ReadAt(b, info.Size()/2); err != nil {
		t.Fatal(err)
	}
	b[0] ^= 1
	if _, err := f.WriteAt(b, info.Size()/2); err != nil {
		t.Fatal(err)
	}
}
