package guests

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"time"

	"debvisor/internal/host"
	"debvisor/internal/pattern"
)

// virshTime is how long libvirt may take to answer one question.
const virshTime = 20 * time.Second

// atOnce is how many guests one virsh is asked about: its commands are a single argument.
const atOnce = 200

var uuidFormat = pattern.Lazy(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

// Running are the guests that run, by what libvirt says, in the order of their names. When libvirt does not answer, or not to
// the end, nobody knows, which is an error and not "none".
func Running(ctx context.Context, h *host.Host) ([]Guest, error) {
	listed, err := list(ctx, h)
	if err != nil {
		return nil, err
	}
	var all []Guest
	for some := range slices.Chunk(listed, atOnce) {
		guests, err := describe(ctx, h, some)
		if err != nil {
			return nil, err
		}
		all = append(all, guests...)
	}
	slices.SortFunc(all, func(a, b Guest) int { return strings.Compare(a.Name, b.Name) })
	return all, nil
}

// list are the UUIDs of guests that run.
func list(ctx context.Context, h *host.Host) ([]string, error) {
	out, err := virsh(ctx, h, "list --uuid")
	return uuids(string(out)), err
}

// describe are guests that were listed, without those that have ended since.
func describe(ctx context.Context, h *host.Host, listed []string) (all []Guest, err error) {
	out, failed := virsh(ctx, h, each("dumpxml", listed, ""))
	domains, wrong := parseDomains(out)
	if wrong != nil || errors.Is(failed, context.DeadlineExceeded) || errors.Is(failed, context.Canceled) {
		return nil, errors.Join(wrong, failed)
	}
	missing := slices.Clone(listed)
	for _, d := range domains {
		missing = slices.DeleteFunc(missing, func(u string) bool { return u == d.UUID })
		if d.ID != "" {
			all = append(all, d.guest())
		}
	}
	if len(missing) > 0 {
		return all, ended(ctx, h, missing, failed)
	}
	return all, failed // none has ended in between, so it is something else
}

// ended is an error unless guests that were not described do not run any more: libvirt may have been cut off, or started
// again, while it described them.
func ended(ctx context.Context, h *host.Host, missing []string, failed error) error {
	now, err := list(ctx, h)
	if err != nil {
		return errors.Join(failed, err)
	}
	for _, u := range missing {
		if slices.Contains(now, u) {
			return errors.Join(fmt.Errorf("libvirt lists the guest %s and does not describe it", u), failed)
		}
	}
	return nil
}

// virsh runs commands of virsh, whose words are ours or UUIDs; the name of a guest is never one.
func virsh(ctx context.Context, h *host.Host, commands string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, virshTime)
	defer cancel()
	return h.Run(ctx, "virsh", "--quiet", "--connect", "qemu:///system", commands)
}

func each(command string, uuids []string, options string) string {
	var all []string
	for _, u := range uuids {
		all = append(all, strings.TrimSpace(command+" "+u+" "+options))
	}
	return strings.Join(all, "; ")
}

func uuids(list string) (all []string) {
	for word := range strings.FieldsSeq(list) {
		if uuidFormat().MatchString(word) {
			all = append(all, word)
		}
	}
	return all
}

// domain is the part of libvirt's description of a guest that matters here.
type domain struct {
	ID         string `xml:"id,attr"` // only one that runs has it
	Name       string `xml:"name"`
	UUID       string `xml:"uuid"`
	Interfaces []struct {
		MAC struct {
			Address string `xml:"address,attr"`
		} `xml:"mac"`
		Source struct {
			Bridge string `xml:"bridge,attr"`
		} `xml:"source"`
	} `xml:"devices>interface"`
	Channels []struct {
		Target struct {
			Name  string `xml:"name,attr"`
			State string `xml:"state,attr"`
		} `xml:"target"`
	} `xml:"devices>channel"`
}

// parseDomains reads descriptions, one after the other.
func parseDomains(text []byte) ([]domain, error) {
	var all []domain
	for d := xml.NewDecoder(bytes.NewReader(text)); ; {
		var one domain
		err := d.Decode(&one)
		if err == io.EOF {
			return all, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read what virsh dumpxml says: %w", err)
		}
		if uuidFormat().MatchString(one.UUID) {
			all = append(all, one)
		}
	}
}

const agentChannel = "org.qemu.guest_agent.0"

func (d domain) guest() Guest {
	g := Guest{Name: d.Name, UUID: d.UUID}
	for _, i := range d.Interfaces {
		if mac, err := net.ParseMAC(i.MAC.Address); err == nil {
			g.NICs = append(g.NICs, NIC{MAC: mac.String(), Bridge: i.Source.Bridge})
		}
	}
	for _, c := range d.Channels {
		g.Agent = g.Agent || c.Target.Name == agentChannel && c.Target.State == "connected"
	}
	return g
}
