package profile

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"debvisor/internal/host/hosttest"
)

func TestEveryFormThatPeopleWriteIsRead(t *testing.T) {
	for _, text := range []string{
		"zfs", "zfs\n", "  zfs \n", "PROFILE=zfs\n", "export PROFILE=zfs\n", "export\tPROFILE=zfs\n", "PROFILE=\"zfs\"\n", "PROFILE='zfs'\n", "\"zfs\"\n",
		"PROFILE=zfs\r\n", "\ufeffzfs\r\n", "# a comment\n\nzfs\n", "zfs # why\n", "PROFILE=zfs\t# why\n", "zfs\nPROFILE=zfs\n",
	} {
		if got, err := Parse(text); got != "zfs" || err != nil {
			t.Errorf("%q: %q, %v", text, got, err)
		}
	}
}

func TestWhatIsNoProfileIsAnError(t *testing.T) {
	for text, want := range map[string]string{
		"":                         "/etc/debvisor-profile: names no profile; write one of: usb-zfs, zfs, ceph, mixed",
		"# nothing\n":              "/etc/debvisor-profile: names no profile; write one of: usb-zfs, zfs, ceph, mixed",
		"\nbtrfs\n":                `/etc/debvisor-profile:2: "btrfs" is not a profile; write one of: usb-zfs, zfs, ceph, mixed`,
		"zfs\nceph\n":              "/etc/debvisor-profile:2: names ceph, an earlier line names zfs",
		"MODE=zfs":                 `/etc/debvisor-profile:1: "MODE=zfs" is not PROFILE=name`,
		"PROFILE=$(touch /tmp/x)":  `/etc/debvisor-profile:1: "$(touch /tmp/x)" is not a profile; write one of: usb-zfs, zfs, ceph, mixed`,
		"PROFILE=zfs; rm -rf /srv": `/etc/debvisor-profile:1: "zfs; rm -rf /srv" is not a profile; write one of: usb-zfs, zfs, ceph, mixed`,
		"PROFILE=\"zfs":            `/etc/debvisor-profile:1: "\"zfs" is not a profile; write one of: usb-zfs, zfs, ceph, mixed`,
		"ZFS":                      `/etc/debvisor-profile:1: "ZFS" is not a profile; write one of: usb-zfs, zfs, ceph, mixed`,
		"zfs#x":                    `/etc/debvisor-profile:1: "zfs#x" is not a profile; write one of: usb-zfs, zfs, ceph, mixed`,
	} {
		if got, err := Parse(text); err == nil || err.Error() != want {
			t.Errorf("%q: %q, %v; want %s", text, got, err, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"zfs", "export PROFILE=\"ceph\"\r\n", "\ufeff# x\nmixed", "PROFILE='"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		name, err := Parse(text)
		if (err == nil) != slices.Contains(Names, name) {
			t.Errorf("%q: %q, %v", text, name, err)
		}
		if err == nil && !strings.Contains(text, name) {
			t.Errorf("%q does not say %q", text, name)
		}
	})
}

func TestASummaryThatSaysTheSameKeepsItsTime(t *testing.T) {
	m := hosttest.New(t, "-- etc/debvisor-profile --\nPROFILE=ceph\n")
	at := time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)
	write := func(now time.Time) int {
		t.Helper()
		changes, err := PlanSummary(m.Host, now)
		if err != nil {
			t.Fatal(err)
		}
		if err := m.Apply(t.Context(), changes); err != nil {
			t.Fatal(err)
		}
		return len(changes)
	}
	write(at)
	const want = "DebVisor storage profile: ceph\n" + `{
  "profile": "ceph",
  "source": "/etc/debvisor-profile",
  "generated_at": "2026-01-02T03:04:05Z"
}
`
	if got := read(t, m, SummaryText) + read(t, m, SummaryJSON); got != want {
		t.Errorf("got\n%s", got)
	}
	if n := write(at.Add(time.Hour)); n != 0 {
		t.Errorf("an hour later %d changes", n)
	}
	os.WriteFile(filepath.Join(m.Root, Path), []byte("zfs"), 0o644)
	if n := write(at.Add(time.Hour)); n != 2 || !strings.Contains(read(t, m, SummaryJSON), "04:04:05Z") {
		t.Errorf("another profile: %d changes\n%s", n, read(t, m, SummaryJSON))
	}
	os.WriteFile(filepath.Join(m.Root, SummaryJSON), []byte("{"), 0o644)
	if n := write(at); n != 1 {
		t.Errorf("a damaged summary: %d changes", n)
	}
}

func read(t *testing.T, m *hosttest.Machine, name string) string {
	t.Helper()
	data, err := m.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
