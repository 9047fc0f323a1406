package cluster

import (
	"net"
	"net/url"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	for text, want := range map[string]string{
		`{"endpoints": ["https://192.0.2.1:2379", "https://etcd.lab.example:2379"], "ca": "/ca", "certificate": "/c", "key": "/k"}`: "",
		`{"endpoints": ["http://127.0.0.1:2379"]}`:                "",
		`{"endpoints": ["http://[::1]:2379"]}`:                    "",
		`{"endpoints": []}`:                                       "there are no endpoints",
		`{}`:                                                      "there are no endpoints",
		`{"endpoints": ["http://192.0.2.1:2379"]}`:                "is not https",
		`{"endpoints": ["http://localhost.example:2379"]}`:        "is not https",
		`{"endpoints": ["192.0.2.1:2379"]}`:                       "is not an endpoint",
		`{"endpoints": ["https://192.0.2.1"]}`:                    "is not an endpoint",
		`{"endpoints": ["https://a:b@192.0.2.1:2379"]}`:           "is not an endpoint",
		`{"endpoints": ["https://192.0.2.1:2379/x"]}`:             "is not an endpoint",
		`{"endpoints": ["unix://192.0.2.1:2379"]}`:                "is not https",
		`{"endpoints": ["https://192.0.2.1:2379"], "key": "/k"}`:  "certificate and key belong together",
		`{"endpoints": ["https://192.0.2.1:2379"], "cert": "/k"}`: "unknown field",
		`{"endpoints": ["https://192.0.2.1:2379"]} x`:             "there is something after the settings",
		``: "EOF",
	} {
		_, err := Parse("etcd.json", []byte(text))
		if (err == nil) != (want == "") || err != nil && (!strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "etcd.json: ")) {
			t.Errorf("%s: %v; want %q", text, err, want)
		}
	}
}

func TestCheckID(t *testing.T) {
	for id, want := range map[string]bool{
		"1": true, "hv-0017": true, "a.b_C": true, strings.Repeat("a", 128): true,
		"": false, ".": false, "..": false, "a/b": false, "../1": false, "a b": false, "a\x00": false, "ä": false, strings.Repeat("a", 129): false,
	} {
		if err := checkID(id); (err == nil) != want {
			t.Errorf("%q: %v", id, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"endpoints": ["https://192.0.2.1:2379"], "ca": "/ca", "certificate": "/c", "key": "/k"}`))
	f.Add([]byte(`{"endpoints": ["http://[::1%25lo]:2379"]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := Parse("etcd.json", data)
		if err != nil {
			return
		}
		for _, e := range s.Endpoints {
			u, err := url.Parse(e)
			if err != nil || u.Scheme != "https" && !net.ParseIP(u.Hostname()).IsLoopback() {
				t.Errorf("%q", e)
			}
		}
	})
}
