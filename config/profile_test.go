package config

import (
	"slices"
	"testing"

	"debvisor/internal/disk"
)

func TestProfilesAreTheDocumentedOnes(t *testing.T) {
	if want := []string{"usb-zfs", "zfs", "ceph", "mixed"}; !slices.Equal(Profiles(), want) {
		t.Errorf("got %v, want %v", Profiles(), want)
	}
	for _, p := range profiles() {
		if p.Summary == "" || p.Disks.Least < 1 || len(p.Packages) == 0 {
			t.Errorf("%s is not whole: %+v", p.Name, p)
		}
		for _, list := range p.Packages {
			if _, err := Files.Open("packages/" + list + ".list"); err != nil {
				t.Errorf("%s: %v", p.Name, err)
			}
		}
	}
}

func TestOnlyTheUSBProfileTakesRemovableDisks(t *testing.T) {
	yes := true
	stick, fixed := disk.Disk{Removable: &yes}, disk.Disk{Transport: "sata"}
	for _, p := range profiles() {
		if usb := p.Name == "usb-zfs"; p.Takes(stick) != usb || p.Takes(disk.Disk{Transport: "usb"}) != usb || p.Takes(fixed) == usb {
			t.Errorf("%s takes the wrong disks", p.Name)
		}
	}
}
