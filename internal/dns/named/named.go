// Package named writes the part of BIND's configuration that changes while a server runs: its zones, with the keys that may
// write and transfer them and the role that the server has in each. What it wrote is checked before it is live, and named
// takes it up without a restart. It decides no role, makes no key and sends no DNS message.
package named

import (
	"context"
	"encoding/json"
	"fmt"
	"io"

	"debvisor/internal/host"
	"debvisor/internal/tsig"
)

// Where BIND's files are on a node. The profile of AppArmor lets named read the first ones and write below ZoneDir.
const (
	ConfPath    = "/etc/bind/named.conf" // the package's; it includes the next two
	OptionsPath = "/etc/bind/named.conf.options"
	LocalPath   = "/etc/bind/named.conf.local"
	ZonesPath   = "/etc/bind/debvisor-zones.conf"
	ZoneDir     = "/var/lib/bind"
)

// RunDir holds what must not outlive a boot: after one, and after each start of named, nobody writes until it is decided anew.
const RunDir = "/run/debvisor-dns"

const rolesPath = RunDir + "/roles.json"

// Role is what a server of a pair is for a zone. A server without a peer is always Primary.
type Role string

// The roles.
const (
	Primary   Role = "primary"
	Closed    Role = "closed"    // primary, and only named's own session key may write
	Secondary Role = "secondary" // transfers from the peer and sends updates on to it
)

// Lock keeps every other program that changes settings, keys or roles out until the result is closed. Whoever calls a Plan of
// this package and applies it holds it from before the one until after the other.
func Lock(ctx context.Context, h *host.Host) (io.Closer, error) {
	return tsig.Lock(ctx, h)
}

// Roles are the roles that were planned last, by zone. A zone that is not there is like Secondary, and takes
// no updates to send on.
func Roles(h *host.Host) (map[string]Role, error) { return view{host: h}.roles() }

func parseRoles(data []byte) (roles map[string]Role, err error) {
	if err := json.Unmarshal(data, &roles); err != nil {
		return nil, fmt.Errorf("%s: %w", rolesPath, err)
	}
	for zone, role := range roles {
		if role != Primary && role != Closed && role != Secondary {
			return nil, fmt.Errorf("%s: %s is %q, which is no role", rolesPath, zone, role)
		}
	}
	return roles, nil
}

// ZoneFile is the file of a zone.
func ZoneFile(zone string) string { return ZoneDir + "/" + zone + ".zone" }
