package installer

import (
	"errors"
	"fmt"
	"slices"

	"debvisor/config"
	"debvisor/internal/disk"
	"debvisor/internal/exit"
)

// The roles that disks have.
const (
	systemRole = "system"
	dataRole   = "data"
)

// errTooFew is in the error when a profile needs more disks than there are.
var errTooFew = errors.New("too few disks for the profile")

// Choice is which disks the answers mean.
type Choice struct {
	System disk.Target
	Data   []disk.Target
}

// Choose finds the disks of the answers, or says for each disk why not.
func Choose(n *config.Node, facts disk.Facts) (Choice, error) {
	plan, err := disk.Select(facts.Disks, roles(n), n.Storage.Wipe)
	if err != nil {
		return Choice{}, exit.With(selectCode(err), fmt.Errorf("select disks: %w", err))
	}
	c := Choice{System: plan.Roles[systemRole][0]}
	for i := range n.Storage.Data {
		c.Data = append(c.Data, plan.Roles[dataName(i)]...)
	}
	profile, err := config.ProfileByName(n.Storage.Profile)
	if err != nil {
		return Choice{}, exit.With(exit.Usage, err)
	}
	if len(n.Storage.Data) == 0 {
		c.Data = emptyDisks(profile, facts, c.System.Disk)
	}
	return c, enoughDisks(profile, c, facts, n)
}

// enoughDisks refuses a profile that the disks cannot serve, before anything is written: too few of them, or disks that a
// rule names although the profile takes none of their kind.
func enoughDisks(p config.Profile, c Choice, facts disk.Facts, n *config.Node) error {
	fitting := 0
	for _, t := range c.Data {
		if p.Takes(t.Disk) {
			fitting++
		}
	}
	if fitting >= p.Disks.Least && fitting == len(c.Data) {
		return nil
	}
	return exit.With(exit.NoMatch, fmt.Errorf("%w\n\n%s", tooFew(p, fitting), disk.Explain(facts.Disks, roles(n), n.Storage.Wipe)))
}

// tooFew says how many disks a profile needs, and of which kind.
func tooFew(p config.Profile, have int) error {
	kind := "fixed"
	if p.Disks.Removable {
		kind = "USB"
	}
	return fmt.Errorf("%w: %s needs at least %d, %s and empty, besides the system disk; there are %d", errTooFew, p.Name, p.Disks.Least, kind, have)
}

func roles(n *config.Node) []disk.Role {
	all := []disk.Role{{Name: systemRole, Rule: n.Storage.System}}
	for i, d := range n.Storage.Data {
		all = append(all, disk.Role{Name: dataName(i), Rule: d})
	}
	return all
}

func dataName(i int) string { return fmt.Sprintf("%s[%d]", dataRole, i) }

// emptyDisks are the disks that a profile may use when no rule names any: of its kind, unused, empty.
func emptyDisks(p config.Profile, facts disk.Facts, system disk.Disk) []disk.Target {
	var all []disk.Target
	for _, d := range facts.Disks {
		if d.Path != system.Path && p.Takes(d) && len(disk.Unusable(facts.Disks, d)) == 0 && d.Contents.Empty() {
			all = append(all, disk.Target{Disk: d})
		}
	}
	return all
}

// selectCode: a wrong rule is the answers' fault, a disk that holds something is refused, anything else is no match.
func selectCode(err error) int {
	switch {
	case errors.Is(err, disk.ErrRule):
		return exit.Usage
	case errors.Is(err, disk.ErrNoMatch), errors.Is(err, disk.ErrAmbiguous), errors.Is(err, disk.ErrOverlap):
		return exit.NoMatch
	default:
		return exit.Refused
	}
}

// checkProfile refuses a profile that this edition cannot serve.
func checkProfile(profile string, served []string, edition string) error {
	if slices.Contains(served, profile) {
		return nil
	}
	return exit.With(exit.Refused, fmt.Errorf("profile %s: the %s edition serves %v", profile, edition, served))
}
