package lab

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"time"
)

// request and response are a line of JSON each.
type request struct{ Verb, Node string }

type response struct {
	Error string
	Nodes []nodeStatus
	pid   int // of the supervisor, as this process sees it
}

// nodeStatus is a node that runs, or does not (Pid 0). Pid is as the supervisor sees it.
type nodeStatus struct {
	Name string
	Pid  int
}

func send(c net.Conn, v any) error { return json.NewEncoder(c).Encode(v) }

func receive[T any](c net.Conn) (v T, err error) {
	err = json.NewDecoder(c).Decode(&v)
	return v, err
}

// ask asks the supervisor and closes the connection.
func (l *Lab) ask(ctx context.Context, q request) (response, error) {
	c, a, err := l.connect(ctx, q)
	if err != nil {
		return a, err
	}
	return a, c.Close()
}

// connect asks the supervisor; the connection lasts as long as the lab if the request is to hold it.
func (l *Lab) connect(ctx context.Context, q request) (net.Conn, response, error) {
	c, err := (&net.Dialer{}).DialContext(ctx, "unix", filepath.Join(l.Dir, socketFile))
	if err != nil {
		return nil, response{}, fmt.Errorf("reach the lab in %s: %w: %w", l.Dir, ErrNone, err)
	}
	stop := context.AfterFunc(ctx, func() { c.Close() })
	a, err := exchange(c, q)
	if !stop() {
		err = errors.Join(ctx.Err(), err)
	}
	if err == nil {
		a.pid, err = peer(c.(*net.UnixConn))
	}
	if err == nil && a.Error != "" {
		err = errors.New(a.Error)
	}
	if err != nil {
		return nil, a, errors.Join(err, ignoreClosed(c.Close()))
	}
	return c, a, nil
}

func exchange(c net.Conn, q request) (response, error) {
	if err := send(c, q); err != nil {
		return response{}, err
	}
	return receive[response](c)
}

func ignoreClosed(err error) error {
	if errors.Is(err, net.ErrClosed) || errors.Is(err, os.ErrClosed) {
		return nil
	}
	return err
}

// down ends a lab that somebody else started and waits until its guard has removed it.
func (l *Lab) down() error {
	if _, err := l.ask(context.Background(), request{Verb: "down"}); err != nil {
		return err
	}
	for end := time.Now().Add(dying); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if _, err := os.Stat(l.Dir); errors.Is(err, os.ErrNotExist) {
			return nil
		}
	}
	return fmt.Errorf("end the lab in %s: it is still there", l.Dir)
}

func parsePrefix(s string) (netip.Prefix, error) {
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return p, fmt.Errorf("read a network of the lab: %w", err)
	}
	return p, nil
}
