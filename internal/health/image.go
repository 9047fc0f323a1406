package health

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"encoding/pem"
	"fmt"

	"debvisor/internal/version"
)

func image(_ context.Context, n *Node, r *Result) error {
	i, err := n.image()
	if err != nil {
		return err
	}
	r.ok("%s", i)
	data, err := n.ReadFile(version.KeyFile)
	if err == nil {
		err = signingKey(data)
	}
	if err != nil {
		r.fail("%v", err)
	}
	return nil
}

func (n *Node) image() (version.Image, error) {
	data, err := n.ReadFile(version.ImageFile)
	if err != nil {
		return version.Image{}, err
	}
	return version.ParseImage(data)
}

// signingKey says why data is not the kind of key that images are signed with.
func signingKey(data []byte) error {
	block, _ := pem.Decode(data)
	if block == nil {
		return fmt.Errorf("read %s: not a PEM file", version.KeyFile)
	}
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return fmt.Errorf("read %s: %w", version.KeyFile, err)
	}
	if k, ok := key.(*ecdsa.PublicKey); !ok || k.Curve != elliptic.P256() {
		return fmt.Errorf("read %s: not an ECDSA P-256 public key", version.KeyFile)
	}
	return nil
}
