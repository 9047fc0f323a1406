package sshd

import (
	"strings"
	"testing"

	"debvisor/internal/host"
	"debvisor/internal/host/hosttest"
)

const test = "/usr/sbin/sshd -t -f /dev/stdin"

func TestTheDropInIsCheckedWithTheOtherFiles(t *testing.T) {
	m := hosttest.New(t, "-- etc/ssh/sshd_config --\nInclude /etc/ssh/sshd_config.d/*.conf\nUsePAM yes\n")
	changes, err := Config{}.Check(t.Context(), m.Host)
	const want = "create directory /run/sshd (0755)\ncheck the SSH server's configuration: " + test + "\n"
	if got := hosttest.Lines(changes); got != want || err != nil {
		t.Fatalf("%v, got\n%s", err, got)
	}
	m.Runner.Do(test, func(c host.Cmd) {
		if c.Stdin != (Config{}).DropIn()+"Include /etc/ssh/sshd_config.d/*.conf\nUsePAM yes\n" {
			t.Errorf("sshd checks\n%s", c.Stdin)
		}
	})
	if err := m.Apply(t.Context(), changes); err != nil {
		t.Error(err)
	}
}

func TestPasswordsStayOnlyWhenAskedFor(t *testing.T) {
	for passwords, want := range map[bool]string{true: "\nPasswordAuthentication yes\n", false: "\nPasswordAuthentication no\n"} {
		if got := (Config{Passwords: passwords}).DropIn(); !strings.Contains(got, want) {
			t.Errorf("%v:\n%s", passwords, got)
		}
	}
}

const effective = "permitrootlogin no\npasswordauthentication no\nkbdinteractiveauthentication no\npermitemptypasswords no\npubkeyauthentication yes\n"

func TestASettingThatAnotherFileOverridesIsAnError(t *testing.T) {
	m := hosttest.New(t, "-- run/sshd/ --\n-- etc/ssh/sshd_config.d/10-debvisor.conf --\n"+Config{}.DropIn())
	m.Runner.Answer("/usr/sbin/sshd -T", effective)
	if changes, err := (Config{}).Check(t.Context(), m.Host); len(changes) > 0 || err != nil {
		t.Errorf("when all is right: %v, %v", changes, err)
	}
	for line := range strings.Lines(effective) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		other := map[string]string{"yes": "no", "no": "yes"}[value]
		m.Runner.Answer("/usr/sbin/sshd -T", strings.Replace(effective, line, key+" "+other+"\n", 1))
		_, err := Config{}.Check(t.Context(), m.Host)
		if err == nil || !strings.Contains(err.Error(), key+` is "`+other+`", not "`+value+`"`) {
			t.Errorf("%s: %v", key, err)
		}
	}
}

func TestOnlyMissingHostKeysAreMade(t *testing.T) {
	for archive, want := range map[string]string{
		"": "run ssh-keygen -A\n",
		"-- etc/ssh/ssh_host_rsa_key --\nk\n-- etc/ssh/ssh_host_ecdsa_key --\n-- etc/ssh/ssh_host_ed25519_key --\nk\n":    "run ssh-keygen -A\n",
		"-- etc/ssh/ssh_host_rsa_key --\nk\n-- etc/ssh/ssh_host_ecdsa_key --\nk\n-- etc/ssh/ssh_host_ed25519_key --\nk\n": "",
	} {
		changes, err := HostKeys(hosttest.New(t, archive).Host)
		if got := hosttest.Lines(changes); got != want || err != nil {
			t.Errorf("%q: %v, got\n%s", archive, err, got)
		}
	}
}
