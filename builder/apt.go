package builder

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"debvisor/internal/host"
)

const keyring = "/usr/share/keyrings/debian-archive-keyring.gpg"

// apt is a private package manager for the image's release: own sources, indexes and cache, nothing of the host's but its
// way to the network.
type apt struct {
	dir  string // indexes and settings
	debs string // downloaded packages
}

func (b *Builder) apt() apt {
	return apt{dir: filepath.Join(b.cache.dir, "apt"), debs: filepath.Join(b.cache.dir, "debs")}
}

func (a apt) env() []string { return []string{"APT_CONFIG=" + filepath.Join(a.dir, "apt.conf")} }

// settings are apt's options; network holds those of the host that say how to reach mirrors.
func (a apt) settings(arch, network string) string {
	return fmt.Sprintf(`Dir "%[1]s";
Dir::State "%[1]s";
Dir::State::lists "lists";
Dir::State::status "%[1]s/status";
Dir::Cache "%[1]s";
Dir::Cache::archives "%[2]s";
Dir::Etc "%[1]s";
Dir::Etc::main "/dev/null";
Dir::Etc::parts "/dev/null";
Dir::Etc::sourcelist "%[1]s/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
Dir::Etc::trusted "/dev/null";
Dir::Etc::trustedparts "/dev/null";
Dir::Log "%[1]s";
APT::Architecture "%[3]s";
APT::Architectures { "%[3]s"; };
APT::Install-Recommends "false";
APT::Sandbox::User "root";
Acquire::Languages "none";
%[4]s`, a.dir, a.debs, arch, network)
}

// networkSettings picks from "apt-config dump" what says how to reach a mirror: proxies, retries, time outs, date checks.
func networkSettings(dump string) string {
	var b strings.Builder
	for line := range strings.Lines(dump) {
		for _, p := range []string{"Acquire::http", "Acquire::https", "Acquire::ftp", "Acquire::Retries", "Acquire::Check-", "Acquire::Max-ValidTime", "Acquire::ForceIPv", "Acquire::By-Hash"} {
			if strings.HasPrefix(line, p) {
				b.WriteString(line)
				break
			}
		}
	}
	return b.String()
}

// sources are the lines of sources.list; keys gives the file of an extra repository's key on this system.
func (b *Builder) sources(keys func(name string) string) string {
	var s strings.Builder
	components := strings.Join(b.image.Archive.Components, " ")
	for _, line := range [][2]string{
		{b.image.Archive.Mirror, b.image.Suite},
		{b.image.Archive.Mirror, b.image.Suite + "-updates"},
		{b.image.Archive.Security, b.image.Suite + "-security"},
	} {
		fmt.Fprintf(&s, "deb [signed-by=%s] %s %s %s\n", keyring, line[0], line[1], components)
	}
	for _, r := range b.image.ExtraRepositories {
		if r.Enabled {
			fmt.Fprintf(&s, "deb [signed-by=%s] %s %s %s\n", keys(r.SignedBy), r.URI, r.Suite, strings.Join(r.Components, " "))
		}
	}
	return s.String()
}

// prepare writes apt's settings and makes its directories.
func (b *Builder) prepareApt(ctx context.Context) error {
	a := b.apt()
	for _, dir := range []string{"lists/partial", "keys", "auxfiles"} {
		if err := os.MkdirAll(filepath.Join(a.dir, dir), 0o755); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(filepath.Join(a.debs, "partial"), 0o755); err != nil {
		return err
	}
	dump, err := b.runner.Run(ctx, host.Cmd{Args: []string{"apt-config", "dump"}})
	if err != nil {
		return err
	}
	keyFile := func(name string) string { return filepath.Join(a.dir, "keys", filepath.Base(name)) }
	files := map[string][]byte{
		"apt.conf":     []byte(a.settings(b.image.Architecture, networkSettings(string(dump)))),
		"sources.list": []byte(b.sources(keyFile)),
		"status":       nil,
	}
	for _, r := range b.image.ExtraRepositories {
		if r.Enabled {
			if files["keys/"+filepath.Base(r.SignedBy)], err = b.readConfig(r.SignedBy); err != nil {
				return err
			}
		}
	}
	return writeFiles(a.dir, files)
}

// writeFiles leaves files that are right already alone.
func writeFiles(dir string, files map[string][]byte) error {
	for name, data := range files {
		p := filepath.Join(dir, name)
		if old, err := os.ReadFile(p); err == nil && bytes.Equal(old, data) {
			continue
		}
		mode := fs.FileMode(0o644)
		if name == "apt.conf" {
			mode = 0o600 // the host's proxy may be given with a password
		}
		if err := os.WriteFile(p, data, mode); err != nil {
			return err
		}
	}
	return nil
}
