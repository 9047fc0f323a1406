package kernel

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// state is the structure of the table as the kernel has it. It is small, however much the sets hold.
type state struct {
	generation uint32
	exists     bool
	flags      uint32
	chains     map[string]chainState
	rules      map[string][]string // chain to what its rules do
	sets       map[string]setState
	objects    map[object]bool
	flowtables map[string]bool
	// wantedRules is what the rules must be, in the same form as rules.
	wantedRules map[string][]string
}

type chainState struct {
	kind                   string
	hook, priority, policy uint32
	flags                  uint32
}

// setState is what the kernel says about a set, apart from its elements.
type setState struct {
	flags, keyType, keyLength, size uint32
	more                            bool // it has what none of ours has: data, timeouts, expressions
	count                           int  // elements, or ranges; -1 where the kernel does not tell
}

type object struct {
	name string
	kind uint32
}

// Attributes and flags that golang.org/x/sys does not know.
const (
	attrSetExpr        = 17
	attrSetExpressions = 18
	attrSetCount       = 20
	attrChainFlags     = 10
	attrFlowtableTable = 1
	attrFlowtableName  = 2
	chainIsBase        = 1
)

// read reads the structure of the table. The error is errUnknown when it changed meanwhile.
func (c *Conn) read() (state, error) {
	s := state{chains: map[string]chainState{}, rules: map[string][]string{}, sets: map[string]setState{}, objects: map[object]bool{}, flowtables: map[string]bool{}}
	var err error
	if s.wantedRules, err = wantedRules(); err != nil {
		return s, err
	}
	if s.generation, err = c.generation(); err != nil {
		return s, err
	}
	if err := c.readTable(&s); err != nil || !s.exists {
		return s, err
	}
	for _, l := range []struct {
		kind, table uint16 // the attribute that names the table
		take        func(*state, []byte)
	}{
		{unix.NFT_MSG_GETCHAIN, unix.NFTA_CHAIN_TABLE, (*state).takeChain},
		{unix.NFT_MSG_GETRULE, unix.NFTA_RULE_TABLE, (*state).takeRule},
		{unix.NFT_MSG_GETSET, unix.NFTA_SET_TABLE, (*state).takeSet},
		{unix.NFT_MSG_GETOBJ, unix.NFTA_OBJ_TABLE, (*state).takeObject},
		{unix.NFT_MSG_GETFLOWTABLE, attrFlowtableTable, (*state).takeFlowtable},
	} {
		err := c.list(l.kind, appendText(nil, l.table, table.Name), func(m message) error {
			if text(attribute(m.body, int(l.table))) == table.Name {
				l.take(&s, m.body)
			}
			return nil
		})
		if err != nil {
			return s, err
		}
	}
	if c.noCounts {
		for name, found := range s.sets {
			found.count = -1
			s.sets[name] = found
		}
	}
	after, err := c.generation()
	if err == nil && after != s.generation {
		err = errUnknown
	}
	return s, err
}

func (c *Conn) readTable(s *state) error {
	_, err := c.ask(unix.NFT_MSG_GETTABLE, 0, unix.NFPROTO_INET, appendText(nil, unix.NFTA_TABLE_NAME, table.Name), func(m message) error {
		s.exists, s.flags = true, number(attribute(m.body, unix.NFTA_TABLE_FLAGS))
		return nil
	})
	if errors.Is(err, unix.ENOENT) {
		return nil
	}
	return err
}

func (s *state) takeChain(b []byte) {
	hook := attribute(b, unix.NFTA_CHAIN_HOOK)
	s.chains[text(attribute(b, unix.NFTA_CHAIN_NAME))] = chainState{
		kind:     text(attribute(b, unix.NFTA_CHAIN_TYPE)),
		hook:     number(attribute(hook, unix.NFTA_HOOK_HOOKNUM)),
		priority: number(attribute(hook, unix.NFTA_HOOK_PRIORITY)),
		policy:   number(attribute(b, unix.NFTA_CHAIN_POLICY)),
		flags:    number(attribute(b, attrChainFlags)) &^ chainIsBase,
	}
}

func (s *state) takeRule(b []byte) {
	in := text(attribute(b, unix.NFTA_RULE_CHAIN))
	s.rules[in] = append(s.rules[in], meaning(b))
}

func (s *state) takeSet(b []byte) {
	found := setState{
		flags:     number(attribute(b, unix.NFTA_SET_FLAGS)),
		keyType:   number(attribute(b, unix.NFTA_SET_KEY_TYPE)),
		keyLength: number(attribute(b, unix.NFTA_SET_KEY_LEN)),
		size:      number(attribute(attribute(b, unix.NFTA_SET_DESC), unix.NFTA_SET_DESC_SIZE)),
		count:     -1,
	}
	for _, typ := range []int{unix.NFTA_SET_DATA_TYPE, unix.NFTA_SET_OBJ_TYPE, unix.NFTA_SET_TIMEOUT, attrSetExpr, attrSetExpressions} {
		found.more = found.more || attribute(b, typ) != nil
	}
	if count := attribute(b, attrSetCount); count != nil {
		found.count = int(number(count))
	}
	s.sets[text(attribute(b, unix.NFTA_SET_NAME))] = found
}

func (s *state) takeObject(b []byte) {
	s.objects[object{text(attribute(b, unix.NFTA_OBJ_NAME)), number(attribute(b, unix.NFTA_OBJ_TYPE))}] = true
}

func (s *state) takeFlowtable(b []byte) {
	s.flowtables[text(attribute(b, attrFlowtableName))] = true
}

// holding says whether a set may hold something.
func (s state) holding() bool {
	for _, found := range s.sets {
		if found.count != 0 {
			return true
		}
	}
	return false
}

// meaning is what a rule does, the same for the message that makes the rule and for the one that the kernel describes it
// with: the kernel has another order, adds attributes that are zero, and leaves nested ones unmarked.
func meaning(rule []byte) string {
	var all []string
	for _, e := range attributes(attribute(rule, unix.NFTA_RULE_EXPRESSIONS)) {
		name := text(attribute(e, unix.NFTA_EXPR_NAME))
		all = append(all, name+"("+parameters(name, attribute(e, unix.NFTA_EXPR_DATA))+")")
	}
	return strings.Join(all, " ")
}

// nested are the attributes of expressions, by path, that hold attributes.
var nested = map[string]bool{
	fmt.Sprintf("cmp/%d", unix.NFTA_CMP_DATA):                                        true,
	fmt.Sprintf("immediate/%d", unix.NFTA_IMMEDIATE_DATA):                            true,
	fmt.Sprintf("immediate/%d/%d", unix.NFTA_IMMEDIATE_DATA, unix.NFTA_DATA_VERDICT): true,
}

func parameters(path string, data []byte) string {
	var all []string
	for typ, content := range attributes(data) {
		switch inner := fmt.Sprintf("%s/%d", path, typ); {
		case nested[inner]:
			all = append(all, fmt.Sprintf("%d={%s}", typ, parameters(inner, content)))
		case strings.Trim(string(content), "\x00") != "":
			all = append(all, fmt.Sprintf("%d=%x", typ, content))
		}
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}
