package disk

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"debvisor/internal/pattern"
)

// sysSector is the unit of every size in sysfs, whatever the disk's own sectors.
const sysSector = 512

func (g *graph) describe(name string) (Disk, error) {
	n := g.nodes[name]
	d := Disk{Path: "/dev/" + name, Device: n.number, Transport: transport(n.dir)}
	if err := g.measure(name, &d); err != nil {
		return d, err
	}
	if err := g.identify(name, &d); err != nil {
		return d, err
	}
	for _, part := range g.partitionsOf(name) {
		p, err := g.partition(part)
		if err != nil {
			return d, err
		}
		d.Partitions = append(d.Partitions, p)
	}
	return d, nil
}

func (g *graph) measure(name string, d *Disk) error {
	sectors, err := g.number(name, "size")
	if err != nil {
		return err
	}
	if d.Sector, err = g.number(name, "queue/logical_block_size"); err != nil {
		return err
	}
	if d.PhysicalSector, err = g.number(name, "queue/physical_block_size"); err != nil {
		return err
	}
	readOnly, err := g.number(name, "ro")
	if err != nil {
		return err
	}
	d.Size, d.ReadOnly = sectors*sysSector, readOnly != 0
	if d.Rotational, err = g.flag(name, "queue/rotational"); err != nil {
		return err
	}
	d.Removable, err = g.flag(name, "removable")
	return err
}

// flag is nil when the kernel does not tell.
func (g *graph) flag(name, attribute string) (*bool, error) {
	s, err := g.attr(name, attribute)
	if err != nil || s == "" {
		return nil, err
	}
	yes := s != "0"
	return &yes, nil
}

// identify prefers what udev asked the disk itself; sysfs cuts models of ATA disks to 16 characters.
func (g *graph) identify(name string, d *Disk) error {
	u, err := g.udev(d.Device)
	if err != nil {
		return err
	}
	d.ByID, d.ByPath = u.links("disk/by-id/"), u.links("disk/by-path/")
	for _, want := range []struct {
		into  *string
		udev  []string
		sysfs []string
	}{
		{&d.Serial, []string{"ID_SCSI_SERIAL", "ID_SERIAL_SHORT", "ID_SERIAL"}, []string{"serial", "device/serial"}},
		{&d.WWN, []string{"ID_WWN_WITH_EXTENSION", "ID_WWN"}, []string{"wwid", "device/wwid"}},
		{&d.Model, []string{"ID_MODEL_ENC", "ID_MODEL"}, []string{"device/model"}},
		{&d.Vendor, []string{"ID_VENDOR_ENC", "ID_VENDOR"}, []string{"device/vendor"}},
	} {
		*want.into, err = g.first(name, u, want.udev, want.sysfs)
		if err != nil {
			return err
		}
	}
	d.WWN = canonicalWWN(d.WWN)
	return nil
}

func (g *graph) first(name string, u udevEntry, properties, attributes []string) (string, error) {
	for _, p := range properties {
		if s := u.property(p); s != "" {
			return s, nil
		}
	}
	for _, a := range attributes {
		s, err := g.attr(name, a)
		if err != nil || s != "" {
			return clean(s), err
		}
	}
	return "", nil
}

// canonicalWWN writes the kernel's naa.5000… as udev does, 0x5000…; other forms (eui., nvme., t10.) are the same in both.
func canonicalWWN(s string) string {
	s = strings.ToLower(s)
	if rest, ok := strings.CutPrefix(s, "naa."); ok {
		return "0x" + rest
	}
	return s
}

func (g *graph) partition(name string) (Partition, error) {
	start, err := g.number(name, "start")
	if err != nil {
		return Partition{}, err
	}
	size, err := g.number(name, "size")
	return Partition{Path: "/dev/" + name, Start: start * sysSector, Size: size * sysSector}, err
}

// connections tell the transport from the path of the device in sysfs. The order matters: a USB bridge shows up as SCSI.
var connections = []struct {
	name string
	in   func() *regexp.Regexp
}{
	{"usb", pattern.Lazy(`/usb\d+/`)},
	{"sata", pattern.Lazy(`/ata\d+/`)},
	{"sas", pattern.Lazy(`/(end_device|sas_host|port)-\d+:`)},
	{"fc", pattern.Lazy(`/rport-\d+:`)},
	{"iscsi", pattern.Lazy(`/session\d+/`)},
	{"scsi", pattern.Lazy(`/host\d+/target`)},
	{"nvme", pattern.Lazy(`/nvme\d+n\d+$`)},
	{"virtio", pattern.Lazy(`/virtio\d+/`)},
	{"mmc", pattern.Lazy(`/mmc\d+/`)},
	{"xen", pattern.Lazy(`/xvd[a-z]+$`)},
	{"nvdimm", pattern.Lazy(`/pmem\d+$`)},
	{"loop", pattern.Lazy(`/loop\d+$`)},
}

func transport(dir string) string {
	for _, c := range connections {
		if c.in().MatchString(dir) {
			return c.name
		}
	}
	return ""
}

// holder names what is built on a device in words.
func (g *graph) holder(name string) string {
	label, err := g.attr(name, "dm/name")
	if err != nil || label == "" {
		if strings.HasPrefix(name, "md") {
			return "RAID array " + name
		}
		return name
	}
	uuid, err := g.attr(name, "dm/uuid")
	if err != nil {
		uuid = ""
	}
	for prefix, kind := range map[string]string{"LVM-": "LVM volume", "CRYPT-": "encrypted volume", "mpath-": "multipath device"} {
		if strings.HasPrefix(uuid, prefix) {
			return fmt.Sprintf("%s %s", kind, clean(label))
		}
	}
	return "device-mapper volume " + clean(label)
}

// holders are what is built on a disk or on its partitions.
func (g *graph) holders(name string) []string {
	var all []string
	for _, part := range append([]string{name}, g.partitionsOf(name)...) {
		for _, user := range g.nodes[part].users {
			all = append(all, g.holder(path.Base(user)))
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}
