package roles_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"debvisor/internal/dns/rotation"
	"debvisor/internal/tsig"
)

// rotateOnAPair fires the timer's service: on one server, and then on both at the same moment.
func (f *fleet) rotateOnAPair(t *testing.T) {
	t.Helper()
	f.write(t, "/etc/debvisor/dns.json", fmt.Sprintf(`{"servers": ["%s:53"], "zone": "debvisor.local", "guests": "vm.debvisor.local", "ttl": 300}`, vip4))
	for _, node := range []int{1, 2} {
		f.collection(t, node)
		f.on(t, node, "cp -a /etc/debvisor/ansible/inventory.yml /root/ && sed -i 's/^  vars:$/&\\n    tsig_grace: 1s/' /etc/debvisor/ansible/inventory.yml")
	}
	before := f.oneGeneration(t)
	if said := f.fire(t, 2)[0]; !strings.Contains(said, "\nsuccess 0\n") {
		t.Errorf("node2: %s", said)
	}
	first := f.changedKeys(t, before)
	if said := f.fire(t, 1)[0]; !strings.Contains(said, "\nsuccess 0\n") || f.oneGeneration(t) != first {
		t.Errorf("when none is due: %s", said)
	}
	f.on(t, 1, `sed -i 's/"since":"[^"]*"/"since":"2026-01-01T00:00:00Z"/' /var/lib/debvisor/tsig/active.json`)
	said := f.fire(t, 1, 2)
	second := f.changedKeys(t, first)
	if !isNext(t, first, second) {
		t.Errorf("from %s two at once made %s", first, second)
	}
	ran := 0
	for i, s := range said {
		switch {
		case strings.Contains(s, "\nsuccess 0\n"):
			ran++
		case !strings.Contains(s, "\nsuccess 4\n") || !strings.Contains(s, "another rotation is under way"):
			t.Errorf("node%d: %s", i+1, s)
		}
	}
	t.Logf("%d of two that were started at once have rotated the keys, or seen that they were: %s", ran, second)
	if ran == 0 {
		t.Errorf("neither rotated: %q", said)
	}
	for _, node := range []int{1, 2} {
		f.on(t, node, "mv /root/inventory.yml /etc/debvisor/ansible/inventory.yml")
	}
}

// fire starts the service on nodes at once, and says what each printed and how it ended.
func (f *fleet) fire(t *testing.T, nodes ...int) []string {
	t.Helper()
	said := make([]string, len(nodes))
	begin := strings.TrimSpace(f.on(t, nodes[0], "date +%s"))
	var all sync.WaitGroup
	for i, node := range nodes {
		all.Go(func() {
			out, err := f.Node(node).Exec(t.Context(), "sh", "-c", "systemctl start tsig-rotate.service; journalctl --no-pager --output=cat --since=@"+begin+
				" -t tsig-rotate; echo; systemctl show --property=Result,ExecMainStatus --value tsig-rotate.service | tr '\\n' ' ' | sed 's/ $//'; echo")
			if said[i] = out; err != nil {
				said[i] += err.Error()
			}
		})
	}
	all.Wait()
	return said
}

// oneGeneration is the node key that all have, and keeps it as /root/old.key. All have the same keys of the other roles too.
func (f *fleet) oneGeneration(t *testing.T) string {
	t.Helper()
	var first string
	for i := range f.Nodes() {
		var said struct{ Machine rotation.Facts }
		if err := json.Unmarshal([]byte(f.on(t, i+1, "debvisor tsig facts --json")), &said); err != nil {
			t.Fatal(err)
		}
		server, client := said.Machine.Server, said.Machine.Client
		here := fmt.Sprint(server[tsig.Node], server[tsig.VM], server[tsig.Transfer], client[tsig.Node], client[tsig.VM])
		if first == "" {
			first = here
		}
		if here != first || strings.Count(here, "debvisor-") != len(tsig.Roles)+len(tsig.ClientRoles) {
			t.Errorf("node%d has %s, node1 %s", i+1, here, first)
		}
	}
	f.on(t, 3, "cp /etc/debvisor/dns.update.key /root/old.key")
	return f.agreed(t, 3)
}

// changedKeys is the one generation that everybody has now. That of before is refused everywhere; queries and updates that
// are signed with the new one are answered.
func (f *fleet) changedKeys(t *testing.T, before string) string {
	t.Helper()
	for _, address := range []string{"10.99.0.11", "10.99.0.12", "10.99.0.13", vip4} {
		if old := f.asksAt(t, address, "/root/old.key"); !strings.Contains(old, "BADKEY") {
			t.Errorf("%s answers %s, of before: %s", address, before, old)
		}
		if now := f.asksAt(t, address, nodeKey); now != "status: NOERROR" {
			t.Errorf("%s answers the new key: %s", address, now)
		}
	}
	for _, key := range []string{nodeKey, vmKey} {
		name := map[string]string{nodeKey: "node2", vmKey: "web.vm"}[key]
		if said := f.update(t, 3, key, vip4, "add "+name+".debvisor.local 300 A 10.99.0.12"); said != "" {
			t.Errorf("an update with %s: %s", key, said)
		}
	}
	return f.oneGeneration(t)
}

// isNext is whether a generation is the one after another: the next of that day, or the first of the day after it.
func isNext(t *testing.T, before, after string) bool {
	t.Helper()
	var serials [2]int
	for i, key := range []string{before, after} {
		if _, err := fmt.Sscanf(key, "debvisor-node-%d ", &serials[i]); err != nil {
			t.Fatal(err)
		}
	}
	day, err := time.Parse("20060102", fmt.Sprint(serials[0]/100))
	if err != nil {
		t.Fatal(err)
	}
	return serials[1] == serials[0]+1 || fmt.Sprint(serials[1]) == day.AddDate(0, 0, 1).Format("20060102")+"01"
}
