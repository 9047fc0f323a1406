package hostname

import (
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"debvisor/internal/host"
)

const markBegin = "# Written by debvisor hostname register"

// markOf is the first line of this machine's files: files of hosts are copied between machines, and each removes its own
// only. The machine's id is not to be published, so it is a hash of it.
func markOf(h *host.Host) (string, error) {
	id, err := h.ReadFile("/etc/machine-id")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	sum := hmac.New(sha256.New, []byte(strings.TrimSpace(string(id))))
	sum.Write([]byte("debvisor hostname register"))
	return fmt.Sprintf("%s on the machine %x.\n", markBegin, sum.Sum(nil)[:8]), nil
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
