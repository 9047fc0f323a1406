package disk

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// recorded reads the facts of one of the machines in testdata.
func recorded(t *testing.T, name string) []Disk {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata/machines", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	facts, err := ParseFacts(data)
	if err != nil {
		t.Fatal(err)
	}
	return facts.Disks
}

// chosen is a plan in short: "system=vda data=vdb!", the mark for disks to be wiped.
func chosen(p Plan, roles []Role) string {
	var all []string
	for _, r := range roles {
		var names []string
		for _, target := range p.Roles[r.Name] {
			name := target.Disk.Name()
			if target.Wipe {
				name += "!"
			}
			names = append(names, name)
		}
		all = append(all, r.Name+"="+strings.Join(names, ","))
	}
	return strings.Join(all, " ")
}

func system(m Match) Role          { return Role{"system", Rule{Match: m}} }
func data(count int, m Match) Role { return Role{"data", Rule{Count: count, Match: m}} }
func yes() *bool                   { b := true; return &b }
func no() *bool                    { b := false; return &b }

func TestRulesSelectExactlyTheDisksTheyDeclare(t *testing.T) {
	for _, c := range []struct {
		name    string
		machine string
		roles   []Role
		wipe    []string
		want    string // the plan, or the first line of the error
		is      error
	}{
		{"each blank disk by its size", "virtio-blank", []Role{system(Match{Size: "<20GB"}), data(1, Match{Size: ">=20GB"})}, nil, "system=vda data=vdb", nil},
		{"one blank disk by its serial", "virtio-blank", []Role{system(Match{Serial: "disk-a"})}, nil, "system=vda", nil},
		{"one blank disk by its path", "virtio-blank", []Role{system(Match{Path: "pci-0000:00:06.0"})}, nil, "system=vdb", nil},
		{"two disks for one", "virtio-blank", []Role{system(Match{Transport: "virtio"})}, nil, "role system: more disks match than the rule declares: 2 of 1", ErrAmbiguous},
		{"two disks for two", "virtio-blank", []Role{data(2, Match{Transport: "virtio"})}, nil, "data=vda,vdb", nil},
		{"two disks for three", "virtio-blank", []Role{data(3, Match{Transport: "virtio"})}, nil, "role data: too few disks match: 2 of 3", ErrNoMatch},
		{"a misspelt serial", "virtio-blank", []Role{system(Match{Serial: "disc-a"})}, nil, "role system: too few disks match: 0 of 1", ErrNoMatch},
		{"an attribute no disk has", "virtio-blank", []Role{system(Match{WWN: "*"})}, nil, "role system: too few disks match: 0 of 1", ErrNoMatch},
		{"one disk for two roles", "virtio-blank", []Role{system(Match{Serial: "disk-a"}), data(2, Match{})}, nil, "role data: one disk is meant by two roles: /dev/vda is also system", ErrOverlap},
		{"a malformed pattern", "virtio-blank", []Role{system(Match{Serial: "["})}, nil, `role system: invalid disk rule: serial: pattern "[": syntax error in pattern`, ErrRule},
		{"a role declared twice", "virtio-blank", []Role{system(Match{}), system(Match{})}, nil, "role system: invalid disk rule: declared twice", ErrRule},
		{"rotational as the kernel says", "virtio-blank", []Role{system(Match{Rotational: no()})}, nil, "system=vdb", nil},

		{"the disk under the running system", "nvme-root", []Role{system(Match{Transport: "nvme"})}, []string{"S64DNF0R123456"}, "role system: too few disks match: 0 of 1", ErrNoMatch},
		{"a disk with a file system", "nvme-root", []Role{system(Match{Transport: "sata"})}, nil, "role system: disk holds something and is not named for wiping: /dev/sda holds xfs at 0x0", ErrNotEmpty},
		{"named by serial", "nvme-root", []Role{system(Match{Transport: "sata"})}, []string{"WD-WCC7K0ABCDEF"}, "system=sda!", nil},
		{"named by WWN", "nvme-root", []Role{system(Match{Transport: "sata"})}, []string{"0x50014ee2b1234567"}, "system=sda!", nil},
		{"named by by-id", "nvme-root", []Role{system(Match{Transport: "sata"})}, []string{"/dev/disk/by-id/ata-WDC_WD40EFRX-68N32N0_WD-WCC7K0ABCDEF"}, "system=sda!", nil},
		{"named in the wrong case", "nvme-root", []Role{system(Match{Transport: "sata"})}, []string{"wd-wcc7k0abcdef"}, "role system: disk holds something and is not named for wiping: /dev/sda holds xfs at 0x0", ErrNotEmpty},
		{"named in part", "nvme-root", []Role{system(Match{Transport: "sata"})}, []string{"WD-WCC7K0ABCDE"}, "role system: disk holds something and is not named for wiping: /dev/sda holds xfs at 0x0", ErrNotEmpty},
		{"named by a pattern", "nvme-root", []Role{system(Match{Transport: "sata"})}, []string{"WD-*"}, `invalid disk rule: wipe "WD-*": want one disk's exact serial, WWN or by-id name, no pattern`, ErrRule},
		{"named by its kernel name", "nvme-root", []Role{system(Match{Transport: "sata"})}, []string{"/dev/sda"}, "role system: disk holds something and is not named for wiping: /dev/sda holds xfs at 0x0", ErrNotEmpty},

		{"second disk of the system's LVM", "lvm-root", []Role{system(Match{Serial: "S2"})}, []string{"S2"}, "role system: too few disks match: 0 of 1", ErrNoMatch},
		{"the free disk beside LVM", "lvm-root", []Role{system(Match{})}, nil, "system=sdc", nil},
		{"the free disk beside RAID", "md-root", []Role{system(Match{Vendor: "seagate", Transport: "sas"})}, nil, "system=sdc", nil},
		{"second disk of the system's btrfs", "btrfs-root", []Role{data(2, Match{})}, nil, "role data: too few disks match: 1 of 2", ErrNoMatch},

		{"the install medium is no candidate", "live-usb", []Role{system(Match{Transport: "usb"})}, nil, "system=sdb", nil},
		{"the install medium cannot be named", "live-usb", []Role{system(Match{Serial: "STICK"})}, []string{"STICK"}, "role system: too few disks match: 0 of 1", ErrNoMatch},
		{"USB disks are not meant by a general rule", "live-usb", []Role{system(Match{Size: ">=1GB"})}, nil, "system=nvme0n1", nil},
		{"removable as the kernel says", "live-usb", []Role{system(Match{Removable: yes()})}, nil, "role system: too few disks match: 0 of 1", ErrNoMatch},

		{"paths to one LUN", "multipath", []Role{data(2, Match{Transport: "fc"})}, nil, "role data: too few disks match: 0 of 2", ErrNoMatch},
		{"a serial that two sticks have", "usb-sticks", []Role{system(Match{Serial: "0123456789ABCDEF"})}, nil, "role system: more disks match than the rule declares: 2 of 1", ErrAmbiguous},
		{"consent by a serial that two sticks have", "usb-sticks", []Role{system(Match{ByID: "usb-Generic_Flash_Disk_0123456789ABCDEF-0:0"})}, []string{"0123456789ABCDEF"}, "role system: disk holds something and is not named for wiping: /dev/sda holds unknown data at 0x100000", ErrNotEmpty},
		{"consent by a name that one stick has", "usb-sticks", []Role{system(Match{ByID: "usb-Generic_Flash_Disk_0123456789ABCDEF-0:0"})}, []string{"usb-Generic_Flash_Disk_0123456789ABCDEF-0:0"}, "system=sda!", nil},
		{"what only wipefs sees", "usb-sticks", []Role{system(Match{Serial: "5C6F"})}, nil, "role system: disk holds something and is not named for wiping: /dev/sdc wipefs sees minix at 0x410", ErrNotEmpty},
		{"a disk of an imported pool", "zfs-data", []Role{data(2, Match{})}, nil, "role data: too few disks match: 1 of 2", ErrNoMatch},
	} {
		t.Run(c.name, func(t *testing.T) {
			plan, err := Select(recorded(t, c.machine), c.roles, c.wipe)
			got := chosen(plan, c.roles)
			if err != nil {
				got, _, _ = strings.Cut(err.Error(), "\n")
			}
			if got != c.want || !errors.Is(err, c.is) {
				t.Errorf("got  %s\nwant %s\n%v", got, c.want, err)
			}
		})
	}
}

func TestADiskWithDataDoesNotMakeRoomForAnotherOne(t *testing.T) {
	disks := recorded(t, "virtio-blank")
	disks[0].Contents.Data = []int64{0}
	if _, err := Select(disks, []Role{system(Match{Transport: "virtio"})}, nil); !errors.Is(err, ErrAmbiguous) {
		t.Errorf("got %v, want %v", err, ErrAmbiguous)
	}
}

func TestDisksNobodyHasProbedAreNotEmpty(t *testing.T) {
	disks := recorded(t, "virtio-blank")
	disks[0].Contents = Contents{}
	if _, err := Select(disks, []Role{system(Match{Serial: "disk-a"})}, nil); !errors.Is(err, ErrNotEmpty) {
		t.Errorf("got %v, want %v", err, ErrNotEmpty)
	}
}

func TestTheTableSaysForEachDiskWhyNot(t *testing.T) {
	for name, c := range map[string]struct {
		machine string
		roles   []Role
		wipe    []string
	}{
		"nvme-root":  {"nvme-root", []Role{system(Match{Serial: "WDC*", Size: ">=4GB"}), data(1, Match{Transport: "sata"})}, nil},
		"live-usb":   {"live-usb", []Role{system(Match{Size: ">=1GB"})}, nil},
		"multipath":  {"multipath", []Role{data(2, Match{})}, nil},
		"usb-sticks": {"usb-sticks", []Role{data(3, Match{Transport: "usb"})}, []string{"0123456789ABCDEF"}},
		"no-disks":   {"", []Role{system(Match{})}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			var disks []Disk
			if c.machine != "" {
				disks = recorded(t, c.machine)
			}
			_, err := Select(disks, c.roles, c.wipe)
			var refused *SelectError
			if name != "live-usb" && !errors.As(err, &refused) {
				t.Fatalf("got %v, want a SelectError", err)
			}
			got := Explain(disks, c.roles, c.wipe)
			if refused != nil && refused.Table != got {
				t.Errorf("the error has another table:\n%s", refused.Table)
			}
			golden := filepath.Join("testdata/tables", name+".txt")
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}
