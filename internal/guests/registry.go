package guests

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"slices"
	"time"

	"debvisor/internal/guests/installed"
	"debvisor/internal/host"
)

// Registry is what this host has put into the DNS, or was about to. It is written before anything is sent, so whatever it
// does not know of is not there; it outlives the host's boots, so a guest that is gone by then is found.
type Registry struct {
	Entries []Entry   `json:"guests"`
	Silent  []Silence `json:"silent_agents,omitempty"`
}

// Entry is a name that this host has registered for a guest.
type Entry struct {
	UUID      string    `json:"uuid"`
	Guest     string    `json:"guest"` // as libvirt has it
	Name      string    `json:"name"`  // in the DNS, in full
	Addresses []Address `json:"addresses"`
	Moved     bool      `json:"moved,omitempty"` // to another host, which has the name now
	Error     string    `json:"error,omitempty"` // why it is not as it should be
	Since     time.Time `json:"since,omitzero"`  // of the error
}

// Address is an address of an entry.
type Address struct {
	Addr      netip.Addr `json:"address"`
	MAC       string     `json:"mac,omitempty"`      // where it was seen
	Manual    bool       `json:"manual,omitempty"`   // an operator gave it: it stays as long as the guest runs
	Confirmed time.Time  `json:"confirmed,omitzero"` // when the name servers had it for the last time; never yet when zero
}

// LoadRegistry reads RegistryPath; without it nothing is registered.
func LoadRegistry(h *host.Host) (r Registry, err error) {
	data, err := h.ReadFile(installed.RegistryPath)
	if errors.Is(err, fs.ErrNotExist) {
		return r, nil
	}
	if err == nil {
		err = json.Unmarshal(data, &r)
	}
	if err != nil {
		return r, fmt.Errorf("what this host has registered: %w", err)
	}
	return r, nil
}

// PlanSave plans to keep the registry.
func (r Registry) PlanSave(h *host.Host) ([]host.Change, error) {
	r.Entries = slices.Clone(r.Entries)
	slices.SortFunc(r.Entries, func(a, b Entry) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.UUID, b.UUID)) })
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return nil, err
	}
	return h.Need(host.File{Path: installed.RegistryPath, Content: string(text) + "\n", Mode: 0o600})
}

// find is the entry of a guest under a name, or nil.
func (r *Registry) find(uuid, name string) *Entry {
	for i := range r.Entries {
		if e := &r.Entries[i]; e.UUID == uuid && e.Name == name {
			return e
		}
	}
	return nil
}

// entry is find, made if it is not there.
func (r *Registry) entry(uuid, guest, name string) *Entry {
	if e := r.find(uuid, name); e != nil {
		return e
	}
	r.Entries = append(r.Entries, Entry{UUID: uuid, Guest: guest, Name: name})
	return &r.Entries[len(r.Entries)-1]
}

func (r *Registry) forget(uuid, name string) {
	r.Entries = slices.DeleteFunc(r.Entries, func(e Entry) bool { return e.UUID == uuid && e.Name == name })
}

// Note takes in what the hook has told: a guest that moved to another host keeps its name there.
func (r *Registry) Note(events []Event) {
	for _, event := range events {
		for i := range r.Entries {
			if e := &r.Entries[i]; e.Guest == event.Guest {
				e.Moved = event.Reason == "migrated" || e.Moved && event.Operation != "started"
			}
		}
	}
}

func (e *Entry) address(a netip.Addr) *Address {
	for i := range e.Addresses {
		if e.Addresses[i].Addr == a {
			return &e.Addresses[i]
		}
	}
	return nil
}

// intend notes an address before it is sent.
func (e *Entry) intend(a netip.Addr) {
	if e.address(a) == nil {
		e.Addresses = append(e.Addresses, Address{Addr: a})
	}
}

// see notes where the addresses of a guest are.
func (r *Registry) see(all []Seen) {
	for _, s := range all {
		for i := range r.Entries {
			for j := range r.Entries[i].Addresses {
				a := &r.Entries[i].Addresses[j]
				if sight, is := s.Addresses[a.Addr]; is && r.Entries[i].UUID == s.UUID {
					a.MAC = sight.MAC
				}
			}
		}
	}
}

func (e *Entry) drop(all []netip.Addr) {
	e.Addresses = slices.DeleteFunc(e.Addresses, func(a Address) bool { return slices.Contains(all, a.Addr) })
}

// all are the entry's addresses.
func (e *Entry) all() (all []netip.Addr) {
	for _, a := range e.Addresses {
		all = append(all, a.Addr)
	}
	return sortAddrs(all)
}
