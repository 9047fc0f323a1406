package health

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"strings"
	"time"

	"debvisor/internal/dns"
	"debvisor/internal/dns/named"
	"debvisor/internal/dns/pair"
	"debvisor/internal/names"
)

// behindFor is how long a server may lack changes of the other: named asks again within a minute whatever was lost.
const behindFor = time.Minute

// dnsPair looks at a pair of name servers from one of the two: as the watcher beside named sees it.
func dnsPair(ctx context.Context, n *Node, r *Result) error {
	s, err := dns.LoadServer(n.Host)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		r.skip("no name server of a pair")
		return nil
	case err != nil:
		return err
	case len(s.Primaries) > 0:
		r.skip("a further name server; the pair is looked at on its own nodes")
		return nil
	}
	units := []string{"named.service", "debvisor-dns-pair.service"}
	if len(s.VIP) > 0 {
		units = append(units, "keepalived.service")
	}
	for _, u := range units {
		if err := n.service(ctx, r, u); err != nil {
			return err
		}
	}
	if r.Status != "" {
		return nil
	}
	p, err := n.pairReport(ctx)
	if err != nil {
		return err
	}
	if !p.Answers {
		r.fail("named does not answer for every zone")
	}
	if p.Unheard != "" {
		r.fail("at the virtual address named does not answer: %s", p.Unheard)
	}
	for _, z := range p.Zones {
		r.zone(p, z)
	}
	r.peer(p)
	for _, file := range p.Unconfirmed {
		r.warn("records that the pair lacks are set aside in %s", file)
	}
	where, err := n.virtualAddresses(ctx, r, p)
	if err == nil {
		r.ok("%s%s", whoWrites(p), where)
	}
	return err
}

// pairReport is what the watcher says.
func (n *Node) pairReport(ctx context.Context) (*pair.Report, error) {
	out, err := n.Run(ctx, names.Debvisor, "dns", "status", "--json")
	if err != nil {
		return nil, err
	}
	var said struct{ State *pair.Report }
	if err := json.Unmarshal(out, &said); err != nil {
		return nil, fmt.Errorf("%s dns status: %w", names.Debvisor, err)
	}
	if said.State == nil || len(said.State.Zones) == 0 {
		return nil, errors.New("debvisor dns status knows no zone")
	}
	return said.State, nil
}

// zone adds what is wrong with one zone on this server.
func (r *Result) zone(p *pair.Report, z pair.ZoneReport) {
	switch {
	case !z.Loaded:
		r.fail("%s: named does not have it", z.Zone)
	case z.Trouble != "":
		r.fail("%s: %s", z.Zone, z.Trouble)
	case z.Epoch == 0:
		r.warn("%s: nobody has written yet: %s", z.Zone, z.Why)
	case (z.Writer == p.Self) != (z.Role == named.Primary):
		r.warn("%s: epoch %d is written by %s, and this server is %s: %s", z.Zone, z.Epoch, z.Writer, z.Role, z.Why)
	case len(z.Members) == 1 && p.Peer.IsValid() && z.PeerState == pair.Answers.String():
		r.warn("%s: %s goes on alone since epoch %d: %s", z.Zone, z.Writer, z.Epoch, z.Why)
	case z.Stale > behindFor.Seconds():
		r.fail("%s: the peer has had a later record for %s, and this server does not take it", z.Zone, seconds(z.Stale))
	case z.Behind > behindFor.Seconds():
		r.warn("%s: lacks %d changes of the peer for %s", z.Zone, z.Lag, seconds(z.Behind))
	}
}

// peer adds what is wrong with the others, which is mostly the same for all zones.
func (r *Result) peer(p *pair.Report) {
	var silent float64
	var peer, arbiter string
	arbitrated := true
	for _, z := range p.Zones {
		if z.PeerState == pair.Silent.String() {
			silent, peer = max(silent, z.PeerSilent), because(z.PeerError)
		}
		if z.Arbiter == "silent" {
			arbitrated, arbiter = false, because(z.NoArbiter)
		}
	}
	if silent > 0 {
		r.warn("the peer %s is silent for %s%s", p.Peer, seconds(silent), peer)
	}
	if !arbitrated {
		r.warn("the arbiter is silent%s; if the peer were, too, this server could not write", arbiter)
	}
}

// because is a reason after what it is the reason of.
func because(why string) string {
	if why == "" {
		return ""
	}
	return " (" + why + ")"
}

// virtualAddresses adds what is wrong with them, and says where they are. Of the peer this server knows only that somebody
// answers there.
func (n *Node) virtualAddresses(ctx context.Context, r *Result, p *pair.Report) (where string, err error) {
	switch {
	case len(p.VIP) == 0:
		return "", nil
	case len(p.Here) > 0 && len(p.Here) < len(p.VIP):
		r.fail("of the virtual addresses %s only %s is here", addressList(p.VIP), addressList(p.Here))
	case p.Away && len(p.Here) > 0:
		r.fail("the virtual addresses were handed over and are here")
	case p.Away:
		r.warn("handed over: debvisor dns handover --return lets the virtual addresses come back")
	}
	if len(p.Here) > 0 {
		return "; the virtual addresses are here", nil
	}
	if !p.Peer.IsValid() {
		r.fail("the virtual addresses are not here, and there is no peer")
		return "", nil
	}
	for _, a := range p.VIP {
		out, err := n.Run(ctx, "dig", "+short", "+norecurse", "+time=1", "+tries=2", "@"+a.String(), p.Zones[0].Zone, "SOA")
		if err != nil || len(out) == 0 {
			r.fail("the virtual address %s is not here, and nobody answers there", a)
		}
	}
	return "; the virtual addresses are on " + p.Peer.String(), nil
}

// whoWrites is the pair in a few words.
func whoWrites(p *pair.Report) string {
	var writers []string
	for _, z := range p.Zones {
		writers = append(writers, fmt.Sprintf("%s epoch %d by %s", z.Zone, z.Epoch, z.Writer))
	}
	return strings.Join(writers, ", ")
}

func addressList(addresses []netip.Addr) string {
	texts := make([]string, len(addresses))
	for i, a := range addresses {
		texts[i] = a.String()
	}
	return strings.Join(texts, " and ")
}

func seconds(s float64) string { return period(time.Duration(s * float64(time.Second))) }

// period is a time as people say it, in one unit.
func period(d time.Duration) string {
	switch {
	case d < 2*time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", int(d.Hours()))
	}
	return fmt.Sprintf("%d days", int(d.Hours()/24))
}
