package dnsha

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/netip"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"debvisor/internal/dns/update"
	"debvisor/internal/host"
	"debvisor/internal/tsig"
)

// clientEnv has the test's own program be a client, in the lab's network: a network namespace is a thread's, and a client sends
// from several goroutines.
const clientEnv = "DEBVISOR_TEST_DNSHA_CLIENT"

func TestMain(m *testing.M) {
	for variable, be := range map[string]func(string) error{clientEnv: beClient, signersEnv: beSigners} {
		if value := os.Getenv(variable); value != "" {
			if err := be(value); err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(1)
			}
			return
		}
	}
	os.Exit(m.Run())
}

// atVIP is all that clients know.
var atVIP = []netip.AddrPort{netip.AddrPortFrom(netip.MustParseAddr(vip), 53)}

// address is that of the record of a number.
func address(n int) netip.Addr {
	return netip.AddrFrom4([4]byte{10, 1, byte(n / 250), byte(n%250 + 1)})
}

// beClient registers 20 names a second, with what leads back from their addresses, until its standard input ends. It tries
// each until it is acknowledged, and then prints its number and the milliseconds since the one before.
func beClient(dir string) error {
	key, err := tsig.ClientKey(&host.Host{Root: dir, Runner: host.System{}}, tsig.Node)
	if err != nil {
		return err
	}
	owner, err := update.IdentityOf("0123456789abcdef0123456789abcdef")
	if err != nil {
		return err
	}
	ctx := untilInputEnds()
	c := &update.Client{Servers: atVIP, Key: key, Timeout: 500 * time.Millisecond}
	last := time.Now()
	for n := 0; ctx.Err() == nil; n++ {
		change := update.Change{Add: true, Name: fmt.Sprintf("r%d.%s", n, zone), Addresses: []netip.Addr{address(n)}, Owner: owner}
		for ctx.Err() == nil {
			err := apply(ctx, c, change)
			if err == nil {
				fmt.Println(n, time.Since(last).Milliseconds())
				break
			}
			fmt.Fprintln(os.Stderr, err)
			time.Sleep(20 * time.Millisecond)
		}
		time.Sleep(time.Until(last.Add(50 * time.Millisecond)))
		last = time.Now()
	}
	return nil
}

// untilInputEnds is how a client is told to end.
func untilInputEnds() context.Context {
	ctx, stop := context.WithCancel(context.Background())
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin) // how it ends does not matter
		stop()
	}()
	return ctx
}

// apply makes a change, of the name and of the reverse name.
func apply(ctx context.Context, c *update.Client, change update.Change) error {
	ctx, stop := context.WithTimeout(ctx, 3*time.Second)
	defer stop()
	return settled(c.Apply(ctx, change))
}

// settled is nil when a change is on both servers, what leads back from its addresses too.
func settled(outcomes []update.Outcome, err error) error {
	if err != nil {
		return err
	}
	for _, r := range outcomes[0].Records {
		if r.Result == update.NotServed {
			return fmt.Errorf("%s is not served", r.Name)
		}
	}
	return outcomes[0].Err()
}

// client is one that runs.
type client struct {
	end    func() error
	mu     sync.Mutex
	acked  []int
	gap    time.Duration // the longest without an acknowledgement, since it was asked for
	stderr strings.Builder
}

func (f *fleet) client(t *testing.T) *client {
	t.Helper()
	c := &client{}
	in, end := io.Pipe()
	out, lines := io.Pipe()
	p, err := f.Begin(t.Context(), host.Streams{In: in, Out: lines, Err: &c.stderr}, "env", clientEnv+"="+f.key, os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	var reading sync.WaitGroup
	reading.Go(func() { c.read(out) })
	c.end = sync.OnceValue(func() error {
		end.Close()
		err := p.Wait()
		lines.Close()
		reading.Wait()
		return err
	})
	t.Cleanup(func() {
		if err := c.end(); err != nil && !t.Failed() {
			t.Error(err)
		}
	})
	return c
}

func (c *client) read(lines io.Reader) {
	for s := bufio.NewScanner(lines); s.Scan(); {
		var n, ms int
		if _, err := fmt.Sscan(s.Text(), &n, &ms); err == nil {
			c.mu.Lock()
			c.acked = append(c.acked, n)
			c.gap = max(c.gap, time.Duration(ms)*time.Millisecond)
			c.mu.Unlock()
		}
	}
}

func (c *client) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.acked)
}

// more waits until the client has further acknowledgements, and says how long it had none.
func (c *client) more(t *testing.T) time.Duration {
	t.Helper()
	had := c.count()
	until(t, 30*time.Second, func() error {
		if c.count() < had+5 {
			return fmt.Errorf("%d acknowledgements, and no more", had)
		}
		return nil
	})
	c.mu.Lock()
	defer c.mu.Unlock()
	gap := c.gap
	c.gap = 0
	return gap
}
