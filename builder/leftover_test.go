package builder

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"debvisor/internal/host/hosttest"
)

const cleanTree = `-- etc/hostname --
debvisor
-- etc/shadow --
root:*:20000:0:99999:7:::
sshd:!:20000::::::
-- etc/ssl/certs/ca.pem --
-----BEGIN CERTIFICATE-----
-- etc/machine-id --
`

func TestATreeWithoutSecretsIsClean(t *testing.T) {
	if err := checkClean(hosttest.New(t, cleanTree).Root); err != nil {
		t.Error(err)
	}
}

func TestEverySecretThatIsLeftStopsTheBuild(t *testing.T) {
	for file, want := range map[string]string{
		"etc/ssh/ssh_host_rsa_key.pub":   "etc/ssh/ssh_host_rsa_key.pub: a file of one machine",
		"etc/bind/rndc.key":              "etc/bind/rndc.key: a file of one machine",
		"etc/hostid":                     "etc/hostid: a file of one machine",
		"var/lib/systemd/random-seed":    "var/lib/systemd/random-seed: a file of one machine",
		"var/lib/ceph/bootstrap.keyring": "var/lib/ceph/bootstrap.keyring: a file of one machine",
		"etc/machine-id":                 "etc/machine-id: the identity of one machine",
		"var/lib/dkms/other.pem":         "var/lib/dkms/other.pem: a private key",
		"root/id":                        "root/id: a private key",
		"usr/local/etc/tls.conf":         "usr/local/etc/tls.conf: a private key",
		"etc/hostname":                   `etc/hostname: "-----BEGIN RSA PRIVATE KEY-----" must not be on an image, "debvisor" must`,
		"etc/shadow":                     "etc/shadow: the password of root must not be on an image",
	} {
		root := hosttest.New(t, cleanTree).Root
		name, text := filepath.Join(root, file), "-----BEGIN RSA PRIVATE KEY-----\n"
		if file == "etc/shadow" {
			text = "root:$y$j9T$x:20000:0:99999:7:::\n"
		}
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := checkClean(root); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", file, err, want)
		}
	}
}

// What Debian's packages make at installation must all be known to scrub.
func TestWhatPackagesMakeAtInstallationIsScrubbed(t *testing.T) {
	m := hosttest.New(t, cleanTree+`-- etc/hostid --
x
-- etc/bind/rndc.key --
x
-- var/lib/dkms/mok.key --
-----BEGIN PRIVATE KEY-----
-- var/lib/dkms/mok.pub --
x
-- etc/ssh/ssh_host_ed25519_key --
-----BEGIN OPENSSH PRIVATE KEY-----
-- var/lib/dpkg/status --
x
-- var/log/x --
`)
	if err := scrub(m.Root); err != nil {
		t.Fatal(err)
	}
	if err := checkClean(m.Root); err != nil {
		t.Error(err)
	}
}

// The time of an image comes from its packages alone.
func TestSourceDateEpochDoesNotChangeTheTimeOfAnImage(t *testing.T) {
	t.Setenv("SOURCE_DATE_EPOCH", "1")
	b := newBuilder(t, "minimal", nil)
	name := Locked{Name: "bash", Version: "1", Arch: "amd64"}
	deb := filepath.Join(b.apt().debs, name.File())
	if err := os.MkdirAll(filepath.Dir(deb), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(deb, []byte("!<arch>\ndebian-binary   1700000000  0     0     100644  4         `\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if at, err := b.epoch(&Lock{Packages: []Locked{name}}); err != nil || at.Unix() != 1_700_000_000 {
		t.Errorf("epoch = %v, %v", at, err)
	}
}
