package dnsha

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

// signersEnv has the test's own program, on a node, be clients: its value is the number of the first one and how many there are.
const signersEnv = "DEBVISOR_TEST_DNSHA_SIGNERS"

// kept is how many names each client has registered at a time.
const kept = 50

// signer is a client that registers names and removes them again, without a pause, signed with what the node's key file holds
// at that moment: half of them as nodes, half as hosts of guests.
type signer struct {
	number int
	owner  update.Identity
}

// beSigners prints a line for each update: "+ NAME ADDRESS MILLISECONDS" when it is acknowledged as registered, "-" as removed,
// and "! NAME WHY" when the client has given up.
func beSigners(spec string) error {
	var first, count int
	if _, err := fmt.Sscan(spec, &first, &count); err != nil {
		return err
	}
	ctx := untilInputEnds()
	var all sync.WaitGroup
	for number := first; number < first+count; number++ {
		owner, err := update.IdentityOf(fmt.Sprintf("0123456789abcdef0123456789abcd%02x", number))
		if err != nil {
			return err
		}
		all.Go(func() { (&signer{number, owner}).run(ctx) })
	}
	all.Wait()
	return nil
}

func (s *signer) run(ctx context.Context) {
	for n := 0; ctx.Err() == nil; n++ {
		if n >= kept {
			s.tell(s.change(n-kept, false))
		}
		s.tell(s.change(n, true))
	}
}

func (s *signer) role() tsig.Role { return tsig.ClientRoles[s.number%len(tsig.ClientRoles)] }

func (s *signer) change(n int, add bool) update.Change {
	under := zone
	if s.role() == tsig.VM {
		under = "vm." + zone
	}
	a := netip.AddrFrom4([4]byte{10, 1, byte(s.number + 1), byte(n%kept + 1)})
	return update.Change{Add: add, Name: fmt.Sprintf("s%d-%d.%s", s.number, n, under), Addresses: []netip.Addr{a}, Owner: s.owner}
}

// tell makes a change as debvisor dns update does, which waits as long and reads the key once.
func (s *signer) tell(c update.Change) {
	begin := time.Now()
	key, err := tsig.ClientKey(host.New(), s.role())
	if err == nil {
		err = settled((&update.Client{Servers: atVIP, Key: key}).Apply(context.Background(), c))
	}
	switch took := time.Since(begin).Milliseconds(); {
	case err != nil:
		fmt.Printf("! %s after %d ms: %s\n", c.Name, took, strings.ReplaceAll(err.Error(), "\n", "; "))
		time.Sleep(10 * time.Millisecond)
	case c.Add:
		fmt.Println("+", c.Name, c.Addresses[0], took)
	default:
		fmt.Println("-", c.Name, c.Addresses[0], took)
	}
}

// signers are clients that run, some on each node.
type signers struct {
	end     func() error
	mu      sync.Mutex
	done    int
	failed  []string
	longest int
	has     map[string]string // addresses of registered names
	gone    []string          // names that were registered once
}

// signers starts 8 clients on the three nodes.
func (f *fleet) signers(t *testing.T) *signers {
	t.Helper()
	program, err := os.ReadFile(os.Args[0])
	must(t, err)
	s := &signers{has: map[string]string{}}
	var ends []func() error
	for i, spec := range []string{"0 3", "3 3", "6 2"} {
		_, err := f.Node(i+1).ExecInput(t.Context(), string(program), "sh", "-c", "cat > /root/signers.new && chmod 700 /root/signers.new && mv /root/signers.new /root/signers")
		must(t, err)
		ends = append(ends, s.on(t, f, i+1, spec))
	}
	s.end = sync.OnceValue(func() (err error) {
		for _, end := range ends {
			if e := end(); e != nil {
				err = e
			}
		}
		return err
	})
	t.Cleanup(func() {
		if err := s.end(); err != nil && !t.Failed() {
			t.Error(err)
		}
	})
	return s
}

// on starts some clients on a node. The result ends them.
func (s *signers) on(t *testing.T, f *fleet, n int, spec string) func() error {
	in, end := io.Pipe()
	out, lines := io.Pipe()
	ended := make(chan error, 1)
	var reading sync.WaitGroup
	reading.Go(func() { s.read(out) })
	go func() {
		err := f.Node(n).Attach(t.Context(), host.Streams{In: in, Out: lines, Err: lines}, "env", signersEnv+"="+spec, "/root/signers")
		lines.Close()
		ended <- err
	}()
	return func() error {
		end.Close()
		reading.Wait()
		return <-ended
	}
}

func (s *signers) read(lines io.Reader) {
	for in := bufio.NewScanner(lines); in.Scan(); {
		var what, name, address string
		var took int
		_, err := fmt.Sscan(in.Text(), &what, &name, &address, &took)
		s.mu.Lock()
		switch {
		case err != nil || what != "+" && what != "-":
			s.failed = append(s.failed, in.Text())
		case what == "+":
			s.has[name] = address
		default:
			delete(s.has, name)
			s.gone = append(s.gone, name)
		}
		if err == nil {
			s.done, s.longest = s.done+1, max(s.longest, took)
		}
		s.mu.Unlock()
	}
}

// so is how many updates were acknowledged so far, and which failed.
func (s *signers) so() (done int, failed []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.done, slices.Clone(s.failed)
}

// more waits until further updates are acknowledged.
func (s *signers) more(t *testing.T) {
	t.Helper()
	had, _ := s.so()
	until(t, 30*time.Second, func() error {
		if now, failed := s.so(); now < had+50 {
			return fmt.Errorf("%d updates, and %d more: %q", had, now-had, failed)
		}
		return nil
	})
}
