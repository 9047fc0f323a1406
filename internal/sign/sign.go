package sign

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"

	bundlev1 "github.com/sigstore/protobuf-specs/gen/pb-go/bundle/v1"
	commonv1 "github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"
	"google.golang.org/protobuf/encoding/protojson"
)

// TrustedRoot is the file that cosign v2 wants for a bundle even where there is nothing in it to trust:
// cosign verify-blob --trusted-root FILE --key KEY --bundle BUNDLE --insecure-ignore-tlog=true.
const TrustedRoot = `{"mediaType":"application/vnd.dev.sigstore.trustedroot+json;version=0.1"}` + "\n"

const bundleType = "application/vnd.dev.sigstore.bundle.v0.3+json"

// Signature is one signature in both forms that cosign takes, as the text of files.
type Signature struct {
	Raw    []byte // base64, for --signature
	Bundle []byte // Sigstore bundle v0.3, JSON, for --bundle
}

// Sign signs all that r has, in constant memory. Equal content gives equal signatures.
func (s *Signer) Sign(r io.Reader) (Signature, error) {
	digest, err := hash(r)
	if err != nil {
		return Signature{}, err
	}
	sig, err := s.key.Sign(nil, digest, crypto.SHA256) // without a random source it is deterministic, RFC 6979
	if err != nil {
		return Signature{}, fmt.Errorf("sign: %w", err)
	}
	bundle, err := makeBundle(&s.key.PublicKey, digest, sig)
	if err != nil {
		return Signature{}, fmt.Errorf("make bundle: %w", err)
	}
	return Signature{Raw: []byte(base64.StdEncoding.EncodeToString(sig) + "\n"), Bundle: bundle}, nil
}

func hash(r io.Reader) ([]byte, error) {
	h := sha256.New()
	if _, err := io.Copy(h, r); err != nil {
		return nil, fmt.Errorf("read content: %w", err)
	}
	return h.Sum(nil), nil
}

func makeBundle(key *ecdsa.PublicKey, digest, sig []byte) ([]byte, error) {
	hint, err := keyHint(key)
	if err != nil {
		return nil, err
	}
	text, err := protojson.Marshal(&bundlev1.Bundle{
		MediaType: bundleType,
		VerificationMaterial: &bundlev1.VerificationMaterial{
			Content: &bundlev1.VerificationMaterial_PublicKey{PublicKey: &commonv1.PublicKeyIdentifier{Hint: hint}},
		},
		Content: &bundlev1.Bundle_MessageSignature{MessageSignature: &commonv1.MessageSignature{
			MessageDigest: &commonv1.HashOutput{Algorithm: commonv1.HashAlgorithm_SHA2_256, Digest: digest},
			Signature:     sig,
		}},
	})
	if err != nil {
		return nil, err
	}
	var compact bytes.Buffer // protojson puts in spaces at random, so that nobody relies on its text
	err = json.Compact(&compact, text)
	compact.WriteByte('\n')
	return compact.Bytes(), err
}

// keyHint is how cosign names a key in a bundle.
func keyHint(key *ecdsa.PublicKey) (string, error) {
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		return "", fmt.Errorf("encode public key: %w", err)
	}
	sum := sha256.Sum256(der)
	return base64.StdEncoding.EncodeToString(sum[:]), nil
}
