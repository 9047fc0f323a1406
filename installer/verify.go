package installer

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"

	"debvisor/internal/exit"
	"debvisor/internal/manifest"
	"debvisor/internal/sign/verify"
)

// errPayload is a payload that is not the signed one.
var errPayload = errors.New("it is not what was signed")

// Manifest reads the medium's manifest after checking its signature with the key of the live system, not with one that
// lies on the medium.
func (in *Installer) Manifest() (*manifest.Manifest, error) {
	key, err := in.Live.ReadFile(in.Key)
	if err != nil {
		return nil, exit.With(exit.Signature, err)
	}
	data, err := in.Live.ReadFile(in.onMedium(manifest.Path))
	if err != nil {
		return nil, exit.With(exit.Signature, err)
	}
	sig, err := in.Live.ReadFile(in.onMedium(manifest.Signature))
	if err != nil {
		return nil, exit.With(exit.Signature, err)
	}
	if err := verify.Raw(bytes.NewReader(data), key, sig); err != nil {
		return nil, exit.With(exit.Signature, fmt.Errorf("check the signature of %s: %w", in.onMedium(manifest.Path), err))
	}
	m, err := manifest.Parse(data)
	return m, exit.With(exit.Signature, err)
}

// CheckPayload reads the whole payload and compares it with the manifest, telling how far it is.
func (in *Installer) CheckPayload(ctx context.Context, m *manifest.Manifest) error {
	return in.readPayload(ctx, m, "verify", io.Discard)
}

// readPayload copies the payload to a writer in one read. What was written is the signed payload only when there is no
// error.
func (in *Installer) readPayload(ctx context.Context, m *manifest.Manifest, step string, to io.Writer) error {
	name := in.onMedium(manifest.Payload)
	want, ok := m.Files[manifest.Payload]
	if !ok {
		return exit.With(exit.Signature, fmt.Errorf("check %s: the manifest does not have it", name))
	}
	p, err := in.Live.Path(name)
	if err != nil {
		return err
	}
	f, err := os.Open(p)
	if err != nil {
		return err
	}
	defer f.Close()
	hash := sha256.New()
	n, err := io.Copy(io.MultiWriter(hash, to), &meter{ctx: ctx, r: f, size: want.Size, tell: func(percent int) { in.Tell.progress(step, percent) }})
	if err != nil {
		return fmt.Errorf("check %s: %w", name, err)
	}
	if n != want.Size || hex.EncodeToString(hash.Sum(nil)) != want.SHA256 {
		return exit.With(exit.Signature, fmt.Errorf("check %s: %w: the medium is damaged or was changed", name, errPayload))
	}
	return nil
}

// meter is a reader that tells the percentage of size that has gone through, and ends with its context.
type meter struct {
	ctx  context.Context
	r    io.Reader
	size int64
	done int64
	last int
	tell func(percent int)
}

func (m *meter) Read(p []byte) (int, error) {
	if err := m.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := m.r.Read(p)
	m.done += int64(n)
	if percent := int(m.done * 100 / max(1, m.size)); percent != m.last && percent <= 100 {
		m.last = percent
		m.tell(percent)
	}
	return n, err
}
