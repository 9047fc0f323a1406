package config

import (
	_ "embed"
	"fmt"
	"slices"
	"sync"

	"debvisor/internal/disk"
	"debvisor/internal/report"
)

// Profile is a storage profile, as in profiles.yaml.
type Profile struct {
	Name     string       `yaml:"name"`
	Summary  string       `yaml:"summary"`
	Packages []string     `yaml:"packages"` // package lists that an edition must have
	Disks    ProfileDisks `yaml:"disks"`
}

// ProfileDisks are the disks that a profile needs besides the system disk.
type ProfileDisks struct {
	Least     int  `yaml:"least"`
	Removable bool `yaml:"removable"` // removable or USB disks, otherwise fixed ones
}

//go:embed profiles.yaml
var profilesText []byte

// profiles is the embedded list; a test holds that it is good, so it is read without an error here. It is read when somebody
// asks: a node's command that does not would spend more time on it than on what it does.
var profiles = sync.OnceValue(func() []Profile {
	var file struct {
		Profiles []Profile `yaml:"profiles"`
	}
	if err := report.Decode("profiles.yaml", profilesText, &file).Err(); err != nil {
		panic(err)
	}
	return file.Profiles
})

// Profiles are the names of the storage profiles, the guided installer's default first.
func Profiles() []string {
	var names []string
	for _, p := range profiles() {
		names = append(names, p.Name)
	}
	return names
}

// ProfileByName is the definition of a profile; an unknown name is an error.
func ProfileByName(name string) (Profile, error) {
	i := slices.IndexFunc(profiles(), func(p Profile) bool { return p.Name == name })
	if i < 0 {
		return Profile{}, fmt.Errorf("storage profile %q is unknown", name)
	}
	return profiles()[i], nil
}

// Takes reports whether the profile takes a disk of this kind when no rule names its disks.
func (p Profile) Takes(d disk.Disk) bool {
	return p.Disks.Removable == disk.Portable(d)
}
