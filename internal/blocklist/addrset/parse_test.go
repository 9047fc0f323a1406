package addrset_test

import (
	"slices"
	"strings"
	"testing"

	"debvisor/internal/blocklist/addrset"
)

// Each list is one entry a line, and what it is in the shortest form.
func TestEntriesAreRead(t *testing.T) {
	for name, c := range map[string]struct{ list, want string }{
		"nothing":                 {"", ""},
		"a line end":              {"\n", ""},
		"comments":                {"# a\n; b\n  # c\n\t; d\n#", ""},
		"address":                 {"192.0.2.1\n", "192.0.2.1\n"},
		"no final line end":       {"192.0.2.1\n192.0.2.4", "192.0.2.1\n192.0.2.4\n"},
		"CRLF":                    {"192.0.2.1\r\n\r\n192.0.2.4\r\n", "192.0.2.1\n192.0.2.4\n"},
		"byte order mark":         {"\ufeff192.0.2.1\n", "192.0.2.1\n"},
		"mark before a comment":   {"\ufeff# list\n192.0.2.1\n", "192.0.2.1\n"},
		"mark alone":              {"\ufeff", ""},
		"blanks":                  {" \t192.0.2.1 \t\r\n\v2001:db8::1\f\n", "192.0.2.1\n2001:db8::1\n"},
		"inline comment":          {"192.0.2.1 # x\n192.0.2.4#y\n192.0.2.8/30 ; z\n192.0.2.16;\n2001:db8::1 # 2001:db8::2", "192.0.2.1\n192.0.2.4\n192.0.2.8/30\n192.0.2.16\n2001:db8::1\n"},
		"tab and inline comment":  {"192.0.2.1\t#\tx\n", "192.0.2.1\n"},
		"/32 and /128":            {"192.0.2.1/32\n2001:db8::1/128\n", "192.0.2.1\n2001:db8::1\n"},
		"both ends":               {"0.0.0.0\n255.255.255.255\n::\nffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff\n", "0.0.0.0\n255.255.255.255\n::\nffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff\n"},
		"all of IPv4":             {"0.0.0.0/0\n", "0.0.0.0/0\n"},
		"all of IPv4 as a range":  {"0.0.0.0-255.255.255.255\n", "0.0.0.0/0\n"},
		"all of IPv4 in halves":   {"128.0.0.0/1\n0.0.0.0/1\n", "0.0.0.0/0\n"},
		"all of IPv6":             {"::/0\n", "::/0\n"},
		"all of IPv6 as a range":  {"::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff\n", "::/0\n"},
		"all of IPv6 in halves":   {"8000::/1\n::/1", "::/0\n"},
		"the last network":        {"255.255.255.0/24\nffff:ffff:ffff:ffff:ffff:ffff:ffff:ff00/120", "255.255.255.0/24\nffff:ffff:ffff:ffff:ffff:ffff:ffff:ff00/120\n"},
		"all but the ends":        {"0.0.0.1-255.255.255.254", allButEnds},
		"range":                   {"192.0.2.1-192.0.2.2\n192.0.2.8 - 192.0.2.11\n192.0.2.20\t-  192.0.2.20 # x", "192.0.2.1\n192.0.2.2\n192.0.2.8/30\n192.0.2.20\n"},
		"range of IPv6":           {"2001:db8::1 - 2001:db8::3", "2001:db8::1\n2001:db8::2/127\n"},
		"nested":                  {"10.1.0.0/16\n10.0.0.0/8\n10.1.2.3\n10.255.255.255", "10.0.0.0/8\n"},
		"neighbours":              {"10.0.0.128/25\n10.0.0.0/25\n10.0.1.0-10.0.1.255", "10.0.0.0/23\n"},
		"hosts that are networks": {"10.0.0.3\n10.0.0.1\n10.0.0.2\n10.0.0.0\n", "10.0.0.0/30\n"},
		"duplicates":              {"10.0.0.1\n10.0.0.1/32\n10.0.0.1-10.0.0.1\n10.0.0.1", "10.0.0.1\n"},
		"neighbours of a network": {"10.0.0.4/30\n10.0.0.3\n10.0.0.8\n10.0.0.5", "10.0.0.3\n10.0.0.4/30\n10.0.0.8\n"},
		"IPv4 first, sorted":      {"2001:db8::2\n198.51.100.1\n::1\n9.0.0.0/8\n", "9.0.0.0/8\n198.51.100.1\n::1\n2001:db8::2\n"},
		"forms of IPv6":           {"2001:0DB8:0:0:0:0:0:1\n2001:db8:0::1\n2001:db8::c0a8:1\n2001:db8::192.168.0.1", "2001:db8::1\n2001:db8::c0a8:1\n"},
		"mapped":                  {"::ffff:192.0.2.1\n::ffff:c000:204\n::ffff:192.0.2.8/126\n::ffff:192.0.2.16-192.0.2.17\n::FFFF:192.0.2.32/128", "192.0.2.1\n192.0.2.4\n192.0.2.8/30\n192.0.2.16/31\n192.0.2.32\n"},
		"all that is mapped":      {"::ffff:0:0/96", "0.0.0.0/0\n"},
		"up to the mapped":        {"::fffe:0:0/96", "::fffe:0:0/95\n"},
		"across the mapped":       {"::fffe:ffff:ffff-::1:0:0:1", "::fffe:ffff:ffff\n::1:0:0:0/127\n"},
		"ends with the mapped":    {"::/80\n", "::/80\n"},
		"up to the mapped, odd":   {"::fffe:ffff:fffd-::fffe:ffff:ffff\n", "::fffe:ffff:fffd\n::fffe:ffff:fffe/127\n"},
		"prefix with the mapped":  {"::fffe:0:0/95\n::fffc:0:0/95", "::fffc:0:0/94\n"},
		"comment far away":        {"2001:db8::1" + strings.Repeat(" ", 60_000) + "# x", "2001:db8::1\n"},
		"one line of many":        {strings.Repeat("# c\n", 70_000) + "192.0.2.1", "192.0.2.1\n"},
	} {
		s := read(t, c.list)
		if got := text(t, s); got != c.want {
			t.Errorf("%s: got\n%s", name, got)
		}
		if again := read(t, c.want); !again.Equal(s) || again.Digest() != s.Digest() {
			t.Errorf("%s: reads back as %v, not %v", name, again, s)
		}
	}
}

// allButEnds are the 62 prefixes of the longest answer that IPv4 has for one range: 0.0.0.1, 0.0.0.2/31 and so on up to the
// middle, and down from there as in a mirror.
var allButEnds = func() string {
	var up, down []string
	for first := uint32(1); first < 1<<31; first *= 2 {
		r := addrset.Range4{First: first, Last: 2*first - 1}
		up = append(up, r.String())
		down = append(down, addrset.Range4{First: ^r.Last, Last: ^r.First}.String())
	}
	slices.Reverse(down)
	return strings.Join(append(up, down...), "\n") + "\n"
}()

const (
	several  = "more than an entry: write one entry a line, and # before a comment"
	noLength = "the prefix length is no number: write one from 0 to "
	four     = "a number is missing beside a dot: write four, such as 192.0.2.1"
	groups   = "no IPv6 address: write groups of one to four hexadecimal digits, with at most one :: among them"
	name     = "a host name is not looked up: write its addresses"
	nothing  = "no IP address: write an address, a network such as 192.0.2.0/24 or a range such as 192.0.2.1-192.0.2.9"
)

func TestWhatIsNoEntryIsRejectedWithAReason(t *testing.T) {
	for entry, why := range map[string]string{
		"999.1.1.1":                     "a number is more than 255: write four from 0 to 255",
		"1.2.3.256":                     "a number is more than 255: write four from 0 to 255",
		"1.2.3.1000":                    "a number is more than 255: write four from 0 to 255",
		"1.2.3.99999999999999999999":    "a number is more than 255: write four from 0 to 255",
		"010.0.0.1":                     "the number 010 begins with 0, which can mean octal: write it in decimal, without the 0",
		"10.0.0.00":                     "the number 00 begins with 0, which can mean octal: write it in decimal, without the 0",
		"10.0.01.0/24":                  "the number 01 begins with 0, which can mean octal: write it in decimal, without the 0",
		"10.1":                          "an IPv4 address has four numbers, not 2: write it out, such as 192.0.2.1",
		"10.1/16":                       "an IPv4 address has four numbers, not 2: write it out, such as 192.0.2.1",
		"167772161":                     "an IPv4 address has four numbers, not 1: write it out, such as 192.0.2.1",
		"1.2.3.4.5":                     "an IPv4 address has four numbers, not 5: write it out, such as 192.0.2.1",
		"1.2.3.":                        four,
		"1..3.4":                        four,
		".1.2.3.4":                      four,
		"1.2.3.4.":                      four,
		"...":                           four,
		"0.0.0.0/33":                    "the prefix length is more than 32: write one from 0 to 32",
		"10.0.0.0/99":                   "the prefix length is more than 32: write one from 0 to 32",
		"10.0.0.0/33":                   "the prefix length is more than 32: write one from 0 to 32",
		"10.0.0.0/99999999999999999999": "the prefix length is more than 32: write one from 0 to 32",
		"2001:db8::/129":                "the prefix length is more than 128: write one from 0 to 128",
		"10.0.0.0/08":                   "the prefix length begins with 0: write /8",
		"10.0.0.0/00":                   "the prefix length begins with 0: write /0",
		"10.0.0.0/":                     noLength + "32",
		"10.0.0.0/x":                    noLength + "32",
		"10.0.0.0/+8":                   noLength + "32",
		"10.0.0.0//8":                   noLength + "32",
		"2001:db8::/x":                  noLength + "128",
		"10.0.0.0/255.255.255.0":        "a mask instead of a prefix length: write /24",
		"10.0.0.0/0.0.0.0":              "a mask instead of a prefix length: write /0",
		"10.0.0.0/255.0.255.0":          "a mask with holes is no network: write the networks it stands for",
		"/8":                            "an address is missing: write it before and behind the sign",
		"-":                             "an address is missing: write it before and behind the sign",
		"-192.0.2.1":                    "an address is missing: write it before and behind the sign",
		"192.0.2.1-":                    "an address is missing: write it before and behind the sign",
		"192.0.2.9-192.0.2.1":           "the range ends before it begins: write the lower address first",
		"2001:db8::2-2001:db8::1":       "the range ends before it begins: write the lower address first",
		"192.0.2.1-2001:db8::1":         "a range from one family to the other: write a range of IPv4 and one of IPv6",
		"::-::ffff:192.0.2.1":           "a range from one family to the other: write a range of IPv4 and one of IPv6",
		"192.0.2.0/24-192.0.3.0/24":     "a range of networks: write the first and the last address, such as 192.0.2.0-192.0.2.9",
		"192.0.2.0-192.0.3.0/24":        "a range of networks: write the first and the last address, such as 192.0.2.0-192.0.2.9",
		"192.0.2.1-5":                   "an IPv4 address has four numbers, not 1: write it out, such as 192.0.2.1",
		"192.0.2.1-192.0.2.2-192.0.2.3": nothing,
		"192.0.2.1 192.0.2.2":           several,
		"192.0.2.1, 192.0.2.2":          several,
		"192.0.2.1,":                    several,
		"192.0.2.1 bad host":            several,
		"192.0.2.0/24 bad net":          several,
		"192.0.2.0 /24":                 several,
		"192.0.2.0/ 24":                 several,
		"2001:db8::1 x":                 several,
		"fe80::1%eth0":                  "a zone makes it an address of one link only: write fe80::1",
		"fe80::%eth0/64":                "a zone makes it an address of one link only: write fe80::",
		"fe80::1%eth0-fe80::2%eth0":     "a zone makes it an address of one link only: write fe80::1",
		"192.0.2.1%eth0":                "a zone makes it an address of one link only: write 192.0.2.1",
		"::ffff:0:0/95":                 "a network of IPv4-mapped addresses has /96 or more: write the IPv4 network",
		"::ffff:192.0.2.1/24":           "a network of IPv4-mapped addresses has /96 or more: write the IPv4 network",
		"192.0.2.1:80":                  "a port: write the address alone",
		"[2001:db8::1]:80":              "a port: write the address alone",
		"[2001:db8::1]":                 "an address in brackets: write it without them",
		"1::2::3":                       groups,
		"2001:db8:::1":                  groups,
		"12345::":                       groups,
		":":                             groups,
		"2001:db8::010.0.0.1":           groups,
		"localhost":                     name,
		"bad.example.net":               name,
		"bad-host.example":              name,
		"0x7f.0.0.1":                    name,
		"1.2.3.4a":                      name,
		"192.0.2.1-example":             name,
		"<html>":                        nothing,
		"*":                             nothing,
		"192.0.2.*":                     nothing,
		"!192.0.2.1":                    nothing,
		"١.2.3.4":                       nothing,
		"192.0.2.1\u00a0":               nothing,
		"\ufeff\ufeff192.0.2.1":         nothing,
		"\xff\xfe1\x00.\x00":            "a zero byte: save the list as plain text in UTF-8",
		"192.0.2.1\r192.0.2.2":          several,
		"10.9.9.9" + strings.Repeat(" ", 300<<10) + "x":       "longer than any entry: write one entry a line, and # before a comment",
		"10.9.9.9" + strings.Repeat(" ", 100<<10):             "longer than any entry: write one entry a line, and # before a comment",
		strings.Repeat("1", 201):                              "longer than any entry: write one entry a line, and # before a comment",
		"192.0.2.1-" + strings.Repeat(" ", 200) + "192.0.2.2": "longer than any entry: write one entry a line, and # before a comment",
		strings.Repeat(" ", 64<<10) + "192.0.2.1":             "longer than any entry: write one entry a line, and # before a comment",
	} {
		var r addrset.Reader
		if err := r.Read("a.txt", strings.NewReader("10.0.0.1\n"+entry+" # 10.0.0.2\n10.0.0.3")); err != nil {
			t.Fatal(err)
		}
		// A comment ends the long lines of which only the beginning is looked at.
		rejected, n := r.Rejected()
		if n != 1 || len(rejected) != 1 || rejected[0].Why != why || rejected[0].File != "a.txt" || rejected[0].Line != 2 {
			t.Errorf("%.80q: got %d %+v", entry, n, rejected)
		}
		if got := text(t, r.Set()); got != "10.0.0.1\n10.0.0.3\n" {
			t.Errorf("%.80q: the lines around it are\n%s", entry, got)
		}
	}
}

func TestARejectedLineIsNamed(t *testing.T) {
	for r, want := range map[addrset.Rejected]string{
		{File: "/etc/debvisor/blocklist.txt", Line: 7, Text: "10.1", Why: "no"}: `/etc/debvisor/blocklist.txt:7: "10.1": no`,
		{File: "x", Line: 1, Text: "\x1b[2J", Why: "no"}:                        `x:1: "\x1b[2J": no`,
	} {
		if got := r.String(); got != want {
			t.Errorf("got %s", got)
		}
	}
}

func TestHostBitsAreTakenOffWithAWarning(t *testing.T) {
	for entry, want := range map[string]string{
		"192.0.2.77/24":             "192.0.2.0/24",
		"1.2.3.4/0":                 "0.0.0.0/0",
		"192.0.2.1/31 # x":          "192.0.2.0/31",
		"2001:db8::1/64":            "2001:db8::/64",
		"2001:db8::1/127":           "2001:db8::/127",
		"::1/0":                     "::/0",
		"::ffff:192.0.2.77/120":     "192.0.2.0/24",
		"ffff:ffff::ffff/1":         "8000::/1",
		"2001:db8:0:1::/63":         "2001:db8::/63",
		"255.255.255.255/25":        "255.255.255.128/25",
		"  192.0.2.77/24\t; spaces": "192.0.2.0/24",
	} {
		var r addrset.Reader
		if err := r.Read("a.txt", strings.NewReader("\n"+entry+"\n")); err != nil {
			t.Fatal(err)
		}
		if got := text(t, r.Set()); got != want+"\n" {
			t.Errorf("%s is taken as %s", entry, got)
		}
		warnings, n := r.Warnings()
		bare := strings.Trim(strings.FieldsFunc(entry, func(c rune) bool { return c == '#' || c == ';' })[0], " \t")
		if said := `a.txt:2: "` + bare + `" has host bits set: taken as ` + want; n != 1 || len(warnings) != 1 || warnings[0].String() != said {
			t.Errorf("%s: got %d %v", entry, n, warnings)
		}
	}
	for _, entry := range []string{"192.0.2.0/24", "192.0.2.1/32", "0.0.0.0/0", "2001:db8::/64", "::ffff:192.0.2.0/120", "192.0.2.1-192.0.2.5"} {
		var r addrset.Reader
		if err := r.Read("a.txt", strings.NewReader(entry)); err != nil {
			t.Fatal(err)
		}
		if warnings, n := r.Warnings(); n != 0 || len(warnings) != 0 {
			t.Errorf("%s: got %d %v", entry, n, warnings)
		}
	}
}
