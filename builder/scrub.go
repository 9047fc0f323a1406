package builder

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// secrets and traces are what no two machines may share, and what differs between two builds of the same.
var secrets = []string{
	"etc/ssh/ssh_host_*", "etc/nvme/hostid", "etc/nvme/hostnqn", "var/lib/dbus/machine-id", "var/lib/systemd/random-seed",
	"var/lib/systemd/credential.secret", "etc/ssl/private/ssl-cert-snakeoil.key", "etc/ssl/certs/ssl-cert-snakeoil.pem",
	"etc/hostid", "etc/bind/rndc.key", "var/lib/dkms/mok.key", "var/lib/dkms/mok.pub", "etc/iscsi/initiatorname.iscsi",
	"var/cache/ldconfig/aux-cache", "var/cache/apt/*", "var/cache/debconf/*-old", "var/lib/apt/lists/*", "var/lib/dpkg/*-old",
	"etc/passwd-", "etc/group-", "etc/shadow-", "etc/gshadow-", "etc/subuid-", "etc/subgid-", "etc/.pwd.lock",
	"tmp/*", "tmp/.[!.]*", "var/tmp/*", "run/*", "root/.*",
}

// keptEmpty must be there and empty: systemd makes a machine-id where the file is empty, and takes the .updated files,
// all times being the same, for a sign that its caches fit /usr: without them each boot of the live system makes them anew.
var keptEmpty = []string{"etc/machine-id", "etc/.updated", "var/.updated"}

// dpkgHome is where dpkg's database lives: with the programs it describes, not on the state partition.
const dpkgHome = "usr/lib/debvisor/dpkg"

// removeSecrets also runs before the initramfs is made, which some packages copy them into.
func removeSecrets(dir string) error {
	for _, pattern := range secrets {
		found, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			return err
		}
		for _, name := range found {
			if err := os.RemoveAll(name); err != nil {
				return err
			}
		}
	}
	return nil
}

func scrub(dir string) error {
	if err := removeSecrets(dir); err != nil {
		return err
	}
	if err := emptyLogs(filepath.Join(dir, "var/log")); err != nil {
		return err
	}
	for _, name := range keptEmpty {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o444); err != nil {
			return err
		}
	}
	if err := moveDpkg(dir); err != nil {
		return err
	}
	return replaceLink(filepath.Join(dir, "etc/resolv.conf"), "../run/systemd/resolve/stub-resolv.conf")
}

// emptyLogs removes what installation logged and keeps the directories, whose owners matter.
func emptyLogs(dir string) error {
	return filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		return os.Remove(name)
	})
}

func moveDpkg(dir string) error {
	to := filepath.Join(dir, dpkgHome)
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	from := filepath.Join(dir, "var/lib/dpkg")
	if err := os.Rename(from, to); err != nil {
		return err
	}
	return os.Symlink("/"+dpkgHome, from)
}

func replaceLink(name, target string) error {
	if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.Symlink(target, name)
}
