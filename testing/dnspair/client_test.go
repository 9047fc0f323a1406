package dnspair

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"debvisor/internal/dns/update"
	"debvisor/internal/host"
	"debvisor/internal/tsig"
)

// clientEnv has the test's own program be the client: a client sends from several goroutines, and a network namespace is a
// thread's.
const clientEnv = "DEBVISOR_TEST_DNS_CLIENT"

func TestMain(m *testing.M) {
	if spec := os.Getenv(clientEnv); spec != "" {
		if err := beClient(spec); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	if os.Getenv(convergeEnv) != "" {
		if err := beConverger(os.Stdin); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(tests(m))
}

func tests(m *testing.M) int {
	var err error
	if programs, err = os.MkdirTemp("", "dnspair-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(programs)
	return m.Run()
}

// writer is a client that writes. It makes 20 changes a second, or as many as it can when its prefix begins with "fast"; names
// have reverse names when it begins with "ptr".
type writer struct {
	*update.Client
	owner  update.Identity
	prefix string
	ended  chan struct{}
	last   time.Time
}

// beClient registers names until its standard input ends, and removes every third of them soon after. It tries each until
// it is acknowledged, and then prints it with the milliseconds since the one before; "?NAME" is one that is about to be
// removed, and "-NAME" one that was. The key is in the directory spec, as on a node.
func beClient(spec string) error {
	dir, prefix, _ := strings.Cut(spec, " ")
	key, err := tsig.ClientKey(&host.Host{Root: dir, Runner: host.System{}}, tsig.Node)
	if err != nil {
		return err
	}
	owner, err := update.IdentityOf("0123456789abcdef0123456789abcdef")
	if err != nil {
		return err
	}
	ended := make(chan struct{})
	go func() {
		bufio.NewReader(os.Stdin).ReadString('\n')
		close(ended)
	}()
	w := &writer{&update.Client{Servers: []netip.AddrPort{at(1), at(2)}, Key: key, Timeout: 500 * time.Millisecond}, owner, prefix, ended, time.Now()}
	for n := 0; w.acknowledged(true, n); n++ {
		if n%3 != 2 {
			continue
		}
		fmt.Println("?"+w.name(n-1), 0)
		if !w.acknowledged(false, n-1) {
			break
		}
	}
	return nil
}

func (w *writer) name(n int) string { return fmt.Sprintf("%s%d", w.prefix, n) }

// acknowledged makes a change until it is acknowledged; false when the client is to end.
func (w *writer) acknowledged(add bool, n int) bool {
	change := update.Change{Add: add, Name: w.name(n) + "." + zone, Addresses: []netip.Addr{address(n)}, Owner: w.owner, NoPTR: !strings.HasPrefix(w.prefix, "ptr")}
	for {
		select {
		case <-w.ended:
			return false
		default:
		}
		ctx, stop := context.WithTimeout(context.Background(), time.Second)
		outcomes, err := w.Apply(ctx, change)
		stop()
		if err == nil {
			err = outcomes[0].Err()
		}
		if err == nil {
			break
		}
		fmt.Fprintln(os.Stderr, time.Now().Format("05.000"), err)
		time.Sleep(20 * time.Millisecond)
	}
	fmt.Println(map[bool]string{true: "", false: "-"}[add]+w.name(n), time.Since(w.last).Milliseconds())
	if !strings.HasPrefix(w.prefix, "fast") {
		time.Sleep(time.Until(w.last.Add(50 * time.Millisecond)))
	}
	w.last = time.Now()
	return true
}

func address(n int) netip.Addr { return netip.AddrFrom4([4]byte{10, 1, byte(n >> 8), byte(n)}) }

// client is one that runs.
type client struct {
	process *host.Process
	end     func() error
	mu      sync.Mutex
	acked   []string        // those that were not to be removed since
	removed map[string]bool // acknowledged too
	changes int             // that were acknowledged
	gap     int             // the longest, in milliseconds, since it was looked at
	errs    strings.Builder
}

func (p *pair) client(t *testing.T, prefix string) *client {
	t.Helper()
	c := &client{removed: map[string]bool{}}
	in, out := make(chan struct{}), &lines{each: c.line}
	env := []string{clientEnv + "=" + p.servers[0].root + " " + prefix}
	var err error
	c.process, err = host.Start(t.Context(), host.Cmd{Args: []string{"ip", "netns", "exec", p.outside, os.Args[0]}, Env: env}, host.Streams{In: blocked(in), Out: out, Err: &lines{each: c.complain}})
	if err != nil {
		t.Fatal(err)
	}
	c.end = sync.OnceValue(func() error {
		close(in)
		return c.process.Wait()
	})
	t.Cleanup(func() { c.end() })
	return c
}

// blocked is a reader that ends when the channel is closed.
type blocked chan struct{}

func (b blocked) Read([]byte) (int, error) {
	<-b
	return 0, io.EOF
}

type lines struct {
	each func(string)
	part string
}

func (l *lines) Write(p []byte) (int, error) {
	l.part += string(p)
	for {
		line, rest, found := strings.Cut(l.part, "\n")
		if !found {
			return len(p), nil
		}
		l.each(line)
		l.part = rest
	}
}

func (c *client) line(line string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var name string
	var ms int
	if _, err := fmt.Sscan(line, &name, &ms); err != nil {
		return
	}
	c.gap = max(c.gap, ms)
	switch rest := name[1:]; name[0] {
	case '?':
		c.acked = slices.DeleteFunc(c.acked, func(n string) bool { return n == rest })
	case '-':
		c.removed[rest] = true
		c.changes++
	default:
		c.acked = append(c.acked, name)
		c.changes++
	}
}

func (c *client) complain(line string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.errs.WriteString(line + "\n")
}

// complaints are what it said on its standard error.
func (c *client) complaints() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.errs.String()
}

// count is how many were acknowledged so far.
func (c *client) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.changes
}

// longest is the longest time without an acknowledgement since it was asked last.
func (c *client) longest() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	gap := c.gap
	c.gap = 0
	return time.Duration(gap) * time.Millisecond
}
