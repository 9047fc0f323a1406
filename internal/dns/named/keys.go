package named

import (
	"errors"
	"fmt"
	"io/fs"

	"debvisor/internal/host"
	"debvisor/internal/tsig"
)

// KeyNames are the names of the keys that a server accepts now, each role's newest first. Secrets are not here.
type KeyNames struct{ Node, VM, Transfer []string }

// ErrNoKeys is in the error of a server that lacks the keys of a role.
var ErrNoKeys = errors.New("make keys with tsig-keygen.sh, or get those of the other servers by the playbook rotate-tsig-ha.yml")

// KeysOnDisk are the keys in the files of a server. A role without one is ErrNoKeys.
func KeysOnDisk(h *host.Host) (KeyNames, error) { return view{host: h}.keys() }

func (v view) keys() (KeyNames, error) {
	names := map[tsig.Role][]string{}
	var missing error
	for _, role := range tsig.Roles {
		path := tsig.ServerPath(role)
		data, err := v.read(path)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return KeyNames{}, err
		}
		keys, err := tsig.Parse(path, string(data))
		if err != nil {
			return KeyNames{}, err
		}
		if len(keys) == 0 {
			missing = errors.Join(missing, fmt.Errorf("%s has no key: %w", path, ErrNoKeys))
		}
		for _, k := range keys {
			names[role] = append(names[role], k.Name())
		}
	}
	return KeyNames{Node: names[tsig.Node], VM: names[tsig.VM], Transfer: names[tsig.Transfer]}, missing
}
