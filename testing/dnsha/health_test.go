package dnsha

import (
	"errors"
	"strings"
	"testing"
	"time"
)

// What an operator is told of a pair that is well, and of one of which a node is gone.
func (f *fleet) health(t *testing.T) {
	holder := f.together(t)
	other := 3 - holder
	for n, want := range map[int]string{holder: "; the virtual addresses are here", other: "; the virtual addresses are on 10.99.0.1"} {
		if said := f.on(t, n, "debvisor health dns-pair dns-keys"); !strings.Contains(said, want) || !strings.HasSuffix(said, "\n2 ok, 0 warn, 0 skip, 0 fail") {
			t.Errorf("node%d: %s", n, said)
		}
	}
	must(t, f.Node(holder).Kill(t.Context()))
	until(t, 10*time.Second, func() error {
		said, err := f.Node(other).Exec(t.Context(), "debvisor", "health", "dns-pair")
		if err == nil && (!strings.Contains(said, "is silent for ") || !strings.Contains(said, "0 ok, 1 warn, 0 skip, 0 fail")) {
			err = errors.New(said)
		}
		return err
	})
	must(t, f.Node(holder).Boot(t.Context()))
	f.together(t)
}
