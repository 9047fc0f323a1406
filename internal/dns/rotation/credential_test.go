package rotation

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"debvisor/internal/host"
	"debvisor/internal/host/hosttest"
)

const publicKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIExample tsig-rotator\n"

func TestARunnerMayLogInFromItsAddressAlone(t *testing.T) {
	m := hosttest.New(t, "-- etc/passwd --\nroot:x:0:0:root:/root:/bin/bash\n")
	useradd := "useradd --system --user-group --no-create-home --home-dir /var/lib/debvisor-tsig --shell /bin/sh --password '*' debvisor-tsig"
	m.Runner.Do(useradd, func(host.Cmd) {
		place(t, m.Host, host.File{Path: "/etc/passwd", Content: "debvisor-tsig:x:990:990::/var/lib/debvisor-tsig:/bin/sh\n", Mode: 0o644})
	})
	c := Credential{Keys: []string{publicKey}, From: []netip.Addr{netip.MustParseAddr("10.0.0.2"), netip.MustParseAddr("fd00::2")}}
	changes, err := PlanCredential(m.Host, c)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Apply(t.Context(), changes); err != nil {
		t.Fatal(err)
	}
	got, err := m.ReadFile(PeerKeysPath)
	if err != nil || !strings.HasSuffix(string(got), "\nrestrict,from=\"10.0.0.2,fd00::2\" ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIExample\n") {
		t.Errorf("%s, %v", got, err)
	}
	if again, err := PlanCredential(m.Host, c); err != nil || len(again) > 0 {
		t.Errorf("again: %v, %v", again, err)
	}
	place(t, m.Host, host.Absent{Path: PeerKeysPath})
	if changes, err := PlanCredential(m.Host, Credential{Keys: []string{publicKey}}); err != nil || strings.Contains(changes[0].(host.Write).After, "ssh-ed25519") {
		t.Errorf("from nowhere: %v, %v", changes, err)
	}
}

func place(t *testing.T, h *host.Host, wants ...host.Want) {
	t.Helper()
	changes, err := h.Need(wants...)
	if err == nil {
		err = h.Apply(t.Context(), changes)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestWhatIsNoPublicKeyIsRefused(t *testing.T) {
	h := hosttest.New(t, "").Host
	for _, key := range []string{"", "ssh-ed25519", "command=\"x\" ssh-ed25519 AAAA", "ssh-ed25519 AAAA\nssh-ed25519 BBBB", "-----BEGIN OPENSSH PRIVATE KEY-----"} {
		if changes, err := PlanCredential(h, Credential{Keys: []string{key}, From: []netip.Addr{netip.MustParseAddr("10.0.0.2")}}); err == nil {
			t.Errorf("%q: %v", key, changes)
		}
	}
}

func TestTheRunnersKeyIsMadeOnce(t *testing.T) {
	m := hosttest.New(t, "")
	generate := "make the SSH key of tsig-rotator: ssh-keygen -q -t ed25519 -N '' -C tsig-rotator -f " + RunnerKeyPath + "\n" +
		"set " + RunnerKeyPath + " to 0640, root:tsig-rotator\n"
	changes, err := PlanRunnerKey(m.Host)
	if err != nil || !strings.HasSuffix(hosttest.Lines(changes), generate) {
		t.Errorf("got\n%s%v", hosttest.Lines(changes), err)
	}
	place(t, m.Host, host.Dir{Path: sshDir, Mode: 0o755}, host.File{Path: RunnerKeyPath, Content: "x", Mode: 0o600})
	if changes, err := PlanRunnerKey(m.Host); err != nil || hosttest.Lines(changes) != "remove "+RunnerKeyPath+"\n"+generate {
		t.Errorf("half of it:\n%s%v", hosttest.Lines(changes), err)
	}
	place(t, m.Host, host.File{Path: RunnerKeyPath + ".pub", Content: publicKey, Mode: 0o644})
	changes, err = PlanRunnerKey(m.Host)
	if err != nil || hosttest.Lines(changes) != "set "+RunnerKeyPath+" to 0640, root:tsig-rotator\n" {
		t.Errorf("not readable yet:\n%s%v", hosttest.Lines(changes), err)
	}
	if err := m.Apply(t.Context(), changes); err != nil {
		t.Fatal(err)
	}
	if changes, err := PlanRunnerKey(m.Host); err != nil || len(changes) > 0 {
		t.Errorf("again: %v, %v", changes, err)
	}
}

// What the accounts may write to leads root nowhere: neither a key nor a list of keys, nor an owner, gets out by a link.
func TestLinksInTheAccountsHomesLeadNowhere(t *testing.T) {
	m := hosttest.New(t, "-- etc/passwd --\ndebvisor-tsig:x:990:990::/:/bin/sh\n-- etc/sudoers.d/ --\n-- root/.ssh/ --\n"+
		"-- var/lib/tsig-rotator/.ssh -> /etc/sudoers.d --\n-- var/lib/debvisor-tsig/.ssh -> /root/.ssh --\n")
	m.Runner.Do("ssh-keygen -q -t ed25519 -N '' -C tsig-rotator -f "+RunnerKeyPath, func(host.Cmd) {
		place(t, m.Host, host.File{Path: RunnerKeyPath, Content: "x", Mode: 0o600})
	})
	for _, plan := range []func() ([]host.Change, error){
		func() ([]host.Change, error) { return PlanRunnerHome(m.Host) },
		func() ([]host.Change, error) { return PlanRunnerKey(m.Host) },
		func() ([]host.Change, error) { return PlanCredential(m.Host, Credential{}) },
	} {
		changes, err := plan()
		if err == nil {
			err = m.Apply(t.Context(), changes)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for name, owner := range m.Owners {
		if strings.HasPrefix(name, "/root") || strings.HasPrefix(name, "/etc/sudoers.d") {
			t.Errorf("%s was given to %s", name, owner)
		}
		if !strings.HasPrefix(name, "/etc/debvisor/ssh") && name != RunnerHome && name != PeerHome && !slices.Contains(peerWork, name) {
			t.Errorf("root touches %s", name)
		}
	}
	for _, dir := range []string{"/root/.ssh", "/etc/sudoers.d"} {
		if inside, err := m.ReadDir(dir); err != nil || len(inside) > 0 {
			t.Errorf("%s has %v, %v", dir, inside, err)
		}
	}
}

// A home of before may hold a link where root makes a directory.
func TestALinkInThePlaceOfTheWorkDirectoryIsRefused(t *testing.T) {
	m := hosttest.New(t, "-- etc/passwd --\ndebvisor-tsig:x:990:990::/:/bin/sh\n-- etc/sudoers.d/ --\n-- var/lib/debvisor-tsig/.ansible -> /etc/sudoers.d --\n")
	m.Owners[PeerHome] = "debvisor-tsig:debvisor-tsig"
	changes, err := PlanCredential(m.Host, Credential{})
	if err == nil {
		err = m.Apply(t.Context(), changes)
	}
	if err == nil || !strings.Contains(err.Error(), "is no directory") || m.Owners["/etc/sudoers.d"] != "" {
		t.Errorf("got %v; /etc/sudoers.d is of %q", err, m.Owners["/etc/sudoers.d"])
	}
}
