package builder

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"debvisor/internal/sign"
)

// signer is the opened key of a build.
type signer struct {
	*sign.Signer
	public      []byte // PEM
	path        string
	development bool
}

// openKey opens the operator's key, or the local development key, which is made when it is missing.
func (b *Builder) openKey() (*signer, error) {
	if b.Key != "" {
		return load(b.Key, b.Passphrase, false)
	}
	base := b.developmentKey()
	if err := os.MkdirAll(filepath.Dir(base), 0o700); err != nil {
		return nil, fmt.Errorf("make the development key: %w", err)
	}
	if err := sign.Generate(base, nil); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("make the development key: %w", err)
	}
	return load(base+".key", nil, true)
}

func (b *Builder) developmentKey() string { return filepath.Join(b.Dir, "keys", "development") }

func (b *Builder) haveDevelopmentKey() bool {
	_, err := os.Stat(b.developmentKey() + ".key")
	return err == nil
}

func load(path string, pass []byte, development bool) (*signer, error) {
	s, err := sign.Load(path, pass)
	if err != nil {
		return nil, fmt.Errorf("open the signing key: %w", err)
	}
	public, err := s.PublicPEM()
	if err != nil {
		return nil, fmt.Errorf("open the signing key: %w", err)
	}
	return &signer{Signer: s, public: public, path: path, development: development}, nil
}
