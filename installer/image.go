package installer

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
)

// imageFile is the root file system's own description, the same on the live system as on the installed one.
const imageFile = "/usr/share/debvisor/image.json"

// defaultCmdline shows a node's console on the screen and on the first serial line.
const defaultCmdline = "console=tty0 console=ttyS0,115200n8"

// kernelCommandLine is what the image says that an installed kernel gets.
func (in *Installer) kernelCommandLine() (string, error) {
	data, err := in.Live.ReadFile(imageFile)
	if errors.Is(err, fs.ErrNotExist) {
		return defaultCmdline, nil
	}
	if err != nil {
		return "", err
	}
	var image struct {
		KernelCommandLine string `json:"kernel_command_line"`
	}
	if err := json.Unmarshal(data, &image); err != nil {
		return "", fmt.Errorf("read %s: %w", imageFile, err)
	}
	if image.KernelCommandLine == "" {
		return defaultCmdline, nil
	}
	return image.KernelCommandLine, nil
}
