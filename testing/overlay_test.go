package repository

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"debvisor/internal/blocklist"
	"debvisor/internal/blocklist/addrset"
	"debvisor/internal/guests/installed"
	"debvisor/internal/host"
	"debvisor/internal/nft"
)

// overlayDir is the tree that is copied over the image's root.
const overlayDir = "../config/overlay"

// The image brings the hook of the guests, so that libvirtd finds one when it starts: it looks for hooks only then. Until the
// role has run, the hook does nothing.
func TestImageBringsTheHookOfTheGuests(t *testing.T) {
	modes, err := os.ReadFile("../config/overlay.modes")
	if err != nil || !strings.Contains(string(modes), installed.HookPath[1:]+" 0755 root:root\n") {
		t.Errorf("config/overlay.modes does not give the hook its mode: %v", err)
	}
	if got, err := os.ReadFile(filepath.Join(overlayDir, installed.HookPath)); err != nil || string(got) != installed.Hook {
		t.Errorf("config/overlay%s: %v; got\n%s", installed.HookPath, err, got)
	}
}

// A node is closed from its very first boot, before anybody has said what it will be: the image brings the base ruleset
// for no particular machine, in the very bytes that firstboot would write.
func TestImageBringsTheBaseRuleset(t *testing.T) {
	modes, err := os.ReadFile("../config/overlay.modes")
	if err != nil {
		t.Fatal(err)
	}
	wants := append(nft.Files(nft.Config{}),
		host.File{Path: nft.LocalPath, Content: nft.Local(), Mode: 0o644},
		host.File{Path: "/etc/systemd/system/nftables.service.d/debvisor.conf", Content: nft.DropIn, Mode: 0o644})
	for _, w := range wants {
		f, ok := w.(host.File)
		if !ok {
			continue // a directory
		}
		got, err := os.ReadFile(filepath.Join(overlayDir, f.Path))
		if err != nil || string(got) != f.Content {
			t.Errorf("config/overlay%s: %v; got\n%s\nwant\n%s", f.Path, err, got, f.Content)
		}
		if f.Mode != fs.FileMode(0o644) && !strings.Contains(string(modes), f.Path[1:]+" ") {
			t.Errorf("config/overlay.modes does not give %s its mode %04o", f.Path, f.Mode)
		}
	}
}

// The example lists are what they say: every line is understood, both families are there, and none is in use.
func TestTheExampleListsAreLists(t *testing.T) {
	for _, name := range []string{"blocklist-example.txt", "blocklist-whitelist-example.txt"} {
		f, err := os.Open(filepath.Join(overlayDir, "etc/debvisor", name))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		var r addrset.Reader
		if err := r.Read(name, f); err != nil {
			t.Fatal(err)
		}
		rejected, _ := r.Rejected()
		warnings, _ := r.Warnings()
		if set := r.Set(); len(rejected) > 0 || len(warnings) > 0 || len(set.V4) == 0 || len(set.V6) == 0 {
			t.Errorf("%s: %v, %v, %d IPv4 and %d IPv6 ranges", name, rejected, warnings, len(set.V4), len(set.V6))
		}
	}
	if _, err := os.Stat(filepath.Join(overlayDir, blocklist.DefaultSource)); !os.IsNotExist(err) {
		t.Errorf("the image brings a list that is in use: %v", err)
	}
}
