package dnspair

import (
	"strings"
	"testing"
)

// A question for the serial that is lost with the writer's named holds up the other one's: named waits 5 s for the answer, and
// asks nothing else meanwhile. The watcher does not wait so long.
func TestAQuestionThatDiesWithNamedDoesNotHoldUpTheNextOnes(t *testing.T) {
	t.Parallel()
	p := begun(t, true)
	a, b := p.servers[0], p.servers[1]
	p.servers[2].killNamed(t) // nobody can take over, however long it takes
	c := p.client(t, "r")
	from := map[*server]int{a: len(a.said()), b: len(b.said())}
	anew := func(s *server) bool { return strings.Contains(s.said()[from[s]:], "is begun anew") }
	for try := 0; !anew(a) && !anew(b); try++ {
		if try == 8 {
			t.Fatal("no question was lost, or nothing was done about it")
		}
		c.more(t)
		if w := p.together(t); number(w) != a.n {
			a, b = b, a
		}
		a.stall(t)
		if out, err := b.run("rndc", "refresh", zone); err != nil {
			t.Fatal(out, err)
		}
		a.killNamed(t)
		a.startNamed(t)
		t.Logf("%s without acknowledgement", c.more(t))
	}
	p.everything(t, c)
}
