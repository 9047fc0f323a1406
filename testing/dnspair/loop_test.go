package dnspair

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// While nobody writes, each of the two sends updates on to the other; that ends, and both still answer.
func TestAnUpdateThatNobodyTakesDoesNotGoAroundForEver(t *testing.T) {
	p := begun(t, true)
	for _, s := range p.servers[:2] {
		s.kill(t)
		s.startNamed(t)
	}
	cmd := p.servers[0].command("nsupdate", "-t", "10", "-k", "/etc/debvisor/dns.update.key")
	cmd.Stdin = "server 10.94.0.11\nzone debvisor.local\nupdate add lonely.debvisor.local 300 A 10.2.0.1\nsend\n"
	start := time.Now()
	if out, err := p.servers[0].runCmd(cmd); err == nil {
		t.Errorf("somebody took it: %s", out)
	} else {
		t.Logf("refused after %s: %v", time.Since(start).Round(time.Millisecond), err)
	}
	for n := 1; n <= 2; n++ {
		start := time.Now()
		if p.serial(t, n) == 0 {
			t.Errorf("server %d does not answer", n)
		}
		t.Logf("server %d answers after %s", n, time.Since(start).Round(time.Millisecond))
	}
	busy := p.servers[0].cpu(t) + p.servers[1].cpu(t)
	time.Sleep(time.Second)
	if busy = p.servers[0].cpu(t) + p.servers[1].cpu(t) - busy; busy > 50 {
		t.Errorf("afterwards the two are busy for %d hundredths of a second in one", busy)
	}
	for _, s := range p.servers[:2] {
		s.startDaemon(t)
	}
	c := p.client(t, "r")
	t.Logf("%s until the next acknowledgement", c.more(t))
	p.everything(t, c)
}

// cpu is what named has used, in hundredths of a second.
func (s *server) cpu(t *testing.T) int {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.named.Pid()))
	if err != nil {
		t.Fatal(err)
	}
	f := strings.Fields(string(text))
	used, err := strconv.Atoi(f[13])
	if err != nil {
		t.Fatal(err)
	}
	return used
}
