// Package verify checks a detached signature with the standard library alone, for programs on a node that must stay
// small. It neither signs nor reads bundles; package sign does.
package verify

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
)

var (
	// ErrPublicKey is in the error for a public key that cannot be used.
	ErrPublicKey = errors.New("not an ECDSA public key in PEM")
	// ErrSignature is in the error for a signature that is none at all.
	ErrSignature = errors.New("not a base64 signature")
	// ErrMismatch is in the error for content that was changed or signed with another key: nobody can tell which.
	ErrMismatch = errors.New("the signature does not match: the content was changed, or signed with another key")
)

// Raw checks an ECDSA signature in base64 over the SHA-256 of all that r has, in constant memory. It checks no
// transparency log: there is none for a bare key.
func Raw(r io.Reader, pubPEM, sigBase64 []byte) error {
	key, err := publicKey(pubPEM)
	if err != nil {
		return fmt.Errorf("read public key: %w", err)
	}
	sig, err := base64.StdEncoding.DecodeString(string(bytes.TrimSpace(sigBase64)))
	if err != nil || len(sig) == 0 {
		return fmt.Errorf("read signature: %w", ErrSignature)
	}
	hash := sha256.New()
	if _, err := io.Copy(hash, r); err != nil {
		return fmt.Errorf("read content: %w", err)
	}
	if !ecdsa.VerifyASN1(key, hash.Sum(nil), sig) {
		return fmt.Errorf("verify signature: %w", ErrMismatch)
	}
	return nil
}

func publicKey(text []byte) (*ecdsa.PublicKey, error) {
	p, _ := pem.Decode(text)
	if p == nil || p.Type != "PUBLIC KEY" {
		return nil, ErrPublicKey
	}
	key, err := x509.ParsePKIXPublicKey(p.Bytes)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrPublicKey, err)
	}
	if key, ok := key.(*ecdsa.PublicKey); ok {
		return key, nil
	}
	return nil, ErrPublicKey
}
