package guests

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"debvisor/internal/guests/installed"
	"debvisor/internal/host"
	"debvisor/internal/host/hosttest"
)

func FuzzParseEvent(f *testing.F) {
	for _, seed := range []string{"started\n-\nweb\n", "release\nmigrated\na\nb\n", "stopped\n-\n", "", "\n\n\n", "reconnect\n\n../x\n"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		e, err := ParseEvent(data)
		if err != nil {
			return
		}
		if text := e.Operation + "\n" + e.Reason + "\n" + e.Guest + "\n"; text != string(data) || e.Guest == "" || len(data) > maxEvent {
			t.Errorf("%q became %+v", data, e)
		}
	})
}

func TestANoteThatIsNoneIsRefused(t *testing.T) {
	for text, want := range map[string]string{
		"":                              "three lines",
		"started\n-\n":                  "three lines",
		"started\n-\nweb":               "three lines",
		"attached\n-\nweb\n":            `"attached"`,
		strings.Repeat("x", maxEvent+1): "longer than",
	} {
		if e, err := ParseEvent([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %+v, %v", clip(text), e, err)
		}
	}
}

func TestNotesAreReadInOrderAndWhatIsNoneIsSkipped(t *testing.T) {
	m := hosttest.New(t, `
-- run/debvisor-guests/.note.1 --
-- run/debvisor-guests/.note.2 --
-- run/debvisor-guests/events/9 --
started
-
first
-- run/debvisor-guests/events/3 --
release
destroyed
second
-- run/debvisor-guests/events/4 --
rubbish
-- run/debvisor-guests/events/5 -> /etc/shadow --
-- run/debvisor-guests/events/dir/ --
`)
	then := time.Now().Add(-time.Hour)
	for _, old := range []string{"events/9", ".note.1"} {
		if err := os.Chtimes(filepath.Join(m.Root, installed.RunDir, old), then, then); err != nil {
			t.Fatal(err)
		}
	}
	n, err := ReadEvents(m.Host)
	if err != nil || len(n.Events) != 2 || n.Events[0].Guest != "first" || n.Events[1].Guest != "second" || n.Events[1].Reason != "destroyed" || len(n.Wrong) != 3 {
		t.Fatalf("%+v, %v", n, err)
	}
	tidy, err := PlanTidy(m.Host, n.Files, time.Now())
	if err != nil || m.Apply(t.Context(), tidy) != nil {
		t.Fatal(hosttest.Lines(tidy), err)
	}
	left, err := m.Glob(installed.RunDir + "/*/*")
	if err != nil || len(left) > 0 || m.Exists(installed.RunDir+"/.note.1") || !m.Exists(installed.RunDir+"/.note.2") {
		t.Errorf("left %v, %v", left, err)
	}
}

func TestNamesOfGuests(t *testing.T) {
	for name, want := range map[string]string{"web": "web", "Web-01": "web-01", "1": "1", strings.Repeat("a", 63): strings.Repeat("a", 63), "vm": "vm"} {
		if got, err := Label(name); got != want || err != nil {
			t.Errorf("%q: %q, %v", name, got, err)
		}
	}
	for _, name := range []string{"", "ns1", "NS", "ns-x", "localhost", "a;b", "../x", "a.b", "a b", "-a", "a-", "_writer", "a\nb", "ä", "a\x00",
		"*", "$(id)", strings.Repeat("a", 64), "gateway"} {
		if got, err := Label(name); err == nil {
			t.Errorf("%q became %q", name, got)
		}
	}
}

// hook runs the hook with a directory of its own in place of the one in /run.
func hook(t *testing.T, dir string, args ...string) (time.Duration, error) {
	t.Helper()
	script := filepath.Join(t.TempDir(), "hook")
	if err := os.WriteFile(script, []byte(strings.Replace(installed.Hook, installed.RunDir, dir, 1)), 0o755); err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	out, err := host.System{}.Run(t.Context(), host.Cmd{Args: append([]string{script}, args...), Stdin: strings.Repeat("<domain/>\n", 100_000)})
	took := time.Since(start)
	if len(out) > 0 {
		err = errors.Join(err, errors.New("it printed "+string(out)))
	}
	return took, err
}

func TestTheHookLeavesANoteOfEachName(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(dir+"/events", 0o700); err != nil {
		t.Fatal(err)
	}
	h := &host.Host{Root: dir}
	for _, name := range []string{"web", "a;b", "../x", "two\nlines", "$(touch /tmp/x)", "`id`", "-n", `\n\t%s`, " ", "*", strings.Repeat("long", 500)} {
		took, err := hook(t, dir, name, "started", "begin", "-")
		if err != nil {
			t.Errorf("%q: %v", clip(name), err)
		}
		found, err := h.Glob("/events/*")
		if err != nil || len(found) != 1 {
			t.Fatalf("%q: %v, %v", clip(name), found, err)
		}
		data, err := h.ReadFile(found[0])
		if e, wrong := ParseEvent(data); err != nil || wrong != nil || e.Guest != name || e.Operation != "started" || e.Reason != "-" {
			t.Errorf("%q: %+v, %v, %v", clip(name), e, err, wrong)
		}
		t.Logf("the hook took %s for %q", took, clip(name))
		if err := os.Remove(filepath.Join(dir, found[0])); err != nil {
			t.Fatal(err)
		}
	}
	all, err := os.ReadDir(dir)
	if err != nil || len(all) != 1 {
		t.Errorf("there is more than the notes: %v, %v", all, err)
	}
}

// Whatever is wrong, the guest starts.
func TestTheHookIsAlwaysContent(t *testing.T) {
	full := t.TempDir()
	if err := os.Mkdir(full+"/events", 0o700); err != nil {
		t.Fatal(err)
	}
	odd := t.TempDir()
	if err := os.WriteFile(odd+"/events", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for why, args := range map[string][]string{
		"a directory that is not there":   {filepath.Join(odd, "none"), "web", "started", "begin", "-"},
		"a file in its place":             {odd, "web", "started", "begin", "-"},
		"an operation without a note":     {full, "web", "prepare", "begin", "-"},
		"a migration, which asks for XML": {full, "web", "migrate", "begin", "-"},
		"no arguments":                    {full},
	} {
		if took, err := hook(t, args[0], args[1:]...); err != nil {
			t.Errorf("%s: after %s: %v", why, took, err)
		}
	}
	if all, err := os.ReadDir(full + "/events"); err != nil || len(all) > 0 {
		t.Errorf("there are notes: %v, %v", all, err)
	}
}

// A disk without room: in a file system of its own that is full to the last byte.
func TestTheHookIsContentWithAFullDisk(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root, for a file system of its own")
	}
	script := filepath.Join(t.TempDir(), "hook")
	if err := os.WriteFile(script, []byte(installed.Hook), 0o755); err != nil {
		t.Fatal(err)
	}
	out, err := host.System{}.Run(t.Context(), host.Cmd{Args: []string{"unshare", "--mount", "sh", "-ec", `
mount -t tmpfs -o size=64k,nr_inodes=100 none /run
mkdir -p ` + installed.EventsDir + `
dd if=/dev/zero of=` + installed.RunDir + `/filler bs=4k 2>/dev/null && exit 9
"$0" web started begin -
ls -A ` + installed.EventsDir + ` ` + installed.RunDir, script}})
	if want := installed.RunDir + ":\nevents\nfiller\n\n" + installed.EventsDir + ":\n"; err != nil || string(out) != want {
		t.Errorf("%v\n%s", err, out)
	}
}

// BenchmarkHook is what libvirt waits for each time that a guest starts or stops.
func BenchmarkHook(b *testing.B) {
	dir := b.TempDir()
	script := filepath.Join(dir, "hook")
	if err := errors.Join(os.Mkdir(dir+"/events", 0o700), os.WriteFile(script, []byte(strings.Replace(installed.Hook, installed.RunDir, dir, 1)), 0o755)); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := (host.System{}).Run(b.Context(), host.Cmd{Args: []string{script, "web", "started", "begin", "-"}}); err != nil {
			b.Fatal(err)
		}
	}
}

func TestHowManyAreRegistered(t *testing.T) {
	for text, want := range map[string]int{`{"guests":[]}`: 0, `{"guests":[{"name":"a"},{"name":"b"}]}`: 2, "{": -1} {
		m := hosttest.New(t, "-- "+installed.RegistryPath[1:]+" --\n"+text+"\n")
		if n, err := installed.Registered(m.Host); n != max(want, 0) || (err != nil) != (want < 0) {
			t.Errorf("%s: %d, %v", text, n, err)
		}
	}
	if n, err := installed.Registered(hosttest.New(t, "").Host); n != 0 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
}
