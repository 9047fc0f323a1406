package installer

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"debvisor/internal/exit"
	"debvisor/internal/host"
	"debvisor/internal/host/hosttest"
)

func TestTheKernelCommandLineIsRead(t *testing.T) {
	got := ParseCmdline("BOOT_IMAGE=/live/vmlinuz boot=live debvisor.install=auto debvisor.answers=file:/a debvisor.answers_sha256=AB debvisor.instal=x quiet\n")
	want := Cmdline{Live: true, Auto: true, Answers: "file:/a", SHA256: "ab", Unknown: []string{"debvisor.instal=x"}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if ParseCmdline("boot=live boot=/dev/sda1").Live {
		t.Error("the last of two counts")
	}
}

func FuzzParseCmdline(f *testing.F) {
	f.Add("boot=live debvisor.install=auto debvisor.answers=https://x/y=z")
	f.Fuzz(func(t *testing.T, text string) {
		c := ParseCmdline(text)
		if c.Live && !strings.Contains(text, "boot=live") || c.Auto && !strings.Contains(text, "debvisor.install=auto") {
			t.Errorf("%q: %+v", text, c)
		}
	})
}

// good are answers for a host of this name.
func good(name string) string {
	return strings.Replace(fmt.Sprintf(answersText, ">=27GiB", ""), "hv01", name, 1)
}

const noMedia = `{"blockdevices": [{"path":"/dev/vda","label":null,"fstype":null}]}`

const lsblk = "lsblk --json --output PATH,LABEL,FSTYPE"

// live is a live system with the given files and block devices.
func live(t *testing.T, files, devices string) (*Installer, *hosttest.Machine, *bytes.Buffer) {
	m := hosttest.New(t, files)
	m.Runner.Answer(lsblk, devices)
	out := &bytes.Buffer{}
	return &Installer{Live: m.Host, Medium: "/medium", Target: "/target", Key: "/key.pub", Tell: &Teller{Out: out}}, m, out
}

func TestTheFirstSourceWinsAndTheOthersAreReported(t *testing.T) {
	in, m, _ := live(t, "-- cmdline.yaml --\n"+good("first")+"-- medium/debvisor/answers.slot --\n"+good("slot")+"\x00\x00\x00", "")
	m.Runner.Answer(lsblk, medium(t, m, "vfat", "CIDATA", good("medium")))
	for _, c := range []struct{ line, host, also string }{
		{"debvisor.answers=file:/cmdline.yaml", "first", "debvisor.yaml on /dev/sdb1 (CIDATA)|the slot on the install medium"},
		{"", "medium", "the slot on the install medium"},
	} {
		a, also, err := in.FindAnswers(t.Context(), ParseCmdline(c.line))
		if err != nil || a.Node.Host.FQDN != c.host+".lab.example" || strings.Join(also, "|") != c.also {
			t.Errorf("%q: %+v, also %q, %v", c.line, a, also, err)
		}
	}
}

func TestAnEmptySlotIsNoAnswers(t *testing.T) {
	in, _, _ := live(t, "-- medium/debvisor/answers.slot --\n", noMedia)
	p, _ := in.Live.Path("/medium/debvisor/answers.slot")
	if err := os.WriteFile(p, make([]byte, 64<<10), 0o644); err != nil {
		t.Fatal(err)
	}
	if a, also, err := in.FindAnswers(t.Context(), Cmdline{}); a != nil || also != nil || err != nil {
		t.Errorf("%v, %v, %v", a, also, err)
	}
}

// No other source stands in for one that was named, or that is wrong.
func TestASourceThatCannotBeUsedIsAnError(t *testing.T) {
	slot := "-- medium/debvisor/answers.slot --\n" + good("slot")
	for name, c := range map[string]struct{ line, files string }{
		"a file that is not there": {"debvisor.answers=file:/none", slot},
		"no scheme":                {"debvisor.answers=/cmdline.yaml", slot},
		"http":                     {"debvisor.answers=http://x/y", slot},
		"https without a hash":     {"debvisor.answers=https://x/y", slot},
		"mistakes":                 {"debvisor.answers=file:/bad", slot + "-- bad --\nversion: 1\nhots: {}\n"},
	} {
		in, _, _ := live(t, c.files, noMedia)
		if a, _, err := in.FindAnswers(t.Context(), ParseCmdline(c.line)); a != nil || exit.Code(err) != exit.Usage {
			t.Errorf("%s: %v, code %d, %v", name, a, exit.Code(err), err)
		}
	}
}

// medium makes /dev/sdb1 a file system with answers and returns what lsblk says of it.
func medium(t *testing.T, m *hosttest.Machine, kind, label, text string) string {
	t.Helper()
	return mediumWith(t, m, kind, label, answersFile, text)
}

// mediumWith has one file of any name.
func mediumWith(t *testing.T, m *hosttest.Machine, kind, label, name, text string) string {
	t.Helper()
	image := filepath.Join(m.Root, "dev/sdb1")
	source := filepath.Join(t.TempDir(), name)
	if err := os.MkdirAll(filepath.Dir(image), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(source, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	commands := map[string][][]string{
		"vfat":    {{"truncate", "-s", "4M", image}, {"mkfs.vfat", "-n", label, image}, {"mcopy", "-i", image, source, "::" + name}},
		"fat32":   {{"truncate", "-s", "64M", image}, {"mkfs.vfat", "-F", "32", "-n", label, image}, {"mcopy", "-i", image, source, "::" + name}},
		"ext4":    {{"truncate", "-s", "8M", image}, {"mkfs.ext4", "-q", "-F", "-L", label, "-d", filepath.Dir(source), image}},
		"iso9660": {{"xorriso", "-as", "mkisofs", "-quiet", "-V", label, "-R", "-J", "-o", image, filepath.Dir(source)}},
	}
	for _, args := range commands[kind] {
		if _, err := host.Find(args[0]); err != nil {
			t.Skipf("needs %s", args[0])
		}
		if out, err := (host.System{}).Run(t.Context(), host.Cmd{Args: args}); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	return fmt.Sprintf(`{"blockdevices": [{"path":"/dev/sdb","label":null,"fstype":null,"children":[{"path":"/dev/sdb1","label":%q,"fstype":%q}]}]}`,
		label, strings.Replace(kind, "fat32", "vfat", 1))
}

func TestAMediumOfEachKindIsReadWithoutMounting(t *testing.T) {
	for _, kind := range []string{"vfat", "fat32", "ext4", "iso9660"} {
		t.Run(kind, func(t *testing.T) {
			in, m, _ := live(t, "", "")
			m.Runner.Answer(lsblk, medium(t, m, kind, "DEBVISOR", good(kind)))
			a, _, err := in.FindAnswers(t.Context(), Cmdline{})
			if err != nil || a == nil || a.Node.Host.FQDN != kind+".lab.example" || a.Text != good(kind) {
				t.Errorf("%+v, %v", a, err)
			}
		})
	}
}

// A stick full of noise with the right label is an error, never a panic.
func TestADamagedMediumIsAnError(t *testing.T) {
	for _, kind := range []string{"vfat", "ext4", "iso9660"} {
		in, m, _ := live(t, "", "")
		answer := medium(t, m, kind, "DEBVISOR", good("x"))
		p := filepath.Join(m.Root, "dev/sdb1")
		data, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		for i := range data {
			data[i] ^= byte(i*7 + i/512)
		}
		if err := os.WriteFile(p, data, 0o644); err != nil {
			t.Fatal(err)
		}
		m.Runner.Answer(lsblk, answer)
		if a, _, err := in.FindAnswers(t.Context(), Cmdline{}); a != nil || exit.Code(err) != exit.Usage {
			t.Errorf("%s: %v, %v", kind, a, err)
		}
	}
}

func FuzzReadAnswersFromFAT(f *testing.F) {
	f.Add([]byte("\xeb\x3c\x90mkfs.fat"), int64(4096))
	f.Fuzz(func(t *testing.T, head []byte, size int64) {
		in, m, _ := live(t, "-- dev/sdb1 --\n", "")
		p := filepath.Join(m.Root, "dev/sdb1")
		if err := os.WriteFile(p, head, 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(p, min(max(size, 0), 8<<20)); err != nil {
			t.Fatal(err)
		}
		if data, err := in.readFrom(device{Path: "/dev/sdb1", FSType: "vfat"}); len(data) > maxAnswers {
			t.Errorf("%d bytes, %v", len(data), err)
		}
	})
}

func TestFetchedAnswersAreThoseOfTheHash(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/a.yaml" {
			http.NotFound(w, r)
			return
		}
		w.Write([]byte(good("net")))
	}))
	defer server.Close()
	data, err := get(context.Background(), server.Client(), server.URL+"/a.yaml")
	if err != nil || string(data) != good("net") {
		t.Fatalf("%q, %v", data, err)
	}
	if err := checkSum(data, fmt.Sprintf("%x", sha256.Sum256(data))); err != nil {
		t.Error(err)
	}
	if err := checkSum(append(data, ' '), fmt.Sprintf("%x", sha256.Sum256(data))); err == nil {
		t.Error("a changed file passed")
	}
	if _, err := get(context.Background(), server.Client(), server.URL+"/none"); err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("got %v", err)
	}
}

func TestWhatIsSecretInAnAddressIsNotShown(t *testing.T) {
	for address, want := range map[string]string{
		"https://user:token@host.example/a.yaml?key=s3cret#x": "https://host.example/a.yaml",
		"https://[::1":  "an address that cannot be read",
		"https://h/a?b": "https://h/a",
	} {
		if got := shown(address); got != want {
			t.Errorf("%s is shown as %s", address, got)
		}
	}
}
