package ansibletest

import (
	"context"
	"slices"
	"strings"
	"testing"

	"debvisor/internal/ansible"
	"debvisor/internal/host"
	"debvisor/internal/host/hosttest"
)

const goodDocs = `DOCUMENTATION:
  module: motd
  short_description: Keeps a text
  version_added: "0.1.0"
  description: It keeps a text.
  author: DebVisor (@debvisor)
  options:
    text:
      description: The text.
      type: str
      required: true
      aliases: [content]
    state:
      description: Whether it is there.
      type: str
      default: present
      choices: [present, absent]
    key:
      description: A secret.
      type: str
    peers:
      description: Others.
      type: list
      elements: dict
      suboptions:
        port:
          description: A port.
          type: int
          default: 22
  attributes:
    check_mode: {support: full, description: Runs in check mode.}
    diff_mode: {support: full, description: Shows what changes.}
    platform: {platforms: debian, description: Where it runs.}
EXAMPLES: |
  - name: Say hello
    debvisor.core.motd:
      text: "{{ hello }}"
      peers: [{port: "{{ port }}"}, {port: 22}]
RETURN:
  lines:
    description: How many.
    returned: always
    type: int
`

type params struct {
	Text  string `param:"text,required,aliases=content"`
	State string `param:"state,default=present,choices=present|absent"`
	Key   string `param:"key,no_log"`
	Peers []struct {
		Port int `param:"port,default=22"`
	} `param:"peers"`
}

func module(docs string) ansible.Module {
	return ansible.New(docs, func(_ context.Context, t *ansible.Task, p params) ([]host.Change, error) {
		t.Return("lines", strings.Count(p.Text, "\n"))
		return t.Host.Need(host.File{Path: "/etc/motd", Content: p.Text, Mode: 0o644})
	})
}

func TestGoodDocumentationHasNoFindings(t *testing.T) {
	if wrong := CheckDocs(module(goodDocs)); wrong != nil {
		t.Errorf("%q", wrong)
	}
}

// Each way in which documentation and code may differ, one at a time.
func TestEveryDifferenceIsFound(t *testing.T) {
	for _, c := range []struct{ from, to, want string }{
		{"type: int\n          default", "type: str\n          default", `option peers.port: its type is "int" in the code and "str" in the documentation`},
		{"elements: dict", "elements: str", `option peers: its elements is "dict" in the code and "str" in the documentation`},
		{"required: true", "required: false", "option text: its required is true in the code and false in the documentation"},
		{"default: present", "default: absent", `option state: its default is "present" in the code and "absent" in the documentation`},
		{"default: 22", "default: 23", "option peers.port: its default is 22 in the code and 23 in the documentation"},
		{"[present, absent]", "[present]", `option state: its choices is ["absent","present"] in the code and ["present"] in the documentation`},
		{"aliases: [content]", "aliases: []", `option text: its aliases is ["content"] in the code and null in the documentation`},
		{"description: A secret.", "description: Any text.", "option key: its description does not say that it is a secret"},
		{"description: The text.", "description: \"\"", "option text: has no description"},
		{"    key:\n", "    kye:\n", "option key: is not documented\noption kye: there is no such parameter"},
		{"        port:\n", "        prot:\n", "option peers.port: is not documented\noption peers.prot: there is no such parameter"},
		{"support: full, description: Runs", "support: none, description: Runs", "attribute check_mode: is not fully supported"},
		{"platforms: debian, ", "", "attribute platform: no platforms"},
		{"short_description: Keeps a text", "short_description: Keeps a text.", "short_description: ends with a full stop"},
		{"author: DebVisor (@debvisor)", "author: []", "author: is missing"},
		{"version_added: \"0.1.0\"", "version_added: \"\"", "version_added: is missing"},
		{"debvisor.core.motd:", "motd:", `EXAMPLES: task "Say hello" does not call debvisor.core.motd`},
		{"text: \"{{ hello }}\"", "txt: x", `EXAMPLES: task "Say hello": Unsupported parameters for (motd) module: txt. Supported parameters include: key, peers, state, text (content). Did you mean text?`},
		{"{port: 22}", "{port: x}", `EXAMPLES: task "Say hello": argument 'port' is of type <class 'str'> found in 'peers' and we were unable to convert to int: <class 'str'> cannot be converted to an int`},
		{"type: int\n", "type: number\n", `return value lines: its type is "number"`},
		{"returned: always", "returned: ''", "return value lines: does not say when it is returned"},
		{"  module: motd\n", "  module: motd\n  modul: x\n", "field modul not found"},
	} {
		i := strings.LastIndex(goodDocs, c.from)
		if i < 0 {
			t.Fatalf("%q is not in the documentation", c.from)
		}
		docs := goodDocs[:i] + c.to + goodDocs[i+len(c.from):]
		if got := strings.Join(CheckDocs(module(docs)), "\n"); got != c.want && !(strings.HasPrefix(c.want, "field") && strings.Contains(got, c.want)) {
			t.Errorf("%q:\n got %s\nwant %s", c.to, got, c.want)
		}
	}
}

func TestALikelySecretMustBeOne(t *testing.T) {
	type leaky struct {
		Passphrase string `param:"passphrase"`
		Passive    string `param:"passive"`
	}
	docs := "DOCUMENTATION:\n  module: x\n"
	m := ansible.New(docs, func(context.Context, *ansible.Task, leaky) ([]host.Change, error) { return nil, nil })
	c := &checker{}
	c.options("", m.Options, map[string]option{"passphrase": {Type: "str", Description: "x"}, "passive": {Type: "str", Description: "x"}})
	if want := []string{"option passphrase: looks like a secret and is not no_log"}; !slices.Equal(c.wrong, want) {
		t.Errorf("%q", c.wrong)
	}
}

func TestConvergeRunsAModuleToItsEnd(t *testing.T) {
	h := hosttest.New(t, "").Host
	result := Converge(t, module(goodDocs), h, map[string]any{"text": "a\nb\n"})
	if data, err := h.ReadFile("/etc/motd"); string(data) != "a\nb\n" || err != nil || result["changed"] != true {
		t.Errorf("%q, %v, %v", data, err, result)
	}
}
