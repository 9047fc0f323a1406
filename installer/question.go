package installer

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"debvisor/config"
	"debvisor/internal/disk"
	"debvisor/internal/report"
)

// Kind is how a question is answered.
type Kind int

// Kinds of questions. The answer to Many is the chosen values, a line each.
const (
	Text Kind = iota
	Secret
	One
	Many
)

// Option is a possible answer.
type Option struct{ Value, Text string }

// Question is one thing to ask. Path is the key of the answers that it fills in.
type Question struct {
	Path    string
	Title   string
	Help    string
	Kind    Kind
	Options []Option
	Default string
	Check   func(answer string) error // nil when any answer will do

	set func(n *config.Node, answer string)
}

// Card is a network card that may be in the bridge.
type Card struct {
	Name, MAC string
	Carrier   bool
}

// State is how far the questions are: a pure value.
type State struct {
	Node     config.Node
	Asked    map[string]bool // paths
	Disks    []disk.Disk
	Cards    []Card
	Profiles []string // that the edition serves
	// Known has checks, by path, against what the new system knows; none where it cannot be told.
	Known map[string]func(answer string) error
}

// Next is the next question of a guided installation; false when there is none left.
func Next(s State) (Question, bool) {
	for _, q := range questions(s) {
		if !s.Asked[q.Path] {
			q.Check = both(q.Check, s.checker(q))
			return q, true
		}
	}
	return Question{}, false
}

// Answer is the state after a question was answered.
func (s State) Answer(q Question, answer string) State {
	asked := map[string]bool{q.Path: true}
	for path := range s.Asked {
		asked[path] = true
	}
	s.Asked = asked
	s.Node.Version = 1
	s.Node.Users = slices.Clone(s.Node.Users) // sets write into it
	q.set(&s.Node, strings.TrimSpace(answer))
	return s
}

// checker asks the answers' own validator about the answer, and takes what it says about this question.
func (s State) checker(q Question) func(string) error {
	return func(answer string) error {
		next := s.Answer(q, answer)
		text, err := Draft(&next.Node)
		if err != nil {
			return err
		}
		_, err = config.ParseNode("answers", []byte(text))
		var findings *report.Error
		if !errors.As(err, &findings) {
			return err
		}
		for _, f := range findings.Findings {
			if concerns(f.Path, q.Path) {
				return findingError(f)
			}
		}
		return nil
	}
}

// concerns: who can log in is known after the last question about the user.
func concerns(finding, question string) bool {
	if finding == "users" {
		return question == passwordPath
	}
	return finding == question || strings.HasPrefix(finding, question+".") || strings.HasPrefix(finding, question+"[")
}

func findingError(f report.Finding) error {
	if f.Hint == "" {
		return errors.New(f.Message)
	}
	return fmt.Errorf("%s: %s", f.Message, f.Hint)
}

func both(a, b func(string) error) func(string) error {
	if a == nil {
		return b
	}
	return func(answer string) error {
		if err := a(answer); err != nil {
			return err
		}
		return b(answer)
	}
}

const passwordPath = "users[0].password_hash"

// questions are those that the answers so far leave, in order.
func questions(s State) []Question {
	return slices.Concat(hostQuestions(s), userQuestions(s), networkQuestions(s), storageQuestions(s), endQuestions(s))
}

func hostQuestions(s State) []Question {
	return []Question{
		{Path: "host.fqdn", Title: "Full host name", Help: "such as hv01.lab.example", Default: s.Node.Host.FQDN,
			set: func(n *config.Node, a string) { n.Host.FQDN = a }},
		{Path: "host.timezone", Title: "Time zone", Help: "such as Europe/Vienna", Default: or(s.Node.Host.Timezone, "UTC"),
			Check: s.Known["host.timezone"], set: func(n *config.Node, a string) { n.Host.Timezone = a }},
		{Path: "host.keyboard", Title: "Keyboard", Help: "such as us or de", Default: or(s.Node.Host.Keyboard, "us"),
			Check: s.Known["host.keyboard"], set: func(n *config.Node, a string) { n.Host.Keyboard = a }},
	}
}

func userQuestions(s State) []Question {
	u := firstUser(&s.Node)
	empty := "empty for none"
	if u.PasswordHash != "" {
		empty = "empty for the one given before"
	}
	return []Question{
		{Path: "users[0].name", Title: "Administrator's account", Help: "lower case; there is no default", Default: u.Name,
			set: func(n *config.Node, a string) { u := firstUser(n); u.Name, u.Admin = a, true }},
		{Path: "users[0].ssh_keys", Title: "Administrator's SSH public key", Help: "one line; empty for none, then a password is needed",
			Default: strings.Join(u.SSHKeys, "\n"), set: func(n *config.Node, a string) { firstUser(n).SSHKeys = lines(a) }},
		{Path: passwordPath, Title: "Administrator's password", Help: "for the console and sudo; " + empty, Kind: Secret,
			Default: u.PasswordHash, set: func(n *config.Node, a string) { firstUser(n).PasswordHash = a }},
	}
}

func firstUser(n *config.Node) *config.User {
	if len(n.Users) == 0 {
		n.Users = []config.User{{}}
	}
	return &n.Users[0]
}

func endQuestions(s State) []Question {
	return []Question{{Path: "install.after", Title: "When installed", Kind: One, Default: or(s.Node.Install.After, "reboot"),
		Options: []Option{{"reboot", "reboot into the new system"}, {"poweroff", "switch off"}, {"nothing", "stay here"}},
		set:     func(n *config.Node, a string) { n.Install.After = a }}}
}

func or(s, fallback string) string {
	if s == "" {
		return fallback
	}
	return s
}

// lines splits an answer; empty lines do not count.
func lines(answer string) []string {
	var all []string
	for line := range strings.Lines(answer) {
		if line = strings.TrimSpace(line); line != "" {
			all = append(all, line)
		}
	}
	return all
}

// words splits an answer at blanks and commas.
func words(answer string) []string {
	return strings.FieldsFunc(answer, func(r rune) bool { return r == ' ' || r == ',' })
}
