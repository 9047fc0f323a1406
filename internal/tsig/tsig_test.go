package tsig

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"debvisor/internal/host"
	"debvisor/internal/host/hosttest"
)

const group = "-- etc/group --\nroot:x:0:\nbind:x:105:\n-- etc/bind/ --\n"

func apply(t *testing.T, h *host.Host) string {
	t.Helper()
	changes, err := PlanKeys(t.Context(), h)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Apply(t.Context(), changes); err != nil {
		t.Fatal(err)
	}
	return hosttest.Lines(changes)
}

func read1(t *testing.T, h *host.Host, path string) string {
	t.Helper()
	data, err := h.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestAServerGetsAllKeysOnce(t *testing.T) {
	h := hosttest.New(t, group).Host
	want := `create /etc/bind/tsig-node.conf (0640, root:bind)
create /etc/debvisor/dns.update.key (0600)
create /etc/bind/tsig-vm.conf (0640, root:bind)
create /etc/debvisor/dns.vm.key (0600)
create /etc/bind/tsig-debvisor.conf (0640, root:bind)
`
	if got := apply(t, h); got != want {
		t.Errorf("got\n%s", got)
	}
	keys, err := ServerKeys(h)
	if err != nil || len(keys) != 3 {
		t.Fatalf("%v, %v", keys, err)
	}
	for _, role := range ClientRoles {
		if k, err := ClientKey(h, role); err != nil || k != keys[role][0] {
			t.Errorf("the client signs with %v, %v", k, err)
		}
	}
	if got := apply(t, h); got != "" {
		t.Errorf("again:\n%s", got)
	}
	if h.Owners[NodePath] != "root:bind" {
		t.Errorf("it belongs to %s", h.Owners[NodePath])
	}
}

func TestAMachineWithoutBINDGetsNone(t *testing.T) {
	h := hosttest.New(t, "-- etc/group --\nroot:x:0:\n").Host
	if got := apply(t, h); got != "" {
		t.Errorf("got\n%s", got)
	}
	if _, err := ClientKey(h, Node); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

// A key that was added by a rotation that is under way is not accepted everywhere yet.
func TestAClientGetsTheKeyInUse(t *testing.T) {
	h := hosttest.New(t, group).Host
	old, next := New(Node, 2026010101), New(Node, 2026020101)
	place(t, h, ServerFile(Node, []Key{old, next}))
	apply(t, h)
	if k, err := ClientKey(h, Node); err != nil || k != old {
		t.Errorf("got %v, %v", k, err)
	}
	record, err := Active{Serial: next.Serial}.File()
	if err != nil {
		t.Fatal(err)
	}
	place(t, h, record)
	remove(t, h, NodeKeyPath)
	apply(t, h)
	if k, err := ClientKey(h, Node); err != nil || k != next {
		t.Errorf("after it was brought into use: %v, %v", k, err)
	}
	if keys, err := ServerKeys(h); err != nil || keys[VM][0].Serial != old.Serial {
		t.Errorf("the other roles' generation is %v, %v", keys[VM], err)
	}
}

func TestWhatIsThereIsNotReplaced(t *testing.T) {
	h := hosttest.New(t, group).Host
	apply(t, h)
	before := read1(t, h, VMPath)
	remove(t, h, TransferPath)
	h.Owners[VMPath] = "root:root"
	if got := apply(t, h); got != "set /etc/bind/tsig-vm.conf to 0640, root:bind\ncreate /etc/bind/tsig-debvisor.conf (0640, root:bind)\n" {
		t.Errorf("got\n%s", got)
	}
	if read1(t, h, VMPath) != before {
		t.Error("a key was replaced")
	}
}

func TestTwoAtOnceMakeTheSameKeys(t *testing.T) {
	h := hosttest.New(t, group).Host
	h.Owners = nil // who owns what is not the question, and the map is not for two
	place(t, &host.Host{Root: h.Root, Owners: map[string]string{}}, host.File{Path: "/etc/group", Content: fmt.Sprintf("bind:x:%d:\n", os.Getgid()), Mode: 0o644})
	if os.Getuid() != 0 {
		t.Skip("needs root: files are given to somebody else")
	}
	var plans [8][]host.Change
	for i := range plans {
		var err error
		if plans[i], err = PlanKeys(t.Context(), h); err != nil {
			t.Fatal(err)
		}
	}
	var all sync.WaitGroup
	for _, plan := range plans {
		all.Go(func() {
			if err := h.Apply(context.Background(), plan); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	keys, err := ServerKeys(h)
	if err != nil {
		t.Fatal(err)
	}
	for _, role := range ClientRoles {
		if k, err := ClientKey(h, role); err != nil || len(keys[role]) != 1 || k != keys[role][0] {
			t.Errorf("the server has %v, the client %v (%v)", keys[role], k, err)
		}
	}
}

func TestTheSerialIsTheDay(t *testing.T) {
	if got := FirstSerial(time.Date(2026, 11, 24, 23, 0, 0, 0, time.FixedZone("", -7200))); got != 2026112501 {
		t.Errorf("got %d", got)
	}
}

func TestCurrent(t *testing.T) {
	three := []Key{New(VM, 30), New(VM, 20), New(VM, 10)}
	for active, want := range map[uint32]uint32{0: 10, 5: 10, 10: 10, 20: 20, 25: 20, 30: 30, 40: 30} {
		if k, ok := (Active{Serial: active}).Current(three); !ok || k.Serial != want {
			t.Errorf("with %d in use: %v", active, k)
		}
	}
	if _, ok := (Active{Serial: 1}).Current(nil); ok {
		t.Error("a key of none")
	}
}

func TestTheRecordIsReadStrictly(t *testing.T) {
	h := hosttest.New(t, "").Host
	want := Active{Serial: 7, Since: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	f, err := want.File()
	if err != nil {
		t.Fatal(err)
	}
	place(t, h, f)
	if got, err := ReadActive(h); err != nil || got != want {
		t.Errorf("got %v, %v", got, err)
	}
	for _, text := range []string{"", "{", `{"serial": -1}`, `{"serial": 1, "x": 2}`} {
		place(t, h, host.File{Path: ActivePath, Content: text, Mode: 0o644})
		if _, err := ReadActive(h); err == nil || !strings.Contains(err.Error(), ActivePath) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func place(t *testing.T, h *host.Host, wants ...host.Want) {
	t.Helper()
	changes, err := h.Need(wants...)
	if err == nil {
		err = h.Apply(t.Context(), changes)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func remove(t *testing.T, h *host.Host, path string) {
	t.Helper()
	if err := h.Apply(t.Context(), []host.Change{host.Remove{Path: path}}); err != nil {
		t.Fatal(err)
	}
}
