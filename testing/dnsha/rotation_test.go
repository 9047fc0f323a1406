package dnsha

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/netip"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"debvisor/internal/dns/rotation"
	"debvisor/internal/dns/update"
	"debvisor/internal/host"
	"debvisor/internal/tsig"
)

// While 8 clients of the virtual address update without a pause, the playbook gives the pair, its arbiter and them one generation
// of keys after the other, and is killed at its steps. No update fails, and afterwards nobody takes a key of before.
func TestKeysAreRotatedUnderLoad(t *testing.T) {
	f := newFleet(t)
	f.converge(t, 0.3)
	f.clients(t)
	var old retired
	old.note(t, f)
	s := f.signers(t)
	s.more(t)
	tasks := f.rotations(t, s, &old)
	for _, at := range killedAt(tasks) {
		f.killed(t, s, &old, at, tasks[len(tasks)-1])
	}
	s.more(t)
	must(t, s.end())
	done, failed := s.so()
	t.Logf("%d updates, the longest took %d ms, %d failed", done, s.longest, len(failed))
	if len(failed) > 0 {
		t.Errorf("%d updates failed, first %q", len(failed), failed[0])
	}
	f.nobodyRefused(t)
	f.equal(t)
	f.holds(t, s)
	old.refused(t, f)
	f.withoutAnOverlap(t)
}

// withoutAnOverlap is the mistake that the above must see: in a rotation the servers accept the next generation alone.
func (f *fleet) withoutAnOverlap(t *testing.T) {
	t.Helper()
	s := f.signers(t)
	s.more(t)
	if out, err := f.rotate(t, "Prove it on every server", true); !errors.Is(err, errKilled) {
		t.Fatalf("%v\n%s", err, out)
	}
	for n := 1; n <= 3; n++ {
		for _, role := range tsig.ClientRoles {
			keys, err := tsig.Parse("keys", f.on(t, n, "cat "+tsig.ServerPath(role)))
			must(t, err)
			f.write(t, n, tsig.ServerFile(role, keys[:1]).Content, tsig.ServerPath(role), "root:bind", "0640")
		}
		f.on(t, n, "rndc reconfig")
	}
	until(t, 10*time.Second, func() error {
		if _, failed := s.so(); len(failed) == 0 {
			return errors.New("no update fails")
		}
		return nil
	})
	must(t, s.end())
	if lines := f.refusals(t, 1) + f.refusals(t, 2); lines == "" {
		t.Error("no server says that it refused a client")
	}
	_, failed := s.so()
	t.Logf("servers that accept the next generation alone: %d updates failed, first %q", len(failed), failed[0])
}

// clients has every node be a client of the virtual address, and named's complaints all be kept.
func (f *fleet) clients(t *testing.T) {
	t.Helper()
	for n := 1; n <= 3; n++ {
		f.write(t, n, fmt.Sprintf(`{"servers": ["%s:53"], "zone": %q, "guests": "vm.%s", "ttl": 300}`, vip, zone, zone), "/etc/debvisor/dns.json", "root:root", "0644")
		for _, role := range tsig.ClientRoles {
			f.write(t, n, f.on(t, 1, "cat "+tsig.ClientPath(role))+"\n", tsig.ClientPath(role), "root:root", "0600")
		}
		f.on(t, n, `mkdir -p /etc/systemd/journald.conf.d && printf '[Journal]\nRateLimitBurst=0\n' > /etc/systemd/journald.conf.d/all.conf && systemctl restart systemd-journald`)
	}
}

// rotations are as many as there is time for, and what steps one has.
func (f *fleet) rotations(t *testing.T, s *signers, old *retired) (tasks []string) {
	t.Helper()
	few := 2
	if repetitions() > 1 {
		few = repetitions()
	}
	begin := time.Now()
	before, _ := s.so()
	for range few {
		serial := f.generation(t)
		out, err := f.rotate(t, "", true)
		if err != nil {
			t.Fatalf("%v\n%s\n%s", err, out, f.state(t))
		}
		if now := f.generation(t); now <= serial {
			t.Fatalf("the generation was %d, and is %d", serial, now)
		}
		old.note(t, f)
		tasks = tasksIn(out)
	}
	took := time.Since(begin)
	after, failed := s.so()
	t.Logf("%d rotations in %s, with %d updates, of which %d failed", few, took.Round(100*time.Millisecond), after-before, len(failed))
	return tasks
}

var taskLine = regexp.MustCompile(`(?m)^TASK \[(.*)\]`)

// tasksIn are the steps of a rotation, as the playbook names them.
func tasksIn(out string) (tasks []string) {
	for _, m := range taskLine.FindAllStringSubmatch(out, -1) {
		tasks = append(tasks, m[1])
	}
	return tasks
}

// killedAt are the rows of steps at which a rotation is killed, one rotation a row: some; or each by itself, and all in one.
func killedAt(tasks []string) (rows [][]string) {
	if repetitions() == 1 {
		return [][]string{{"Accept it on every server", "Sign with it on every client", "Retire all other generations, on the first server last"}}
	}
	for _, task := range tasks {
		rows = append(rows, []string{task})
	}
	return append(rows, tasks)
}

// killed is a rotation that is killed at each of the steps in turn and then gone on with: at most one generation is begun, and
// that comes into use. At the last step it may have ended before.
func (f *fleet) killed(t *testing.T, s *signers, old *retired, at []string, last string) {
	t.Helper()
	serial, kills := f.generation(t), 0
	for _, task := range at {
		out, err := f.rotate(t, task, true)
		switch {
		case errors.Is(err, errKilled):
			kills++
		case err != nil:
			t.Fatalf("before it was killed at %q: %v\n%s", task, err, out)
		}
		old.note(t, f)
	}
	if out, err := f.rotate(t, "", false); err != nil {
		t.Fatalf("killed at %q, then: %v\n%s\n%s", at, err, out, f.state(t))
	}
	old.note(t, f)
	now, begun := f.generation(t), old.since(serial)
	_, failed := s.so()
	t.Logf("%d kills at %q: generation %d, then %d; %d updates failed so far", kills, at, serial, now, len(failed))
	least := len(at) - 1 // the last step may be over before it is killed
	if len(at) == 1 && at[0] != last {
		least = 1
	}
	if kills < least {
		t.Errorf("at %q there were only %d kills", at, kills)
	}
	if len(begun) > 1 || len(begun) == 1 && now != begun[0] {
		t.Errorf("the generations %d were begun, and %d came into use", begun, now)
	}
}

// state is what an operator would look at.
func (f *fleet) state(t *testing.T) string {
	t.Helper()
	const look = "debvisor dns status; journalctl --no-pager --output=short-precise --lines=30 --unit=debvisor-dns-pair; " +
		"journalctl --no-pager --output=short-precise --lines=10 --unit=keepalived; uptime"
	return f.on(t, 1, look) + "\n" + f.on(t, 2, look)
}

var errKilled = errors.New("killed")

// rotate runs the playbook. At the task of that name it is killed, some moments later, with all
// that it started here and on the nodes.
func (f *fleet) rotate(t *testing.T, killAt string, force bool) (string, error) {
	t.Helper()
	repo, err := filepath.Abs("../..")
	must(t, err)
	ctx, stop := context.WithTimeout(t.Context(), 5*time.Minute)
	defer stop()
	out, lines := io.Pipe()
	p, err := host.Start(ctx, host.Cmd{
		Args: []string{"env", "--chdir=" + repo, "ansible-playbook", "--inventory", f.Inventory(), "--inventory", filepath.Join(f.Shared(), "groups.ini"),
			"playbooks/rotate-tsig-ha.yml", "--extra-vars", fmt.Sprintf(`{"tsig_clients": "nodes", "tsig_grace": "5s", "tsig_force": %t}`, force)},
		Env: []string{"ANSIBLE_NOCOLOR=1", "ANSIBLE_HOME=" + filepath.Join(f.Dir, "ansible")},
	}, host.Streams{Out: lines, Err: lines})
	must(t, err)
	var said strings.Builder
	var reading sync.WaitGroup
	killed := false
	reading.Go(func() {
		for in := bufio.NewScanner(out); in.Scan(); {
			said.WriteString(in.Text() + "\n")
			if killAt != "" && strings.HasPrefix(in.Text(), "TASK ["+killAt+"]") {
				time.Sleep(time.Duration(rand.IntN(300)) * time.Millisecond)
				killed = syscall.Kill(-p.Pid(), syscall.SIGKILL) == nil
				f.killSteps(ctx)
			}
		}
	})
	err = p.Wait()
	lines.Close()
	reading.Wait()
	if killed && err != nil {
		err = errKilled
	}
	return said.String(), err
}

// killSteps kills what a killed playbook was just having done on the nodes. Where that is nothing, there is nothing to kill.
func (f *fleet) killSteps(ctx context.Context) {
	for _, n := range f.Nodes() {
		_, _ = n.Exec(ctx, "pkill", "--signal=KILL", "--full", "debvisor tsig")
	}
}

// facts are what each node holds.
func (f *fleet) facts(t *testing.T) (all []rotation.Facts) {
	t.Helper()
	for n := 1; n <= 3; n++ {
		var said struct{ Machine rotation.Facts }
		must(t, json.Unmarshal([]byte(f.on(t, n, "debvisor tsig facts --json")), &said))
		all = append(all, said.Machine)
	}
	return all
}

// generation is the one that all servers and all clients have, and no other.
func (f *fleet) generation(t *testing.T) uint32 {
	t.Helper()
	all := f.facts(t)
	for n, m := range all {
		for _, role := range tsig.Roles {
			if first := all[0].Server[role]; len(first) != 1 || !slices.Equal(m.Server[role], first) {
				t.Fatalf("node%d accepts %v, node1 %v", n+1, m.Server[role], first)
			}
		}
		for _, role := range tsig.ClientRoles {
			if m.Client[role] != all[0].Server[role][0] {
				t.Fatalf("node%d signs with %v, the servers accept %v", n+1, m.Client[role], all[0].Server[role])
			}
		}
	}
	k, err := tsig.Of(all[0].Server[tsig.Node][0].Name, tsig.Key{}.Secret())
	must(t, err)
	return k.Serial
}

// nobodyRefused: no server ever refused what a client signed, not even once before the client tried again.
func (f *fleet) nobodyRefused(t *testing.T) {
	t.Helper()
	for n := 1; n <= 3; n++ {
		const all = "journalctl --no-pager --output=cat --unit=named | "
		refused := f.refusals(t, n)
		t.Logf("node%d: %s lines of named, of which %d refuse a client; servers asked each other with a key that was not there yet or no more %s times",
			n, f.on(t, n, all+"wc -l"), strings.Count(refused, "\n"), f.on(t, n, all+"grep -c 'debvisor-xfer-.*BADKEY' || true"))
		if refused != "" {
			t.Errorf("node%d refused clients: %.1000s", n, refused)
		}
	}
}

// refusals are the lines of a node's named about messages of clients whose signature it refused, or for which it had no authority.
func (f *fleet) refusals(t *testing.T, n int) string {
	t.Helper()
	const refusals = "(debvisor-(node|vm)-.*(BADKEY|BADSIG|BADTIME))|NOTAUTH"
	if out := f.on(t, n, "journalctl --no-pager --output=cat --unit=named | grep -E '"+refusals+"' || true"); out != "" {
		return out + "\n"
	}
	return ""
}

// holds: both nodes have what was registered, and nothing that was removed.
func (f *fleet) holds(t *testing.T, s *signers) {
	t.Helper()
	for n := 1; n <= 2; n++ {
		has := map[string]string{}
		for line := range strings.Lines(f.on(t, n, "dig +onesoa +noall +answer -k /etc/bind/tsig-debvisor.conf @127.0.0.1 AXFR "+zone)) {
			if w := strings.Fields(line); len(w) == 5 && w[3] == "A" {
				has[strings.TrimSuffix(w[0], ".")] = w[4]
			}
		}
		lacks, left := 0, 0
		for name, address := range s.has {
			if has[name] != address {
				lacks++
			}
		}
		for _, name := range s.gone {
			if has[name] != "" {
				left++
			}
		}
		t.Logf("node%d: %d names are registered, %d were removed", n, len(s.has), len(s.gone))
		if lacks+left > 0 || len(s.has) == 0 || len(s.gone) == 0 {
			t.Errorf("node%d lacks %d of %d names, and has %d of %d that were removed", n, lacks, len(s.has), left, len(s.gone))
		}
	}
}

// retired are all keys that any server was ever seen to have.
type retired map[tsig.Key]bool

func (r *retired) note(t *testing.T, f *fleet) {
	t.Helper()
	if *r == nil {
		*r = retired{}
	}
	for n := 1; n <= 3; n++ {
		keys, err := tsig.Parse("keys", f.on(t, n, "cat /etc/bind/tsig-*.conf"))
		must(t, err)
		for _, k := range keys {
			(*r)[k] = true
		}
	}
}

// since are the generations after that one.
func (r *retired) since(serial uint32) (all []uint32) {
	for k := range *r {
		if k.Serial > serial && !slices.Contains(all, k.Serial) {
			all = append(all, k.Serial)
		}
	}
	return all
}

// refused: each server, and the virtual address, refuses each of them but those in use.
func (r *retired) refused(t *testing.T, f *fleet) {
	t.Helper()
	servers := slices.Clone(atVIP)
	for _, n := range f.Nodes() {
		servers = append(servers, netip.AddrPortFrom(netip.MustParseAddr(n.IPv4), 53))
	}
	serial, asked := f.generation(t), 0
	for k := range *r {
		for _, server := range servers {
			if k.Serial == serial {
				continue
			}
			asked++
			err := f.Do(func() error { return update.Probe(t.Context(), server, zone, k) })
			var unknown *update.KeyError
			if !errors.As(err, &unknown) {
				t.Errorf("%s does not refuse %s: %v", server, k, err)
			}
		}
	}
	t.Logf("%d times a retired key was refused", asked)
	if asked == 0 {
		t.Error("no key was retired")
	}
}
