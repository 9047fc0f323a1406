package version

import (
	"encoding/json"
	"fmt"
)

// ImageFile says on a node which image it was installed from.
const ImageFile = "/usr/share/debvisor/image.json"

// KeyFile is the public key (PEM, ECDSA P-256) that the image's signature is verified with.
const KeyFile = "/usr/share/debvisor/debvisor.pub"

// Image is the identity of an image, as in ImageFile.
type Image struct {
	Version  string   `json:"version"`
	Edition  string   `json:"edition"`
	Suite    string   `json:"suite"`
	Arch     string   `json:"arch"`
	Commit   string   `json:"commit"`
	Profiles []string `json:"profiles"`
	// RecordsOnly images record a profile and cannot provision its storage.
	RecordsOnly bool `json:"records_only,omitempty"`
	Packages    int  `json:"packages"`
	// KernelCommandLine is what the installed kernel gets.
	KernelCommandLine string `json:"kernel_command_line"`
}

// ParseImage reads ImageFile's text. An image without a version, edition, suite or architecture is an error.
func ParseImage(data []byte) (Image, error) {
	var i Image
	if err := json.Unmarshal(data, &i); err != nil {
		return i, fmt.Errorf("read %s: %w", ImageFile, err)
	}
	for _, f := range [][2]string{{"version", i.Version}, {"edition", i.Edition}, {"suite", i.Suite}, {"arch", i.Arch}} {
		if f[1] == "" {
			return i, fmt.Errorf("read %s: %s is missing", ImageFile, f[0])
		}
	}
	return i, nil
}

// String is the image on one line.
func (i Image) String() string {
	return fmt.Sprintf("%s %s (%s, %s)", i.Version, i.Edition, i.Suite, i.Arch)
}
