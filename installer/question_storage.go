package installer

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"debvisor/config"
	"debvisor/internal/disk"
)

// storageQuestions ask for profile and disks. No disk is ever a default.
func storageQuestions(s State) []Question {
	all := []Question{profileQuestion(s), systemQuestion(s)}
	system, known := s.systemDisk()
	if !known || !s.Asked["storage.system"] {
		return all
	}
	if !system.Contents.Empty() {
		all = append(all, wipeQuestion(system))
	}
	if q := dataQuestion(s, system); len(q.Options) > 0 {
		all = append(all, q)
	}
	return all
}

func profileQuestion(s State) Question {
	q := Question{Path: "storage.profile", Title: "Storage profile", Kind: One, Default: or(s.Node.Storage.Profile, config.Profiles()[0]),
		Help:  "recorded; this version does not provision storage yet",
		Check: func(a string) error { return s.serves(a, s.most) },
		set:   func(n *config.Node, a string) { n.Storage.Profile = a }}
	for _, name := range config.Profiles() {
		if slices.Contains(s.Profiles, name) {
			q.Options = append(q.Options, Option{name, s.profileLine(name)})
		}
	}
	return q
}

// profileLine says what a profile is and whether this machine has the disks for it.
func (s State) profileLine(name string) string {
	p, err := config.ProfileByName(name)
	if err != nil {
		return name
	}
	return fmt.Sprintf("%s: %s (needs %d; here: %d)", name, p.Summary, p.Disks.Least, s.most(p))
}

// serves refuses a profile that the disks, as they are counted, cannot serve: better now than after the last question. A
// profile that does not exist is the validator's.
func (s State) serves(name string, count func(config.Profile) int) error {
	p, err := config.ProfileByName(name)
	if err != nil {
		return nil
	}
	if n := count(p); n < p.Disks.Least {
		return tooFew(p, n)
	}
	return nil
}

// most is how many disks a profile may have when the system is on the disk that leaves it most of them.
func (s State) most(p config.Profile) int {
	most := 0
	for _, system := range s.Disks {
		if s.holdsSystem(system) {
			most = max(most, s.beside(system)(p))
		}
	}
	return most
}

// beside counts the disks that a profile may have when the system is on this one.
func (s State) beside(system disk.Disk) func(config.Profile) int {
	return func(p config.Profile) int { return len(emptyDisks(p, disk.Facts{Disks: s.Disks}, system)) }
}

func (s State) holdsSystem(d disk.Disk) bool { return d.Size >= LeastSize && s.nameable(d) }

func systemQuestion(s State) Question {
	q := Question{Path: "storage.system", Title: "Disk to install DebVisor on", Kind: One,
		Check: func(a string) error {
			d, ok := s.disk(a)
			if !ok {
				return errors.New("choose one of the disks")
			}
			return s.serves(s.Node.Storage.Profile, s.beside(d))
		},
		set: func(n *config.Node, a string) {
			n.Storage.Wipe, n.Storage.Data = nil, nil // they were chosen beside another disk
			if d, ok := s.disk(a); ok {
				n.Storage.System.Match = s.rule(d)
			}
		}}
	for _, d := range s.Disks {
		if s.holdsSystem(d) {
			q.Options = append(q.Options, Option{d.Path, diskLine(d)})
		}
	}
	return q
}

func diskLine(d disk.Disk) string { return d.Path + ": " + describe(d) + ", " + d.Contents.String() }

// wipeQuestion asks for consent by the disk's own name, which nobody types by mistake. An installation is named as well:
// the answers are kept, and must not give up the next one.
func wipeQuestion(d disk.Disk) Question {
	name := consentName(d)
	title, help := "Erase "+d.Path+"?", fmt.Sprintf("It %s. All of it will be lost. To agree, type %s", d.Contents, name)
	consent := []string{name}
	if installed := d.Contents.InstallationName(); installed != "" {
		title = "DebVisor is installed on " + d.Path + ". Replace it?"
		consent = append(consent, installed)
	}
	return Question{Path: "storage.wipe", Title: title, Help: help,
		Check: func(a string) error {
			if a != name {
				return fmt.Errorf("type %s to agree; Ctrl-C goes back to the menu", name)
			}
			return nil
		},
		set: func(n *config.Node, _ string) { n.Storage.Wipe = consent }}
}

// consentName is what names this disk in a wipe list.
func consentName(d disk.Disk) string {
	for _, name := range append([]string{d.Serial, d.WWN}, d.ByID...) {
		if name != "" {
			return name
		}
	}
	return ""
}

func dataQuestion(s State, system disk.Disk) Question {
	q := Question{Path: "storage.data", Title: "Disks for the storage profile", Kind: Many, Help: "none chosen: every empty disk of the profile's kind",
		Check: func(a string) error {
			chosen := len(lines(a))
			if chosen == 0 {
				return nil
			}
			return s.serves(s.Node.Storage.Profile, func(config.Profile) int { return chosen })
		},
		set: func(n *config.Node, a string) {
			n.Storage.Data = nil
			for _, name := range lines(a) {
				if d, ok := s.disk(name); ok {
					n.Storage.Data = append(n.Storage.Data, disk.Rule{Match: s.rule(d)})
				}
			}
		}}
	for _, d := range s.Disks {
		if d.Path != system.Path && d.Contents.Empty() && s.nameable(d) {
			q.Options = append(q.Options, Option{d.Path, diskLine(d)})
		}
	}
	return q
}

func (s State) disk(path string) (disk.Disk, bool) {
	i := slices.IndexFunc(s.Disks, func(d disk.Disk) bool { return d.Path == path })
	if i < 0 {
		return disk.Disk{}, false
	}
	return s.Disks[i], true
}

// systemDisk is the disk that the answers mean so far.
func (s State) systemDisk() (disk.Disk, bool) {
	if s.Node.Storage.System.Match == (disk.Match{}) {
		return disk.Disk{}, false
	}
	i := slices.IndexFunc(s.Disks, func(d disk.Disk) bool { return len(s.Node.Storage.System.Match.Mismatch(d)) == 0 })
	if i < 0 {
		return disk.Disk{}, false
	}
	return s.Disks[i], true
}

// nameable: a disk that no rule can tell from the others, or that is in use, is not offered.
func (s State) nameable(d disk.Disk) bool {
	return len(d.Busy()) == 0 && s.rule(d) != (disk.Match{}) && (d.Contents.Empty() || consentName(d) != "")
}

// rule is a match that means this disk and no other one, by the most lasting name there is.
func (s State) rule(d disk.Disk) disk.Match {
	candidates := []disk.Match{{Serial: disk.Pattern(d.Serial)}, {WWN: disk.Pattern(d.WWN)}}
	for _, id := range d.ByID {
		candidates = append(candidates, disk.Match{ByID: disk.Pattern(id)})
	}
	for _, p := range d.ByPath {
		candidates = append(candidates, disk.Match{Path: disk.Pattern(p)})
	}
	for _, m := range candidates {
		if m != (disk.Match{}) && s.means(m) == 1 && len(m.Mismatch(d)) == 0 {
			return m
		}
	}
	return disk.Match{}
}

func (s State) means(m disk.Match) int {
	n := 0
	for _, d := range s.Disks {
		if len(m.Mismatch(d)) == 0 {
			n++
		}
	}
	return n
}

func atLeastOne(chosen []string) error {
	if len(chosen) == 0 {
		return errors.New("choose at least one")
	}
	return nil
}

func isNumber(answer string) error {
	if answer = strings.TrimSpace(answer); answer == "" {
		return nil
	}
	n, err := strconv.Atoi(answer)
	if err != nil || n < 1 || n > 4094 {
		return errors.New("want a number from 1 to 4094")
	}
	return nil
}
