package disk

import "bytes"

const (
	rootName = "debvisor-root-a" // label of the partition that every DebVisor boots from
	bootCode = 440               // bytes of the first sector that hold code for BIOS

	// installationPrefix and a disk's GUID name one installation, in lower case. Each has a GUID of its own, so a name that
	// was written down once never means a later installation on the same disk.
	installationPrefix = "installation:"
)

// installation is the disk GUID of a complete DebVisor installation, or "". The boot code is what its installer writes when
// everything else is in place: without it the disk was begun, and holds nothing that anybody used.
func (a area) installation() string {
	first := a.read(0, 512)
	if first == nil || len(bytes.Trim(first[:bootCode], "\x00")) == 0 {
		return ""
	}
	for _, t := range a.gptHeaders() {
		for _, s := range a.gptSlots(t.at, t.sector) {
			if utf16(56, 72)(s.data) == rootName {
				return a.diskGUID(t.at)
			}
		}
	}
	return ""
}

// InstallationName is what a wipe list must have before the DebVisor on a disk may be replaced; "" when there is none.
func (c Contents) InstallationName() string {
	if c.Installation == "" {
		return ""
	}
	return installationPrefix + c.Installation
}
