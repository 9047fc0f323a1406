package netns

import (
	"slices"
	"strings"
	"testing"

	"debvisor/internal/host"
	"debvisor/internal/nft"
)

// drop is a rule that would cut every SSH session for good.
const drop = "insert rule inet debvisor input tcp dport 22 drop\n"

// edits are what an operator may do to his files, or a role to a drop-in, without loading them.
var edits = map[string]struct{ path, text string }{
	"a rule":            {nft.LocalPath, drop},
	"a chain at a hook": {nft.LocalPath, "table inet debvisor {\n\tchain early {\n\t\ttype filter hook input priority -10; policy drop;\n\t}\n}\n"},
	"a table":           {nft.DropInDir + "/30-own.conf", "table inet own {\n\tchain early {\n\t\ttype filter hook input priority -10; policy drop;\n\t}\n}\n"},
	"a rule in a table": {nft.DropInDir + "/20-dns.conf", "flush table inet dns\nadd rule inet dns in tcp dport 22 drop\n"},
	"a drop-in":         {nft.DropInDir + "/30-own.conf", drop},
}

func (l *lab) written(t *testing.T) {
	t.Helper()
	l.write(t, nft.LocalPath, "add set inet debvisor web { type ipv4_addr; flags interval; elements = { 10.92.0.0/24 }; }\n"+
		"add rule inet debvisor input ip saddr @web tcp dport 443 accept\n")
	l.write(t, nft.DropInDir+"/20-dns.conf", "table inet dns {\n\tchain in { type filter hook input priority -5; }\n}\nflush table inet dns\nadd rule inet dns in tcp dport 53 accept\n")
	l.apply(t, management)
}

// rules is everything in the kernel, other tables and marks included.
func (l *lab) rules(t *testing.T) string {
	t.Helper()
	return l.nft(t, "-s", "list", "ruleset")
}

func (l *lab) roll(t *testing.T) {
	t.Helper()
	if changed, err := nft.Rollback(t.Context(), l.Host); !changed || err != nil {
		t.Errorf("rolled back: %t, %v", changed, err)
	}
}

// Whatever was written into files before the trial or during it, a rollback brings back exactly what was in force.
func TestARollbackBringsBackWhatWasInForce(t *testing.T) {
	for name, edit := range edits {
		t.Run(name, func(t *testing.T) {
			l, r := newTrialLab(t)
			l.listen(t, 22, 443)
			l.written(t)
			before, other := l.rules(t), with(management, tcp("web", 80, 80, "10.92.0.0/24"))
			l.write(t, edit.path, edit.text)
			if err := l.Apply(t.Context(), l.try(t, other)); err != nil {
				t.Fatal(err)
			}
			l.write(t, edit.path, "this is no rule\n")
			if l.rules(t) == before || len(r.armed) != 1 {
				t.Fatalf("nothing is on trial: %q", r.armed)
			}
			l.roll(t)
			if after := l.rules(t); after != before {
				t.Errorf("before\n%s\nafter\n%s", before, after)
			}
			if got := l.open(t, 22, 443); got != "10.91.0.1:22 10.92.0.1:443 fd91::1:22" {
				t.Errorf("open: %s", got)
			}
		})
	}
}

// The same variables, but a file that was edited: what is loaded for it is on trial.
func TestAnEditedFileIsOnTrial(t *testing.T) {
	for _, name := range []string{"a rule", "a drop-in"} {
		l, r := newTrialLab(t)
		l.listen(t, 22)
		l.written(t)
		before := l.rules(t)
		l.write(t, edits[name].path, edits[name].text)
		if err := l.Apply(t.Context(), l.try(t, management)); err != nil {
			t.Fatal(err)
		}
		if got := l.open(t, 22); got != "" || len(r.armed) != 1 {
			t.Errorf("%s: armed %q, open: %s", name, r.armed, got)
		}
		if left := l.try(t, management); len(left) > 0 {
			t.Errorf("%s: a trial that waits leaves %v", name, left)
		}
		l.roll(t)
		if after := l.rules(t); after != before {
			t.Errorf("%s: before\n%s\nafter\n%s", name, before, after)
		}
	}
}

// Over two trials the set becomes another one, which nft cannot make of the old one.
func TestARollbackReplacesATableThatDoesNotFit(t *testing.T) {
	l, _ := newTrialLab(t)
	l.written(t)
	before := l.rules(t)
	for _, text := range []string{"", "add set inet debvisor web { type ipv6_addr; }\n"} {
		l.write(t, nft.LocalPath, text)
		if err := l.Apply(t.Context(), l.try(t, management)); err != nil {
			t.Fatal(err)
		}
	}
	l.roll(t)
	if after := l.rules(t); !slices.Equal(parts(after), parts(before)) {
		t.Errorf("before\n%s\nafter\n%s", before, after)
	}
}

// parts are the sets and chains of a listing, sorted: a table that was made anew has them in another order.
func parts(listing string) []string {
	all := strings.Split(strings.NewReplacer("table inet debvisor {\n", "\n", "\n}\n", "\n\n").Replace(listing), "\n\n")
	for i := range all {
		all[i] = strings.TrimSpace(all[i])
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// A node that never had DebVisor's rules, and one that lost what it knew of them, go back to what they had.
func TestTheFirstTrialGoesBackToWhatWasThere(t *testing.T) {
	l, _ := newTrialLab(t)
	l.listen(t, 22, 2222)
	loaded := l.rules(t)
	for _, before := range []string{"", loaded} {
		l.nft(t, "flush", "ruleset")
		l.nft(t, "add", "table", "ip", "foreign")
		if before != "" {
			l.load(t, before)
		}
		before = l.rules(t)
		if err := l.Apply(t.Context(), forgotten(l.Host)); err != nil {
			t.Fatal(err)
		}
		if err := l.Apply(t.Context(), l.try(t, with(management, tcp("web", 80, 80)))); err != nil {
			t.Fatal(err)
		}
		if l.rules(t) == before {
			t.Fatal("nothing is on trial")
		}
		l.roll(t)
		if after := l.rules(t); after != before {
			t.Errorf("before\n%s\nafter\n%s", before, after)
		}
	}
}

// forgotten removes everything that a machine knows of its firewall, the files too.
func forgotten(h *host.Host) []host.Change {
	var gone []host.Change
	for _, name := range []string{nft.MainPath, nft.BasePath, nft.FinalPath, nft.LocalPath, "/run/debvisor-firewall/confirmed.json"} {
		if h.Exists(name) {
			gone = append(gone, host.Remove{Path: name})
		}
	}
	return gone
}

func (l *lab) load(t *testing.T, text string) {
	t.Helper()
	if _, err := l.Runner.Run(t.Context(), host.Cmd{Args: []string{"nft", "-f", "-"}, Stdin: text}); err != nil {
		t.Fatal(err)
	}
}

// A chain at a hook that the operator took out of the file must not go on filtering.
func TestAChainThatLeftTheFileLeavesTheKernel(t *testing.T) {
	l := newLab(t)
	l.listen(t, 22)
	l.apply(t, management)
	before := l.table(t)
	l.write(t, nft.LocalPath, edits["a chain at a hook"].text+"table inet debvisor {\n\tmap ways { type inet_service : verdict; elements = { 7 : jump far }; }\n\tchain far { drop; }\n}\n")
	l.apply(t, management)
	if got := l.open(t, 22); got != "" {
		t.Fatalf("open: %s", got)
	}
	l.write(t, nft.LocalPath, nft.Local())
	if err := nft.Load(t.Context(), l.Host); err != nil {
		t.Fatal(err)
	}
	if after := l.table(t); after != before {
		t.Errorf("before\n%s\nafter\n%s", before, after)
	}
}
