package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"debvisor/config"
)

// good is the least that a node needs; tests change one thing in it.
const good = `version: 1
host: {fqdn: hv01.lab.example}
users:
  - name: alex
    admin: true
    ssh_keys: [ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f alex@desk]
network:
  ports: [{mac: "52:54:00:12:34:56"}]
storage:
  profile: zfs
  system: {match: {serial: QM00001}}
`

func TestDefaultsAreFilledIn(t *testing.T) {
	n, err := config.ParseNode("a.yaml", []byte(good))
	if err != nil {
		t.Fatal(err)
	}
	if n.Host.Timezone != "UTC" || n.Host.Keyboard != "us" || n.Install.After != "reboot" ||
		n.Network.IPv4.Method != "dhcp" || n.Network.IPv6.Method != "auto" || n.Storage.System.Count != 1 {
		t.Errorf("%+v", n)
	}
}

func TestAddressesHaveAShortAndALongForm(t *testing.T) {
	text := good + "  data: [{match: {size: '>=1TB'}, count: 2}]\n"
	text = strings.Replace(text, "network:\n", "network:\n  ipv4: {address: 10.0.0.11/24, gateway: 10.0.0.1}\n  ipv6: none\n", 1)
	n, err := config.ParseNode("a.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if n.Network.IPv4.Method != "static" || n.Network.IPv6.Method != "none" || n.Storage.Data[0].Count != 2 {
		t.Errorf("%+v", n.Network)
	}
}

// Each case replaces a line of the good answers; the finding must name the place and what is wrong.
func TestWhatCannotBeIsFound(t *testing.T) {
	cases := []struct{ name, old, new, want string }{
		{"unknown key", "profile: zfs", "profil: zfs", "10:3: storage.profil: unknown key\n\thint: did you mean profile?"},
		{"no version", "version: 1\n", "", "version: must be 1"},
		{"no name", "{fqdn: hv01.lab.example}", "{timezone: UTC}", "2:7: host.fqdn: is missing"},
		{"short name", "hv01.lab.example", "hv01", `2:14: host.fqdn: "hv01" is not a full host name`},
		{"upper case", "hv01.lab.example", "HV01.lab.example", "is not a full host name"},
		{"an address for a name", "hv01.lab.example", "10.0.0.1", "is not a full host name"},
		{"overlong label", "hv01.lab", strings.Repeat("a", 64) + ".lab", "is not a full host name"},
		{"zone", "example}", "example, timezone: Mars/Base}", `"Mars/Base" is not a time zone`},
		{"zone as a path", "example}", "example, timezone: ../../etc/passwd}", "is not a time zone"},
		{"a zone of a tree beside the zones", "example}", "example, timezone: right/Europe/Vienna}", "is not a time zone"},
		{"a file beside the zones", "example}", "example, timezone: posixrules}", "is not a time zone"},
		{"keyboard", "example}", "example, keyboard: $(id)}", "is not a keyboard layout"},
		{"a keyboard that setupcon does not know", "example}", "example, keyboard: xx}", `"xx" is not a keyboard layout`},
		{"a language for a keyboard", "example}", "example, keyboard: en}", "hint: write us or gb"},
		{"a country for a keyboard", "example}", "example, keyboard: uk}", "hint: write gb, or ua for Ukrainian"},
		{"account of the system", "name: alex", "name: root", `4:11: users[0].name: "root" is a name of the system`},
		{"account without a login", "name: alex", "name: games", `"games" is a name of the system`},
		{"group that reads every disk", "name: alex", "name: disk", `"disk" is a name of the system`},
		{"group of a package", "name: alex", "name: docker", `"docker" is a name of the system`},
		{"account of our own", "name: alex", "name: webpanel", `"webpanel" is a name of the system`},
		{"account name", "name: alex", "name: Alex Smith", "is not an account name"},
		{"nobody can log in", "admin: true", "admin: false", "4:3: users: nobody could log in and administer this machine"},
		{"private key", "ssh-ed25519 AAAA", "-----BEGIN OPENSSH PRIVATE KEY----- AAAA", "this is a private key"},
		{"damaged key", "AAAAC3NzaC1lZDI1NTE5AAAAIAABAgME", "AAAAC3Nza", "the key is damaged"},
		{"old key type", "ssh-ed25519 ", "ssh-dss ", "unknown or too weak"},
		{"plain password", "admin: true", "admin: true\n    password_hash: hunter2", "plain passwords are never taken"},
		{"a password key", "admin: true", "admin: true\n    password: hunter2", "users[0].password: unknown key"},
		{"two names for a port", `{mac: "52:54:00:12:34:56"}`, `{mac: "52:54:00:12:34:56", name: eth0}`, "needs either mac or name"},
		{"mac", "52:54:00:12:34:56", "52:54:00:12:34", "is not a hardware address"},
		{"mac of every card", "52:54:00:12:34:56", "ff:ff:ff:ff:ff:ff", `"ff:ff:ff:ff:ff:ff" is not the address of one card`},
		{"mac of a group", "52:54:00:12:34:56", "01:00:5e:00:00:01", "is not the address of one card"},
		{"mac of no card", "52:54:00:12:34:56", "00:00:00:00:00:00", "is not the address of one card"},
		{"the same mac in two spellings", `{mac: "52:54:00:12:34:56"}`, `{mac: "52:54:00:AB:34:56"}, {mac: 52-54-00-ab-34-56}`, "network.ports[1]: the same card appears twice"},
		{"the bridge in itself", `{mac: "52:54:00:12:34:56"}`, "{name: br0}", "cannot be in the bridge"},
		{"the same card twice", `{mac: "52:54:00:12:34:56"}`, `{name: eth0}, {name: eth0}`, "the same card appears twice"},
		{"vlan", "network:", "network:\n  vlan: 4095", "8:9: network.vlan: must be 1 to 4094"},
		{"vlan 0", "network:", "network:\n  vlan: 0", "network.vlan: must be 1 to 4094"},
		{"netmask 33", "network:", "network:\n  ipv4: {address: 10.0.0.1/33}", "is not an address of this family"},
		{"wrong family", "network:", "network:\n  ipv4: {address: fd00::1/64}", "is not an address of this family"},
		{"no prefix", "network:", "network:\n  ipv4: {address: 10.0.0.1}", "is not an address of this family"},
		{"network address", "network:", "network:\n  ipv4: {address: 10.0.0.0/24}", "is the network's own address"},
		{"gateway elsewhere", "network:", "network:\n  ipv4: {address: 10.0.0.2/24, gateway: 10.0.1.1}", "10.0.1.1 is not in 10.0.0.0/24"},
		{"own gateway", "network:", "network:\n  ipv4: {address: 10.0.0.2/24, gateway: 10.0.0.2}", "is the machine's own address"},
		{"dhcp with an address", "network:", "network:\n  ipv4: {method: dhcp, address: 10.0.0.2/24}", "contradict each other"},
		{"unknown method", "network:", "network:\n  ipv4: dhpc", "did you mean dhcp?"},
		{"no address at all", "network:", "network:\n  ipv4: none\n  ipv6: none", "no address at all"},
		{"host bits", "network:", "network:\n  management: [10.0.0.1/24]", "hint: write 10.0.0.0/24"},
		{"no profile", "  profile: zfs\n", "", "storage.profile: is missing"},
		{"unknown profile", "profile: zfs", "profile: zsf", "did you mean zfs?"},
		{"no system disk", "  system: {match: {serial: QM00001}}\n", "", "storage.system.match: no rule says which disk is meant"},
		{"two system disks", "{match: {serial: QM00001}}", "{count: 2, match: {serial: QM00001}}", "the system is on exactly one disk"},
		{"bad size", "serial: QM00001", "size: big", `11:26: storage.system.match.size: size "big"`},
		{"unknown attribute", "serial: QM00001", "seriel: QM00001", "did you mean serial?"},
		{"pattern to wipe", "storage:", "storage:\n  wipe: ['QM*']", "10:10: storage.wipe[0]: invalid disk rule"},
		{"the same disk twice", "storage:", "storage:\n  data: [{match: {serial: QM00001}}]", "is the same rule as storage.system.match"},
		{"the same data disk twice", "storage:", "storage:\n  data: [{match: {rotational: true}}, {match: {serial: B}}, {match: {rotational: true}}]", "storage.data[2].match: is the same rule as storage.data[0].match"},
		{"addon", "storage:", "addons: [monitoring]\nstorage:", `addons[0]: "monitoring" is unknown`},
		{"after", "storage:", "install: {after: restart}\nstorage:", `install.after: "restart" is unknown`},
	}
	for _, c := range cases {
		text := strings.Replace(good, c.old, c.new, 1)
		if text == good {
			t.Errorf("%s: the case changes nothing", c.name)
		}
		if _, err := config.ParseNode("a.yaml", []byte(text)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v\nwant %s", c.name, err, c.want)
		}
	}
}

func TestZonesAndKeyboardsThatANodeHasAreTaken(t *testing.T) {
	for _, host := range []string{"timezone: US/Eastern", "timezone: Europe/Kiev", "timezone: CET", "timezone: Etc/GMT+1", "timezone: America/Port-au-Prince",
		"timezone: America/North_Dakota/New_Salem", "keyboard: gb", "keyboard: latam", "keyboard: ch"} {
		if _, err := config.ParseNode("a.yaml", []byte(strings.Replace(good, "example}", "example, "+host+"}", 1))); err != nil {
			t.Errorf("%s: %v", host, err)
		}
	}
}

// Packages of the editions make accounts; one that is new must be in the list before an image has it.
func TestEveryAccountOfAnImageIsANameOfTheSystem(t *testing.T) {
	users, err := filepath.Glob("../build/cache/root-*/etc/passwd")
	if err != nil {
		t.Fatal(err)
	}
	groups, err := filepath.Glob("../build/cache/root-*/etc/group")
	if err != nil {
		t.Fatal(err)
	}
	if len(users)+len(groups) == 0 {
		t.Skip("no image was built here")
	}
	for _, f := range append(users, groups...) {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(data)) {
			name, _, _ := strings.Cut(line, ":")
			_, err := config.ParseNode("a.yaml", []byte(strings.Replace(good, "name: alex", "name: "+name, 1)))
			if err == nil || !strings.Contains(err.Error(), "is a name of the system") {
				t.Errorf("%s: %s: got %v", f, name, err)
			}
		}
	}
}

func TestThreeMistakesAreThreeFindings(t *testing.T) {
	text := strings.NewReplacer("hv01.lab.example", "hv01", "profile: zfs", "profile: zsf", "52:54:00:12:34:56", "52:54").Replace(good)
	_, err := config.ParseNode("a.yaml", []byte(text))
	if err == nil || strings.Count(err.Error(), "a.yaml:") != 3 {
		t.Errorf("got %v", err)
	}
}

func TestTheDocumentedExamplesAreGood(t *testing.T) {
	files, err := filepath.Glob("../docs/examples/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no examples: %v", err)
	}
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := config.ParseNode(f, data); err != nil {
			t.Error(err)
		}
	}
}

func FuzzParseNode(f *testing.F) {
	f.Add(good)
	f.Fuzz(func(t *testing.T, text string) {
		if n, err := config.ParseNode("a.yaml", []byte(text)); err == nil && (n.Host.FQDN == "" || n.Storage.Profile == "") {
			t.Errorf("accepted %q", text)
		}
	})
}
