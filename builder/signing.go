package builder

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
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

// The public key beside images: of the last build, and with pubExt added to an image's name, of that image.
const (
	publicName = "debvisor.pub"
	pubExt     = ".pub"
)

// sign writes what belongs to the image: checksums, signatures in both forms, and the public key. It returns all names of
// the release, the image first.
func (b *Builder) sign(ctx context.Context, image string, key *signer) ([]string, error) {
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
	files, err := b.shared(base, hash.SHA256, key)
	if err != nil {
		return nil, err
	}
	files[base+pubExt], files[trustedRootName] = key.public, []byte(sign.TrustedRoot)
	if _, err := f.Seek(0, 0); err != nil {
		return nil, err
	}
	if err := addSignature(files, base, withContext{ctx, f}, key); err != nil {
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

// shared are the files of all images in the directory: the checksums with their signatures, and the public key. A
// development key leaves those of a release alone, unless they speak of the image that was replaced.
func (b *Builder) shared(base, hash string, key *signer) (map[string][]byte, error) {
	old, err := os.ReadFile(filepath.Join(b.Dir, sumsName))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	files := map[string][]byte{}
	others := key.development && b.othersKey(base, key)
	if !others {
		files[publicName] = key.public
	}
	if others && sumOf(string(old), base) == "" {
		b.progress.note("NOTE: %s and %s in %s belong to images of another key and stay as they are.", publicName, sumsName, b.Dir)
		return files, nil
	}
	lines := append(b.others(string(old), base, key), fmt.Sprintf("%s  %s\n", hash, base))
	slices.SortFunc(lines, func(x, y string) int { return strings.Compare(x[len(hash):], y[len(hash):]) })
	files[sumsName] = []byte(strings.Join(lines, ""))
	return files, addSignature(files, sumsName, bytes.NewReader(files[sumsName]), key)
}

// othersKey reports whether the directory's public key is another one, and an image that it signed is there.
func (b *Builder) othersKey(base string, key *signer) bool {
	public, err := os.ReadFile(filepath.Join(b.Dir, publicName))
	if err != nil || bytes.Equal(public, key.public) {
		return false
	}
	images, _ := filepath.Glob(filepath.Join(b.Dir, "*.iso")) // the pattern is good
	return slices.ContainsFunc(images, func(name string) bool { return filepath.Base(name) != base && signedBy(name, public) })
}

// others are the lines of a list of checksums about other images that are there and that the key signed.
func (b *Builder) others(list, base string, key *signer) []string {
	var lines []string
	for line := range strings.Lines(list) {
		f := strings.Fields(line)
		if len(f) == 2 && len(f[0]) == 64 && f[1] != base && signedBy(filepath.Join(b.Dir, filepath.Base(f[1])), key.public) {
			lines = append(lines, f[0]+"  "+f[1]+"\n")
		}
	}
	return lines
}

// signedBy reports whether an image is there, with this public key beside it.
func signedBy(image string, public []byte) bool {
	_, err := os.Stat(image)
	own, readErr := os.ReadFile(image + pubExt)
	return err == nil && readErr == nil && bytes.Equal(own, public)
}

// PublicKey is the public key (PEM) that lies beside an image: its own, or that of the directory's last build.
func PublicKey(image string) ([]byte, error) {
	text, err := os.ReadFile(image + pubExt)
	if errors.Is(err, fs.ErrNotExist) {
		return os.ReadFile(filepath.Join(filepath.Dir(image), publicName))
	}
	return text, err
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
