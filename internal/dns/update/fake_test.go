package update

import (
	"net"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"debvisor/internal/host/hosttest"
	"github.com/miekg/dns"
)

const fakeZone = "debvisor.test."

// fake is a name server that does what a test tells it.
type fake struct {
	at     netip.AddrPort
	signer *signer

	mu       sync.Mutex
	serial   uint32
	writer   string // the record of who writes; "" for none
	records  map[string][]dns.RR
	updates  int
	silent   bool
	refuses  bool
	unsigned bool          // answers are not signed
	onUpdate func(f *fake) // after an update was taken, before its answer; with the lock held
	onSerial func(f *fake) // before the serial is told
}

// fakes are name servers at 127.0.0.1, 127.0.0.2 and so on, all at one port.
func fakes(t *testing.T, n int) []*fake {
	t.Helper()
	port := uint16(hosttest.FreePort(t, "127.0.0.1"))
	s, err := newSigner(nodeKey)
	if err != nil {
		t.Fatal(err)
	}
	var all []*fake
	for i := range n {
		f := &fake{at: netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, byte(i + 1)}), port), signer: s, serial: 10, records: map[string][]dns.RR{}}
		f.serve(t)
		all = append(all, f)
	}
	return all
}

func (f *fake) serve(t *testing.T) {
	t.Helper()
	conn, err := net.ListenPacket("udp", f.at.String())
	if err != nil {
		t.Fatal(err)
	}
	s := &dns.Server{PacketConn: conn, Handler: dns.HandlerFunc(f.handle), TsigProvider: f.signer,
		MsgAcceptFunc: func(dns.Header) dns.MsgAcceptAction { return dns.MsgAccept }}
	ended := make(chan error, 1)
	go func() { ended <- s.ActivateAndServe() }()
	t.Cleanup(func() {
		conn.Close()
		<-ended
	})
}

func (f *fake) handle(w dns.ResponseWriter, q *dns.Msg) {
	f.mu.Lock()
	if f.silent || w.TsigStatus() != nil {
		f.mu.Unlock()
		return
	}
	m := new(dns.Msg)
	m.SetReply(q)
	m.Authoritative = true
	if q.Opcode == dns.OpcodeUpdate {
		m.Rcode = f.update(q)
	} else {
		f.answer(m, q.Question[0])
	}
	if !f.unsigned {
		m.SetTsig(f.signer.name, dns.HmacSHA256, fudge, time.Now().Unix())
	}
	f.mu.Unlock()
	w.WriteMsg(m)
}

func (f *fake) update(q *dns.Msg) int {
	if f.refuses {
		return dns.RcodeRefused
	}
	for _, p := range q.Answer {
		h := p.Header()
		same := func(r dns.RR) bool { return h.Rrtype == dns.TypeANY || h.Rrtype == r.Header().Rrtype }
		if h.Class == dns.ClassNONE && slices.ContainsFunc(f.records[h.Name], same) {
			return dns.RcodeYXDomain
		}
	}
	if f.records == nil {
		f.records = map[string][]dns.RR{}
	}
	for _, r := range q.Ns {
		if r.Header().Class == dns.ClassNONE {
			gone := func(o dns.RR) bool { return o.Header().Rrtype == r.Header().Rrtype }
			f.records[r.Header().Name] = slices.DeleteFunc(f.records[r.Header().Name], gone)
			continue
		}
		f.records[r.Header().Name] = append(f.records[r.Header().Name], r)
	}
	f.serial++
	f.updates++
	if f.onUpdate != nil {
		f.onUpdate(f)
	}
	return dns.RcodeSuccess
}

func (f *fake) answer(m *dns.Msg, q dns.Question) {
	soa := &dns.SOA{Hdr: dns.RR_Header{Name: fakeZone, Rrtype: dns.TypeSOA, Class: dns.ClassINET}, Ns: "ns.", Mbox: "m.", Serial: f.serial}
	switch {
	case q.Name == fakeZone && q.Qtype == dns.TypeSOA:
		if f.onSerial != nil {
			f.onSerial(f)
		}
		soa.Serial = f.serial
		m.Answer = []dns.RR{soa}
	case q.Name == "_writer."+fakeZone && f.writer != "":
		m.Answer = []dns.RR{&dns.TXT{Hdr: dns.RR_Header{Name: q.Name, Rrtype: dns.TypeTXT, Class: dns.ClassINET}, Txt: []string{f.writer}}}
	case len(f.records[q.Name]) == 0:
		m.Rcode, m.Ns = dns.RcodeNameError, []dns.RR{soa}
	default:
		for _, r := range f.records[q.Name] {
			if r.Header().Rrtype == q.Qtype {
				m.Answer = append(m.Answer, r)
			}
		}
		m.Ns = []dns.RR{soa}
	}
}

// copyTo gives another server all that this one has.
func (f *fake) copyTo(o *fake) {
	f.mu.Lock()
	serial, writer, records := f.serial, f.writer, map[string][]dns.RR{}
	for name, rs := range f.records {
		records[name] = append([]dns.RR(nil), rs...)
	}
	f.mu.Unlock()
	o.set(func() { o.serial, o.writer, o.records = serial, writer, records })
}

func (f *fake) set(do func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	do()
}

// taken is how many updates it took.
func (f *fake) taken() (n int) {
	f.set(func() { n = f.updates })
	return n
}

// knows reports whether a name is there.
func (f *fake) knows(name string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.records[name+"."]) > 0
}
