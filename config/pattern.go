package config

import (
	"regexp"
	"sync"
)

// pattern is a regular expression that is compiled when it is first needed. Every command of a node contains this package,
// and few check answers: to compile all of them costs such a command as much as a question to a name server.
type pattern func() *regexp.Regexp

func lazily(expression string) pattern {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expression) })
}

// MatchString reports whether the text matches.
func (p pattern) MatchString(text string) bool { return p().MatchString(text) }
