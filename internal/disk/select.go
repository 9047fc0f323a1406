package disk

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// What can be wrong with a selection; errors.Is finds them in the error of Select.
var (
	ErrRule      = errors.New("invalid disk rule")
	ErrNoMatch   = errors.New("too few disks match")
	ErrAmbiguous = errors.New("more disks match than the rule declares")
	ErrOverlap   = errors.New("one disk is meant by two roles")
	ErrNotEmpty  = errors.New("disk holds something and is not named for wiping")
	ErrInstalled = errors.New("disk holds a complete DebVisor, and that installation is not named for wiping")
)

// Role is a use of disks and the rule for them: system, data, …
type Role struct {
	Name string
	Rule Rule
}

// Target is a disk that a role gets. Wipe is set when it holds something and was named for that.
type Target struct {
	Disk Disk `json:"disk"`
	Wipe bool `json:"wipe"`
}

// Plan is which disks each role gets, in the order of the disks' paths.
type Plan struct {
	Roles map[string][]Target `json:"roles"`
}

// SelectError is why a selection was refused: what is wrong, and a table of every disk against every rule.
type SelectError struct {
	Errs  []error // each wraps one of the errors above
	Table string
}

// Error is the reasons and the table, over several lines.
func (e *SelectError) Error() string {
	text := errors.Join(e.Errs...).Error()
	if e.Table != "" {
		text += "\n\n" + e.Table
	}
	return text
}

// Unwrap lets errors.Is see the reasons.
func (e *SelectError) Unwrap() []error { return e.Errs }

// Select finds the disks of each role. A rule must be met by exactly as many disks as it declares, not counting those that
// are in use (the install medium among them). Disks with contents do count, so that one disk never silently stands in for
// another, and are then refused unless wipe has their exact serial, WWN or by-id name; a disk with a complete DebVisor,
// unless wipe has the name of that installation. The error is a *SelectError.
func Select(disks []Disk, roles []Role, wipe []string) (Plan, error) {
	if errs := checkAll(roles, wipe); len(errs) > 0 {
		return Plan{}, &SelectError{Errs: errs}
	}
	s := selection{disks: disks, wipe: wipe, owner: map[string]string{}}
	plan := Plan{Roles: map[string][]Target{}}
	for _, r := range roles {
		plan.Roles[r.Name] = s.role(r)
	}
	if len(s.errs) > 0 {
		return Plan{}, &SelectError{Errs: s.errs, Table: s.table(roles)}
	}
	return plan, nil
}

func checkAll(roles []Role, wipe []string) []error {
	var errs []error
	names := map[string]bool{}
	for _, r := range roles {
		if err := r.Rule.Check(); err != nil {
			errs = append(errs, fmt.Errorf("role %s: %w", r.Name, err))
		}
		if names[r.Name] {
			errs = append(errs, fmt.Errorf("role %s: %w: declared twice", r.Name, ErrRule))
		}
		names[r.Name] = true
	}
	for _, w := range wipe {
		if err := CheckWipe(w); err != nil {
			errs = append(errs, err)
		}
	}
	return errs
}

// CheckWipe reports an entry of a wipe list that is not one exact name; the error wraps ErrRule.
func CheckWipe(name string) error {
	if strings.TrimSpace(name) == "" || strings.ContainsAny(name, "*?[]|") {
		return fmt.Errorf("%w: wipe %q: want one disk's exact serial, WWN or by-id name, no pattern", ErrRule, name)
	}
	return nil
}

// selection is one run of Select.
type selection struct {
	disks []Disk
	wipe  []string
	owner map[string]string // disk path → role that has it
	errs  []error
}

func (s *selection) role(r Role) []Target {
	var targets []Target
	for _, d := range s.disks {
		if len(Unusable(s.disks, d)) == 0 && len(r.Rule.Match.Mismatch(d)) == 0 {
			targets = append(targets, Target{Disk: d, Wipe: !d.Contents.Empty()})
		}
	}
	slices.SortFunc(targets, func(a, b Target) int { return strings.Compare(a.Disk.Path, b.Disk.Path) })
	if n := len(targets); n != r.Rule.count() {
		s.fail(r, countError(n, r.Rule.count()), "%d of %d", n, r.Rule.count())
		return nil
	}
	for _, t := range targets {
		s.take(r, t)
	}
	return targets
}

func countError(have, want int) error {
	if have < want {
		return ErrNoMatch
	}
	return ErrAmbiguous
}

// take gives a disk to a role, or records why it cannot have it.
func (s *selection) take(r Role, t Target) {
	if other, taken := s.owner[t.Disk.Path]; taken {
		s.fail(r, ErrOverlap, "%s is also %s", t.Disk.Path, other)
		return
	}
	s.owner[t.Disk.Path] = r.Name
	switch installed := t.Disk.Contents.InstallationName(); {
	case !t.Wipe || s.consents(t.Disk):
	case installed != "":
		s.fail(r, ErrInstalled, "%s: a medium left in the machine would install again at every start; if a new installation is meant, add %s to storage.wipe", t.Disk.Path, installed)
	default:
		s.fail(r, ErrNotEmpty, "%s %s", t.Disk.Path, t.Disk.Contents)
	}
}

func (s *selection) fail(r Role, kind error, format string, args ...any) {
	s.errs = append(s.errs, fmt.Errorf("role %s: %w: %s", r.Name, kind, fmt.Sprintf(format, args...)))
}

// Unusable lists why no role can have a disk, whatever its rule says: it is in use, or it is another path to a disk that
// is in the list too.
func Unusable(disks []Disk, d Disk) []string {
	why := d.Busy()
	for _, other := range disks {
		if d.WWN != "" && other.Path != d.Path && other.WWN == d.WWN {
			why = append(why, fmt.Sprintf("has the WWN of %s: two paths to one disk?", other.Path))
		}
	}
	return why
}

// consents reports whether the wipe list names this disk and no other one. A complete DebVisor must be named itself: old
// answers with a disk's serial do not cover what was installed since.
func (s *selection) consents(d Disk) bool {
	if !s.namesInstallation(d) {
		return false
	}
	return slices.ContainsFunc(s.wipe, func(name string) bool {
		return isCalled(d, name) && !s.shared(name)
	})
}

// namesInstallation holds for a disk without one, too.
func (s *selection) namesInstallation(d Disk) bool {
	name := d.Contents.InstallationName()
	return name == "" || slices.Contains(s.wipe, name)
}

// shared: cheap USB sticks are sold with one serial for all of them; such a name consents to nothing.
func (s *selection) shared(name string) bool {
	n := 0
	for _, d := range s.disks {
		if isCalled(d, name) {
			n++
		}
	}
	return n > 1
}

func isCalled(d Disk, name string) bool {
	if name == "" {
		return false
	}
	id := strings.TrimPrefix(name, "/dev/disk/by-id/")
	return name == d.Serial || name == d.WWN || name == d.Contents.InstallationName() || slices.Contains(d.ByID, id)
}
