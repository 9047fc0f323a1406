package dnsha

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// Whatever befalls the node that writes, and whenever it is back: each record that was acknowledged to a client of the virtual
// address is on both nodes in the end, and both have the same.
func TestWhatWasAcknowledgedIsOnBothNodes(t *testing.T) {
	f := newFleet(t)
	f.converge(t, 0.3)
	c := f.client(t)
	for range repetitions() {
		for _, e := range events {
			f.together(t)
			writer := f.writer(t)
			quiet := c.more(t)
			e.begin(t, f, writer)
			out := c.more(t)
			e.end(t, f, writer)
			f.together(t)
			t.Logf("%s at the writer, node%d: %s without an acknowledgement, %s on return (%s before)", e.name, writer, ms(out), ms(c.more(t)), ms(quiet))
		}
	}
	if err := c.end(); err != nil {
		t.Error(err)
	}
	f.equal(t)
	f.hasAll(t, c.acked)
}

func ms(d time.Duration) string { return fmt.Sprintf("%d ms", d.Milliseconds()) }

// hasAll looks for records, and for what leads back to them, on both nodes.
func (f *fleet) hasAll(t *testing.T, numbers []int) {
	t.Helper()
	t.Logf("%d records were acknowledged", len(numbers))
	for n := 1; n <= 2; n++ {
		has := map[string]bool{}
		for _, zone := range []string{zone, "1.10.in-addr.arpa"} {
			for line := range strings.Lines(f.on(t, n, "dig +onesoa +noall +answer -k /etc/bind/tsig-debvisor.conf @127.0.0.1 AXFR "+zone)) {
				if w := strings.Fields(line); len(w) == 5 {
					has[w[0]+" "+w[3]+" "+w[4]] = true
				}
			}
		}
		lost := 0
		for _, number := range numbers {
			name, a := fmt.Sprintf("r%d.%s.", number, zone), address(number).As4()
			back := fmt.Sprintf("%d.%d.%d.%d.in-addr.arpa.", a[3], a[2], a[1], a[0])
			if !has[name+" A "+address(number).String()] || !has[back+" PTR "+name] {
				lost++
			}
		}
		if lost > 0 {
			t.Errorf("node%d lacks %d of %d acknowledged records; it has %d", n, lost, len(numbers), len(has))
		}
	}
}
