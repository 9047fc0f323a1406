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

// Running are the guests that run, by what libvirt says, in the order of their names. When libvirt does not answer nobody
// knows, which is an error and not "none".
func Running(ctx context.Context, h *host.Host) ([]Guest, error) {
	out, err := virsh(ctx, h, "list --uuid")
	if err != nil {
		return nil, err
	}
	var all []Guest
	for uuids := range slices.Chunk(uuids(string(out)), atOnce) {
		out, err := virsh(ctx, h, each("dumpxml", uuids, ""))
		guests, wrong := parseDomains(out)
		if wrong != nil {
			return nil, errors.Join(wrong, err)
		}
		if err != nil && len(guests) == len(uuids) {
			return nil, err // none has ended in between, so it is something else
		}
		all = append(all, guests...)
	}
	slices.SortFunc(all, func(a, b Guest) int { return strings.Compare(a.Name, b.Name) })
	return all, nil
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

// parseDomains reads descriptions, one after the other. One that has ended in between is left out.
func parseDomains(text []byte) ([]Guest, error) {
	var all []Guest
	for d := xml.NewDecoder(bytes.NewReader(text)); ; {
		var one domain
		err := d.Decode(&one)
		if err == io.EOF {
			return all, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read what virsh dumpxml says: %w", err)
		}
		if one.ID != "" && uuidFormat().MatchString(one.UUID) {
			all = append(all, one.guest())
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
