package disk

import (
	"errors"
	"fmt"
	"path"
	"strings"

	"debvisor/internal/pattern"
)

// Rule says which disks a role gets: exactly Count (0 means 1) of those that Match.
type Rule struct {
	Count int   `json:"count,omitempty" yaml:"count" doc:"how many disks the rule means, exactly; 1 when missing"`
	Match Match `json:"match" yaml:"match" doc:"all of these must hold; text may have the wildcards * and ?, and | between alternatives"`
}

// Match is a condition on a disk; every attribute that is given must hold, and one that the disk does not have never
// does. No attribute at all means any fixed disk. USB and other removable disks are meant only by a rule that says so: by
// transport, removable, serial, wwn, by_id or path.
type Match struct {
	Serial     Pattern `json:"serial,omitempty" yaml:"serial" doc:"serial number"`
	WWN        Pattern `json:"wwn,omitempty" yaml:"wwn" doc:"world wide name, such as 0x5000c500a1b2c3d4"`
	Model      Pattern `json:"model,omitempty" yaml:"model" doc:"model"`
	Vendor     Pattern `json:"vendor,omitempty" yaml:"vendor" doc:"vendor"`
	ByID       Pattern `json:"by_id,omitempty" yaml:"by_id" doc:"name below /dev/disk/by-id"` // a name in /dev/disk/by-id
	Path       Pattern `json:"path,omitempty" yaml:"path" doc:"name below /dev/disk/by-path"` // a name in /dev/disk/by-path
	Size       Size    `json:"size,omitempty" yaml:"size" doc:"such as \">=200GB\", \"<2TB\" or \">=200GB <2TB\""`
	Transport  Pattern `json:"transport,omitempty" yaml:"transport" doc:"sata, sas, nvme, usb, virtio, scsi or mmc"`
	Rotational *bool   `json:"rotational,omitempty" yaml:"rotational" doc:"true for spinning disks"`
	Removable  *bool   `json:"removable,omitempty" yaml:"removable" doc:"true for removable media"`
}

// Pattern is a glob: * is any text, ? any character, [a-f] a class, and | separates alternatives. Upper and lower case
// are alike; so are blanks, underscores and slashes, which udev rewrites in some places and not in others.
type Pattern string

// UnmarshalText accepts what Check accepts.
func (p *Pattern) UnmarshalText(text []byte) error {
	*p = Pattern(text)
	return p.Check()
}

// Check reports a pattern that is malformed or has an empty alternative.
func (p Pattern) Check() error {
	for alternative := range strings.SplitSeq(string(p), "|") {
		if plain(alternative) == "" {
			return fmt.Errorf("pattern %q: empty", string(p))
		}
		if _, err := path.Match(plain(alternative), ""); err != nil {
			return fmt.Errorf("pattern %q: %w", string(p), err)
		}
	}
	return nil
}

// Holds reports whether any of the values is matched.
func (p Pattern) Holds(values ...string) bool {
	for alternative := range strings.SplitSeq(string(p), "|") {
		for _, v := range values {
			if ok, err := path.Match(plain(alternative), plain(v)); ok && err == nil && v != "" {
				return true
			}
		}
	}
	return false
}

var mangled = pattern.Lazy(`[\s_/]+`)

// plain is a form in which the spellings of one name are equal. It has no slash, which a glob would not cross.
func plain(s string) string {
	s = strings.TrimPrefix(strings.TrimPrefix(strings.TrimSpace(s), "/dev/disk/by-id/"), "/dev/disk/by-path/")
	return strings.Trim(mangled().ReplaceAllString(strings.ToLower(s), "_"), "_")
}

// count is how many disks the rule wants.
func (r Rule) count() int { return max(r.Count, 1) }

// Check reports what is wrong with a rule by itself, wrapped in ErrRule.
func (r Rule) Check() error {
	if r.Count < 0 {
		return fmt.Errorf("%w: count %d is negative", ErrRule, r.Count)
	}
	var wrong []error
	for _, a := range r.Match.texts() {
		if a.want != "" {
			wrong = append(wrong, named(a.name, a.want.Check()))
		}
	}
	if r.Match.Size != "" {
		wrong = append(wrong, named("size", r.Match.Size.Check()))
	}
	return errors.Join(wrong...)
}

func named(attribute string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w: %s: %w", ErrRule, attribute, err)
}

// attribute is a text that a rule compares.
type attribute struct {
	name string
	want Pattern
	have func(Disk) []string
}

func one(get func(Disk) string) func(Disk) []string {
	return func(d Disk) []string { return []string{get(d)} }
}

func (m Match) texts() []attribute {
	return []attribute{
		{"serial", m.Serial, one(func(d Disk) string { return d.Serial })},
		{"wwn", canonicalPattern(m.WWN), one(func(d Disk) string { return canonicalWWN(d.WWN) })},
		{"model", m.Model, one(func(d Disk) string { return d.Model })},
		{"vendor", m.Vendor, one(func(d Disk) string { return d.Vendor })},
		{"by_id", m.ByID, func(d Disk) []string { return d.ByID }},
		{"path", m.Path, func(d Disk) []string { return d.ByPath }},
		{"transport", m.Transport, one(func(d Disk) string { return d.Transport })},
	}
}

// canonicalPattern lets people write a WWN as the kernel does (naa.5000…), as udev does (0x5000…) or without a prefix.
func canonicalPattern(p Pattern) Pattern {
	if p == "" {
		return ""
	}
	var all []string
	for a := range strings.SplitSeq(string(p), "|") {
		a = canonicalWWN(strings.TrimPrefix(strings.TrimSpace(a), "wwn-"))
		if bareWWN().MatchString(a) {
			a = "0x" + a
		}
		all = append(all, a)
	}
	return Pattern(strings.Join(all, "|"))
}

var bareWWN = pattern.Lazy(`^[0-9a-f]{16}(?:[0-9a-f]{16})?$`)
