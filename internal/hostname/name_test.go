package hostname

import (
	"encoding/json"
	"path"
	"strings"
	"testing"

	"debvisor/internal/host/hosttest"
)

func TestParse(t *testing.T) {
	long := strings.Repeat("a", 63)
	for name, want := range map[string]string{
		"hv01.lab.example": "hv01.lab.example", "HV01.Lab.Example.": "hv01.lab.example", "1.example": "1.example", "xn--bcher-kva.example": "xn--bcher-kva.example",
		long + ".example": long + ".example",
		"":                "", ".": "", "hv01": "", "hv01.": "", "a..b": "", ".a.b": "", "a.b..": "", "-a.b": "", "a-.b": "", "a_b.c": "", "a b.c": "", "a.b\n": "", "../a.b": "", "a/b.c": "",
		"a.b\x00": "", "ä.b": "", "192.0.2.1": "", "localhost.localdomain": "", "a.localhost": "", "*.b": "", "a;b.c": "", "#.b": "",
		"a" + long + ".b": "", strings.Repeat("a.", 126) + "b": strings.Repeat("a.", 126) + "b", strings.Repeat("a.", 126) + "bb": "",
	} {
		got, err := Parse(name)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q is %q, %v; want %q", name, got, err, want)
		}
	}
}

func TestLocalName(t *testing.T) {
	for _, c := range []struct{ hostname, hosts, want string }{
		{"hv01\n", "127.0.1.1 hv01.lab.example hv01\n", "hv01.lab.example"},
		{"HV01", "10.0.0.1 HV01.Lab.example\n", "hv01.lab.example"},
		{"hv01\n", "10.0.0.1 hv01.other.example\n127.0.1.1 hv01 hv01.lab.example\n", "hv01.lab.example"},
		{"hv01\n", "127.0.1.1 hv011.lab.example\n", "hv01.debvisor.local"},
		{"hv01.lab.example\n", "127.0.1.1 hv01.other.example\n", "hv01.lab.example"},
		{"hv01\n", "127.0.1.1 hv01.-\n", ""},
		{"\n", "", ""},
		{"localhost\n", "127.0.0.1 localhost localhost.localdomain\n", ""},
		{"a/../b\n", "", ""},
	} {
		m := hosttest.New(t, "-- etc/hostname --\n"+c.hostname+"\n-- etc/hosts --\n"+c.hosts)
		got, err := localName(m.Host, DefaultZone)
		if got != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%q, %q: %q, %v; want %q", c.hostname, c.hosts, got, err, c.want)
		}
	}
}

// Whatever the cluster says, the file is below Dir and has a line for each address.
func FuzzAnswer(f *testing.F) {
	for _, name := range []string{"hv01.lab.example", "../../etc/passwd", "a.b\n::1 bank.example", "", "a.b.", "\xff"} {
		text, err := json.Marshal(Answer{FQDN: name})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Add([]byte(`{"fqdn": 1}`))
	f.Fuzz(func(t *testing.T, out []byte) {
		name, err := parseAnswer(out)
		if err != nil {
			return
		}
		r := Registration{FQDN: name, Addresses: addrs("192.0.2.1", "2001:db8::1")}
		if again, err := Parse(name); err != nil || again != name {
			t.Errorf("%q is %q, %v", name, again, err)
		}
		if path.Dir(path.Join(Dir, r.Short()+suffix)) != Dir || r.Short() == "" || len(r.Short()) > 63 || len(strings.Fields(r.lines())) != 6 || strings.Count(r.lines(), "\n") != 2 {
			t.Errorf("%q", r.lines())
		}
	})
}

func FuzzLocalName(f *testing.F) {
	f.Add("hv01", "127.0.1.1 hv01.lab.example")
	f.Fuzz(func(t *testing.T, hostname, hosts string) {
		first, _, _ := strings.Cut(hostname, "\n")
		full := complete(strings.ToLower(strings.TrimSpace(first)), hosts, DefaultZone)
		if name, err := Parse(full); err == nil && strings.ContainsAny(name, "/ \n\t") {
			t.Errorf("%q", name)
		}
	})
}
