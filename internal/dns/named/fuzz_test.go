package named

import (
	"strings"
	"testing"

	"debvisor/internal/dns"
	"debvisor/internal/host"
	"debvisor/internal/host/hosttest"
)

// What is read of named.conf is anybody's text: no secret gets through to the check, and each line keeps its name.
func FuzzInlined(f *testing.F) {
	f.Add("key \"k\" {\n\tsecret \"c2VjcmV0\";\n};\ninclude \"/etc/bind/other.conf\";\n", "zone \"a\" { type primary; file \"/var/lib/bind/a.zone\"; };\n")
	f.Add("include \"/etc/bind/named.conf\";", "")
	f.Add("secret c2VjcmV0;\ninclude \"relative\";\ninclude\t\"/nowhere\" ;", "secret \"a\nb\"")
	f.Fuzz(func(t *testing.T, conf, other string) {
		m := hosttest.New(t, "")
		v := view{m.Host, []host.File{{Path: ConfPath, Content: conf}, {Path: "/etc/bind/other.conf", Content: other}}}
		var read text
		if err := v.inlined(&read, ConfPath, 0); err != nil {
			return
		}
		if len(read.lines) != len(read.from) {
			t.Fatalf("%d lines, %d names", len(read.lines), len(read.from))
		}
		for i, line := range read.lines {
			for _, found := range secret.FindAllString(line, -1) {
				if found != noSecret {
					t.Errorf("%s: %q goes to the check", read.from[i], found)
				}
			}
			if path, _, named := strings.Cut(read.from[i], ":"); !named || path != ConfPath && path != "/etc/bind/other.conf" {
				t.Errorf("%q comes from %q", line, read.from[i])
			}
			if got := read.located("/dev/stdin:0 /dev/stdin:99999999999999999999"); got != "/dev/stdin:0 /dev/stdin:99999999999999999999" {
				t.Errorf("a line that is not there is %s", got)
			}
		}
		read.zonesThere(m.Host)
	})
}

// A primary whose file is missing is found, whatever stands around it.
func FuzzZonesThere(f *testing.F) {
	f.Add("options { };\n", "\tallow-transfer { none; };\n")
	f.Add("zone \"b\" { type secondary; file \"/var/lib/bind/b.zone\"; };\n", "\tmasterfile-format text;\n")
	f.Fuzz(func(t *testing.T, before, inside string) {
		if zoneLine.MatchString(inside) || strings.Contains(inside, "\nzone") || strings.Contains(inside, "zone ") || strings.Contains(inside, "zone\t") || fileOption.MatchString(inside) {
			return
		}
		lines := strings.Split(before+"\nzone \"a\" {\n\tfile \""+ZoneFile("a")+"\";\n"+inside+"\n\ttype primary;\n};\n", "\n")
		if (text{lines: lines}).zonesThere(hosttest.New(t, "").Host) {
			t.Errorf("%q: all files are there", lines)
		}
	})
}

func FuzzRoles(f *testing.F) {
	for _, seed := range []string{`{"a": "primary"}`, `{"a": "closed", "b": "secondary"}`, "null", "{", `{"a": ""}`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data string) {
		roles, err := parseRoles([]byte(data))
		if err != nil {
			return
		}
		for zone, role := range roles {
			if role != Primary && role != Closed && role != Secondary {
				t.Errorf("%s is %q", zone, role)
			}
		}
	})
}

func FuzzServer(f *testing.F) {
	seed, err := dns.Text(pair())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(seed)
	f.Add("{}")
	f.Fuzz(func(t *testing.T, data string) {
		s, err := dns.ParseServer([]byte(data))
		if err != nil {
			return
		}
		again, err := dns.Text(s)
		if err != nil {
			t.Fatal(err)
		}
		same, err := dns.ParseServer([]byte(again))
		if err != nil || Zones(same, keys(), nil) != Zones(s, keys(), nil) {
			t.Errorf("%q is read as %+v, and again as %+v, %v", data, s, same, err)
		}
	})
}
