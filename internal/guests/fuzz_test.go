package guests

import (
	"net"
	"testing"
	"time"
)

func FuzzParseDomains(f *testing.F) {
	f.Add([]byte(xmlOf("web", webID, withAgent, webMAC) + xmlOf("a;b", dbID, "", "x")))
	f.Add([]byte("<domain id='1'><name>x"))
	f.Fuzz(func(t *testing.T, text []byte) {
		all, err := parseDomains(text)
		if err != nil && all != nil {
			t.Error("half an answer is used")
		}
		for _, d := range all {
			g := d.guest()
			if !uuidFormat().MatchString(g.UUID) {
				t.Errorf("%q", g.UUID)
			}
			for _, n := range g.NICs {
				isMAC(t, n.MAC)
			}
		}
	})
}

func isMAC(t *testing.T, text string) {
	t.Helper()
	if mac, err := net.ParseMAC(text); err != nil || mac.String() != text {
		t.Errorf("%q is no MAC", text)
	}
}

func FuzzParseAddresses(f *testing.F) {
	f.Add(" vnet0 " + webMAC + " ipv4 10.0.0.5/24\n my net 1 " + dbMAC + " ipv6 fd00::5/64\n")
	f.Add(webID + "\n- - ipv4 N/A\n" + dbID + "\nlo 00:00:00:00:00:00 ipv4 127.0.0.1/8")
	f.Fuzz(func(t *testing.T, text string) {
		for _, s := range parseAddresses(text, dbID, Agent) {
			if isMAC(t, s.mac); s.uuid != dbID || !s.addr.IsValid() || s.addr.Is4In6() || s.source != Agent {
				t.Errorf("%+v", s)
			}
		}
		for _, s := range parseLeased(text) {
			if isMAC(t, s.mac); !uuidFormat().MatchString(s.uuid) || s.addr.Is6() && s.source == Lease {
				t.Errorf("%+v", s)
			}
		}
	})
}

func FuzzParseLeases(f *testing.F) {
	f.Add("2000 " + webMAC + " 10.0.0.5 web 01:" + webMAC + "\nduid 00:01\n2000 7 fd00::5 web 00:03:00:01:" + webMAC + "\n")
	f.Add("0 " + dbMAC + " ::ffff:10.0.0.6 * *\n-1 x y z a")
	f.Fuzz(func(t *testing.T, text string) {
		for _, s := range parseLeases(text, time.Unix(1000, 0)) {
			if isMAC(t, s.mac); !s.addr.Is4() || s.source != Lease {
				t.Errorf("%+v", s)
			}
		}
	})
}
