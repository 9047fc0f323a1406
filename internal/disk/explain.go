package disk

import (
	"fmt"
	"strings"
	"text/tabwriter"
)

// Explain is a table of every disk against every rule, aligned, a line for each pair.
func Explain(disks []Disk, roles []Role, wipe []string) string {
	s := selection{disks: disks, wipe: wipe, owner: map[string]string{}}
	return s.table(roles)
}

func (s *selection) table(roles []Role) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "DISK\tSIZE\tBUS\tMODEL\tSERIAL\tROLE\tVERDICT")
	for _, d := range s.disks {
		for _, r := range roles {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", clean(d.Path), Human(d.Size), known(d.Transport), known(d.Model),
				known(d.Serial), r.Name, clean(s.verdict(d, r)))
		}
	}
	w.Flush() // a strings.Builder takes everything
	if len(s.disks) == 0 {
		b.WriteString("this machine has no disks\n")
	}
	return b.String()
}

func known(s string) string {
	if s = clean(s); s == "" {
		return "-"
	}
	return s
}

// verdict says whether a disk is what a rule means, and everything that speaks against it.
func (s *selection) verdict(d Disk, r Role) string {
	why := append(Unusable(s.disks, d), r.Rule.Match.Mismatch(d)...)
	if len(why) > 0 {
		return "no: " + strings.Join(why, "; ")
	}
	switch {
	case d.Contents.Empty():
		return "matches, empty"
	case s.consents(d):
		return "matches, named for wiping, " + d.Contents.String()
	}
	return "matches, refused: " + d.Contents.String() + ", " + s.unnamed(d)
}

// unnamed says how to name the disk, or why the name given does not count.
func (s *selection) unnamed(d Disk) string {
	if !s.namesInstallation(d) {
		return "and that installation is not named for wiping"
	}
	for _, name := range s.wipe {
		if isCalled(d, name) {
			return fmt.Sprintf("and %s names several disks", name)
		}
	}
	return "not named for wiping"
}
