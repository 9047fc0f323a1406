// Package pattern is regular expressions that are compiled when they are first needed. Every command of a node contains all
// packages of it and uses few: to compile all their patterns costs a start as much as a question to a name server. It is not
// another kind of expression.
package pattern

import (
	"regexp"
	"sync"
)

// Lazy is the regular expression of a text, which must be right: a wrong one panics at its first use.
func Lazy(expression string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expression) })
}
