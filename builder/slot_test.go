package builder

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"debvisor/internal/exit"
	"debvisor/internal/iso"
)

const goodAnswers = `version: 1
host: {fqdn: hv01.lab.example}
users: [{name: anna, admin: true, ssh_keys: ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJwtyyEB0Q4QR9QK2mqEfNQJzZOyvXxZB7sZ5IXPKbPX anna"]}]
storage: {profile: zfs, system: {match: {serial: DISK0001}}}
`

func writeSlot(t *testing.T, image, text string) {
	t.Helper()
	if err := fillSlot(image, []byte(text)); err != nil {
		t.Fatal(err)
	}
}

func TestAnswersGoIntoTheSlotAndOutAgain(t *testing.T) {
	image, key := built(t)
	before, err := os.ReadFile(image)
	if err != nil {
		t.Fatal(err)
	}
	if err := Embed(image, "a.yaml", []byte(goodAnswers)); err != nil {
		t.Fatal(err)
	}
	in, err := Inspect(image)
	if err != nil || in.Answers == nil || in.Answers.FQDN != "hv01.lab.example" || in.Answers.Problem != "" {
		t.Fatalf("inspection: %+v, %v", in, err)
	}
	v, err := Verify(context.Background(), image, key.public)
	if err != nil || !strings.Contains(strings.Join(v.NotChecked, "\n"), "as if their slot were empty") {
		t.Errorf("with answers in the slot: %v, %v", v, err)
	}
	if err := Reset(image); err != nil {
		t.Fatal(err)
	}
	after, err := os.ReadFile(image)
	if err != nil || !bytes.Equal(before, after) {
		t.Errorf("after a reset it is not what it was (%v)", err)
	}
}

func TestAChangeBesideFilledSlotIsFound(t *testing.T) {
	image, key := built(t)
	writeSlot(t, image, goodAnswers)
	slot := slotOf(image)
	f, err := os.OpenFile(image, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range []int64{slot.Offset - 1, slot.Offset + slot.Size} {
		if _, err := f.WriteAt([]byte{0xa5}, at); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Verify(context.Background(), image, key.public); exit.Code(err) != exit.Signature {
		t.Errorf("exit code %d, want %d: %v", exit.Code(err), exit.Signature, err)
	}
}

func TestAnswersThatCannotBeAreNotEmbedded(t *testing.T) {
	image, _ := built(t)
	for text, want := range map[string]string{
		"version: 1\n": "host.fqdn",
		goodAnswers + "#" + strings.Repeat("x", slotSize): "the slot has room for 65536",
	} {
		err := Embed(image, "a.yaml", []byte(text))
		if exit.Code(err) != exit.Usage || !strings.Contains(err.Error(), want) {
			t.Errorf("%.20q: exit code %d, want %d: %v", text, exit.Code(err), exit.Usage, err)
		}
	}
	if in, err := Inspect(image); err != nil || in.Answers != nil {
		t.Errorf("the slot was written: %+v, %v", in, err)
	}
}

func TestOnlyThePartIsReadAsZeros(t *testing.T) {
	for _, wrap := range []func(io.Reader) io.Reader{iotest.OneByteReader, iotest.HalfReader, func(r io.Reader) io.Reader { return r }} {
		got, err := io.ReadAll(&blanked{r: wrap(strings.NewReader("abcdefgh")), blank: iso.Extent{Offset: 2, Size: 3}})
		if err != nil || string(got) != "ab\x00\x00\x00fgh" {
			t.Errorf("got %q, %v", got, err)
		}
	}
}

func TestAnImageWithoutASignatureOfTheWholeIsRefused(t *testing.T) {
	image, key := built(t)
	dir := filepath.Dir(image)
	remove := func(names ...string) {
		for _, name := range names {
			if err := os.Remove(name); err != nil {
				t.Fatal(err)
			}
		}
	}
	check := func(want string) {
		t.Helper()
		_, err := Verify(context.Background(), image, key.public)
		if want == "" && err != nil || want != "" && (exit.Code(err) != exit.Signature || !strings.Contains(err.Error(), want)) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	remove(image+sigExt, image+bundleExt)
	check("") // the signed checksums vouch for it
	remove(filepath.Join(dir, sumsName+sigExt), filepath.Join(dir, sumsName+bundleExt))
	check("only the files inside were verified")
	remove(filepath.Join(dir, sumsName))
	check("only the files inside were verified")
}

// Images of several editions and keys lie in one directory, and each still verifies.
func TestImagesInOneDirectoryDoNotSpoilEachOther(t *testing.T) {
	release := newBuilder(t, "minimal", nil)
	key, err := newBuilder(t, "minimal", nil).openKey()
	if err != nil {
		t.Fatal(err)
	}
	key.development = false
	again := newBuilder(t, "standard", nil)
	local := newBuilder(t, "minimal", nil)
	again.Dir, local.Dir, local.Version = release.Dir, release.Dir, "2.0"
	own, err := local.openKey()
	if err != nil {
		t.Fatal(err)
	}
	keys := map[string][]byte{}
	for _, made := range []struct {
		b   *Builder
		key *signer
	}{{release, key}, {again, key}, {local, own}} {
		image := builtWith(t, made.b, made.key)
		if _, err := made.b.sign(context.Background(), image, made.key); err != nil {
			t.Fatal(err)
		}
		keys[image] = made.key.public
	}
	for image, want := range keys {
		public, err := PublicKey(image)
		if err != nil || !bytes.Equal(public, want) {
			t.Errorf("%s has another key beside it (%v)", image, err)
		}
		if _, err := Verify(context.Background(), image, public); err != nil {
			t.Errorf("%s: %v", image, err)
		}
	}
	sums, err := os.ReadFile(filepath.Join(release.Dir, sumsName))
	public, err2 := os.ReadFile(filepath.Join(release.Dir, publicName))
	if err != nil || err2 != nil || strings.Count(string(sums), "\n") != 2 || !bytes.Equal(public, key.public) {
		t.Errorf("the release's files were replaced: %s (%v, %v)", sums, err, err2)
	}
	if strings.Contains(string(sums), "2.0") {
		t.Errorf("the development image is among the release's: %s", sums)
	}
}

func TestAnImageThatOnlyRecordsProfilesSaysSo(t *testing.T) {
	image, _ := built(t)
	in, err := Inspect(image)
	if err != nil || !in.Manifest.RecordsOnly {
		t.Fatalf("manifest: %+v, %v", in, err)
	}
	var out strings.Builder
	in.Print(&out)
	if !strings.Contains(out.String(), "profiles  [zfs], recorded only: it cannot provision their storage\n") {
		t.Errorf("inspection:\n%s", out.String())
	}
	minimal, standard := newBuilder(t, "minimal", nil).info(&Lock{}), newBuilder(t, "standard", nil).info(&Lock{})
	if !minimal.RecordsOnly || standard.RecordsOnly {
		t.Errorf("image.json: minimal %v, standard %v", minimal.RecordsOnly, standard.RecordsOnly)
	}
}
