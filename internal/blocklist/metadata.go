package blocklist

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// CheckMetadata holds lists against a metadata file, which names the sha256 of each by the list's file name:
//
//	{"blocklists": {"blocklist.txt": {"sha256": "…64 hexadecimal digits…"}}}
//
// Other keys are for people. Whatever is not proven is refused: a list that is not named, a placeholder, another hash.
func CheckMetadata(metadata string, lists []string) error {
	data, err := os.ReadFile(metadata)
	if err != nil {
		return err
	}
	var m struct {
		Lists map[string]struct{ SHA256 string } `json:"blocklists"`
	}
	if err := json.Unmarshal(data, &m); err != nil {
		return fmt.Errorf("read %s: %w", metadata, err)
	}
	var wrong []error
	for _, name := range lists {
		entry, named := m.Lists[filepath.Base(name)]
		if !named {
			wrong = append(wrong, fmt.Errorf("%s: %s does not name it", name, metadata))
			continue
		}
		wrong = append(wrong, checkHash(name, entry.SHA256, metadata))
	}
	return errors.Join(wrong...)
}

func checkHash(name, want, metadata string) error {
	wanted, err := hex.DecodeString(want)
	if err != nil || len(wanted) != sha256.Size {
		return fmt.Errorf("%s: %s has %q for it, which is no sha256", name, metadata, want)
	}
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return fmt.Errorf("read %s: %w", name, err)
	}
	if got := sum.Sum(nil); !bytes.Equal(got, wanted) {
		return fmt.Errorf("%s: its sha256 is %x, %s says %x", name, got, metadata, wanted)
	}
	return nil
}
