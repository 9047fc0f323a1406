package iso

import (
	"cmp"
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// A plain ISO 9660 name is 8.3. The library numbers names that shorten to the same one, group by group in the order of a
// Go map: two groups that draw from the same numbers come out differently from run to run. Such a disc is refused,
// because it could not be built twice.

type shortName struct{ dir, base, ext string }

var notISO = regexp.MustCompile(`[^A-Z0-9_]`)

func shorten(name string, isDir bool) shortName {
	base, ext, _ := strings.Cut(strings.ToUpper(path.Base(name)), ".")
	if isDir {
		ext = ""
	}
	base, ext = notISO.ReplaceAllString(base, "_"), notISO.ReplaceAllString(ext, "_")
	return shortName{path.Dir(name), base[:min(8, len(base))], ext[:min(3, len(ext))]}
}

func checkShortNames(files []File) error {
	count := map[shortName]int{}
	dirs := map[string]bool{}
	for _, f := range files {
		name := stagedName(f.Path)
		count[shorten(name, false)]++
		for _, dir := range parents(name) {
			if !dirs[dir] {
				count[shorten(dir, true)]++
			}
			dirs[dir] = true
		}
	}
	maps.DeleteFunc(count, func(_ shortName, n int) bool { return n == 1 })
	return checkGroups(count)
}

// checkGroups compares neighbours: what is left of each base in front of its number must not begin the same.
func checkGroups(count map[shortName]int) error {
	groups := slices.SortedFunc(maps.Keys(count), func(a, b shortName) int {
		return cmp.Or(cmp.Compare(a.dir, b.dir), cmp.Compare(a.ext, b.ext), cmp.Compare(a.base, b.base))
	})
	for i := 1; i < len(groups); i++ {
		a, b := groups[i-1], groups[i]
		p, q := numbered(a, count[a]), numbered(b, count[b])
		if a.dir == b.dir && a.ext == b.ext && (strings.HasPrefix(p, q) || strings.HasPrefix(q, p)) {
			return fmt.Errorf("%s: names shortened to %s and to %s would get numbers in no fixed order; rename some", a.dir, a.base, b.base)
		}
	}
	return nil
}

// numbered is the part of a base that stays when n names share it.
func numbered(s shortName, n int) string {
	return s.base[:min(8-len(strconv.Itoa(n-1)), len(s.base))]
}
