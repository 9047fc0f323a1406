package kernel

import (
	"context"
	"fmt"

	"golang.org/x/sys/unix"
)

// Status is what the table holds and what it has done.
type Status struct {
	Present  bool      `json:"present"`
	Counters []Counter `json:"counters"`
	Sets     []SetSize `json:"sets"`
}

// Counter is what was dropped since the counter was made.
type Counter struct {
	Name    string `json:"name"`
	Packets uint64 `json:"packets"`
	Bytes   uint64 `json:"bytes"`
}

// SetSize is how many elements a set holds: addresses, or ranges. It is -1 on kernels before 6.16, which do not tell.
type SetSize struct {
	Name     string `json:"name"`
	Elements int    `json:"elements"`
}

// Status reads counters and sizes, in less than a millisecond whatever the sets hold. What is missing in the table is
// missing in it.
func (c *Conn) Status(ctx context.Context) (Status, error) {
	var status Status
	err := patiently(ctx, func() error {
		s, err := c.read()
		if err != nil || !s.exists {
			status = Status{}
			return err
		}
		status = Status{Present: true}
		for _, ours := range sets {
			if found, ok := s.sets[ours.name]; ok {
				status.Sets = append(status.Sets, SetSize{ours.name, found.count})
			}
		}
		status.Counters, err = c.counters()
		return err
	})
	if err != nil {
		return Status{}, fmt.Errorf("read the blocklist's counters: %w", err)
	}
	return status, nil
}

func (c *Conn) counters() ([]Counter, error) {
	found := map[string]Counter{}
	err := c.list(unix.NFT_MSG_GETOBJ, appendText(nil, unix.NFTA_OBJ_TABLE, table.Name), func(m message) error {
		if text(attribute(m.body, unix.NFTA_OBJ_TABLE)) == table.Name && number(attribute(m.body, unix.NFTA_OBJ_TYPE)) == unix.NFT_OBJECT_COUNTER {
			name, data := text(attribute(m.body, unix.NFTA_OBJ_NAME)), attribute(m.body, unix.NFTA_OBJ_DATA)
			found[name] = Counter{name, number64(attribute(data, unix.NFTA_COUNTER_PACKETS)), number64(attribute(data, unix.NFTA_COUNTER_BYTES))}
		}
		return nil
	})
	var all []Counter
	for _, name := range counters {
		if counter, ok := found[name]; ok {
			all = append(all, counter)
		}
	}
	return all, err
}
