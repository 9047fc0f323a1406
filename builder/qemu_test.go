package builder

import (
	"os"
	"path/filepath"
	"testing"

	"debvisor/config"
	"debvisor/internal/disk"
)

// The example for QEMU must mean exactly the disks that "boot" gives a machine.
func TestTheExampleForQEMUMeansTheDisksOfTheMachine(t *testing.T) {
	name := "../docs/examples/answers-qemu.yaml"
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	node, err := config.ParseNode(name, text)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	m := Machine{Disk: filepath.Join(dir, "node.img"), DiskSize: 32 << 30, DataSize: 8 << 30}
	m.Data = Beside(m.Disk)
	if err := m.Prepare(); err != nil {
		t.Fatal(err)
	}
	no := false
	var disks []disk.Disk
	for _, d := range append(m.Drives(), Drive{Serial: "ANSWERS", size: 64 << 20}) {
		disks = append(disks, disk.Disk{Path: "/dev/" + d.Serial, Serial: d.Serial, Size: d.size, Transport: "virtio", Removable: &no, Contents: disk.Contents{Probed: true}})
	}
	plan, err := disk.Select(disks, []disk.Role{{Name: "system", Rule: node.Storage.System}, {Name: "data", Rule: node.Storage.Data[0]}}, node.Storage.Wipe)
	if err != nil {
		t.Fatal(err)
	}
	profile, err := config.ProfileByName(node.Storage.Profile)
	if err != nil || profile.Disks.Least > len(plan.Roles["data"]) || plan.Roles["system"][0].Disk.Serial != SystemSerial {
		t.Errorf("profile %+v, disks %+v, %v", profile, plan.Roles, err)
	}
	same(t, "data disks", filepath.Base(m.Data[0])+" "+filepath.Base(m.Data[1]), "node-data1.img node-data2.img")
	for _, name := range m.Data {
		if info, err := os.Stat(name); err != nil || info.Size() != 8<<30 {
			t.Errorf("%s: %v", name, err)
		}
	}
}
