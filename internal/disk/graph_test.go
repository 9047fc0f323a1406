package disk

import (
	"net"
	"path/filepath"
	"testing"

	"debvisor/internal/host"
)

// Opening a socket as a file answers ENXIO, as reading the wwid of a USB stick does.
func TestAttributeThatTheDeviceDoesNotHaveIsEmpty(t *testing.T) {
	h := &host.Host{Root: t.TempDir()}
	l, err := net.Listen("unix", filepath.Join(h.Root, "wwid"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	g := &graph{h: h}
	if got, err := g.text("/wwid"); got != "" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
}
