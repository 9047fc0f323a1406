package builder

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"text/template"
	"time"

	"debvisor/internal/iso"
	"debvisor/internal/manifest"
)

// disc is the whole image as a value, but for the manifest and its signature.
type disc struct {
	buildID string
	epoch   time.Time
	payload payloadFile
	loader  bootFiles
}

const (
	discVersion = 2
	slotSize    = 64 << 10
	// rootSpare is what an installed root needs beyond what is unpacked: room for upgrades.
	rootSpare = 2 << 30
)

// layout says what goes on the disc; the build's id is derived from all of it.
func (b *Builder) layout(payload payloadFile, loader bootFiles, epoch time.Time) disc {
	return disc{payload: payload, loader: loader, epoch: epoch, buildID: b.buildID(payload.key, loader.key)}
}

func (b *Builder) buildID(payloadKey, bootKey string) string {
	menu, err := digest(b.Files, "boot")
	if err != nil {
		menu = err.Error() // the stage that reads the menu reports it
	}
	return keyOf(discVersion, payloadKey, bootKey, menu, b.Version, b.Edition, b.image.LiveCommandLine)[:8]
}

func (b *Builder) volumeID(d disc) string {
	return b.image.VolumeLabel + "_" + strings.ToUpper(d.buildID)
}

// isoName is the file's name in the build directory; the standard edition is the one that needs no name.
func (b *Builder) isoName() string {
	name := "debvisor-" + b.Version
	if b.Edition != "standard" {
		name += "-" + b.Edition
	}
	return name + "-" + b.image.Architecture + ".iso"
}

// iso writes the image into the cache and links it to its name.
func (b *Builder) iso(ctx context.Context, d disc, key *signer) (string, error) {
	final := filepath.Join(b.Dir, b.isoName())
	dir, err := b.cache.get(b.progress, "iso", b.Edition, keyOf(discVersion, d.buildID, d.epoch.Unix(), key.public), func(dir string) error {
		return b.writeDisc(ctx, d, key, filepath.Join(dir, "image.iso"))
	})
	if err != nil {
		return "", err
	}
	return final, publish(filepath.Join(dir, "image.iso"), final)
}

// publish gives a file a second name, replacing what had it. It is a copy: the cache must not change when somebody
// writes answers into the image.
func publish(from, to string) error {
	tmp := to + unfinished
	if err := copyFile(from, tmp); err != nil {
		return errors.Join(err, os.Remove(tmp))
	}
	return os.Rename(tmp, to)
}

// made are files that change or come to be while the image is written: the manifest can list them only afterwards.
var made = []string{"boot/efi.img", "boot/grub/i386-pc/eltorito.img"}

// writeDisc writes the image. What the made files will hold depends on where they lie, so a small image with the same
// beginning is written first; should they differ after all, the image is written once more.
func (b *Builder) writeDisc(ctx context.Context, d disc, key *signer, out string) error {
	files, err := b.files(d, key.public)
	if err != nil {
		return err
	}
	sums, err := sumAll(ctx, files)
	if err != nil {
		return err
	}
	trial := out + ".trial"
	if err := b.writeOnce(ctx, d, key, trial, shrink(files), sums); err != nil {
		return err
	}
	for range 2 {
		if err := learn(trial, sums); err != nil {
			return err
		}
		b.progress.update(-1, "writing "+b.isoName())
		if err := b.writeOnce(ctx, d, key, out, files, sums); err != nil {
			return err
		}
		before := maps.Clone(sums)
		if err := learn(out, sums); err != nil {
			return err
		}
		if maps.Equal(before, sums) {
			return os.Remove(trial)
		}
	}
	return errors.New("the boot files do not settle: two images of the same files differ")
}

// shrink empties what lies in live/, which comes last on the disc.
func shrink(files []iso.File) []iso.File {
	small := slices.Clone(files)
	for i, f := range small {
		if strings.HasPrefix(f.Path, "live/") {
			small[i] = iso.File{Path: f.Path, Data: []byte{0}}
		}
	}
	return small
}

// learn reads the hashes of the made files from an image.
func learn(name string, sums map[string]manifest.File) error {
	img, err := iso.Open(name)
	if err != nil {
		return err
	}
	for _, path := range made {
		f, err := img.Open(path)
		if err != nil {
			return errors.Join(err, img.Close())
		}
		if sums[path], err = sum(f); err != nil {
			return errors.Join(err, img.Close())
		}
	}
	return img.Close()
}

// writeOnce writes an image with a manifest that says sums.
func (b *Builder) writeOnce(ctx context.Context, d disc, key *signer, out string, files []iso.File, sums map[string]manifest.File) error {
	signed, err := b.signManifest(d, sums, key)
	if err != nil {
		return err
	}
	mbr, err := os.ReadFile(filepath.Join(d.loader.dir, "boot_hybrid.img"))
	if err != nil {
		return err
	}
	all := slices.Concat(files, signed, []iso.File{{Path: manifest.Slot, Data: make([]byte, slotSize)}})
	_, err = iso.Write(ctx, out, iso.Disc{VolumeID: b.volumeID(d), Epoch: d.epoch, ID: d.buildID, Files: all,
		BIOSImage: made[1], HybridMBR: mbr, ESP: efiFiles(d.loader), EFIImage: made[0]})
	return err
}

// files are what the manifest lists, but for what iso.Write makes.
func (b *Builder) files(d disc, public []byte) ([]iso.File, error) {
	initrd, err := os.ReadFile(filepath.Join(d.loader.dir, "initrd.img"))
	if err != nil {
		return nil, err
	}
	files := []iso.File{
		{Path: liveIdentity, Data: []byte(d.buildID + "\n")},
		{Path: ".disk/info", Data: fmt.Appendf(nil, "DebVisor %s %s %s %s\n", b.Version, b.Edition, b.image.Architecture, d.buildID)},
		{Path: made[1], Source: filepath.Join(d.loader.dir, "eltorito.img")},
		{Path: "live/vmlinuz", Source: filepath.Join(d.loader.dir, "vmlinuz")},
		{Path: "live/initrd.img", Data: identified(initrd, d.buildID, d.epoch)},
		{Path: manifest.Payload, Source: d.payload.path},
		{Path: manifest.Key, Data: public},
	}
	menu, err := b.menu(d)
	return append(append(files, menu...), efiFiles(d.loader)...), err
}

func efiFiles(loader bootFiles) []iso.File {
	var files []iso.File
	for _, name := range []string{"BOOTX64.EFI", "grubx64.efi", "mmx64.efi"} {
		files = append(files, iso.File{Path: "EFI/BOOT/" + name, Source: filepath.Join(loader.dir, name)})
	}
	return files
}

// menuData is what templates in config/boot may use.
type menuData struct{ Version, Edition, VolumeID, CommandLine string }

func (b *Builder) menu(d disc) ([]iso.File, error) {
	entries, err := fs.ReadDir(b.Files, "boot")
	if err != nil {
		return nil, err
	}
	data := menuData{b.Version, b.Edition, b.volumeID(d), strings.TrimSpace(b.image.LiveCommandLine)}
	var files []iso.File
	for _, e := range entries {
		text, err := b.readConfig(path.Join("boot", e.Name()))
		if err != nil {
			return nil, err
		}
		out, err := fill(e.Name(), string(text), data)
		if err != nil {
			return nil, err
		}
		files = append(files, iso.File{Path: "boot/grub/" + e.Name(), Data: out})
	}
	return files, nil
}

func fill(name, text string, data menuData) ([]byte, error) {
	t, err := template.New(name).Option("missingkey=error").Parse(text)
	if err != nil {
		return nil, fmt.Errorf("read boot menu: %w", err)
	}
	var out bytes.Buffer
	if err := t.Execute(&out, data); err != nil {
		return nil, fmt.Errorf("fill in boot menu: %w", err)
	}
	return out.Bytes(), nil
}

// signManifest is the list of all files, and its signature.
func (b *Builder) signManifest(d disc, sums map[string]manifest.File, key *signer) ([]iso.File, error) {
	m := &manifest.Manifest{Version: b.Version, Edition: b.Edition, Suite: b.image.Suite, Arch: b.image.Architecture, BuildID: d.buildID,
		Epoch: d.epoch.Unix(), Profiles: b.profiles(), RecordsOnly: b.recordsOnly(), MinRootSize: d.payload.unpacked + rootSpare, Files: sums}
	text, err := m.JSON()
	if err != nil {
		return nil, err
	}
	sig, err := key.Sign(bytes.NewReader(text))
	if err != nil {
		return nil, fmt.Errorf("sign the manifest: %w", err)
	}
	return []iso.File{{Path: manifest.Path, Data: text}, {Path: manifest.Signature, Data: sig.Raw}}, nil
}

func sumAll(ctx context.Context, files []iso.File) (map[string]manifest.File, error) {
	sums := map[string]manifest.File{made[0]: {SHA256: strings.Repeat("0", 64)}} // not there before the image is written
	for _, f := range files {
		s, err := sumFile(f)
		if err := errors.Join(ctx.Err(), err); err != nil {
			return nil, fmt.Errorf("hash %s: %w", f.Path, err)
		}
		sums[f.Path] = s
	}
	return sums, nil
}

func sumFile(f iso.File) (manifest.File, error) {
	var r io.Reader = bytes.NewReader(f.Data)
	if f.Source != "" {
		src, err := os.Open(f.Source)
		if err != nil {
			return manifest.File{}, err
		}
		defer src.Close()
		r = src
	}
	return sum(r)
}

func sum(r io.Reader) (manifest.File, error) {
	h := sha256.New()
	n, err := io.Copy(h, r)
	return manifest.File{Size: n, SHA256: hex.EncodeToString(h.Sum(nil))}, err
}
