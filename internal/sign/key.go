// Package sign makes keys and signatures that cosign reads, and verifies them with cosign's own library: a detached
// signature and a Sigstore bundle of the same digest. It works offline with a bare key: no transparency log, no
// certificates, no registries.
package sign

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/secure-systems-lab/go-securesystemslib/encrypted"
	"github.com/sigstore/cosign/v2/pkg/cosign"
)

var (
	// ErrPassphrase is in the error for a key that the passphrase does not open.
	ErrPassphrase = errors.New("wrong passphrase")
	// ErrPrivateKey is in the error for a file that holds no private key of cosign's.
	ErrPrivateKey = errors.New("not an encrypted cosign private key for ECDSA P-256")
	// ErrReadable is in the error for a private key that others may read.
	ErrReadable = errors.New("others may read the private key; chmod 600 it")
)

// Signer holds an opened private key.
type Signer struct{ key *ecdsa.PrivateKey }

// Generate writes a new key pair in cosign's format: path.key, encrypted with pass and readable by the user alone, and
// path.pub. Files that exist are never replaced; the error is then fs.ErrExist.
func Generate(path string, pass []byte) error {
	pair, err := cosign.GenerateKeyPair(func(bool) ([]byte, error) { return pass, nil })
	if err != nil {
		return fmt.Errorf("generate key: %w", err)
	}
	if err := create(path+".key", pair.PrivateBytes, 0o600); err != nil {
		return fmt.Errorf("write private key: %w", err)
	}
	if err := create(path+".pub", pair.PublicBytes, 0o644); err != nil {
		return errors.Join(fmt.Errorf("write public key: %w", err), os.Remove(path+".key"))
	}
	return nil
}

func create(name string, data []byte, mode os.FileMode) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Chmod(mode), f.Sync(), f.Close()); err != nil {
		return errors.Join(err, os.Remove(name))
	}
	return nil
}

// Load opens a private key file.
func Load(path string, pass []byte) (*Signer, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("load private key: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("load private key %s: %w", path, ErrReadable)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("load private key: %w", err)
	}
	key, err := parse(text, pass)
	if err != nil {
		return nil, fmt.Errorf("load private key %s: %w", path, err)
	}
	return &Signer{key}, nil
}

// parse opens the key itself instead of calling cosign.LoadPrivateKey, whose signers always draw random numbers: the
// same content would have another signature each time.
func parse(text, pass []byte) (*ecdsa.PrivateKey, error) {
	p, _ := pem.Decode(text)
	if p == nil || p.Type != cosign.SigstorePrivateKeyPemType && p.Type != cosign.CosignPrivateKeyPemType || !json.Valid(p.Bytes) {
		return nil, ErrPrivateKey
	}
	der, err := encrypted.Decrypt(p.Bytes, pass)
	if err != nil && strings.HasSuffix(err.Error(), "decryption failed") {
		return nil, ErrPassphrase
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrPrivateKey, err)
	}
	key, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrPrivateKey, err)
	}
	if key, ok := key.(*ecdsa.PrivateKey); ok && key.Curve == elliptic.P256() {
		return key, nil
	}
	return nil, ErrPrivateKey
}

// PublicPEM is the public key that belongs to the signer, as in the .pub file.
func (s *Signer) PublicPEM() ([]byte, error) {
	der, err := x509.MarshalPKIXPublicKey(&s.key.PublicKey)
	if err != nil {
		return nil, fmt.Errorf("encode public key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), nil
}
