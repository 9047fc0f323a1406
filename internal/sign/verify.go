package sign

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"encoding/base64"
	"errors"
	"fmt"
	"io"

	"github.com/sigstore/cosign/v2/pkg/cosign"
	"github.com/sigstore/sigstore-go/pkg/bundle"
	"github.com/sigstore/sigstore-go/pkg/root"
	sgverify "github.com/sigstore/sigstore-go/pkg/verify"
	"github.com/sigstore/sigstore/pkg/signature"
	"github.com/sigstore/sigstore/pkg/signature/options"

	"debvisor/internal/sign/verify"
)

var (
	// ErrPublicKey is in the error for a public key that cannot be used.
	ErrPublicKey = verify.ErrPublicKey
	// ErrSignature is in the error for a raw signature that is none at all.
	ErrSignature = verify.ErrSignature
	// ErrMismatch is in the error for content that was changed or signed with another key.
	ErrMismatch = verify.ErrMismatch
	// ErrBundle is in the error for a bundle that is damaged or of another kind.
	ErrBundle = errors.New("not a Sigstore bundle of a signature with a key")
	// ErrWrongKey is in the error for a bundle that says it was signed with another key.
	ErrWrongKey = errors.New("signed with another key")
	// ErrContent is in the error for content that is not what the bundle was made for.
	ErrContent = errors.New("the content was changed")
)

// Verify checks a raw signature over all that r has, in constant memory.
func Verify(r io.Reader, pubPEM, rawSig []byte) error {
	_, verifier, err := loadPublic(pubPEM)
	if err != nil {
		return err
	}
	sig, err := base64.StdEncoding.DecodeString(string(bytes.TrimSpace(rawSig)))
	if err != nil || len(sig) == 0 {
		return fmt.Errorf("read signature: %w", ErrSignature)
	}
	digest, err := hash(r)
	if err != nil {
		return err
	}
	if err := verifier.VerifySignature(bytes.NewReader(sig), nil, options.WithDigest(digest)); err != nil {
		return fmt.Errorf("verify signature: %w", ErrMismatch)
	}
	return nil
}

func loadPublic(pubPEM []byte) (*ecdsa.PublicKey, signature.Verifier, error) {
	key, err := cosign.PemToECDSAKey(pubPEM)
	if err != nil {
		return nil, nil, fmt.Errorf("read public key: %w: %w", ErrPublicKey, err)
	}
	verifier, err := signature.LoadECDSAVerifier(key, crypto.SHA256)
	if err != nil {
		return nil, nil, fmt.Errorf("read public key: %w: %w", ErrPublicKey, err)
	}
	return key, verifier, nil
}

// VerifyBundle checks a bundle over all that r has, in constant memory. A bundle names its key and its content: the
// error says which of them is another one.
func VerifyBundle(r io.Reader, pubPEM, bundleJSON []byte) error {
	key, verifier, err := loadPublic(pubPEM)
	if err != nil {
		return err
	}
	var b bundle.Bundle
	if err := b.UnmarshalJSON(bundleJSON); err != nil {
		return fmt.Errorf("read bundle: %w: %w", ErrBundle, err)
	}
	digest, err := hash(r)
	if err != nil {
		return err
	}
	if err := checkClaims(&b, key, digest); err != nil {
		return fmt.Errorf("verify bundle: %w", err)
	}
	trusted, err := root.NewTrustedRootFromJSON([]byte(TrustedRoot))
	if err != nil {
		return fmt.Errorf("read trusted root: %w", err)
	}
	opts := cosign.CheckOpts{SigVerifier: verifier, TrustedMaterial: trusted, IgnoreTlog: true, Offline: true, NewBundleFormat: true}
	if _, err := cosign.VerifyNewBundle(context.Background(), &opts, sgverify.WithArtifactDigest("sha256", digest), &b); err != nil {
		return fmt.Errorf("verify bundle: %w: %w", ErrMismatch, err)
	}
	return nil
}

// checkClaims compares what a bundle says about itself. Nothing is proved by it; it makes for better errors.
func checkClaims(b *bundle.Bundle, key *ecdsa.PublicKey, digest []byte) error {
	message, public := b.GetMessageSignature(), b.GetVerificationMaterial().GetPublicKey()
	if message == nil || public == nil {
		return ErrBundle
	}
	hint, err := keyHint(key)
	if err != nil {
		return err
	}
	if public.GetHint() != "" && public.GetHint() != hint {
		return ErrWrongKey
	}
	if !bytes.Equal(message.GetMessageDigest().GetDigest(), digest) {
		return ErrContent
	}
	return nil
}
