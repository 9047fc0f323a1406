package tsig

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"debvisor/internal/host"
)

// What BIND includes on a server, a file a role: root:bind 0640, the newest generation first.
const (
	TransferPath = "/etc/bind/tsig-debvisor.conf"
	NodePath     = "/etc/bind/tsig-node.conf"
	VMPath       = "/etc/bind/tsig-vm.conf"
)

// What a client signs with: root 0600, one key, so that nsupdate -k and dig -k read them too.
const (
	NodeKeyPath = "/etc/debvisor/dns.update.key"
	VMKeyPath   = "/etc/debvisor/dns.vm.key"
)

// ClientRoles are the roles of which a client has a key.
var ClientRoles = []Role{Node, VM}

// ServerPath is the file of a role's keys on a server.
func ServerPath(role Role) string {
	return map[Role]string{Transfer: TransferPath, Node: NodePath, VM: VMPath}[role]
}

// ClientPath is the file of a role's key on a client; transfers are none of a client's business: "".
func ClientPath(role Role) string { return map[Role]string{Node: NodeKeyPath, VM: VMKeyPath}[role] }

// Fingerprint tells keys of the same name apart and gives no secret away: 16 hexadecimal digits.
func (k Key) Fingerprint() string {
	sum := sha256.Sum256(append([]byte("debvisor fingerprint of "+k.Name()+"\x00"), k.secret[:]...))
	return hex.EncodeToString(sum[:8])
}

// Statement is a key as BIND reads it. It holds the secret.
func (k Key) Statement() string {
	return fmt.Sprintf("key \"%s\" {\n\talgorithm %s;\n\tsecret \"%s\";\n};\n", k.Name(), Algorithm, k.Secret())
}

const (
	serverHeader = "# TSIG keys of DebVisor, newest first: debvisor tsig show. They are replaced by a rotation; do not edit.\n"
	clientHeader = "# The TSIG key that this machine signs with: debvisor tsig show. It is replaced by a rotation; do not edit.\n"
)

// Text is keys as text that Parse reads, newest first. It holds the secrets.
func Text(keys []Key) string {
	sorted := append([]Key(nil), keys...)
	sortKeys(sorted)
	var b strings.Builder
	for _, k := range sorted {
		b.WriteString(k.Statement())
	}
	return b.String()
}

// ServerFile is what a server must have of a role: all its live generations.
func ServerFile(role Role, keys []Key) host.File {
	return host.File{Path: ServerPath(role), Content: serverHeader + Text(keys), Mode: 0o640, Owner: "root:bind", Secret: true}
}

// ClientFile is what a client must have.
func ClientFile(k Key) host.File {
	return host.File{Path: ClientPath(k.Role), Content: clientHeader + k.Statement(), Mode: 0o600, Secret: true}
}

// ServerKeys are the keys that this machine's name server accepts, by role, each newest first. A role without a file has
// none; a machine without a name server has none of any.
func ServerKeys(h *host.Host) (map[Role][]Key, error) {
	all := map[Role][]Key{}
	for _, role := range Roles {
		keys, err := read(h, ServerPath(role), role)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		if len(keys) > 0 {
			all[role] = keys
		}
	}
	return all, nil
}

// ClientKey is the key that this machine signs with in a role. Where it has none, the error is fs.ErrNotExist.
func ClientKey(h *host.Host, role Role) (Key, error) {
	keys, err := read(h, ClientPath(role), role)
	if err != nil {
		return Key{}, err
	}
	if len(keys) != 1 {
		return Key{}, fmt.Errorf("%s: has %d keys, not one", ClientPath(role), len(keys))
	}
	return keys[0], nil
}

func read(h *host.Host, path string, role Role) ([]Key, error) {
	data, err := h.ReadFile(path)
	if err != nil {
		return nil, err
	}
	keys, err := Parse(path, string(data))
	for _, k := range keys {
		if k.Role != role {
			return nil, fmt.Errorf("%s: %s is not a key of the role %s", path, k, role)
		}
	}
	return keys, err
}

// Leftovers plans to remove copies of key files that a run left when it was killed: secrets that no rotation would replace.
// Whoever plans it holds the lock, so nobody is writing one.
func Leftovers(h *host.Host) ([]host.Change, error) {
	var all []host.Change
	for _, p := range []string{TransferPath, NodePath, VMPath, NodeKeyPath, VMKeyPath} {
		left, err := h.Glob(path.Join(path.Dir(p), "."+path.Base(p)+".tmp-*"))
		if err != nil {
			return nil, err
		}
		for _, name := range left {
			all = append(all, host.Remove{Path: name})
		}
	}
	return all, nil
}
