package netns

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/netip"
	"os"
	"runtime"
	"strings"
	"testing"

	"debvisor/internal/blocklist/addrset"
	"debvisor/internal/blocklist/kernel"

	"golang.org/x/sys/unix"
)

// small are random ranges in the first, in some middle and in the last addresses of both families: they touch, move, grow
// and shrink all the time.
func small(r *rand.Rand) addrset.Set {
	var s addrset.Set
	for range r.IntN(20) {
		first := []uint32{0, 0xc0000200, 0xffffffe0}[r.IntN(3)] + r.Uint32N(32)
		last := max(first, first+[]uint32{0, 0, 1, 2, 9}[r.IntN(5)])
		s = s.Union(addrset.Set{V4: []addrset.Range4{{First: first, Last: min(last, first|31)}}})
		a := addrset.Addr6{Lo: uint64(first)}
		b := addrset.Addr6{Lo: uint64(min(last, first|31))}
		if first >= 0xffffffe0 {
			a, b = addrset.Addr6{Hi: ^uint64(0), Lo: ^uint64(0) - 0xffffffff + a.Lo}, addrset.Addr6{Hi: ^uint64(0), Lo: ^uint64(0) - 0xffffffff + b.Lo}
		}
		s = s.Union(addrset.Set{V6: []addrset.Range6{{First: a, Last: b}}})
	}
	return s
}

func TestRandomChangesEndInWhatIsWanted(t *testing.T) {
	l := newBlockLab(t)
	l.load(t, addrset.Set{})
	dump := l.connect(t, kernel.WithoutCounts())
	r := rand.New(rand.NewPCG(7, 7))
	var now addrset.Set
	for step := range 200 {
		next := small(r)
		before := l.evidence(t)
		if step%10 == 9 {
			l.load(t, next)
		} else {
			l.update(t, now, next)
		}
		if after := l.evidence(t); after.Generation-before.Generation > 3 {
			t.Fatalf("step %d: a change took %d transactions", step, after.Generation-before.Generation)
		}
		if got := l.elements(t); !got.Equal(next) {
			t.Fatalf("step %d, from %s to %s: nft reads %s", step, show(now), show(next), show(got))
		}
		for _, conn := range []*kernel.Conn{l.table, dump} {
			if d := l.difference(t, conn, next); d != "" {
				t.Fatalf("step %d, from %s to %s: %s", step, show(now), show(next), d)
			}
		}
		now = next
	}
	l.mustRead(t, golden(0, 0))
}

func show(s addrset.Set) string {
	var all []string
	for text := range s.Ranges() {
		all = append(all, text)
	}
	return strings.Join(all, " ")
}

// An Update that finds the table otherwise than it was told ends in what is wanted all the same.
func TestAnUpdateFromSomethingElseLoads(t *testing.T) {
	l := newBlockLab(t)
	to := list(t, "192.0.2.1 198.51.100.0/24 2001:db9::1")
	for name, from := range map[string]string{
		"no table": "", "a host that is not there": "192.0.2.7", "a range that is not there": "203.0.113.0/24", "a range that overlaps": "198.51.100.0/25",
	} {
		t.Run(name, func(t *testing.T) {
			if err := l.table.Remove(t.Context()); err != nil {
				t.Fatal(err)
			}
			if name != "no table" {
				l.load(t, list(t, "198.51.100.7-198.51.100.9 192.0.2.2"))
			}
			l.update(t, list(t, from), to)
			l.mustHold(t, to)
		})
	}
	l.update(t, to, to)
	l.mustHold(t, to)
}

func TestHostSetsGrow(t *testing.T) {
	l := newBlockLab(t)
	few, many := random(1, 1000, 1000000), random(2, 100000, 1000000)
	l.load(t, few)
	l.mustRead(t, golden(len(few.V4), len(few.V6)))
	l.load(t, many)
	l.mustHold(t, many)
	l.mustRead(t, golden(len(many.V4), len(many.V6)))
	l.load(t, few)
	l.mustHold(t, few)
	l.mustRead(t, golden(len(many.V4), len(few.V6))) // what has grown stays so
	if err := l.table.Remove(t.Context()); err != nil {
		t.Fatal(err)
	}
	l.load(t, few)
	l.update(t, few, many)
	l.mustHold(t, many)
	l.mustRead(t, golden(len(many.V4), len(many.V6)))
}

// cut is a context that ends when it was asked so many times: before the transaction with that number.
type cut struct {
	context.Context
	after int
}

func (c *cut) Err() error {
	if c.after--; c.after < 0 {
		return context.Canceled
	}
	return nil
}

// Wherever a change is cut off, all is blocked that was and will be, nothing else that was not or will not be, and the next
// run puts it right.
func TestAChangeThatIsCutOffIsSafe(t *testing.T) {
	l := newBlockLab(t)
	from := list(t, "192.0.2.1 192.0.2.16/28 198.51.100.4/30 2001:db9::1 2001:db9::10/124")
	to := list(t, "192.0.2.0/30 192.0.2.18 203.0.113.4/30 2001:db9::/126 2001:db9::12")
	for name, change := range map[string]func(context.Context) error{
		"load":   func(ctx context.Context) error { return l.table.Load(ctx, to) },
		"update": func(ctx context.Context) error { return l.table.Update(ctx, from, to) },
	} {
		t.Run(name, func(t *testing.T) {
			cuts := 0
			for after := 0; ; after++ {
				l.load(t, from)
				err := change(&cut{t.Context(), after})
				if err == nil {
					break
				}
				if !errors.Is(err, context.Canceled) {
					t.Fatal(err)
				}
				cuts++
				l.mustBeBetween(t, from, to)
				l.load(t, to)
				l.mustHold(t, to)
			}
			if cuts < 3 {
				t.Errorf("only %d cuts", cuts)
			}
			l.mustHold(t, to)
		})
	}
}

func (l *blockLab) mustBeBetween(t *testing.T, from, to addrset.Set) {
	t.Helper()
	held := l.elements(t)
	if missing := from.Intersect(to).Except(held); !missing.IsEmpty() {
		t.Errorf("not blocked: %s", show(missing))
	}
	if foreign := held.Except(from.Union(to)); !foreign.IsEmpty() {
		t.Errorf("blocked: %s", show(foreign))
	}
	if e := l.evidence(t); e.Generation != 0 {
		t.Errorf("there is evidence of a change that was cut off: %+v", e)
	}
}

// Somebody else changes other tables all the time.
func TestAChangeSucceedsAmongOthers(t *testing.T) {
	l := newBlockLab(t)
	stop, done := make(chan struct{}), make(chan error)
	go func() {
		for {
			select {
			case <-stop:
				done <- nil
				return
			default:
			}
			if _, err := l.Run(t.Context(), "nft", "add table ip foreign; delete table ip foreign"); err != nil {
				done <- err
				return
			}
		}
	}()
	r := rand.New(rand.NewPCG(8, 8))
	var now addrset.Set
	for range 100 {
		next := small(r)
		l.update(t, now, next)
		now = next
	}
	close(stop)
	if err := <-done; err != nil {
		t.Error(err)
	}
	l.mustHold(t, now)
}

func TestWithoutThePrivilegeTheErrorSaysSo(t *testing.T) {
	l := newBlockLab(t)
	var err error
	within(t, l.node, func() {
		if err = dropNetAdmin(); err == nil {
			_, err = kernel.Open()
		}
	})
	if err == nil || !strings.Contains(err.Error(), "this needs root (CAP_NET_ADMIN)") {
		t.Errorf("opened without CAP_NET_ADMIN: %v", err)
	}
	within(t, l.node, func() {
		if err = dropNetAdmin(); err == nil {
			err = l.table.Load(t.Context(), list(t, "192.0.2.1"))
		}
	})
	if err == nil || !strings.Contains(err.Error(), "this needs root (CAP_NET_ADMIN)") {
		t.Errorf("loaded without CAP_NET_ADMIN: %v", err)
	}
}

// dropNetAdmin takes CAP_NET_ADMIN from the calling thread, which must end with its goroutine.
func dropNetAdmin() error {
	runtime.LockOSThread()
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		return os.NewSyscallError("capget", err)
	}
	data[0].Effective &^= 1 << unix.CAP_NET_ADMIN
	return os.NewSyscallError("capset", unix.Capset(&header, &data[0]))
}

// The kernel is asked in the namespace of the thread that opens, whichever thread asks later.
func TestEachConnectionKeepsItsNamespace(t *testing.T) {
	one, other := newBlockLab(t), newBlockLab(t)
	one.load(t, list(t, "192.0.2.1"))
	other.load(t, list(t, "192.0.2.2 198.51.100.0/24"))
	within(t, one.node, func() { other.mustHold(t, list(t, "192.0.2.2 198.51.100.0/24")) })
	if got := one.elements(t); !got.Equal(addrset.Of(netip.MustParsePrefix("192.0.2.1/32"))) {
		t.Errorf("the first namespace has %s", show(got))
	}
}
