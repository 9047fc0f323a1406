package disk

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"debvisor/internal/pattern"
)

// Size is a condition on a disk's size, as an operator writes it: ">=200GB", ">=200GB <2TB", "200GB..2TB" (both ends
// included), "==480103981056B". All comparisons must hold. GB is 10⁹ bytes and GiB 2³⁰. A size alone or a bare "200G" is
// an error: disks are never exactly as large as their label, and G means either.
type Size string

// UnmarshalText accepts what Check accepts.
func (s *Size) UnmarshalText(text []byte) error {
	*s = Size(text)
	return s.Check()
}

// Check reports a condition that cannot be understood or that no disk can meet.
func (s Size) Check() error {
	low, high, err := s.bounds()
	if err == nil && low > high {
		err = fmt.Errorf("size %q: no disk can be that", string(s))
	}
	return err
}

// Holds reports whether a disk of size bytes meets the condition; one that does not pass Check meets nothing.
func (s Size) Holds(size int64) bool {
	low, high, err := s.bounds()
	return err == nil && low <= size && size <= high
}

var sizeRange = pattern.Lazy(`^([^.\s][^\s]*?)\.\.([^.\s][^\s]*)$`)

// bounds are the smallest and the largest size in bytes that meet every comparison.
func (s Size) bounds() (low, high int64, err error) {
	expr := strings.TrimSpace(string(s))
	if m := sizeRange().FindStringSubmatch(expr); m != nil {
		expr = ">=" + m[1] + " <=" + m[2]
	}
	terms := sizeTerm().FindAllStringSubmatch(expr, -1)
	if len(terms) == 0 || strings.TrimLeft(sizeTerm().ReplaceAllString(expr, ""), ", ") != "" {
		return 0, 0, fmt.Errorf("size %q: want comparisons such as >=200GB, or 200GB..2TB", string(s))
	}
	low, high = 0, math.MaxInt64
	for _, t := range terms {
		n, err := parseBytes(t[2])
		if err != nil {
			return 0, 0, fmt.Errorf("size %q: %w", string(s), err)
		}
		low, high = narrow(low, high, t[1], n)
	}
	return low, high, nil
}

var sizeTerm = pattern.Lazy(`(>=|<=|==|>|<)\s*([0-9][0-9.]*\s*[A-Za-z]*)`)

func narrow(low, high int64, operator string, n int64) (int64, int64) {
	switch operator {
	case ">":
		return max(low, n+1), high
	case ">=":
		return max(low, n), high
	case "<":
		return low, min(high, n-1)
	case "<=":
		return low, min(high, n)
	}
	return max(low, n), min(high, n)
}

var units = map[string]float64{
	"b": 1, "kb": 1e3, "mb": 1e6, "gb": 1e9, "tb": 1e12, "pb": 1e15,
	"kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30, "tib": 1 << 40, "pib": 1 << 50,
}

var amount = pattern.Lazy(`^([0-9]+(?:\.[0-9]+)?)\s*([A-Za-z]+)$`)

func parseBytes(s string) (int64, error) {
	m := amount().FindStringSubmatch(s)
	if m == nil {
		return 0, fmt.Errorf("%q is not a number with a unit, such as 1.5TB or 200GiB", s)
	}
	unit, known := units[strings.ToLower(m[2])]
	if !known {
		return 0, fmt.Errorf("unknown unit %q: want B, KB, MB, GB, TB or KiB, MiB, GiB, TiB", m[2])
	}
	if n, err := strconv.ParseInt(m[1], 10, 64); err == nil && unit == 1 {
		return n, bounded(float64(n))
	}
	n, err := strconv.ParseFloat(m[1], 64)
	if err != nil {
		return 0, fmt.Errorf("%q is not a number: %w", m[1], err)
	}
	return int64(n * unit), bounded(n * unit)
}

// bounded keeps sizes where int64 and the arithmetic of ranges are exact.
func bounded(n float64) error {
	if n > 1<<60 {
		return fmt.Errorf("no disk is that large")
	}
	return nil
}

// Human writes a size as the label on a disk does: 480 GB.
func Human(size int64) string {
	n, unit := float64(size), "B"
	for _, next := range []string{"kB", "MB", "GB", "TB", "PB"} {
		if n < 1000 {
			break
		}
		n, unit = n/1000, next
	}
	text := strings.TrimSuffix(strconv.FormatFloat(n, 'f', 1, 64), ".0")
	return text + " " + unit
}
