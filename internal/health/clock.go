package health

import (
	"context"
	"strings"
)

// Fields of chronyc's tracking report: the server's name, seconds off, and whether the clock follows anything at all.
const (
	trackingName   = 1
	trackingOffset = 4
	trackingLeap   = 13
)

func clock(ctx context.Context, n *Node, r *Result) error {
	if err := n.service(ctx, r, "chrony.service"); err != nil || r.Status == Fail {
		return err
	}
	out, err := n.Run(ctx, "chronyc", "-c", "tracking")
	if err != nil {
		return err
	}
	f := strings.Split(strings.TrimSpace(string(out)), ",")
	switch {
	case len(f) <= trackingLeap:
		r.fail("chronyc says %q", strings.TrimSpace(string(out)))
	case f[trackingLeap] == "Not synchronised":
		r.warn("not synchronised yet: no time server has answered")
	default:
		r.ok("follows %s, %s s off", f[trackingName], f[trackingOffset])
	}
	return n.zone(r)
}

func (n *Node) zone(r *Result) error {
	want, err := n.answers()
	if err != nil {
		return nil // the clock itself has been looked at; the zone is only known to who may read the answers
	}
	target, err := n.Readlink("/etc/localtime")
	if err != nil {
		return err
	}
	if zone := want.Host.Timezone; !strings.HasSuffix(target, "/zoneinfo/"+zone) {
		r.fail("/etc/localtime leads to %s, the answers say %s", target, zone)
	}
	return nil
}
