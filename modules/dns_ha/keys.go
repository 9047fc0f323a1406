package dns_ha

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"debvisor/internal/host"
	"debvisor/internal/tsig"
)

// fingerprints are those of a server's keys, by name.
func fingerprints(h *host.Host) (map[string]string, error) {
	all, err := tsig.ServerKeys(h)
	prints := map[string]string{}
	for _, keys := range all {
		for _, k := range keys {
			prints[k.Name()] = k.Fingerprint()
		}
	}
	return prints, err
}

// sameKeys says which servers have no key of a role in common with this one, or another key of the same name: they would
// refuse each other, and clients that move from the one to the other.
func sameKeys(own map[string]string, others map[string]map[string]string) error {
	var wrong error
	for _, server := range slices.Sorted(maps.Keys(others)) {
		for _, role := range tsig.Roles {
			if !share(own, others[server], "debvisor-"+string(role)+"-") {
				wrong = errors.Join(wrong, fmt.Errorf("other_keys: %s has other keys of the role %s", server, role))
			}
		}
	}
	if wrong != nil {
		wrong = fmt.Errorf("%w; make all servers agree with the playbook rotate-tsig-ha.yml, and run this again", wrong)
	}
	return wrong
}

// share reports whether two servers have a key of a role in common, and no two that only have the name in common.
func share(a, b map[string]string, role string) bool {
	shared := false
	for name, print := range a {
		if other, both := b[name]; both && strings.HasPrefix(name, role) {
			if other != print {
				return false
			}
			shared = true
		}
	}
	return shared
}
