package verify

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

func TestOnlyTheSignedContentPasses(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	digest := sha256.Sum256([]byte("content"))
	sig, err := key.Sign(rand.Reader, digest[:], crypto.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	pub := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	text := base64.StdEncoding.EncodeToString(sig)
	broken := errors.New("broken")
	for _, c := range []struct {
		name     string
		r        io.Reader
		pub, sig string
		want     error
	}{
		{"the content", strings.NewReader("content"), string(pub), text, nil},
		{"a line end after the signature", strings.NewReader("content"), string(pub), text + "\n", nil},
		{"other content", strings.NewReader("Content"), string(pub), text, ErrMismatch},
		{"no content", strings.NewReader(""), string(pub), text, ErrMismatch},
		{"no signature", strings.NewReader("content"), string(pub), "", ErrSignature},
		{"no key", strings.NewReader("content"), "", text, ErrPublicKey},
		{"content that cannot be read", iotest.ErrReader(broken), string(pub), text, broken},
	} {
		if err := Raw(c.r, []byte(c.pub), []byte(c.sig)); !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
			t.Errorf("%s: got %v, want %v", c.name, err, c.want)
		}
	}
}
