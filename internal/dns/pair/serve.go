package pair

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	"debvisor/internal/dns/named"
	"debvisor/internal/host"
)

// socketPath is where the daemon takes requests from root.
const socketPath = named.RunDir + "/pair.sock"

// What can be asked for.
const (
	Status   = "status"
	HandOver = "handover" // the peer writes, and has the virtual addresses until Return
	Return   = "return"
	Promote  = "promote"
)

// Request is one thing that is wanted of the daemon.
type Request struct {
	Do    string   `json:"do"`
	Zones []string `json:"zones,omitempty"` // none is all
	Force bool     `json:"force,omitempty"`
}

// Reply is its answer. An error is in words.
type Reply struct {
	Error string  `json:"error,omitempty"`
	Said  string  `json:"said,omitempty"`
	State *Report `json:"state,omitempty"`
}

// Refused is what the daemon says when it does not do what it is asked.
type Refused string

func (r Refused) Error() string { return string(r) }

// requestWait is how long a request may take: a peer transfers what it lacks, named reads its configuration twice.
const requestWait = 15 * time.Second

// Ask asks the daemon of this machine.
func Ask(ctx context.Context, h *host.Host, r Request) (reply Reply, err error) {
	path, err := h.Path(socketPath)
	if err != nil {
		return reply, err
	}
	ctx, stop := context.WithTimeout(ctx, requestWait+5*time.Second)
	defer stop()
	conn, err := (&net.Dialer{}).DialContext(ctx, "unix", path)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		return reply, errNotRunning
	case errors.Is(err, fs.ErrPermission):
		return reply, fmt.Errorf("%w: this needs root", err)
	case err != nil:
		return reply, err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })()
	if err := json.NewEncoder(conn).Encode(r); err != nil {
		return reply, err
	}
	if err := json.NewDecoder(conn).Decode(&reply); err != nil {
		return reply, fmt.Errorf("the answer of debvisor-dns-pair.service: %w", err)
	}
	if reply.Error != "" {
		err = Refused(reply.Error)
	}
	return reply, err
}

func (d *Daemon) listen() (net.Listener, error) {
	if err := d.onlyOne(); err != nil {
		return nil, err
	}
	changes, err := d.host.Need(host.Dir{Path: named.RunDir, Mode: 0o755}, host.Absent{Path: socketPath})
	if err != nil {
		return nil, err
	}
	if err := d.host.Apply(context.Background(), changes); err != nil {
		return nil, err
	}
	path, err := d.host.Path(socketPath)
	if err != nil {
		return nil, err
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, err
	}
	return l, os.Chmod(path, 0o600)
}

// onlyOne keeps a second daemon from starting: the lock ends with the process.
func (d *Daemon) onlyOne() (err error) {
	err = d.host.Apply(context.Background(), []host.Change{host.Mkdir{Path: named.RunDir, Mode: 0o755}})
	if err == nil {
		d.only, err = d.host.Lock(named.RunDir + "/pair.lock")
	}
	return err
}

func (d *Daemon) serve(ctx context.Context, l net.Listener) {
	for {
		conn, err := l.Accept()
		if err != nil {
			if ctx.Err() == nil {
				d.say("take requests: %v", err)
			}
			return
		}
		go func() {
			defer conn.Close()
			conn.SetDeadline(time.Now().Add(requestWait + 5*time.Second))
			var r Request
			err := json.NewDecoder(conn).Decode(&r)
			if err == nil {
				err = json.NewEncoder(conn).Encode(d.answer(ctx, r))
			}
			if err != nil {
				d.say("answer a request: %v", err)
			}
		}()
	}
}

func (d *Daemon) answer(ctx context.Context, r Request) (reply Reply) {
	ctx, stop := context.WithTimeout(ctx, requestWait)
	defer stop()
	var err error
	switch r.Do {
	case Status:
		reply.State, err = d.report()
	case HandOver:
		reply.Said, err = d.handOver(ctx)
	case Return:
		reply.Said = d.bringBack()
	case Promote:
		reply.Said, err = d.promote(ctx, r)
	default:
		err = fmt.Errorf("nobody knows how to %q", r.Do)
	}
	if err != nil {
		reply.Error = err.Error()
	}
	return reply
}

func (d *Daemon) handOver(ctx context.Context) (string, error) {
	peer, zones := d.peer(), d.every()
	if !peer.IsValid() {
		return "", errors.New("this server has no peer")
	}
	d.want(zones, func(z *zone) { z.leave = true })
	defer d.want(zones, func(z *zone) { z.leave = false })
	err := d.until(ctx, zones, func(z *zone) bool {
		return z.view.Mine.Record.Writer == z.view.Peer && z.view.Theirs.Record.Equal(z.view.Mine.Record) && z.view.Role == named.Secondary
	})
	if err != nil {
		return "", fmt.Errorf("not handed over, and the virtual addresses stay: %w", err)
	}
	d.mu.Lock()
	d.away = true
	d.mu.Unlock()
	return fmt.Sprintf("%s writes, and has the virtual addresses while it answers, until debvisor dns handover --return", peer), nil
}

func (d *Daemon) bringBack() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.away {
		return "this server may have the virtual addresses already"
	}
	d.away = false
	return "this server may have the virtual addresses again"
}

func (d *Daemon) promote(ctx context.Context, r Request) (string, error) {
	zones := d.every()
	if len(r.Zones) > 0 {
		zones = slices.DeleteFunc(slices.Clone(zones), func(z *zone) bool { return !slices.Contains(r.Zones, z.name) })
		if len(zones) < len(r.Zones) {
			return "", fmt.Errorf("this server does not have all of %s", strings.Join(r.Zones, ", "))
		}
	}
	if refusals := d.refusals(zones); len(refusals) > 0 && !r.Force {
		return "", fmt.Errorf("%s; make sure that the peer is off; with --force, what it accepted and this server lacks, done or not, is set aside when it returns", strings.Join(refusals, "; "))
	}
	how := Asked
	if r.Force {
		how = Forced
	}
	d.want(zones, func(z *zone) { z.promote = how })
	defer d.want(zones, func(z *zone) { z.promote = None })
	if err := d.until(ctx, zones, (*zone).writes); err != nil {
		return "", fmt.Errorf("not promoted: %w", err)
	}
	if r.Force {
		return "this server writes. What the peer accepted and this server lacks, done or not, is set aside on the peer when it returns; keep it from being started where the two do not see each other", nil
	}
	return "this server writes. Nothing that was done is lost", nil
}

func (d *Daemon) refusals(zones []*zone) (all []string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, z := range zones {
		if why := z.view.Refusal(); why != "" && !z.writes() {
			all = append(all, z.name+": "+why)
		}
	}
	return all
}

// writes reports whether this server is the one that writes to a zone.
func (z *zone) writes() bool {
	return z.view.Mine.Record.Writer == z.view.Self && z.view.Role == named.Primary && !Later(z.view.Theirs.Record, z.view.Mine.Record)
}

func (d *Daemon) want(zones []*zone, set func(*zone)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, z := range zones {
		set(z)
	}
}

// until waits until something holds for zones; if it does not in time, the error says why not, of the first that it fails for.
func (d *Daemon) until(ctx context.Context, zones []*zone, holds func(*zone) bool) error {
	for {
		d.mu.Lock()
		i := slices.IndexFunc(zones, func(z *zone) bool { return !holds(z) })
		var why string
		if i >= 0 {
			why = zones[i].name + ": " + Decide(zones[i].view).Why
		}
		d.mu.Unlock()
		if i < 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.New(why)
		case <-time.After(20 * time.Millisecond):
		}
	}
}
