package installer

import (
	"strings"

	"debvisor/internal/host"
)

// Cmdline is what the kernel command line says to the installer.
type Cmdline struct {
	Live    bool     // boot=live: this is the live system, not somebody's machine
	Auto    bool     // debvisor.install=auto: no countdown
	Answers string   // debvisor.answers=file:/path or https://…
	SHA256  string   // debvisor.answers_sha256=, which https needs
	Unknown []string // debvisor.* parameters that mean nothing
}

// ParseCmdline reads a kernel command line; the last of several equal parameters counts, as with the kernel.
func ParseCmdline(text string) Cmdline {
	var c Cmdline
	for _, field := range strings.Fields(text) {
		key, value, _ := strings.Cut(field, "=")
		switch {
		case key == "boot":
			c.Live = value == "live"
		case key == "debvisor.answers":
			c.Answers = value
		case key == "debvisor.answers_sha256":
			c.SHA256 = strings.ToLower(value)
		case key == "debvisor.install" && value == "auto":
			c.Auto = true
		case strings.HasPrefix(key, "debvisor."):
			c.Unknown = append(c.Unknown, field)
		}
	}
	return c
}

// ReadCmdline is the running kernel's command line.
func ReadCmdline(h *host.Host) (Cmdline, error) {
	data, err := h.ReadFile("/proc/cmdline")
	return ParseCmdline(string(data)), err
}
