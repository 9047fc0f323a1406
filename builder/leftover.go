package builder

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
)

// machineBound are files of one machine alone, by name, wherever they are. The files of scrub are known; this finds what a
// package brings tomorrow.
var machineBound = []string{"ssh_host_*", "rndc.key", "hostid", "hostnqn", "initiatorname.iscsi", "mok.key", "mok.priv", "random-seed",
	"credential.secret", "*.keytab", "*.keyring", "*.p12", "*.pfx"}

// searched are the directories in which programs put what they make at installation.
var searched = []string{"etc", "var", "root", "home", "opt", "srv", "usr/local"}

var privateKey = regexp.MustCompile(`-----BEGIN [A-Z ]*PRIVATE KEY-----`)

// checkClean fails when a finished tree still holds a secret, or something that no two machines may share.
func checkClean(dir string) error {
	problems := []error{checkHostname(dir), checkPasswords(dir)}
	for _, part := range searched {
		err := filepath.WalkDir(filepath.Join(dir, part), func(name string, d fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			if err != nil || !d.Type().IsRegular() {
				return err
			}
			what, err := leftover(name, d)
			if what != "" {
				rel, _ := filepath.Rel(dir, name) // both begin alike
				problems = append(problems, fmt.Errorf("%s: %s must not be on an image; remove it in the overlay stage", rel, what))
			}
			return err
		})
		problems = append(problems, err)
	}
	return errors.Join(problems...)
}

// leftover says what a file is that must not be there, or "".
func leftover(name string, d fs.DirEntry) (string, error) {
	info, err := d.Info()
	if err != nil {
		return "", err
	}
	for _, pattern := range machineBound {
		if ok, err := path.Match(pattern, d.Name()); ok || err != nil {
			return "a file of one machine", err
		}
	}
	if d.Name() == "machine-id" && info.Size() > 0 {
		return "the identity of one machine", nil
	}
	if info.Size() > 1<<20 {
		return "", nil // keys are small
	}
	data, err := os.ReadFile(name)
	if err == nil && privateKey.Match(data) {
		return "a private key", nil
	}
	return "", err
}

// imageHostname is what a system is called until it has a name; mmdebstrap copies the build host's.
const imageHostname = "debvisor\n"

func checkHostname(dir string) error {
	data, err := os.ReadFile(filepath.Join(dir, "etc/hostname"))
	if err == nil && string(data) != imageHostname {
		return fmt.Errorf("etc/hostname: %q must not be on an image, %q must", bytes.TrimSpace(data), strings.TrimSpace(imageHostname))
	}
	return err
}

// checkPasswords: an account without a password is as bad as one that everybody knows.
func checkPasswords(dir string) error {
	data, err := os.ReadFile(filepath.Join(dir, "etc/shadow"))
	if err != nil {
		return err
	}
	var problems []error
	for line := range strings.Lines(string(data)) {
		if f := strings.Split(line, ":"); len(f) > 1 && !strings.HasPrefix(f[1], "*") && !strings.HasPrefix(f[1], "!") {
			problems = append(problems, fmt.Errorf("etc/shadow: the password of %s must not be on an image", f[0]))
		}
	}
	return errors.Join(problems...)
}
