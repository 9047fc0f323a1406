package sign

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sigstore/cosign/v2/pkg/cosign"

	"debvisor/internal/sign/verify"
)

const content = "what is signed\n"

// newKey makes a key pair and returns its path, its signer and its public key.
func newKey(t *testing.T, pass string) (string, *Signer, []byte) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "test")
	if err := Generate(path, []byte(pass)); err != nil {
		t.Fatal(err)
	}
	s, err := Load(path+".key", []byte(pass))
	if err != nil {
		t.Fatal(err)
	}
	pub, err := os.ReadFile(path + ".pub")
	if err != nil {
		t.Fatal(err)
	}
	return path, s, pub
}

func signed(t *testing.T, s *Signer) Signature {
	t.Helper()
	sig, err := s.Sign(strings.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	return sig
}

func TestBothFormsVerify(t *testing.T) {
	for _, pass := range []string{"", "a pass phrase"} {
		_, s, pub := newKey(t, pass)
		sig := signed(t, s)
		for name, err := range map[string]error{
			"raw":    Verify(strings.NewReader(content), pub, sig.Raw),
			"bundle": VerifyBundle(strings.NewReader(content), pub, sig.Bundle),
			"small":  verify.Raw(strings.NewReader(content), pub, sig.Raw),
		} {
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		if own, err := s.PublicPEM(); err != nil || !bytes.Equal(own, pub) {
			t.Errorf("public key %q, in the file %q: %v", own, pub, err)
		}
	}
}

func TestEqualContentHasEqualSignatures(t *testing.T) {
	_, s, _ := newKey(t, "")
	first := signed(t, s)
	for range 20 {
		if again := signed(t, s); !bytes.Equal(first.Raw, again.Raw) || !bytes.Equal(first.Bundle, again.Bundle) {
			t.Fatalf("got %s %s, before %s %s", again.Raw, again.Bundle, first.Raw, first.Bundle)
		}
	}
}

func TestBundleText(t *testing.T) {
	_, s, pub := newKey(t, "")
	sig := signed(t, s)
	p, _ := pem.Decode(pub)
	key, digest := sha256.Sum256(p.Bytes), sha256.Sum256([]byte(content))
	want := `{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json",` +
		`"verificationMaterial":{"publicKey":{"hint":"` + base64.StdEncoding.EncodeToString(key[:]) + `"}},` +
		`"messageSignature":{"messageDigest":{"algorithm":"SHA2_256","digest":"` + base64.StdEncoding.EncodeToString(digest[:]) + `"},` +
		`"signature":"` + strings.TrimSpace(string(sig.Raw)) + `"}}` + "\n"
	if string(sig.Bundle) != want {
		t.Errorf("got  %s\nwant %s", sig.Bundle, want)
	}
}

func TestCosignOpensOurKey(t *testing.T) {
	path, _, pub := newKey(t, "pass")
	text, err := os.ReadFile(path + ".key")
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := cosign.LoadPrivateKey(text, []byte("pass"), nil)
	if err != nil {
		t.Fatal(err)
	}
	sig, err := theirs.SignMessage(strings.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	raw := []byte(base64.StdEncoding.EncodeToString(sig))
	if err := Verify(strings.NewReader(content), pub, raw); err != nil {
		t.Errorf("their signature: %v", err)
	}
}

func TestEachFaultHasItsOwnError(t *testing.T) {
	path, s, pub := newKey(t, "pass")
	_, _, other := newKey(t, "")
	sig := signed(t, s)
	forged := forge(t, sig.Bundle)
	good, changed := content, strings.Replace(content, "w", "W", 1)
	load := func(name string, mode fs.FileMode, text []byte, pass string) error {
		file := filepath.Join(t.TempDir(), name)
		if err := errors.Join(os.WriteFile(file, text, 0o600), os.Chmod(file, mode)); err != nil {
			t.Fatal(err)
		}
		_, err := Load(file, []byte(pass))
		return err
	}
	key, err := os.ReadFile(path + ".key")
	if err != nil {
		t.Fatal(err)
	}
	raw := func(text string, pub, sig []byte) error {
		ours, small := Verify(strings.NewReader(text), pub, sig), verify.Raw(strings.NewReader(text), pub, sig)
		for _, e := range []error{ErrPublicKey, ErrSignature, ErrMismatch} {
			if errors.Is(ours, e) != errors.Is(small, e) {
				t.Errorf("cosign says %v, the small one %v", ours, small)
			}
		}
		return ours
	}
	bundle := func(text string, pub, b []byte) error { return VerifyBundle(strings.NewReader(text), pub, b) }
	for _, c := range []struct {
		name      string
		got, want error
	}{
		{"wrong passphrase", load("k", 0o600, key, "Pass"), ErrPassphrase},
		{"world-readable key", load("k", 0o644, key, "pass"), ErrReadable},
		{"group-readable key", load("k", 0o640, key, "pass"), ErrReadable},
		{"public key as private", load("k", 0o600, pub, "pass"), ErrPrivateKey},
		{"truncated private key", load("k", 0o600, key[:len(key)/2], "pass"), ErrPrivateKey},
		{"no private key", func() error { _, err := Load(path+".gone", nil); return err }(), fs.ErrNotExist},
		{"key exists", Generate(path, nil), fs.ErrExist},
		{"raw: private key as public", raw(good, key, sig.Raw), ErrPublicKey},
		{"raw: text as key", raw(good, []byte("key"), sig.Raw), ErrPublicKey},
		{"raw: not base64", raw(good, pub, []byte("!")), ErrSignature},
		{"raw: empty", raw(good, pub, nil), ErrSignature},
		{"raw: truncated", raw(good, pub, sig.Raw[:40]), ErrMismatch},
		{"raw: changed content", raw(changed, pub, sig.Raw), ErrMismatch},
		{"raw: more content", raw(good+"x", pub, sig.Raw), ErrMismatch},
		{"raw: wrong key", raw(good, other, sig.Raw), ErrMismatch},
		{"bundle: wrong key", bundle(good, other, sig.Bundle), ErrWrongKey},
		{"bundle: changed content", bundle(changed, pub, sig.Bundle), ErrContent},
		{"bundle: text as key", bundle(good, []byte("key"), sig.Bundle), ErrPublicKey},
		{"bundle: truncated", bundle(good, pub, sig.Bundle[:len(sig.Bundle)-9]), ErrBundle},
		{"bundle: empty", bundle(good, pub, nil), ErrBundle},
		{"bundle: no signature in it", bundle(good, pub, []byte(`{"mediaType":"`+bundleType+`"}`)), ErrBundle},
		{"bundle: forged signature", bundle(good, pub, forged), ErrMismatch},
	} {
		if !errors.Is(c.got, c.want) {
			t.Errorf("%s: got %v, want %v", c.name, c.got, c.want)
		}
	}
}

// forge puts the signature of something else into a bundle.
func forge(t *testing.T, text []byte) []byte {
	t.Helper()
	_, s, _ := newKey(t, "")
	var b map[string]any
	if err := json.Unmarshal(text, &b); err != nil {
		t.Fatal(err)
	}
	b["messageSignature"].(map[string]any)["signature"] = strings.TrimSpace(string(signed(t, s).Raw))
	forged, err := json.Marshal(b)
	if err != nil {
		t.Fatal(err)
	}
	return forged
}

func TestKeyFilesAreForTheRightEyes(t *testing.T) {
	path, _, _ := newKey(t, "")
	for suffix, want := range map[string]fs.FileMode{".key": 0o600, ".pub": 0o644} {
		if info, err := os.Stat(path + suffix); err != nil || info.Mode() != want {
			t.Errorf("%s: %v %v, want %v", suffix, info.Mode(), err, want)
		}
	}
}

func TestNoPrivateKeyStaysWithoutItsPublicOne(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test")
	if err := os.WriteFile(path+".pub", []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Generate(path, nil); !errors.Is(err, fs.ErrExist) {
		t.Errorf("got %v, want fs.ErrExist", err)
	}
	if _, err := os.Stat(path + ".key"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the private key: %v, want it gone", err)
	}
}
