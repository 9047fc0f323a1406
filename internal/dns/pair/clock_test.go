package pair

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"debvisor/internal/tsig"

	"github.com/miekg/dns"
)

// A peer whose clock is wrong accepts no signature. It counts as silent, since nothing that it says can be relied on; that
// it is the clock is what status and health say of the silence.
func TestAPeerWithAnotherClockIsSilentAndSaysWhy(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root")
	}
	peer := netip.MustParseAddr("127.94.0.2")
	otherClock(t, at(peer), 10*time.Minute)
	z := &zone{name: "debvisor.local", seen: time.Now().Add(-time.Minute), missed: missesSilent}
	z.view = View{Self: addresses[0], Peer: peer}
	v := z.view
	_, err := v.seePeer(t.Context(), z, []tsig.Key{tsig.New(tsig.Transfer, 2026112401)})
	z.missed, z.blind = seen(z.missed, err)
	z.view = v
	if v.Sees != Silent {
		t.Errorf("the peer %s", v.Sees)
	}
	if said := z.report().String(); !strings.Contains(said, "asking the peer: the clock of this machine is") || !strings.Contains(said, "behind that of 127.94.0.2:53 (BADTIME)") {
		t.Errorf("an operator is told %s", said)
	}
}

// otherClock is a name server that is ahead.
func otherClock(t *testing.T, at netip.AddrPort, ahead time.Duration) {
	t.Helper()
	conn, err := net.ListenPacket("udp", at.String())
	if err != nil {
		t.Fatal(err)
	}
	s := &dns.Server{PacketConn: conn, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		asked := q.IsTsig()
		if asked == nil {
			return
		}
		m := new(dns.Msg)
		m.SetRcode(q, dns.RcodeNotAuth)
		m.Extra = []dns.RR{&dns.TSIG{Hdr: dns.RR_Header{Name: asked.Hdr.Name, Rrtype: dns.TypeTSIG, Class: dns.ClassANY}, Algorithm: asked.Algorithm,
			TimeSigned: asked.TimeSigned, Fudge: 300, OrigId: q.Id, Error: dns.RcodeBadTime, OtherLen: 6,
			OtherData: fmt.Sprintf("%012X", time.Now().Add(ahead).Unix())}}
		if err := w.WriteMsg(m); err != nil {
			t.Error(err)
		}
	})}
	ended := make(chan error, 1)
	go func() { ended <- s.ActivateAndServe() }()
	t.Cleanup(func() {
		conn.Close()
		<-ended
	})
}
