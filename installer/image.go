package installer

import (
	"errors"
	"io/fs"

	"debvisor/internal/version"
)

// defaultCmdline shows a node's console on the screen and on the first serial line.
const defaultCmdline = "console=tty0 console=ttyS0,115200n8"

// kernelCommandLine is what the image says that an installed kernel gets.
func (in *Installer) kernelCommandLine() (string, error) {
	data, err := in.Live.ReadFile(version.ImageFile)
	if errors.Is(err, fs.ErrNotExist) {
		return defaultCmdline, nil
	}
	if err != nil {
		return "", err
	}
	image, err := version.ParseImage(data)
	if err != nil {
		return "", err
	}
	if image.KernelCommandLine == "" {
		return defaultCmdline, nil
	}
	return image.KernelCommandLine, nil
}
