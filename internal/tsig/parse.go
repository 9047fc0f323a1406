package tsig

import (
	"fmt"
	"slices"
	"strings"
)

// Parse reads the text of a file that holds key statements and comments and nothing else; the keys come newest first, role
// by role. Anything that BIND would take and that is never written here is an error too: another algorithm, a key twice.
// Errors say file and line, and never repeat what stands there, since that may be a secret.
func Parse(file, text string) ([]Key, error) {
	p := &parser{file: file, words: words{text: text, line: 1}}
	var keys []Key
	for {
		word, err := p.next()
		switch {
		case err != nil:
			return nil, err
		case word == "":
			sortKeys(keys)
			return keys, nil
		case word != "key":
			return nil, p.wrong("a key statement should begin here")
		}
		k, err := p.key()
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(keys, func(o Key) bool { return o.Name() == k.Name() }) {
			return nil, p.wrong("%s is there twice", k)
		}
		keys = append(keys, k)
	}
}

func sortKeys(keys []Key) {
	slices.SortFunc(keys, func(a, b Key) int {
		if a.Role != b.Role {
			return slices.Index(Roles, a.Role) - slices.Index(Roles, b.Role)
		}
		return int(int64(b.Serial) - int64(a.Serial))
	})
}

type parser struct {
	file string
	words
}

func (p *parser) wrong(format string, args ...any) error {
	return fmt.Errorf("%s:%d: %w", p.file, p.line, fmt.Errorf(format, args...))
}

func (p *parser) next() (string, error) {
	word, err := p.words.next()
	if err != "" {
		return "", p.wrong("%s", err)
	}
	return word, nil
}

// key reads a statement after its first word.
func (p *parser) key() (Key, error) {
	name, err := p.next()
	if err != nil {
		return Key{}, err
	}
	if name = strings.Trim(name, `"`); !nameFormat().MatchString(name) {
		return Key{}, p.wrong("the name of a key should be here, such as debvisor-node-2026112401")
	}
	if err := p.expect("{", `"{"`); err != nil {
		return Key{}, err
	}
	secret, err := p.body(name)
	if err != nil {
		return Key{}, err
	}
	k, err := Of(name, secret)
	if err != nil {
		return Key{}, p.wrong("%w", err)
	}
	return k, p.expect(";", `";" after the key`)
}

// body reads algorithm and secret, in either order, and the brace after them.
func (p *parser) body(name string) (secret string, err error) {
	seen := map[string]bool{}
	for {
		option, err := p.next()
		switch {
		case err != nil:
			return "", err
		case option == "}" && seen["algorithm"] && seen["secret"]:
			return secret, nil
		case option != "algorithm" && option != "secret" || seen[option]:
			return "", p.wrong("%s needs one algorithm and one secret, and takes nothing else", name)
		}
		seen[option] = true
		value, err := p.next()
		if err != nil {
			return "", err
		}
		if option == "secret" {
			secret = strings.Trim(value, `"`)
		} else if !strings.EqualFold(strings.Trim(value, `"`), Algorithm) {
			return "", p.wrong("the algorithm of %s is not %s", name, Algorithm)
		}
		if err := p.expect(";", `";"`); err != nil {
			return "", err
		}
	}
}

func (p *parser) expect(word, called string) error {
	got, err := p.next()
	if err == nil && got != word {
		err = p.wrong("%s is missing", called)
	}
	return err
}
