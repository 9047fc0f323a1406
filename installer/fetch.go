package installer

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	neturl "net/url"
	"time"

	"debvisor/internal/host"
)

// liveNetwork asks for an address on every card, in the live system only and only when answers are to be fetched.
var liveNetwork = host.File{Path: "/run/systemd/network/90-debvisor-live.network", Mode: 0o644, Content: "[Match]\nType=ether\n\n[Network]\nDHCP=yes\n"}

const (
	fetchTimeout = 90 * time.Second // carrier, DHCP, DNS
	fetchPause   = 2 * time.Second
)

// fetch gets answers over the network, which only the kernel command line can ask for. What they are is fixed by their
// hash, so neither the network nor the server is trusted.
func (in *Installer) fetch(ctx context.Context, url, sum string) ([]byte, error) {
	if len(sum) != 2*sha256.Size {
		return nil, errors.New("debvisor.answers_sha256= with the file's SHA-256 is needed with https")
	}
	changes, err := in.Live.Need(liveNetwork)
	if err != nil {
		return nil, err
	}
	changes = append(changes, host.Exec{Cmd: host.Cmd{Args: []string{"systemctl", "start", "systemd-networkd", "systemd-resolved"}}})
	if err := in.Live.Apply(ctx, changes); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	for {
		data, err := get(ctx, http.DefaultClient, url)
		if err == nil {
			return data, checkSum(data, sum)
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-time.After(fetchPause):
		}
	}
}

func checkSum(data []byte, want string) error {
	got := sha256.Sum256(data)
	if hex.EncodeToString(got[:]) != want {
		return fmt.Errorf("its SHA-256 is %x, want %s", got, want)
	}
	return nil
}

func get(ctx context.Context, client *http.Client, url string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	resp, err := client.Do(req)
	if err != nil {
		var withURL *neturl.Error
		if errors.As(err, &withURL) { // the address may hold what must not be shown
			err = withURL.Err
		}
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the server says %s", resp.Status)
	}
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswers+1))
	if err == nil && len(data) > maxAnswers {
		err = fmt.Errorf("larger than %d bytes", maxAnswers)
	}
	return data, err
}
