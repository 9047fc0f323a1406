package ansible

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"debvisor/internal/host"
	"debvisor/internal/host/hosttest"
)

func TestSecretsAreReplacedInEverySpelling(t *testing.T) {
	const odd = "a\"b\\c<d>ü"
	quoted, err := json.Marshal(odd)
	if err != nil {
		t.Fatal(err)
	}
	pem := "-----BEGIN KEY-----\nMIIEpAIBAAKCAQEA\nab\n-----END KEY-----\n"
	s := newScrubber([]string{"hunter2", "hunter2000", "overlap", "lapse", odd, pem, "bell\a", " ", "", "  spaced  "})
	for in, want := range map[string]string{
		"nothing here":                "nothing here",
		"hunter2":                     "********",
		"hunter2000 hunter2 hunter20": "******** ******** ********0",
		"overlapse":                   "********",
		"it is " + odd + "!":          "it is ********!",
		strconv.Quote(odd):            `"********"`,
		strconv.QuoteToASCII(odd):     `"********"`,
		string(quoted):                `"********"`,
		`{"k": "a\"b\\c<d>\u00fc"}`:   `{"k": "********"}`,
		"key: " + pem:                 "key: ********\n",
		"line 2: MIIEpAIBAAKCAQEA":    "line 2: ********",
		"ab is too short to be one":   "ab is too short to be one",
		"(spaced)":                    "(********)",
		strconv.Quote("bell\a"):       `"********"`,
		`"bell\u0007"`:                `"********"`,
	} {
		if got := s.text(in); got != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
}

func TestSecretsAreReplacedInsideOfValues(t *testing.T) {
	s := newScrubber([]string{"hunter2", "4711"})
	got := s.value(map[string]any{"hunter2 key": []any{"x hunter2", json.Number("94711.5"), json.Number("12"), true, nil}})
	if want := "map[******** key:[x ******** ******** 12 true <nil>]]"; fmt.Sprint(got) != want {
		t.Errorf("%v, want %v", got, want)
	}
}

type secretParams struct {
	Token string            `param:"token,no_log,aliases=password,default=fallback-secret"`
	Codes []int             `param:"codes,no_log"`
	Env   map[string]string `param:"env,no_log"`
	Peers []struct {
		Name string `param:"name,required"`
		Key  string `param:"key,no_log"`
	} `param:"peers"`
}

func TestEveryNoLogValueIsASecretAlsoOfWrongArguments(t *testing.T) {
	m := idle[secretParams]()
	for arguments, want := range map[string]string{
		`{}`:                         "[fallback-secret]",
		`{"password": "from alias"}`: "[fallback-secret from alias from alias]",
		`{"token": 12}`:              "[fallback-secret 12 12]",
		`{"codes": "1234,x"}`:        "[fallback-secret 1234,x]",
		`{"codes": ["77", 88]}`:      "[fallback-secret 77 88 77 88]",
		`{"env": {"A": "inside", "B": ["deep"]}}`:        "[fallback-secret",
		`{"peers": [{"key": "k1"}, "name=a key=k2", 3]}`: "[fallback-secret k1 k1 k2 k2]",
		`{"peers": {"key": "in the wrong place"}}`:       "[fallback-secret]",
		`{"peers": "key=one"}`:                           "[fallback-secret one one]",
	} {
		in, err := readInput(strings.NewReader(arguments))
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(secretsIn(m.Options, in.arguments)); !strings.HasPrefix(got, want) {
			t.Errorf("%s: %s, want %s", arguments, got, want)
		}
	}
}

// Names that the module does not know may be misspelt ones of secrets, and what is of the wrong type may hold some.
func TestTheInvocationShowsOnlyWhatIsKnownToBeNoSecret(t *testing.T) {
	m := idle[secretParams]()
	result := m.Run(t.Context(), nil, strings.NewReader(`{"tokn": "hunter2", "peers": [{"name": "hunter3", "kye": "hunter4", "key": "hunter5"}], "env": {"a": "hunter6"}}`))
	want := `{"module_args":{"codes":null,"env":"` + maskedParameter + `","peers":[{"key":"` + maskedParameter + `","name":"hunter3"}],"token":"` + maskedParameter + `"}}`
	if got := asText(t, result["invocation"]); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	result = m.Run(t.Context(), nil, strings.NewReader(`{"peers": {"key": "hunter2"}}`))
	if line, err := encode(result); err != nil || strings.Contains(line, "hunter2") {
		t.Errorf("%s, %v", line, err)
	}
}

func TestLongArgumentsAreNotSentBack(t *testing.T) {
	type long struct {
		Text  string   `param:"text"`
		Lines []string `param:"lines"`
	}
	lines := strings.Repeat("x,", 1000)
	result := idle[long]().Run(t.Context(), nil, strings.NewReader(`{"text": "`+strings.Repeat("y", 10000)+`", "lines": "`+lines+`"}`))
	got := asText(t, result["invocation"])
	if len(got) > 6000 || !strings.Contains(got, "… (10000 bytes)") || !strings.Contains(got, "… and 801 more") {
		t.Errorf("%d bytes: %s", len(got), got)
	}
}

// callsModule returns one change.
func oneChange(c host.Change, secret string) Module {
	return changesModule(func(_ context.Context, t *Task) ([]host.Change, error) {
		t.Secret(secret)
		return []host.Change{c}, nil
	})
}

func TestDiffs(t *testing.T) {
	numbers := func(from, to int) string {
		var b strings.Builder
		for i := from; i < to; i++ {
			fmt.Fprintf(&b, "line %d\n", i)
		}
		return b.String()
	}
	for _, c := range []struct {
		name   string
		change host.Change
		want   string
	}{
		{"text", host.Write{Path: "/a", Before: "x\n", After: "y\n"}, `[{"after":"y\n","after_header":"/a","before":"x\n","before_header":"/a"}]`},
		{"new with a secret", host.Write{Path: "/a", New: true, After: "key hunter2\n"}, `[{"after":"key ********\n","after_header":"/a","before":"","before_header":"/a"}]`},
		{"a secret for another", host.Write{Path: "/a", Before: "key hunter1\n", After: "key hunter2\n"}, `[{"prepared":"/a: the contents are secret\n"}]`},
		{"secret", host.Write{Path: "/a", Before: "x", After: "y", Secret: true}, `[{"prepared":"write /a: the contents are secret\n"}]`},
		{"binary", host.Write{Path: "/a", New: true, Mode: 0o600, After: "\xff"}, `[{"prepared":"create /a (0600): the contents are not text\n"}]`},
		{"call", host.Call{Why: "load the rules", Before: "1", After: "2"}, `[{"after":"2","after_header":"load the rules","before":"1","before_header":"load the rules"}]`},
		{"call without texts", host.Call{Why: "load hunter2"}, `[{"prepared":"load ********\n"}]`},
		{"link", host.Link{Path: "/a", Target: "/b"}, `[{"prepared":"link /a to /b\n"}]`},
		{"command", host.Exec{Cmd: host.Cmd{Args: []string{"nft", "-f", "x"}}}, `[{"prepared":"run nft -f x\n"}]`},
		{"long, little different", host.Write{Path: "/a", Before: numbers(0, 9000), After: numbers(0, 4000) + "new\n" + numbers(4000, 9000)},
			`[{"after":"line 3997\nline 3998\nline 3999\nnew\nline 4000\nline 4001\nline 4002\n","after_header":"/a","before":"line 3997\nline 3998\nline 3999\nline 4000\nline 4001\nline 4002\n","before_header":"/a"}]`},
	} {
		result := oneChange(c.change, "hunter2").Run(t.Context(), hosttest.New(t, "").Host, strings.NewReader(`{"_ansible_diff": true, "_ansible_check_mode": true}`))
		if got := asText(t, result["diff"]); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.name, got, c.want)
		}
	}
}

func TestTheListOfChangesHasNoSecrets(t *testing.T) {
	m := oneChange(host.Remove{Path: "/srv/hunter2"}, "hunter2")
	result := m.Run(t.Context(), nil, strings.NewReader(`{"_ansible_verbosity": 1, "_ansible_check_mode": true}`))
	if got := asText(t, result["changes"]); got != `["remove /srv/********"]` {
		t.Error(got)
	}
}

func TestDiffsAreBounded(t *testing.T) {
	small := make([]host.Change, diffLimit+7)
	for i := range small {
		small[i] = host.Remove{Path: "/a"}
	}
	shown := diffOf(small, nil)
	if asText(t, shown[diffLimit]) != `{"prepared":"and 7 more changes\n"}` || len(shown) != diffLimit+1 {
		t.Errorf("%d diffs, the last %s", len(shown), asText(t, shown[len(shown)-1]))
	}
	long := host.Write{Path: "/a", New: true, After: strings.Repeat(strings.Repeat("z", 5000)+"\n", 3000)}
	shown = diffOf([]host.Change{long, long, long, long}, nil)
	text := asText(t, shown)
	if len(text) > totalLimit+1000 || !strings.Contains(text, "… 2601 more lines") || !strings.HasSuffix(text, `{"prepared":"and 2 more changes\n"}]`) {
		t.Errorf("%d bytes, %d diffs", len(text), len(shown))
	}
}

func TestTheRecordOfACallHasNoSecrets(t *testing.T) {
	shown := map[string]any{"a": "x\ny", "b": nil, "c": true, "d": []any{json.Number("1"), "hunter2"}, "token": "NOT_LOGGING_PARAMETER"}
	got := callRecord("job 7", shown, newScrubber([]string{"hunter2"}))
	if want := `job 7 Invoked with a="x\ny" b=None c=True d=[1,"********"] token=NOT_LOGGING_PARAMETER`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := callRecord("", nil, nil); got != "Invoked" {
		t.Errorf("got %q", got)
	}
	if got := callRecord("", map[string]any{"a": strings.Repeat("ü", logLimit)}, nil); len(got) > logLimit+3 || !strings.HasSuffix(got, "ü…") {
		t.Errorf("%d bytes", len(got))
	}
}
