package qemu

import (
	"encoding/binary"
	"slices"
)

// An Ethernet frame: 6 bytes to, 6 bytes from, then 4 bytes of tag if it has one (0x8100 and the VLAN), then the type.
const (
	addresses = 12
	tagSize   = 4
	tagType   = 0x8100
	vlanMask  = 0x0fff
)

// tagged is a frame as it leaves on a trunk; VLAN 0 is none.
func tagged(frame []byte, vlan uint16) []byte {
	if vlan == 0 || len(frame) < addresses {
		return frame
	}
	tag := binary.BigEndian.AppendUint16(nil, tagType)
	return slices.Concat(frame[:addresses], binary.BigEndian.AppendUint16(tag, vlan), frame[addresses:])
}

// untagged is a frame from a trunk as it leaves on an access port; false when it belongs to another VLAN.
func untagged(frame []byte, vlan uint16) ([]byte, bool) {
	if len(frame) < addresses+2 {
		return nil, false
	}
	hasTag := binary.BigEndian.Uint16(frame[addresses:]) == tagType
	if vlan == 0 || !hasTag {
		return frame, vlan == 0 && !hasTag
	}
	if len(frame) < addresses+tagSize+2 || binary.BigEndian.Uint16(frame[addresses+2:])&vlanMask != vlan {
		return nil, false
	}
	return slices.Concat(frame[:addresses], frame[addresses+tagSize:]), true
}
