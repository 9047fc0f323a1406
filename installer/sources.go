package installer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"strings"

	"debvisor/config"
	"debvisor/internal/exit"
	"debvisor/internal/manifest"
)

// text is answers that were found but not yet checked.
type text struct {
	source string
	data   []byte
}

// FindAnswers looks where answers may be, in fixed order: the kernel command line, a second medium, the slot of the
// install medium. The first found is used, and also lists those that were not. Nil answers mean that there are none. A
// source that was named and cannot be read is an error, as are answers that do not hold: no other source stands in.
func (in *Installer) FindAnswers(ctx context.Context, c Cmdline) (a *Answers, also []string, err error) {
	found, err := in.allAnswers(ctx, c)
	if err != nil || len(found) == 0 {
		return nil, nil, err
	}
	for _, t := range found[1:] {
		also = append(also, t.source)
	}
	a, err = ParseAnswers(found[0].source, found[0].data)
	return a, also, err
}

func (in *Installer) allAnswers(ctx context.Context, c Cmdline) ([]text, error) {
	var found []text
	for _, source := range []func() ([]text, error){
		func() ([]text, error) { return in.fromCmdline(ctx, c) },
		func() ([]text, error) { return in.fromMedia(ctx) },
		in.fromSlot,
	} {
		t, err := source()
		if err != nil && len(found) > 0 {
			in.Tell.linef("not looked at: %v", err) // the answers are known already
			continue
		}
		if err != nil {
			return nil, exit.With(exit.Usage, err)
		}
		found = append(found, t...)
	}
	return found, nil
}

// ParseAnswers checks an answers file; source is the name to show.
func ParseAnswers(source string, data []byte) (*Answers, error) {
	n, err := config.ParseNode(source, data)
	if err != nil {
		return nil, exit.With(exit.Usage, err)
	}
	return &Answers{Source: source, Text: string(data), Node: n}, nil
}

func (in *Installer) fromCmdline(ctx context.Context, c Cmdline) ([]text, error) {
	switch {
	case c.Answers == "":
		return nil, nil
	case strings.HasPrefix(c.Answers, "file:/"):
		name := strings.TrimPrefix(c.Answers, "file:")
		data, err := in.Live.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("read debvisor.answers=%s: %w", c.Answers, err)
		}
		return []text{{name, data}}, nil
	case strings.HasPrefix(c.Answers, "https://"):
		data, err := in.fetch(ctx, c.Answers, c.SHA256)
		if err != nil {
			return nil, fmt.Errorf("fetch debvisor.answers=%s: %w", shown(c.Answers), err)
		}
		return []text{{shown(c.Answers), data}}, nil
	default:
		return nil, fmt.Errorf("read debvisor.answers=%s: want file:/path or https://", c.Answers)
	}
}

// shown is an address without what may be secret in it: user, password and query.
func shown(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "an address that cannot be read"
	}
	u.User, u.RawQuery, u.Fragment = nil, "", ""
	return u.String()
}

// maxAnswers bounds an answers file, wherever it comes from.
const maxAnswers = 1 << 20

// fromSlot reads the file on the ISO that operators write their answers into; it is padded with NULs.
func (in *Installer) fromSlot() ([]text, error) {
	name := in.onMedium(manifest.Slot)
	data, err := in.Live.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	data = bytes.TrimRight(data, "\x00")
	if len(data) == 0 {
		return nil, nil
	}
	return []text{{"the slot on the install medium", data}}, nil
}
