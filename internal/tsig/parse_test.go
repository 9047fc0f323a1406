package tsig

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"debvisor/internal/host"
	"debvisor/internal/host/hosttest"
)

const secret = "c2VjcmV0IHRoYXQgaXMgdGhpcnR5dHdvIGJ5dGVzISE="

func statement(name, algorithm, secret string) string {
	return fmt.Sprintf("key %q {\n\talgorithm %s;\n\tsecret %q;\n};\n", name, algorithm, secret)
}

var good = statement("debvisor-vm-7", Algorithm, secret)

func TestWhatIsWrittenIsRead(t *testing.T) {
	keys := []Key{New(VM, 1), New(Node, 2), New(Transfer, 2026112401), New(Node, 4294967295)}
	got, err := Parse("x", serverHeader+Text(keys))
	if want := "[debvisor-node-4294967295 debvisor-node-2 debvisor-vm-1 debvisor-xfer-2026112401]"; err != nil || fmt.Sprint(got) != want {
		t.Errorf("got %v, %v", got, err)
	}
	if got[0] != keys[3] || Text(got) != Text(keys) {
		t.Error("a secret is another")
	}
}

func TestWhatBINDTakesIsRead(t *testing.T) {
	for name, text := range map[string]string{
		"one line":     "key debvisor-vm-7 { algorithm \"HMAC-SHA256\"; secret " + secret + "; };",
		"other order":  "key \"debvisor-vm-7\"{secret \"" + secret + "\";algorithm hmac-sha256;};",
		"comments":     "// a\n/* key x {\n */ # b\n" + good + "# the end",
		"CRLF":         strings.ReplaceAll(good, "\n", "\r\n"),
		"tsig-keygen":  "key \"debvisor-vm-7\" {\n\talgorithm hmac-sha256;\n\tsecret \"" + secret + "\";\n};\n",
		"block at end": good + "/**/",
	} {
		keys, err := Parse("x", text)
		if err != nil || len(keys) != 1 || keys[0].Secret() != secret {
			t.Errorf("%s: %v, %v", name, keys, err)
		}
	}
	if keys, err := Parse("x", " # nothing\n"); keys != nil || err != nil {
		t.Errorf("no keys: %v, %v", keys, err)
	}
}

func TestEachMistakeHasItsLineAndNoSecret(t *testing.T) {
	for text, want := range map[string]string{
		good + "options { };":          "x:5: a key statement should begin here",
		good + good:                    "x:8: debvisor-vm-7 is there twice",
		"key \"" + secret + "\" {":     "x:1: the name of a key should be here",
		"key {":                        "x:1: the name of a key should be here",
		"key debvisor-vm-7\n" + secret: `x:2: "{" is missing`,
		"key debvisor-vm-7 {\n\n secret \"" + secret + "\";\n}":         "x:4: debvisor-vm-7 needs one algorithm and one secret",
		"key debvisor-vm-7 { " + secret + "; };":                        "x:1: debvisor-vm-7 needs one algorithm and one secret",
		"key debvisor-vm-7 { secret x; secret y;":                       "x:1: debvisor-vm-7 needs one algorithm and one secret",
		"key debvisor-vm-7 { secret \"" + secret + "\" }":               `x:1: ";" is missing`,
		statement("debvisor-vm-7", "hmac-md5", secret):                  "x:2: the algorithm of debvisor-vm-7 is not hmac-sha256",
		statement("debvisor-vm-7", Algorithm, secret[:40]):              "x:4: the secret of debvisor-vm-7 is not 32 bytes in base64",
		statement("debvisor-vm-7", Algorithm, secret+"!"):               "x:4: the secret of debvisor-vm-7 is not 32 bytes in base64",
		statement("debvisor-vm-99999999999", Algorithm, secret):         "x:1: the name of a key should be here",
		statement("debvisor-vm-9999999999", Algorithm, secret):          "x:4: the generation of debvisor-vm-9999999999 does not fit",
		strings.TrimSuffix(good, ";\n"):                                 `x:4: ";" after the key is missing`,
		"\n\"" + secret:                                                 "x:2: a quoted text does not end in its line",
		"/* " + secret:                                                  "x:1: a comment does not end",
		"key debvisor-vm-7 { algorithm hmac-sha256; secret \"" + secret: "x:1: a quoted text does not end in its line",
		"key debvisor-vm-7 {":                                           "x:1: debvisor-vm-7 needs one",
	} {
		keys, err := Parse("x", text)
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: got %v, %v; want %s", text, keys, err, want)
		}
		if err != nil && strings.Contains(err.Error(), secret[:20]) {
			t.Errorf("the secret is in %v", err)
		}
	}
}

func TestAKeyIsOfItsFile(t *testing.T) {
	h := hosttest.New(t, "-- etc/bind/tsig-node.conf --\n"+good+"-- etc/debvisor/dns.vm.key --\n# none\n").Host
	if _, err := ServerKeys(h); err == nil || err.Error() != "/etc/bind/tsig-node.conf: debvisor-vm-7 is not a key of the role node" {
		t.Errorf("got %v", err)
	}
	if _, err := ClientKey(h, VM); err == nil || err.Error() != "/etc/debvisor/dns.vm.key: has 0 keys, not one" {
		t.Errorf("got %v", err)
	}
}

func TestNothingPrintsASecret(t *testing.T) {
	k, err := Of("debvisor-vm-7", secret)
	if err != nil {
		t.Fatal(err)
	}
	printed := fmt.Sprintf("%v %+v %#v %s %q %x %d", k, k, k, k, k, k, []any{k, &k, struct{ K Key }{k}})
	printed += fmt.Sprint(ServerFile(VM, []Key{k}).Content == "", k.Fingerprint())
	for _, hidden := range []string{secret, "secret that", fmt.Sprintf("%x", "secret that")} {
		if strings.Contains(printed, hidden) {
			t.Errorf("the secret is in %s", printed)
		}
	}
	if other := New(VM, 7); other.Fingerprint() == k.Fingerprint() || len(k.Fingerprint()) != 16 {
		t.Errorf("the fingerprint is %s", k.Fingerprint())
	}
}

// named-checkconf is the judge of what is written.
func TestBINDTakesWhatIsWritten(t *testing.T) {
	if _, err := host.Find("named-checkconf"); err != nil {
		t.Skip("needs named-checkconf: bind9-utils")
	}
	h := &host.Host{Root: t.TempDir(), Owners: map[string]string{}}
	f := ServerFile(Node, []Key{New(Node, 2026112401), New(Node, 2026102401)})
	place(t, h, f)
	if _, err := (host.System{}).Run(context.Background(), host.Cmd{Args: []string{"named-checkconf", filepath.Join(h.Root, f.Path)}}); err != nil {
		t.Error(err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(good)
	f.Add("key debvisor-vm-7 { algorithm hmac-sha256; secret " + secret + "; }; # x\n/* y */")
	f.Fuzz(func(t *testing.T, text string) {
		keys, err := Parse("x", text)
		if err != nil {
			return
		}
		again, err := Parse("x", Text(keys))
		if err != nil || Text(again) != Text(keys) {
			t.Errorf("%q is read as %v, and again as %v, %v", text, keys, again, err)
		}
	})
}
