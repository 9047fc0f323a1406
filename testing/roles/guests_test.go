package roles_test

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"debvisor/internal/tsig"
	"debvisor/testing/lab"
)

// guestHost is a fleet whose node1 has guests and whose node2 is their name server.
type guestHost struct{ *fleet }

func newGuestHost(t *testing.T) guestHost {
	t.Helper()
	if _, err := os.Stat("../../build/collections/ansible_collections/debvisor/core/plugins"); err != nil {
		t.Skip("needs the collection: make collection")
	}
	l := lab.New(t, lab.Options{Nodes: 2, Packages: dnsPackages})
	g := guestHost{&fleet{Lab: l, core: lab.Cores[0], dir: t.TempDir()}}
	key := tsig.New(tsig.VM, 2026112401)
	g.file(t, 1, tsig.ClientPath(tsig.VM), tsig.ClientFile(key).Content)
	g.nameServer(t, key)
	g.on(t, 1, "nft insert rule inet debvisor input udp dport 67 accept && virsh --quiet net-start default && virsh --quiet net-define /dev/stdin <<E && virsh --quiet net-start two\n"+secondNetwork+"\nE")
	g.on(t, 1, buildGuest)
	return g
}

const secondNetwork = `<network><name>two</name><bridge name='virbr1'/><ip address='192.168.123.1' netmask='255.255.255.0'><dhcp><range start='192.168.123.10' end='192.168.123.20'/></dhcp></ip></network>`

// file writes a file for root alone on one node.
func (g guestHost) file(t *testing.T, node int, path, text string) {
	t.Helper()
	if _, err := g.Node(node).ExecInput(t.Context(), text, "sh", "-c", `umask 077 && cat > "$0"`, path); err != nil {
		t.Fatal(err)
	}
}

// nameServer starts a named on node2 with a zone for names and one for addresses.
func (g guestHost) nameServer(t *testing.T, key tsig.Key) {
	t.Helper()
	zone := "$TTL 300\n@ SOA ns1.debvisor.local. root.debvisor.local. 1 3600 600 86400 60\n@ NS ns1.debvisor.local.\n"
	g.file(t, 2, "/var/lib/bind/debvisor.local", zone+"ns1 A "+g.Node(2).IPv4+"\n")
	g.file(t, 2, "/var/lib/bind/reverse", zone)
	g.file(t, 2, "/etc/bind/named.conf", key.Statement()+`
options { directory "/var/cache/bind"; recursion no; listen-on { any; }; dnssec-validation no; allow-transfer { localhost; }; };
zone "debvisor.local" { type primary; file "/var/lib/bind/debvisor.local";
	update-policy { grant `+key.Name()+` subdomain vm.debvisor.local. A AAAA DHCID; }; };
zone "168.192.in-addr.arpa" { type primary; file "/var/lib/bind/reverse";
	update-policy { grant `+key.Name()+` subdomain 168.192.in-addr.arpa. PTR DHCID; }; };
`)
	g.on(t, 2, "chown -R bind:bind /var/lib/bind /etc/bind/named.conf && nft insert rule inet debvisor input meta l4proto { tcp, udp } th dport 53 accept && systemctl start named")
}

// buildGuest makes a guest of the node's own kernel and BusyBox, which asks for an address on each of its interfaces.
const buildGuest = `set -eu
root=$(mktemp -d) images=/var/lib/libvirt/images version=$(ls /lib/modules)
mkdir -p "$root/bin" "$root/proc" "$root/sys" "$root/dev" "$root/modules"
cp /usr/bin/busybox "$root/bin/"
for lib in $(ldd /usr/bin/busybox | grep -o '/[^ ]*'); do mkdir -p "$root${lib%/*}"; cp -L "$lib" "$root$lib"; done
number=10
modprobe -D -S "$version" virtio_net | while read -r kind file _; do
	[ "$kind" != insmod ] || cp "$file" "$root/modules/$number-${file##*/}"
	number=$((number + 1))
done
cat > "$root/init" <<'E'
#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t proc none /proc; mount -t sysfs none /sys; mount -t devtmpfs none /dev
for m in /modules/*; do case $m in *.xz) xzcat "$m" > /m.ko; insmod /m.ko ;; *) insmod "$m" ;; esac; done
for d in /sys/class/net/e*; do ip link set "${d##*/}" up; udhcpc -i "${d##*/}" -n -q -t 30 -T 1 -s /address & done
wait
sleep 100000
E
cat > "$root/address" <<'E'
#!/bin/busybox sh
[ "$1" != bound ] || ip addr add "$ip/$mask" dev "$interface"
E
chmod 755 "$root/init" "$root/address"
(cd "$root" && find . | cpio --create --format=newc --quiet | gzip -1 > "$images/guest.initrd")
cp "/boot/vmlinuz-$version" "$images/guest.kernel"`

// guestXML is a guest with interfaces on networks; without any it runs no kernel either.
func guestXML(name, more string, networks ...string) string {
	devices, boot := "", ""
	for _, n := range networks {
		devices += "<interface type='network'><source network='" + n + "'/><model type='virtio'/></interface>"
		boot = "<kernel>/var/lib/libvirt/images/guest.kernel</kernel><initrd>/var/lib/libvirt/images/guest.initrd</initrd><cmdline>quiet panic=1</cmdline>"
	}
	return "<domain type='qemu'><name>" + name + "</name>" + more + "<memory unit='MiB'>128</memory><os><type arch='x86_64' machine='q35'>hvm</type>" + boot +
		"</os><features><acpi/></features><devices>" + devices + "</devices></domain>"
}

// start starts a guest that is gone when it stops.
func (g guestHost) start(t *testing.T, xml string) {
	t.Helper()
	g.file(t, 1, "/root/guest.xml", xml)
	g.on(t, 1, "virsh --quiet create /root/guest.xml")
}

func (g guestHost) ask(t *testing.T, question string) string {
	t.Helper()
	return g.on(t, 2, "dig +short +time=1 +tries=1 @127.0.0.1 "+question)
}

// until waits until an answer is as it should be and returns it; what the service said is shown when it never is.
func (g guestHost) until(t *testing.T, what string, look func() (string, bool)) string {
	t.Helper()
	began, got := time.Now(), ""
	for range 240 {
		var is bool
		if got, is = look(); is {
			t.Logf("%s: %q after %.1f s", what, got, time.Since(began).Seconds())
			return got
		}
		time.Sleep(250 * time.Millisecond)
	}
	t.Fatalf("%s: it is %q\n%s\n%s", what, got, g.on(t, 1, "journalctl -b -u debvisor-guests --no-pager --output=cat | tail -n 40"), g.on(t, 1, "debvisor vm list; virsh list --all"))
	return ""
}

// has waits until a name has addresses that match.
func (g guestHost) has(t *testing.T, name, pattern string) string {
	t.Helper()
	return g.until(t, name, func() (string, bool) {
		got := g.ask(t, name+".vm.debvisor.local A")
		return got, regexp.MustCompile("^(?:" + pattern + ")$").MatchString(got)
	})
}

// said waits until the service has said something.
func (g guestHost) said(t *testing.T, words string) {
	t.Helper()
	g.until(t, words, func() (string, bool) {
		log := g.on(t, 1, "journalctl -b -u debvisor-guests --no-pager --output=cat")
		return words, strings.Contains(log, words)
	})
}

const (
	one = `192\.168\.122\.\d+`
	two = `192\.168\.123\.\d+`
)

func (g guestHost) role(t *testing.T, want string, args ...string) {
	t.Helper()
	out := g.site(t, "vm_register", append([]string{"--limit", "node1", "--extra-vars", `{"vm_register_servers": ["` + g.Node(2).IPv4 + `"]}`}, args...)...)
	if got := changed(out); got != want || strings.Contains(out, "libvirtd was started before") {
		t.Errorf("changed=%s, not %s\n%s", got, want, out)
	}
}

// timed has the hook's time noted each time that libvirt calls it.
func (g guestHost) timed(t *testing.T) {
	t.Helper()
	g.on(t, 1, `mv /etc/libvirt/hooks/qemu.d/50-debvisor /root/hook && cat > /etc/libvirt/hooks/qemu.d/50-debvisor <<'E' && chmod 755 /etc/libvirt/hooks/qemu.d/50-debvisor
#!/bin/bash
began=$EPOCHREALTIME
/root/hook "$@"
code=$? ended=$EPOCHREALTIME
echo "$((${ended/./} - ${began/./})) $code $2 $1" >> /run/hook-times
exit $code
E
printf '#!/bin/sh\necho "$1 $2" >> /run/operators-own\n' > /etc/libvirt/hooks/qemu && chmod 755 /etc/libvirt/hooks/qemu`)
}

func (g guestHost) showTimes(t *testing.T) {
	t.Helper()
	var all []int
	for line := range strings.SplitSeq(g.on(t, 1, "cat /run/hook-times"), "\n") {
		t.Log("hook, µs, exit code, operation, guest: " + line)
		word, rest, _ := strings.Cut(line, " ")
		took, err := strconv.Atoi(word)
		if err != nil || !strings.HasPrefix(rest, "0 ") {
			t.Errorf("the hook was not content: %s", line)
		}
		all = append(all, took)
	}
	slices.Sort(all)
	t.Logf("%d calls of the hook: median %d µs, most %d µs", len(all), all[len(all)/2], all[len(all)-1])
	if own := g.on(t, 1, "cat /run/operators-own"); !strings.Contains(own, "tiny started") {
		t.Errorf("the operator's own hook was called for\n%s", own)
	}
}

func TestGuestsAreFoundByName(t *testing.T) {
	g := newGuestHost(t)
	g.role(t, "1", "--check")
	g.role(t, "1")
	g.role(t, "0")
	g.timed(t)
	g.start(t, guestXML("tiny", "<description>"+strings.Repeat("A description that is longer than a pipe. ", 5000)+"</description>", "default"))
	address := g.has(t, "tiny", one)
	if name := g.ask(t, "-x "+address); name != "tiny.vm.debvisor.local." {
		t.Errorf("%s leads back to %q", address, name)
	}
	g.withoutNameServer(t)
	g.oddNames(t)
	g.showTimes(t)
	g.boot(t)
}

// withoutNameServer starts and stops guests while nobody answers.
func (g guestHost) withoutNameServer(t *testing.T) {
	t.Helper()
	g.on(t, 2, "systemctl stop named")
	g.start(t, guestXML("both", "", "default", "two"))
	g.on(t, 1, "virsh --quiet destroy tiny")
	g.said(t, "not yet done: register both.vm.debvisor.local with 192.168.")
	g.said(t, "from tiny.vm.debvisor.local: ")
	if list := g.on(t, 1, "debvisor vm list"); !strings.Contains(list, "(not yet)") || strings.Count(list, "since 20") != 2 {
		t.Errorf("debvisor vm list says\n%s", list)
	}
	g.on(t, 2, "systemctl start named")
	g.has(t, "both", one+"\n"+two+"|"+two+"\n"+one)
	g.has(t, "tiny", "")
}

// oddNames starts guests that get no name, and one whose agent never answers.
func (g guestHost) oddNames(t *testing.T) {
	t.Helper()
	odd := []string{"ns1", "a;b", "two words", "$(reboot)", "localhost", "a.b"}
	for _, name := range odd {
		g.start(t, guestXML(name, ""))
		g.said(t, fmt.Sprintf("the guest %q gets no name", name))
	}
	for _, name := range odd {
		g.on(t, 1, "virsh --quiet destroy '"+name+"'")
	}
	agent := "<channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel></devices>"
	g.start(t, strings.Replace(guestXML("silent", "", "default"), "</devices>", agent, 1))
	g.has(t, "silent", one)
	names := strings.Fields(g.on(t, 2, "dig +noall +answer @127.0.0.1 debvisor.local AXFR | awk '$4 == \"A\" { print $1 }' | sort -u"))
	if want := []string{"both.vm.debvisor.local.", "ns1.debvisor.local.", "silent.vm.debvisor.local."}; !slices.Equal(names, want) {
		t.Errorf("there are %v", names)
	}
	if code := g.on(t, 1, "debvisor-vm-register.sh ns1 10.0.0.1 2>/dev/null || echo $?"); code != "4" {
		t.Errorf("registering ns1 by hand ends with %s", code)
	}
	g.on(t, 1, "debvisor-vm-register.sh silent 192.168.7.7")
	g.has(t, "silent", one+"\n192.168.7.7|192.168.7.7\n"+one)
}

// boot cuts the host's power: its guests are gone, and so are their names when it is up again.
func (g guestHost) boot(t *testing.T) {
	t.Helper()
	if err := g.Node(1).Kill(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := g.Node(1).Boot(t.Context()); err != nil {
		t.Fatal(err)
	}
	g.has(t, "both", "")
	g.has(t, "silent", "")
	g.on(t, 1, "mv /root/hook /etc/libvirt/hooks/qemu.d/50-debvisor && virsh --quiet net-start default && nft insert rule inet debvisor input udp dport 67 accept")
	g.start(t, guestXML("again", "", "default"))
	g.has(t, "again", one)
	g.role(t, "0")
	g.role(t, "1", "--extra-vars", "vm_register_state=absent")
	if got := g.ask(t, "again.vm.debvisor.local A") + g.on(t, 1, "debvisor vm list; ls /etc/libvirt/hooks/qemu.d; systemctl is-enabled debvisor-guests.path debvisor-guests.timer || :"); got != "disabled\ndisabled" {
		t.Errorf("what is absent left %q", got)
	}
	g.role(t, "0", "--extra-vars", "vm_register_state=absent")
	if log := g.on(t, 1, "cat /var/log/debvisor/audit.log"); !strings.Contains(log, `"action":"guest remove"`) || strings.Count(log, `"guest":"again"`) != 2 {
		t.Errorf("the record says\n%s", log)
	}
}
