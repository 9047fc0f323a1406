package nft

import (
	"net/netip"
	"testing"
)

func networks(texts ...string) []netip.Prefix {
	var all []netip.Prefix
	for _, s := range texts {
		all = append(all, netip.MustParsePrefix(s))
	}
	return all
}

// services are one open to all, one to networks of both families, and a range for IPv6 alone.
var services = Config{Services: []Service{
	{Name: "dns", Protocol: "udp", Ports: Ports{53, 53}},
	{Name: "cockpit", Protocol: "tcp", Ports: Ports{9090, 9090}, From: networks("10.0.0.0/8", "192.0.2.7/32", "10.1.0.0/16", "fd00::/64")},
	{Name: "vnc", Protocol: "tcp", Ports: Ports{5900, 5910}, From: networks("fd00::/64")},
}}

func TestEachBadServiceIsNamed(t *testing.T) {
	c := Config{Services: []Service{
		{Name: "web", Protocol: "tcp", Ports: Ports{80, 80}},
		{Name: "Web", Protocol: "sctp", Ports: Ports{80, 80}},
		{Name: "web", Protocol: "udp", Ports: Ports{90, 80}},
		{Protocol: "tcp", Ports: Ports{20, 30}},
		{Name: "range", Protocol: "tcp", Ports: Ports{79, 90}},
	}}
	const want = `service "Web": its name must begin with a small letter and have at most 16 small letters, digits, - and _
service "Web": its protocol is "sctp", not tcp or udp
service "web": 90-80 are no ports
service "web": there is another service of that name
service "number 4": its name must begin with a small letter and have at most 16 small letters, digits, - and _
service "number 4": port 22 is SSH, which the management networks open
service "range": service "web" opens tcp 80 already`
	if err := c.Check(); err == nil || err.Error() != want {
		t.Errorf("got\n%v", err)
	}
	if err := services.Check(); err != nil {
		t.Error(err)
	}
	if _, err := Plan(t.Context(), newNode(t).Host, c); err == nil {
		t.Error("it was planned all the same")
	}
}

func TestPortsAreAPortOrARange(t *testing.T) {
	for text, want := range map[string]Ports{"443": {443, 443}, "5900-5910": {5900, 5910}, "1-65535": {1, 65535}} {
		if got, err := ParsePorts(text); err != nil || got != want || got.String() != text {
			t.Errorf("%s: got %s, %v", text, got, err)
		}
	}
	for _, wrong := range []string{"", "0", "65536", "20-10", "1-", "-1", "http", "80,443", "1-2-3", " 80", "+80"} {
		if got, err := ParsePorts(wrong); err == nil {
			t.Errorf("%q: got %s", wrong, got)
		}
	}
}

// What an earlier text left would be a difference between the kernel and the files, and a chain at a hook would go on.
func TestWhatATextNoLongerHasIsDeleted(t *testing.T) {
	r := ruleset("table inet debvisor {\n\tset management4 {\n\t}\n\tset service4_cockpit {\n\t}\n\tset service4_dns {\n\t}\n\tmap old {\n\t}\n" +
		"\tset mine {\n\t}\n\tchain input {\n\t}\n\tchain in {\n\t}\n\tchain own {\n\t}\n}\ntable inet other {\n\tchain x {\n\t}\n}\n")
	text := Base(services) + "table inet debvisor {\n\tset mine { type ipv4_addr; }\n}\nadd chain inet debvisor own\nadd set inet debvisor service4_dns-2\n"
	const want = "flush table inet debvisor\ndelete set inet debvisor service4_dns\ndelete map inet debvisor old\ndelete chain inet debvisor in\n"
	if got := r.stale(text); got != want {
		t.Errorf("got\n%s", got)
	}
}

func TestTheBlocklistIsReadAgainOnlyWhereItIsMissing(t *testing.T) {
	n := newNode(t)
	n.put(DropInDir+"/20-dns.conf", "# dns\n")
	if got := ruleset("").blocklist(n.Host); got != "" {
		t.Errorf("without its file: %q", got)
	}
	n.put(blocklistFile, "# an address\n")
	if got := ruleset("").blocklist(n.Host); got != "include \"/etc/nftables.d/10-blocklist.conf\"\n" {
		t.Errorf("without its table: %q", got)
	}
	if got := ruleset("table inet debvisor_blocklist {\n\tset x {\n\t}\n}\n").blocklist(n.Host); got != "" {
		t.Errorf("with its table: %q", got)
	}
	n.apply(n.plan(Config{}, Options{}))
	n.put(blocklistFile, "# another address\n")
	if left := n.plan(Config{}, Options{}); len(left) > 0 {
		t.Errorf("after the blocklist changed: %v", left)
	}
}
