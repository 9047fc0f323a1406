package manifest

import (
	"strings"
	"testing"
)

var sum = strings.Repeat("ab", 32)

func TestAManifestReadsBackAsItWasWritten(t *testing.T) {
	m := &Manifest{Version: "1", Edition: "minimal", BuildID: "01234567", Epoch: 7, Profiles: []string{"zfs"}, MinRootSize: 9,
		Files: map[string]File{Payload: {Size: 3, SHA256: sum}, "boot/grub/grub.cfg": {Size: 1, SHA256: sum}}}
	text, err := m.JSON()
	if err != nil {
		t.Fatal(err)
	}
	again, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	if second, err := again.JSON(); err != nil || string(second) != string(text) {
		t.Errorf("got %s, %v\nwant %s", second, err, text)
	}
	if got := strings.Join(again.Names(), " "); got != "boot/grub/grub.cfg "+Payload {
		t.Errorf("names: %s", got)
	}
}

func TestWhatIsNoManifestIsRefused(t *testing.T) {
	for name, files := range map[string]string{
		"no hash":          `{"a": {"size": 1}}`,
		"short hash":       `{"a": {"size": 1, "sha256": "abcd"}}`,
		"no hex":           `{"a": {"size": 1, "sha256": "` + strings.Repeat("zz", 32) + `"}}`,
		"negative size":    `{"a": {"size": -1, "sha256": "` + sum + `"}}`,
		"leaves the image": `{"../a": {"size": 1, "sha256": "` + sum + `"}}`,
		"absolute":         `{"/a": {"size": 1, "sha256": "` + sum + `"}}`,
		"cut off":          `{"a": `,
	} {
		if _, err := Parse([]byte(`{"files": ` + files + `}`)); err == nil || !strings.HasPrefix(err.Error(), "read the manifest: ") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"files": {"a": {"size": 1, "sha256": "` + sum + `"}}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := Parse(data)
		if err != nil {
			return
		}
		if _, err := m.JSON(); err != nil {
			t.Error(err)
		}
	})
}
