package disk

import (
	"errors"
	"testing"
)

func TestSizesAreComparedAsWritten(t *testing.T) {
	for _, c := range []struct {
		rule  Size
		size  int64
		holds bool
	}{
		{">=200GB", 200_000_000_000, true},
		{">=200GB", 199_999_999_999, false},
		{">=200GiB", 200_000_000_000, false},
		{"> 1TB", 1_000_000_000_000, false},
		{"<2TB", 1_999_999_999_999, true},
		{"<2TB", 2_000_000_000_000, false},
		{"<=2TiB", 2_199_023_255_552, true},
		{">=200GB <2TB", 480_103_981_056, true},
		{">=200GB, <2TB", 2_000_398_934_016, false},
		{"200GB..2TB", 2_000_000_000_000, true},
		{"1.5TB..2.5TB", 2_000_398_934_016, true},
		{"1.5TB..2.5TB", 1_000_204_886_016, false},
		{"==480103981056B", 480_103_981_056, true},
		{"==480103981056B", 480_103_981_057, false},
		{">= 0.5 tb", 500_107_862_016, true},
		{"junk", 1, false},
	} {
		if got := c.rule.Holds(c.size); got != c.holds {
			t.Errorf("%q for %d: got %v, want %v", c.rule, c.size, got, c.holds)
		}
	}
}

func TestSizesThatSayNothingAreErrors(t *testing.T) {
	for text, want := range map[string]string{
		"500GB":          `size "500GB": want comparisons such as >=200GB, or 200GB..2TB`,
		"":               `size "": want comparisons such as >=200GB, or 200GB..2TB`,
		">=200G":         `size ">=200G": unknown unit "G": want B, KB, MB, GB, TB or KiB, MiB, GiB, TiB`,
		">=200":          `size ">=200": "200" is not a number with a unit, such as 1.5TB or 200GiB`,
		">=1..5GB":       `size ">=1..5GB": want comparisons such as >=200GB, or 200GB..2TB`,
		">=2TB <1TB":     `size ">=2TB <1TB": no disk can be that`,
		">2TB..3TB":      `size ">2TB..3TB": want comparisons such as >=200GB, or 200GB..2TB`,
		">=200GB or so":  `size ">=200GB or so": want comparisons such as >=200GB, or 200GB..2TB`,
		">=9999999999PB": `size ">=9999999999PB": no disk is that large`,
		"=>200GB":        `size "=>200GB": want comparisons such as >=200GB, or 200GB..2TB`,
	} {
		var s Size
		if err := s.UnmarshalText([]byte(text)); err == nil || err.Error() != want {
			t.Errorf("%q: got %v\nwant %s", text, err, want)
		}
	}
}

func TestPatternsForgiveWhatUdevRewrites(t *testing.T) {
	for _, c := range []struct {
		pattern Pattern
		value   string
		holds   bool
	}{
		{"S3Z8*", "S3Z8NX0K123456", true},
		{"S3Z8", "S3Z8NX0K123456", false},
		{"s3z8*", "S3Z8NX0K123456", true},
		{"Samsung SSD 980", "Samsung_SSD_980", true},
		{"Samsung_SSD_*", "Samsung SSD 980  1TB", true},
		{"SD/MMC*", "SD_MMC Reader", true},
		{"A|B|C*", "CX", true},
		{"A | B", "b", true},
		{"A|B", "AB", false},
		{"ST?10*", "ST4000NM", false},
		{"ST?000*", "ST4000NM", true},
		{"WDC-[A-F]*", "WDC-C1", true},
		{"/dev/disk/by-id/wwn-0x5*", "wwn-0x5000", true},
		{"*", "", false},
	} {
		if got := c.pattern.Holds(c.value); got != c.holds {
			t.Errorf("%q against %q: got %v, want %v", c.pattern, c.value, got, c.holds)
		}
	}
}

func TestMalformedRulesAreReported(t *testing.T) {
	for want, rule := range map[string]Rule{
		`invalid disk rule: count -1 is negative`:                                                        {Count: -1},
		`invalid disk rule: serial: pattern "[": syntax error in pattern`:                                {Match: Match{Serial: "["}},
		`invalid disk rule: model: pattern "A||B": empty`:                                                {Match: Match{Model: "A||B"}},
		`invalid disk rule: size: size "big": want comparisons such as >=200GB, or 200GB..2TB`:           {Match: Match{Size: "big"}},
		"invalid disk rule: serial: pattern \" \": empty\ninvalid disk rule: path: pattern \"/\": empty": {Match: Match{Serial: " ", Path: "/"}},
	} {
		if err := rule.Check(); err == nil || err.Error() != want || !errors.Is(err, ErrRule) {
			t.Errorf("got %v\nwant %s", err, want)
		}
	}
}

func TestAWWNIsTheSameInEverySpelling(t *testing.T) {
	d := Disk{WWN: "0x5000c500a1b2c3d4"}
	for _, p := range []Pattern{"0x5000c500a1b2c3d4", "naa.5000C500A1B2C3D4", "wwn-0x5000c500a1b2c3d4", "5000c500a1b2c3d4", "0x5000c500*", "x|5000c500a1b2c3d4"} {
		if why := (Match{WWN: p}).Mismatch(d); len(why) > 0 {
			t.Errorf("%s: %v", p, why)
		}
	}
}

func FuzzRule(f *testing.F) {
	f.Add(">=200GB <2TB", "S3Z8*|[a-f]", "S3Z8_NX0K")
	f.Add("200GB..2TB", "\\", "/")
	f.Add("==5B", "[!-]", "-")
	f.Fuzz(func(t *testing.T, size, pattern, value string) {
		s, p := Size(size), Pattern(pattern)
		if s.Check() == nil {
			low, high, err := s.bounds()
			if err != nil || low > high || !s.Holds(low) || !s.Holds(high) {
				t.Errorf("size %q passes its check and holds nothing (%d to %d, %v)", size, low, high, err)
			}
		}
		if p.Check() != nil && p.Holds(value) {
			return // an alternative may be sound where another is not
		}
		if value == "" && p.Holds(value) {
			t.Errorf("pattern %q matches a missing attribute", pattern)
		}
	})
}
