package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"debvisor/config"
	"debvisor/internal/manifest"
)

var update = flag.Bool("update", false, "rewrite what the scripts compare with")

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"debvisor-installer": main})
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{Dir: "testdata/script", UpdateScripts: *update, Setup: func(env *testscript.Env) error { return medium(env.WorkDir) }})
}

// medium puts a signed medium and its key into dir.
func medium(dir string) error {
	payload := []byte("not a squashfs, but signed")
	sum := sha256.Sum256(payload)
	m := manifest.Manifest{Version: "1.0", Edition: "minimal", BuildID: "0123abcd", Profiles: config.Profiles()[1:],
		Files: map[string]manifest.File{manifest.Payload: {Size: int64(len(payload)), SHA256: hex.EncodeToString(sum[:])}}}
	text, err1 := m.JSON()
	key, err2 := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	sum = sha256.Sum256(text)
	sig, err1 := ecdsa.SignASN1(rand.Reader, key, sum[:])
	der, err2 := x509.MarshalPKIXPublicKey(&key.PublicKey)
	return errors.Join(err1, err2,
		write(dir, "medium/"+manifest.Payload, payload), write(dir, "medium/"+manifest.Path, text),
		write(dir, "medium/"+manifest.Signature, []byte(base64.StdEncoding.EncodeToString(sig))),
		write(dir, "key.pub", pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})))
}

func write(dir, name string, data []byte) error {
	p := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
		return err
	}
	return os.WriteFile(p, data, 0o644)
}
