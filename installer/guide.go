package installer

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"debvisor/config"
	"debvisor/internal/disk"
	"debvisor/internal/host"
	"debvisor/internal/manifest"
	"debvisor/internal/netcfg"
)

// state is where the questions begin: on this machine, with earlier answers as defaults.
func (in *Installer) state(ctx context.Context, m *manifest.Manifest, defaults *config.Node) (State, error) {
	facts, err := in.Facts(ctx)
	if err != nil {
		return State{}, err
	}
	cards, err := in.cards()
	if err != nil {
		return State{}, err
	}
	s := State{Disks: facts.Disks, Cards: cards, Profiles: m.Profiles,
		Known: map[string]func(string) error{"host.timezone": in.checkZone, "host.keyboard": in.checkKeyboard}}
	if defaults != nil {
		s.Node = *defaults
	}
	return s, nil
}

// cards lists the network cards that the first boot would take for br0.
func (in *Installer) cards() ([]Card, error) {
	found, err := netcfg.Cards(in.Live)
	if err != nil {
		return nil, err
	}
	var all []Card
	for _, c := range found {
		if !c.Physical {
			continue
		}
		carrier, err := in.Live.ReadFile("/sys/class/net/" + c.Name + "/carrier") // an error while the card is down
		all = append(all, Card{Name: c.Name, MAC: c.MAC, Carrier: err == nil && strings.TrimSpace(string(carrier)) == "1"})
	}
	return all, nil
}

// guide asks until the answers are complete.
func (c *Console) guide(ctx context.Context, s State) (*Answers, error) {
	for {
		q, more := Next(s)
		if !more {
			break
		}
		answer, err := c.ask(ctx, q)
		if err != nil {
			return nil, err
		}
		s = s.Answer(q, answer)
		given := s.Node
		c.given = &given
	}
	text, err := Draft(&s.Node)
	if err != nil {
		return nil, err
	}
	return ParseAnswers("the questions", []byte(text))
}

func (c *Console) ask(ctx context.Context, q Question) (string, error) {
	if q.Kind != Secret {
		return c.Ask.Ask(ctx, q)
	}
	for {
		answer, err := c.secret(ctx, q)
		if err != nil {
			return "", err
		}
		if err := q.Check(answer); err != nil {
			c.In.Tell.linef("  %v", err)
			continue
		}
		return answer, nil
	}
}

// secret asks for a password twice and returns its hash: the answers never hold the password itself.
func (c *Console) secret(ctx context.Context, q Question) (string, error) {
	first, again := q, q
	first.Default, first.Check = "", goodPassword
	password, err := c.Ask.Ask(ctx, first)
	if err != nil || password == "" {
		return q.Default, err
	}
	again.Title, again.Help, again.Default = "The same password again", "", ""
	again.Check = func(a string) error {
		if a != password {
			return errors.New("it is not the same; Ctrl-C goes back to the menu")
		}
		return nil
	}
	if _, err := c.Ask.Ask(ctx, again); err != nil {
		return "", err
	}
	hash, err := c.In.Live.Runner.Run(ctx, host.Cmd{Args: []string{"openssl", "passwd", "-6", "-stdin"}, Stdin: password + "\n"})
	return strings.TrimSpace(string(hash)), err
}

const leastPassword = 10

func goodPassword(a string) error {
	if a != "" && len(a) < leastPassword {
		return fmt.Errorf("want at least %d characters, or none", leastPassword)
	}
	return nil
}

// confirm is the last question before the first write: the end of the disk's own name.
func confirm(ctx context.Context, ask Asker, d disk.Disk) error {
	want := confirmation(d)
	_, err := ask.Ask(ctx, Question{
		Title: fmt.Sprintf("Install to %s (%s)?", d.Path, describe(d)),
		Help:  fmt.Sprintf("To begin, type %s, the end of the disk's serial number, or of its name where it has none.", want),
		Check: func(a string) error {
			if a != want {
				return fmt.Errorf("type %s to begin; Ctrl-C goes back", want)
			}
			return nil
		},
	})
	return err
}

const confirmLength = 4

// confirmation is the last characters of the serial, or the disk's name.
func confirmation(d disk.Disk) string {
	serial := strings.TrimSpace(d.Serial)
	if serial == "" {
		return d.Name()
	}
	return strings.TrimSpace(serial[max(0, len(serial)-confirmLength):])
}
