package report

import (
	"errors"
	"strings"
	"testing"
)

type ports struct {
	Name string `yaml:"name"`
	MTU  int    `yaml:"mtu"`
}

type level string

func (l *level) UnmarshalText(text []byte) error {
	if string(text) != "high" && string(text) != "low" {
		return errors.New("must be high or low")
	}
	*l = level(text)
	return nil
}

type file struct {
	Host   string         `yaml:"host"`
	Retain bool           `yaml:"retain"`
	Ports  []ports        `yaml:"ports"`
	Extra  map[string]int `yaml:"extra"`
	Level  level          `yaml:"level"`
	Opt    *ports         `yaml:"opt"`
}

func TestEveryFindingAtOnceInFileOrder(t *testing.T) {
	var f file
	r := Decode("node.yaml", []byte(`host: hv01
prots: []
retain: maybe
ports:
  - name: eth0
    mtu: big
    mtu: 9000
  - eth1
extra: {a: 1, b: x}
level: middle
opt: {name: [1]}
`), &f)
	r.Add("ports[0].name", "use a name from ip link", "no such interface")
	want := `node.yaml:2:1: prots: unknown key
	hint: did you mean ports?
node.yaml:3:9: retain: must be true or false, not "maybe"
node.yaml:5:11: ports[0].name: no such interface
	hint: use a name from ip link
node.yaml:6:10: ports[0].mtu: must be a whole number, not "big"
node.yaml:7:5: ports[0].mtu: key appears twice
node.yaml:8:5: ports[1]: must be a mapping (key: value), not "eth1"
node.yaml:9:18: extra.b: must be a whole number, not "x"
node.yaml:10:8: level: must be high or low
node.yaml:11:13: opt.name: must be text, not a list`
	if got := r.Err().Error(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestAGoodFileIsReadWhole(t *testing.T) {
	var f file
	r := Decode("x", []byte(`{"host": 12, "ports": [{"name": "a", "mtu": 1}], "opt": null, "level": "low"}`), &f)
	if err := r.Err(); err != nil || f.Host != "12" || f.Ports[0] != (ports{"a", 1}) || f.Opt != nil || f.Level != "low" {
		t.Errorf("%+v, %v", f, err)
	}
}

func TestOddDocumentsAreFindings(t *testing.T) {
	for text, want := range map[string]string{
		"":                      "x:1:1: the file is empty",
		"host: [":               "x:1:1: did not find expected node content",
		"- a":                   "x:1:1: must be a mapping (key: value), not a list",
		"host: a\n---\nhost: b": "x:2:1: more than one document",
		"host: a\n---\n[":       "x:",
		"host: true\n":          "x:1:7: host: YAML reads this as",
		"ports: &a []\n":        "x:1:8: ports: anchors and aliases",
		"host: \"a\nb: 1":       "x:",
		"host: 1e3":             "x:1:7: host: YAML reads this as a number",
		"extra: {a: *b}":        "x:1:1: unknown anchor",
	} {
		var f file
		err := Decode("x", []byte(text), &f).Err()
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}

func TestNearest(t *testing.T) {
	known := []string{"profile", "system", "data"}
	for word, want := range map[string]string{"profil": "profile", "sytsem": "system", "xyz": "", "dta": "data", "wipe": ""} {
		if got := Nearest(word, known); got != want {
			t.Errorf("%s: %q, want %q", word, got, want)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add("host: a\nports: [{name: x}]\n")
	f.Add("a: &a [*a]")
	f.Add("? [1]\n: 2\n")
	f.Fuzz(func(t *testing.T, text string) {
		var v file
		r := Decode("x", []byte(text), &v)
		if err := r.Err(); err != nil && err.Error() == "" {
			t.Error("an error without text")
		}
	})
}
