package update

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strings"
)

// maxWrong is how many wrong lines of a batch are told one by one.
const maxWrong = 20

// Defaults are what a line of a batch does not say.
type Defaults struct {
	Zone  string
	Owner Identity
	TTL   uint32
	NoPTR bool
}

// Parse reads one change as words: add HOST ADDRESS..., or remove HOST [ADDRESS...].
func (d Defaults) Parse(words []string) (Change, error) {
	if len(words) < 2 || words[0] != "add" && words[0] != "remove" {
		return Change{}, errors.New("it is neither add HOST ADDRESS... nor remove HOST [ADDRESS...]")
	}
	name, err := FullName(words[1], d.Zone)
	if err != nil {
		return Change{}, err
	}
	c := Change{Add: words[0] == "add", Name: name, Owner: d.Owner, TTL: d.TTL, NoPTR: d.NoPTR}
	for _, word := range words[2:] {
		a, err := netip.ParseAddr(word)
		if err != nil {
			return Change{}, fmt.Errorf("%q is not an address", word)
		}
		c.Addresses = append(c.Addresses, a)
	}
	return c, c.check()
}

// ReadBatch reads changes, one a line; empty lines and what follows a # are left out. The error tells all wrong lines, with
// file and line.
func (d Defaults) ReadBatch(file string, from io.Reader) ([]Change, error) {
	var changes []Change
	var wrong []error
	lines := bufio.NewScanner(from)
	number := 0
	for lines.Scan() {
		number++
		text, _, _ := strings.Cut(lines.Text(), "#")
		words := strings.Fields(text)
		if len(words) == 0 {
			continue
		}
		c, err := d.Parse(words)
		if err != nil {
			wrong = append(wrong, fmt.Errorf("%s:%d: %w", file, number, err))
			continue
		}
		changes = append(changes, c)
	}
	if err := lines.Err(); err != nil {
		wrong = append(wrong, fmt.Errorf("%s:%d: %w", file, number+1, err))
	}
	if more := len(wrong) - maxWrong; more > 0 {
		wrong = append(wrong[:maxWrong], fmt.Errorf("%s: and %d more wrong lines", file, more))
	}
	return changes, errors.Join(wrong...)
}
