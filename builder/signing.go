package builder

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"debvisor/internal/sign"
)

// sumsName is the list of checksums beside an image.
const sumsName = "SHA256SUMS"

// trustedRootName is what cosign v2 must be given with a bundle, although there is nothing in it.
const trustedRootName = "trusted_root.json"

// sign writes what belongs to the image: checksums, signatures in both forms, and the public key. It returns all names of
// the release, the image first.
func (b *Builder) sign(ctx context.Context, image string, key *signer) ([]string, error) {
	files := map[string][]byte{"debvisor.pub": key.public, trustedRootName: []byte(sign.TrustedRoot)}
	f, err := os.Open(image)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	hash, err := sum(withContext{ctx, f})
	if err != nil {
		return nil, err
	}
	base := filepath.Base(image)
	files[sumsName] = fmt.Appendf(nil, "%s  %s\n", hash.SHA256, base)
	if _, err := f.Seek(0, 0); err != nil {
		return nil, err
	}
	if err := addSignature(files, base, withContext{ctx, f}, key); err != nil {
		return nil, err
	}
	if err := addSignature(files, sumsName, strings.NewReader(string(files[sumsName])), key); err != nil {
		return nil, err
	}
	names := []string{image}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		names = append(names, filepath.Join(b.Dir, name))
		if err := writeAtomically(filepath.Join(b.Dir, name), files[name]); err != nil {
			return nil, err
		}
	}
	return names, nil
}

func writeAtomically(name string, data []byte) error {
	tmp := name + unfinished
	if err := os.WriteFile(tmp, data, 0o644); err != nil {
		return errors.Join(err, os.Remove(tmp))
	}
	return os.Rename(tmp, name)
}

// The names of signatures are those of what they sign with these added.
const (
	sigExt    = ".sig"
	bundleExt = ".sigstore.json"
)

func addSignature(files map[string][]byte, name string, r io.Reader, key *signer) error {
	sig, err := key.Sign(r)
	if err != nil {
		return fmt.Errorf("sign %s: %w", name, err)
	}
	files[name+sigExt], files[name+bundleExt] = sig.Raw, sig.Bundle
	return nil
}
