package builder

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"debvisor/internal/exit"
	"debvisor/internal/iso"
	"debvisor/internal/manifest"
	"debvisor/internal/sign"
)

// Verdict is what a verification found in order, and what it had no means to look at.
type Verdict struct {
	Checked    []string `json:"checked"`
	NotChecked []string `json:"not_checked"`

	slot   iso.Extent // of the image, empty where it has none
	signed []string   // names of the files that have a good signature
	listed bool       // the image has the hash that the checksums say
}

func (v *Verdict) ok(format string, args ...any) {
	v.Checked = append(v.Checked, fmt.Sprintf(format, args...))
}

func (v *Verdict) skip(format string, args ...any) {
	v.NotChecked = append(v.NotChecked, fmt.Sprintf(format, args...))
}

func (b *Builder) verify(ctx context.Context, image string, key *signer) (*Verdict, error) {
	return Verify(ctx, image, key.public)
}

// Verify checks an image and the files beside it against a public key (PEM). With an error, which asks for exit code 5
// where a signature, a hash or the key is wrong, the verdict has what was found in order before.
func Verify(ctx context.Context, image string, public []byte) (*Verdict, error) {
	v := &Verdict{slot: slotOf(image)}
	err := errors.Join(v.sums(ctx, image, public), v.signatures(ctx, image, v.slot, public), v.inside(ctx, image, public))
	if err == nil {
		err = v.whole(image)
	}
	v.skip("when it was signed: with a bare key there is no transparency log")
	return v, err
}

// whole refuses an image of which nobody vouches for more than the files on it.
func (v *Verdict) whole(image string) error {
	if slices.Contains(v.signed, image) || v.listed && slices.Contains(v.signed, filepath.Join(filepath.Dir(image), sumsName)) {
		return nil
	}
	return bad("only the files inside were verified: no signature of the whole image lies beside it, so its boot code, partition table and directories may be anybody's")
}

func bad(format string, args ...any) error {
	return exit.With(exit.Signature, fmt.Errorf(format, args...))
}

// signatures checks the two forms of a signature over a file. A part of the file is read as zeros.
func (v *Verdict) signatures(ctx context.Context, name string, blank iso.Extent, public []byte) error {
	return errors.Join(
		v.signature(ctx, name, blank, name+sigExt, public, sign.Verify),
		v.signature(ctx, name, blank, name+bundleExt, public, sign.VerifyBundle))
}

func (v *Verdict) signature(ctx context.Context, name string, blank iso.Extent, sigName string, public []byte, check func(io.Reader, []byte, []byte) error) error {
	sig, err := os.ReadFile(sigName)
	if errors.Is(err, fs.ErrNotExist) {
		v.skip("%s: is not there", filepath.Base(sigName))
		return nil
	}
	if err != nil {
		return err
	}
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := check(&blanked{r: withContext{ctx, f}, blank: blank}, public, sig); err != nil {
		return bad("%s: %w", filepath.Base(sigName), err)
	}
	v.signed = append(v.signed, name)
	v.ok("%s is a signature of %s by this key", filepath.Base(sigName), filepath.Base(name))
	return nil
}

// sums checks the list of checksums beside the image, and the image against it. A list that does not name the image is
// somebody else's.
func (v *Verdict) sums(ctx context.Context, image string, public []byte) error {
	list := filepath.Join(filepath.Dir(image), sumsName)
	data, err := os.ReadFile(list)
	if errors.Is(err, fs.ErrNotExist) {
		v.skip("%s: is not there", sumsName)
		return nil
	}
	if err != nil {
		return err
	}
	want := sumOf(string(data), filepath.Base(image))
	if want == "" {
		v.skip("%s: does not name %s", sumsName, filepath.Base(image))
		return nil
	}
	return errors.Join(v.hash(ctx, image, want), v.signatures(ctx, list, iso.Extent{}, public))
}

func (v *Verdict) hash(ctx context.Context, image, want string) error {
	f, err := os.Open(image)
	if err != nil {
		return err
	}
	defer f.Close()
	got, err := sum(&blanked{r: withContext{ctx, f}, blank: v.slot})
	if err != nil {
		return err
	}
	if got.SHA256 != want {
		return bad("%s: %s has the hash %s, not %s", sumsName, filepath.Base(image), got.SHA256, want)
	}
	v.listed = true
	v.ok("%s has the hash that %s says", filepath.Base(image), sumsName)
	return nil
}

// sumOf is the hash that a list of checksums has for a name, or "".
func sumOf(text, name string) string {
	for line := range strings.Lines(text) {
		if f := strings.Fields(line); len(f) == 2 && strings.TrimPrefix(f[1], "*") == name {
			return f[0]
		}
	}
	return ""
}

// inside checks the image's own manifest, every file against it, and that it boots both ways.
func (v *Verdict) inside(ctx context.Context, image string, public []byte) error {
	img, err := iso.Open(image)
	if err != nil {
		return err
	}
	defer img.Close()
	m, err := v.manifest(img, public)
	if err != nil {
		return err
	}
	return errors.Join(v.files(ctx, img, m), v.boots(img), v.answers(img))
}

func (v *Verdict) manifest(img *iso.Image, public []byte) (*manifest.Manifest, error) {
	text, err := fs.ReadFile(img, manifest.Path)
	if err != nil {
		return nil, bad("the image has no manifest: %w", err)
	}
	sig, err := fs.ReadFile(img, manifest.Signature)
	if err != nil {
		return nil, bad("the manifest has no signature: %w", err)
	}
	if err := sign.Verify(bytes.NewReader(text), public, sig); err != nil {
		return nil, bad("%s: %w", manifest.Signature, err)
	}
	v.ok("the manifest inside the image is signed by this key")
	return manifest.Parse(text)
}

// unlisted are the files that a manifest cannot or must not list.
var unlisted = []string{manifest.Path, manifest.Signature, manifest.Slot}

func (v *Verdict) files(ctx context.Context, img *iso.Image, m *manifest.Manifest) error {
	var wrong []error
	for _, name := range m.Names() {
		if err := checkFile(ctx, img, name, m.Files[name]); err != nil {
			wrong = append(wrong, err)
		}
	}
	err := fs.WalkDir(img, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if _, listed := m.Files[name]; !listed && !slices.Contains(unlisted, name) {
			wrong = append(wrong, bad("%s: is on the image and not in its manifest", name))
		}
		return nil
	})
	if err := errors.Join(append(wrong, err)...); err != nil {
		return err
	}
	v.ok("all %d files on the image have the hashes that the manifest says", len(m.Files))
	return nil
}

func checkFile(ctx context.Context, img *iso.Image, name string, want manifest.File) error {
	f, err := img.Open(name)
	if err != nil {
		return bad("%s: is in the manifest and not on the image", name)
	}
	defer f.Close()
	got, err := sum(withContext{ctx, f})
	if err != nil {
		return err
	}
	if got != want {
		return bad("%s: was changed: its hash is %s, the manifest says %s", name, got.SHA256, want.SHA256)
	}
	return nil
}

func (v *Verdict) boots(img *iso.Image) error {
	if modes := bootModes(img); len(modes) < 4 {
		return fmt.Errorf("the image boots only as %s, not by BIOS and UEFI from CD and disk", strings.Join(modes, ", "))
	}
	v.ok("it has boot entries for BIOS and UEFI, as CD and as disk")
	return nil
}

// bootModes are the ways in which firmware finds something to start.
func bootModes(img *iso.Image) []string {
	var modes []string
	for _, e := range img.Boot {
		if e.Bootable {
			modes = append(modes, e.Platform+" CD")
		}
	}
	if img.Disk.BootCode && img.Disk.Active {
		modes = append(modes, "BIOS disk")
	}
	if len(img.Disk.Partitions) > 0 {
		modes = append(modes, "UEFI disk")
	}
	return modes
}

func (v *Verdict) answers(img *iso.Image) error {
	data, err := fs.ReadFile(img, manifest.Slot)
	if err != nil {
		return bad("the image has no slot for answers: %w", err)
	}
	if len(bytes.Trim(data, "\x00")) == 0 {
		v.ok("the slot for answers is empty")
	} else {
		v.skip("the answers that somebody put into the image: they are not signed; the rest was checked as if their slot were empty")
	}
	return nil
}

// withContext stops a long read when the context ends.
type withContext struct {
	ctx context.Context
	r   io.Reader
}

func (w withContext) Read(p []byte) (int, error) {
	if err := w.ctx.Err(); err != nil {
		return 0, err
	}
	return w.r.Read(p)
}
