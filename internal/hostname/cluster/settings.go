// Package cluster asks the cluster's etcd which name it gives this machine. It judges no names and registers nothing. The
// client of etcd takes 2 ms to start and 10 MB, so only a program of its own has this package in it.
package cluster

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"net/url"

	"debvisor/internal/host"
)

// Settings are where the cluster's etcd is, and as whom to ask it.
type Settings struct {
	Endpoints   []string `json:"endpoints"`             // such as https://192.0.2.1:2379; http only on this machine
	CA          string   `json:"ca,omitempty"`          // file of the certificates that etcd's may be signed by; the system's when missing
	Certificate string   `json:"certificate,omitempty"` // file of this machine's own certificate, with Key
	Key         string   `json:"key,omitempty"`         // file of its private key
}

// Parse reads settings; name is the file they are from. An unknown key, an endpoint without TLS that is not on this machine,
// and a certificate without its key are errors.
func Parse(name string, data []byte) (Settings, error) {
	var s Settings
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&s); err != nil {
		return s, fmt.Errorf("%s: %w", name, err)
	}
	if _, err := d.Token(); err != io.EOF {
		return s, fmt.Errorf("%s: there is something after the settings", name)
	}
	if err := s.check(); err != nil {
		return s, fmt.Errorf("%s: %w", name, err)
	}
	return s, nil
}

func (s Settings) check() error {
	if len(s.Endpoints) == 0 {
		return errors.New("there are no endpoints")
	}
	for _, e := range s.Endpoints {
		if err := checkEndpoint(e); err != nil {
			return err
		}
	}
	if (s.Certificate == "") != (s.Key == "") {
		return errors.New("certificate and key belong together")
	}
	return nil
}

// checkEndpoint: whoever can answer in etcd's place can rename the machine, so that the way there is protected.
func checkEndpoint(text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Port() == "" || u.User != nil || u.Path != "" || u.RawQuery != "" || u.Fragment != "" {
		return fmt.Errorf("%q is not an endpoint such as https://192.0.2.1:2379", text)
	}
	if u.Scheme == "https" {
		return nil
	}
	if a, err := netip.ParseAddr(u.Hostname()); u.Scheme != "http" || err != nil || !a.IsLoopback() || a.Zone() != "" {
		return fmt.Errorf("%q is not https, which only an endpoint on this machine may do without", text)
	}
	return nil
}

// tls is how to know etcd, and to be known by it.
func (s Settings) tls(h *host.Host) (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	if s.CA != "" {
		data, err := h.ReadFile(s.CA)
		if err != nil {
			return nil, err
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(data) {
			return nil, fmt.Errorf("%s holds no certificate", s.CA)
		}
	}
	if s.Certificate == "" {
		return c, nil
	}
	certificate, err := h.ReadFile(s.Certificate)
	if err != nil {
		return nil, err
	}
	key, err := h.ReadFile(s.Key)
	if err != nil {
		return nil, err
	}
	pair, err := tls.X509KeyPair(certificate, key)
	if err != nil {
		return nil, fmt.Errorf("%s and %s: %w", s.Certificate, s.Key, err)
	}
	c.Certificates = []tls.Certificate{pair}
	return c, nil
}
