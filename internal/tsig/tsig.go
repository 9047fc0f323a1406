// Package tsig is the keys that sign DNS messages: what they are called, how BIND writes them, and the files that a server
// and a client keep them in. A key is never changed; a rotation adds the next generation beside it and later takes the old
// one away. The package sends nothing and knows no zones.
package tsig

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"strconv"

	"debvisor/internal/pattern"
)

// Algorithm is the only one that is made and read: what every server and client since 2006 has.
const Algorithm = "hmac-sha256"

// SecretSize is the length of a secret in bytes, as long as the hash.
const SecretSize = 32

// Role is what a key is for.
type Role string

// The roles, each with files of its own.
const (
	Node     Role = "node" // names of nodes
	VM       Role = "vm"   // names of guests
	Transfer Role = "xfer" // zone transfers, and what servers ask each other
)

// Roles are all roles in their fixed order.
var Roles = []Role{Node, VM, Transfer}

// Key is one generation of a role's key.
type Key struct {
	Role   Role
	Serial uint32 // its generation; a later one is higher
	secret [SecretSize]byte
}

// New is a key that nobody has.
func New(role Role, serial uint32) Key {
	k := Key{Role: role, Serial: serial}
	rand.Read(k.secret[:]) // never returns an error: it ends the program instead
	return k
}

// Name is what a message says which key signed it, such as debvisor-node-2026112401.
func (k Key) Name() string { return fmt.Sprintf("debvisor-%s-%d", k.Role, k.Serial) }

// Secret is the secret in base64. Whoever calls it sees to it that it is printed nowhere.
func (k Key) Secret() string { return base64.StdEncoding.EncodeToString(k.secret[:]) }

// String is the name: a key that is printed by mistake gives nothing away.
func (k Key) String() string { return k.Name() }

// GoString is the name, for the same reason.
func (k Key) GoString() string { return k.Name() }

var nameFormat = pattern.Lazy(`^debvisor-(node|vm|xfer)-([1-9][0-9]{0,9})$`)

// Of is the key of that name and secret, which is in base64.
func Of(name, secret string) (Key, error) {
	parts := nameFormat().FindStringSubmatch(name)
	if parts == nil {
		return Key{}, fmt.Errorf("%q is not the name of a key, such as debvisor-node-2026112401", name)
	}
	serial, err := strconv.ParseUint(parts[2], 10, 32)
	if err != nil {
		return Key{}, fmt.Errorf("the generation of %s does not fit into 32 bits", name)
	}
	k := Key{Role: Role(parts[1]), Serial: uint32(serial)}
	raw, err := base64.StdEncoding.Strict().DecodeString(secret)
	if err != nil || len(raw) != SecretSize {
		return Key{}, fmt.Errorf("the secret of %s is not %d bytes in base64", name, SecretSize)
	}
	copy(k.secret[:], raw)
	return k, nil
}
