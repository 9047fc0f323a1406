package cluster

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"strings"
	"time"

	"debvisor/internal/host"
	"debvisor/internal/hostname"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
)

// Where the machine's number in the cluster is: a file of its own, or else a key that only makes sense where each machine has
// an etcd of its own.
const (
	nodePath = "/etc/debvisor/node-id"
	selfKey  = "/debvisor/self/node_id"
)

// largest is the longest answer of etcd that is read, in bytes.
const largest = 64 << 10

// How long etcd may take to answer, and then how long to find out why it did not.
const (
	patience = 1500 * time.Millisecond
	probing  = 200 * time.Millisecond
)

// Name is the value that the cluster has for this machine's name, of whatever form, or "" when it has none. It takes 1.7
// seconds at most.
func Name(ctx context.Context, h *host.Host) (string, error) {
	data, err := h.ReadFile(hostname.EtcdPath)
	if err != nil {
		return "", err
	}
	s, err := Parse(hostname.EtcdPath, data)
	if err != nil {
		return "", err
	}
	own, err := ownID(h)
	if err != nil {
		return "", err
	}
	config, err := s.tls(h)
	if err != nil {
		return "", err
	}
	client, err := clientv3.New(clientv3.Config{
		Endpoints: s.Endpoints, TLS: config, Context: ctx, Logger: zap.NewNop(), // errors are returned; its log says them once more
		MaxCallRecvMsgSize: largest,
	})
	if err != nil {
		return "", fmt.Errorf("connect to etcd: %w", err)
	}
	defer client.Close()
	asking, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	name, err := ask(asking, client, own)
	if asking.Err() != nil {
		return "", errors.Join(err, s.reach(ctx, config))
	}
	return name, err
}

// reach says why no server can be reached; nil when one can. The client itself only says that the time was up.
func (s Settings) reach(ctx context.Context, config *tls.Config) error {
	ctx, cancel := context.WithTimeout(ctx, probing)
	defer cancel()
	var all []error
	for _, e := range s.Endpoints {
		u, err := url.Parse(e)
		if err == nil {
			err = dial(ctx, u, config)
		}
		if err == nil {
			return nil
		}
		all = append(all, err)
	}
	return errors.Join(all...)
}

func dial(ctx context.Context, u *url.URL, config *tls.Config) error {
	var d interface {
		DialContext(ctx context.Context, network, address string) (net.Conn, error)
	} = &tls.Dialer{Config: config}
	if u.Scheme == "http" {
		d = &net.Dialer{}
	}
	conn, err := d.DialContext(ctx, "tcp", u.Host)
	if err != nil {
		return err
	}
	return conn.Close()
}

func ask(ctx context.Context, client *clientv3.Client, id string) (name string, err error) {
	if id == "" {
		if id, err = get(ctx, client, selfKey); err != nil {
			return "", err
		}
		if err := checkID(id); err != nil {
			return "", fmt.Errorf("%s in etcd: %w", selfKey, err)
		}
	}
	return get(ctx, client, "/debvisor/nodes/"+id+"/info/fqdn")
}

// get is the value of a key without space around it, or "" when there is no such key.
func get(ctx context.Context, client *clientv3.Client, key string) (string, error) {
	r, err := client.Get(ctx, key)
	switch {
	case err != nil:
		return "", fmt.Errorf("ask etcd for %s: %w", key, err)
	case len(r.Kvs) == 0:
		return "", nil
	}
	return strings.TrimSpace(string(r.Kvs[0].Value)), nil
}

// ownID is the machine's number in the cluster by its own file, or "".
func ownID(h *host.Host) (string, error) {
	data, err := h.ReadFile(nodePath)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	id := strings.TrimSpace(string(data))
	if err := checkID(id); err != nil {
		return "", fmt.Errorf("%s: %w", nodePath, err)
	}
	return id, nil
}

// checkID: an id is one part of a key, and must not lead to another's.
func checkID(id string) error {
	const allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_."
	switch {
	case id == "":
		return errors.New("there is no node id")
	case len(id) > 128 || strings.Trim(id, allowed) != "" || strings.Trim(id, ".") == "":
		return errors.New("a node id has letters, digits, hyphens, underscores and dots, 128 at most")
	}
	return nil
}
