package account

import (
	"errors"
	"strings"
	"testing"

	"debvisor/internal/host"
	"debvisor/internal/host/hosttest"
)

const files = `
-- etc/passwd --
root:x:0:0:root:/root:/bin/bash
old:x:990:990::/opt/old:/bin/sh
right:x:991:991::/nonexistent:/usr/sbin/nologin
games:x:5:60::/usr/games:/usr/sbin/nologin
ceph:x:64045:64045::/var/lib/ceph:/usr/sbin/nologin
eve:x:1000:100::/home/eve:/bin/bash
-- etc/group --
root:x:0:
disk:x:6:
users:x:100:
cut:x:1001:
sudo:x:27:eve
libvirt:x:104:
left:x:992:
-- etc/shadow --
root:*:20000:0:99999:7:::
eve:$y$own:20000:0:99999:7:::
`

func database(t *testing.T, m *hosttest.Machine) Database {
	t.Helper()
	d, err := Read(m.Host)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestSystemAccountsAreMadeOrMended(t *testing.T) {
	d := database(t, hosttest.New(t, files))
	for name, want := range map[string]string{
		"new":   "run useradd --system --user-group --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin new\n",
		"left":  "run useradd --system --no-user-group --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin --gid left left\n",
		"old":   "run usermod --shell /usr/sbin/nologin --home /nonexistent old\n",
		"right": "",
	} {
		if got := hosttest.Lines(d.System(name)); got != want {
			t.Errorf("%s: got\n%s", name, got)
		}
	}
}

func TestPeopleGetWhatTheyLack(t *testing.T) {
	d := database(t, hosttest.New(t, files))
	admin := []string{"sudo", "libvirt", "kvm"}
	for _, c := range []struct {
		p    Person
		want string
	}{
		{Person{Name: "ann", Groups: admin, Hash: "$6$secret"}, `run useradd --user-group --create-home --shell /bin/bash ann
run usermod --append --groups sudo,libvirt ann
set the password of ann: chpasswd --encrypted
`},
		{Person{Name: "eve", Groups: admin, Hash: "$6$secret"}, "run usermod --append --groups libvirt eve\n"},
		{Person{Name: "cut"}, "run useradd --no-user-group --create-home --shell /bin/bash --gid cut cut\n"},
		{Person{Name: "ben"}, "run useradd --user-group --create-home --shell /bin/bash ben\n"},
	} {
		changes, err := d.Account(c.p)
		got := hosttest.Lines(changes)
		if got != c.want || err != nil {
			t.Errorf("%s: %v, got\n%s", c.p.Name, err, got)
		}
		if strings.Contains(got, "secret") {
			t.Errorf("%s: the hash is shown:\n%s", c.p.Name, got)
		}
	}
}

func TestNobodyBecomesAnAccountOrAGroupOfTheSystem(t *testing.T) {
	d := database(t, hosttest.New(t, files))
	for name, want := range map[string]string{
		"games": "make the account games: the system has one of that name (user id 5)",
		"ceph":  "make the account ceph: the system has one of that name (user id 64045)",
		"disk":  "make the account disk: the system has a group of that name (id 6)",
	} {
		if changes, err := d.Account(Person{Name: name}); err == nil || err.Error() != want || len(changes) > 0 {
			t.Errorf("%s: got %v, %v", name, changes, err)
		}
	}
}

func TestKeysAreAddedAndNoneTakenAway(t *testing.T) {
	m := hosttest.New(t, files+"-- home/eve/.ssh/authorized_keys --\nssh-ed25519 own\n")
	d := database(t, m)
	changes, err := d.Keys(m.Host, Person{Name: "eve", Keys: []string{"ssh-ed25519 given ", "ssh-ed25519 own"}})
	const want = "set /home/eve/.ssh to 0700, eve:users\nwrite /home/eve/.ssh/authorized_keys\n"
	if got := hosttest.Lines(changes); got != want || err != nil {
		t.Fatalf("%v, got\n%s", err, got)
	}
	if err := m.Apply(t.Context(), changes); err != nil {
		t.Fatal(err)
	}
	data, err := m.ReadFile("/home/eve/.ssh/authorized_keys")
	if string(data) != "ssh-ed25519 own\nssh-ed25519 given\n" || err != nil {
		t.Errorf("%v, got\n%s", err, data)
	}
	changes, err = d.Keys(m.Host, Person{Name: "ann", Keys: []string{"ssh-ed25519 k"}})
	const anew = "create directory /home/ann (0700, ann:ann)\ncreate directory /home/ann/.ssh (0700, ann:ann)\ncreate /home/ann/.ssh/authorized_keys (0600, ann:ann)\n"
	if got := hosttest.Lines(changes); got != anew || err != nil {
		t.Errorf("%v, got\n%s", err, got)
	}
}

func TestRootDoesNotWriteThroughALinkOfSomebodyElse(t *testing.T) {
	for _, link := range []string{"home/eve -> /etc", "home/eve/.ssh -> /etc/ssh", "home/eve/.ssh/authorized_keys -> /root/.ssh/authorized_keys"} {
		m := hosttest.New(t, files+"-- "+link+" --\n")
		_, err := database(t, m).Keys(m.Host, Person{Name: "eve", Keys: []string{"ssh-ed25519 k"}})
		if err == nil || !strings.HasSuffix(err.Error(), "is a symbolic link") {
			t.Errorf("%s: %v", link, err)
		}
	}
}

func TestSudoersIsCheckedBeforeItIsThere(t *testing.T) {
	m := hosttest.New(t, files)
	changes, err := Sudoers(m.Host, []string{"ann", "eve"})
	const want = "check the sudoers drop-in: visudo --check --quiet --file=-\ncreate /etc/sudoers.d/debvisor (0440)\n"
	if got := hosttest.Lines(changes); got != want || err != nil {
		t.Fatalf("%v, got\n%s", err, got)
	}
	m.Runner.Fail("visudo --check --quiet --file=-", errors.New("syntax error"))
	if err := m.Apply(t.Context(), changes); err == nil || m.Exists(SudoersPath) {
		t.Errorf("a drop-in that visudo refuses is written: %v", err)
	}
	if changes, err := Sudoers(m.Host, nil); len(changes) > 0 || err != nil {
		t.Errorf("for nobody: %v, %v", changes, err)
	}
	if err := m.Apply(t.Context(), []host.Change{host.Write{Path: SudoersPath, Mode: 0o440}}); err != nil {
		t.Fatal(err)
	}
	changes, err = Sudoers(m.Host, nil)
	if got := hosttest.Lines(changes); got != "remove /etc/sudoers.d/debvisor\n" || err != nil {
		t.Errorf("%v, got\n%s", err, got)
	}
}

func TestADamagedAccountFileIsAnError(t *testing.T) {
	_, err := Read(hosttest.New(t, "-- etc/passwd --\nroot:x:0:0:root:/root:/bin/bash\nrubbish\n-- etc/group --\n").Host)
	if err == nil || err.Error() != "/etc/passwd:2: has 1 fields, not 7" {
		t.Errorf("got %v", err)
	}
}
