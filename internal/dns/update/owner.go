package update

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/miekg/dns"
)

// Identity is who owns a name: a DHCP unique identifier (RFC 8415) that is made of a UUID (RFC 6355). A node has its
// machine-id, a guest the UUID that libvirt gave it and that it keeps on another host.
type Identity struct {
	uuid  [16]byte
	valid bool
}

// IdentityOf is the identity of a UUID, with dashes or, as in /etc/machine-id, without.
func IdentityOf(uuid string) (Identity, error) {
	text := strings.TrimSpace(uuid)
	if parts := strings.Split(text, "-"); len(parts) == 5 && len(text) == 36 && len(parts[0]) == 8 && len(parts[4]) == 12 {
		text = strings.Join(parts, "")
	}
	raw, err := hex.DecodeString(text)
	if err != nil || len(raw) != 16 || [16]byte(raw) == [16]byte{} {
		return Identity{}, fmt.Errorf("%q is not a UUID", uuid)
	}
	return Identity{[16]byte(raw), true}, nil
}

func (i Identity) String() string {
	u := i.uuid
	return fmt.Sprintf("%x-%x-%x-%x-%x", u[:4], u[4:6], u[6:8], u[8:10], u[10:])
}

// What RFC 4701 calls an identifier that is a DUID, and its one digest; RFC 6355's type of a DUID that is a UUID.
const (
	identifierDUID = 2
	digestSHA256   = 1
	duidUUID       = 4
)

// dhcid is the record's data, in base64, that says that a name is of this identity. It is a hash over both, so who reads
// one learns no UUID and cannot tell which names have one owner.
func (i Identity) dhcid(name string) string {
	return dhcid(identifierDUID, append([]byte{0, duidUUID}, i.uuid[:]...), name)
}

func dhcid(kind byte, identifier []byte, name string) string {
	wire := make([]byte, 256)
	n, err := dns.PackDomainName(dns.CanonicalName(name), wire, 0, nil, false)
	if err != nil {
		panic("a name that was not checked: " + name)
	}
	sum := sha256.Sum256(append(identifier, wire[:n]...))
	return base64.StdEncoding.EncodeToString(append([]byte{0, kind, digestSHA256}, sum[:]...))
}
