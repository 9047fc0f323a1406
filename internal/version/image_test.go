package version

import "testing"

const whole = `{"version": "1.0.0", "edition": "standard", "suite": "trixie", "arch": "amd64", "commit": "0123456789ab", "profiles": ["zfs"], "packages": 7}`

func TestAnImageIsOneLine(t *testing.T) {
	i, err := ParseImage([]byte(whole))
	if err != nil || i.String() != "1.0.0 standard (trixie, amd64)" || i.Packages != 7 || len(i.Profiles) != 1 {
		t.Errorf("got %+v, %v", i, err)
	}
}

func TestAnImageWithoutAnIdentityIsAnError(t *testing.T) {
	for text, want := range map[string]string{
		`{"version": "1", "edition": "minimal", "suite": "trixie"}`: "read /usr/share/debvisor/image.json: arch is missing",
		`not json`: "read /usr/share/debvisor/image.json: invalid character 'o' in literal null (expecting 'u')",
	} {
		if _, err := ParseImage([]byte(text)); err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

func FuzzParseImage(f *testing.F) {
	f.Add([]byte(whole))
	f.Fuzz(func(t *testing.T, data []byte) {
		if i, err := ParseImage(data); err == nil && (i.Version == "" || i.Edition == "" || i.Suite == "" || i.Arch == "") {
			t.Errorf("taken: %+v", i)
		}
	})
}
