package ansible

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"debvisor/internal/host"
)

type everything struct {
	State    string         `param:"state,default=present,choices=present|absent"`
	Name     *string        `param:"name,aliases=title|label"`
	Count    int            `param:"count,default=3"`
	Small    *uint8         `param:"small"`
	Big      uint64         `param:"big"`
	Ratio    float64        `param:"ratio"`
	Force    bool           `param:"force,default=no"`
	File     string         `param:"file,path"`
	Files    []string       `param:"files,path,default=/a|/b"`
	Numbers  []int          `param:"numbers"`
	Kinds    []string       `param:"kinds,choices=a|b"`
	Net      []netip.Prefix `param:"net"`
	Every    time.Duration  `param:"every,default=90"`
	Any      any            `param:"any"`
	Free     map[string]any `param:"free"`
	Weights  map[string]int `param:"weights"`
	Peer     peer           `param:"peer"`
	Peers    []peer         `param:"peers"`
	YesNo    string         `param:"yes_no,choices=yes|maybe"`
	common                  // embedded
	Ignored  chan int       `param:"-"`
	NeedIf   string         `param:"need_if,required_if=state:absent,required_if=force:yes"`
	Either   string         `param:"either,excludes=or"`
	Or       string         `param:"or"`
	Deeper   *deeper        `param:"deeper"`
	Password string         `param:"password,no_log"`
}

type common struct {
	Owner string `param:"owner,default=root"`
}

type peer struct {
	Host string `param:"host,required"`
	Port int    `param:"port,default=22,aliases=p"`
	Key  string `param:"key,no_log"`
}

type deeper struct {
	Peers []peer `param:"peers"`
}

const fakeDocs = "DOCUMENTATION:\n  module: fake\n  short_description: does nothing\n"

// parse is what a task's arguments become, without a plan.
func parse[P any](t *testing.T, arguments string) (P, error) {
	t.Helper()
	var got P
	m := New(fakeDocs, func(_ context.Context, _ *Task, p P) ([]host.Change, error) {
		got = p
		return nil, nil
	})
	if m.Err() != nil {
		t.Fatal(m.Err())
	}
	result := m.Run(t.Context(), nil, strings.NewReader(arguments))
	if result["failed"] == true {
		return got, errors.New(result["msg"].(string))
	}
	return got, nil
}

func TestValuesBecomeWhatAnsibleWouldMakeOfThem(t *testing.T) {
	t.Setenv("HOME", "/home/me")
	t.Setenv("WHERE", "srv")
	for _, c := range []struct{ arguments, field, want string }{
		{`{}`, "State", "present"}, {`{"state": null}`, "State", "present"}, {`{"state": "absent", "need_if": "x"}`, "State", "absent"},
		{`{}`, "Name", "<nil>"}, {`{"name": ""}`, "Name", ""}, {`{"label": 12}`, "Name", "12"}, {`{"name": true}`, "Name", "True"}, {`{"name": 1.10}`, "Name", "1.10"},
		{`{}`, "Count", "3"}, {`{"count": "2"}`, "Count", "2"}, {`{"count": 2.0}`, "Count", "2"}, {`{"count": " -7 "}`, "Count", "-7"}, {`{"count": "1_000"}`, "Count", "1000"},
		{`{"count": 9007199254740993}`, "Count", "9007199254740993"}, {`{"big": 18446744073709551615}`, "Big", "18446744073709551615"},
		{`{"small": "255"}`, "Small", "255"}, {`{"ratio": "2.5"}`, "Ratio", "2.5"}, {`{"ratio": 2}`, "Ratio", "2"},
		{`{"force": "YES", "need_if": "x"}`, "Force", "true"}, {`{"force": " t ", "need_if": "x"}`, "Force", "true"}, {`{"force": 1, "need_if": "x"}`, "Force", "true"},
		{`{"force": 0.0}`, "Force", "false"}, {`{"force": "Off"}`, "Force", "false"}, {`{}`, "Force", "false"},
		{`{"file": "~/x"}`, "File", "/home/me/x"}, {`{"file": "/${WHERE}/$WHERE/$NOT_SET/$"}`, "File", "/srv/srv/$NOT_SET/$"}, {`{"file": "~root"}`, "File", "/root"},
		{`{"file": "~nobody-here/x"}`, "File", "~nobody-here/x"},
		{`{}`, "Files", "[/a /b]"}, {`{"files": []}`, "Files", "[]"}, {`{"files": "~/a,b"}`, "Files", "[/home/me/a b]"}, {`{"files": ""}`, "Files", "[]"},
		{`{"numbers": "1,2"}`, "Numbers", "[1 2]"}, {`{"numbers": 4}`, "Numbers", "[4]"}, {`{"numbers": ["5", 6]}`, "Numbers", "[5 6]"},
		{`{"kinds": "a,b,a"}`, "Kinds", "[a b a]"}, {`{"net": "10.0.0.0/8, ::/0"}`, "Net", "[10.0.0.0/8 ::/0]"},
		{`{}`, "Every", "1m30s"}, {`{"every": "1h30m"}`, "Every", "1h30m0s"}, {`{"every": 2}`, "Every", "2s"},
		{`{"any": [1, {"a": null}]}`, "Any", "[1 map[a:<nil>]]"}, {`{"free": "{\"a\": 9007199254740993}"}`, "Free", "map[a:9007199254740993]"},
		{`{"free": "a=1, b='x y' c=\"q=\\\"\""}`, "Free", `map[a:1 b:x y c:q="]`}, {`{"weights": {"a": "1", "b": 2}}`, "Weights", "map[a:1 b:2]"},
		{`{}`, "Peer", "{ 22 }"}, {`{"peer": "host=x p=1"}`, "Peer", "{x 1 }"}, {`{"peers": [{"host": "a"}, "host=b,port=2"]}`, "Peers", "[{a 22 } {b 2 }]"},
		{`{"yes_no": true}`, "YesNo", "yes"}, {`{"owner": "me"}`, "common", "{me}"}, {`{}`, "common", "{root}"},
		{`{"_ansible_new_in_2_30": {}, "_ansible_verbosity": "x", "name": "y"}`, "Name", "y"},
	} {
		p, err := parse[everything](t, c.arguments)
		if err != nil {
			t.Errorf("%s: %v", c.arguments, err)
			continue
		}
		field := reflect.ValueOf(p).FieldByName(c.field)
		if field.Kind() == reflect.Pointer && !field.IsNil() {
			field = field.Elem()
		}
		if got := fmt.Sprint(field); got != c.want {
			t.Errorf("%s: %s is %q, want %q", c.arguments, c.field, got, c.want)
		}
	}
}

func TestWhatIsWrongIsSaidInAnsibleModulesWords(t *testing.T) {
	const cannot = "and we were unable to convert to "
	for arguments, want := range map[string]string{
		`{"state": "x"}`:             "value of state must be one of: present, absent, got: x",
		`{"kinds": ["a", "c", "d"]}`: "value of kinds must be one or more of: a, b. Got no match for: c, d",
		`{"count": "x"}`:             "argument 'count' is of type <class 'str'> " + cannot + "int: <class 'str'> cannot be converted to an int",
		`{"count": 2.5}`:             "argument 'count' is of type <class 'float'> " + cannot + "int: <class 'float'> cannot be converted to an int",
		`{"count": true}`:            "argument 'count' is of type <class 'bool'> " + cannot + "int: <class 'bool'> cannot be converted to an int",
		`{"count": "0x10"}`:          "argument 'count' is of type <class 'str'> " + cannot + "int: <class 'str'> cannot be converted to an int",
		`{"force": "perhaps"}`:       "argument 'force' is of type <class 'str'> " + cannot + "bool: <class 'str'> cannot be converted to a bool; use yes or no",
		`{"ratio": "nan"}`:           "argument 'ratio' is of type <class 'str'> " + cannot + "float: <class 'str'> cannot be converted to a float",
		`{"name": [1]}`:              "argument 'name' is of type <class 'list'> " + cannot + "str: <class 'list'> cannot be converted to a str",
		`{"files": {"a": 1}}`:        "argument 'files' is of type <class 'dict'> " + cannot + "list: <class 'dict'> cannot be converted to a list",
		`{"free": "x"}`:              "argument 'free' is of type <class 'str'> " + cannot + "dict: dictionary requested, could not parse JSON or key=value",
		`{"numbers": [1, "b"]}`:      "Elements value for option 'numbers' is of type <class 'str'> " + cannot + "int: <class 'str'> cannot be converted to an int",
		`{"small": 256}`:             "argument 'small' is of type <class 'int'> " + cannot + "int: it is too large, or negative where that makes no sense",
		`{"every": "soon"}`:          "argument 'every' is of type <class 'str'> " + cannot + "str: it is no time such as 90, 90s or 1h30m",
		`{"weights": {"a": "x"}}`:    "argument 'a' is of type <class 'str'> found in 'weights' " + cannot + "int: <class 'str'> cannot be converted to an int",
		`{"peer": {}}`:               "missing required arguments: host found in peer",
		`{"deeper": {"peers": [{"host": 1, "port": []}]}}`: "argument 'port' is of type <class 'list'> found in 'deeper -> peers' " + cannot + "int: <class 'list'> cannot be converted to an int",
		`{"peer": {"host": "x", "prot": 1}}`:               "Unsupported parameters for (fake) module: peer.prot. Supported parameters include: host, key, port (p). Did you mean port?",
		`{"state": "absent"}`:                              "state is absent but all of the following are missing: need_if",
		`{"force": true}`:                                  "force is yes but all of the following are missing: need_if",
		`{"either": "a", "or": "b"}`:                       "parameters are mutually exclusive: either|or",
		`{"yes_no": false}`:                                "value of yes_no must be one of: yes, maybe, got: False",
		`[]`:                                               "the arguments are not a JSON object: json: cannot unmarshal array into Go value of type map[string]interface {}",
		`{} {}`:                                            "the arguments are not a JSON object: there is something behind the object",
		`null`:                                             "the arguments are not a JSON object: null is no object",
		``:                                                 "the arguments are not a JSON object: EOF",
	} {
		if _, err := parse[everything](t, arguments); err == nil || err.Error() != want {
			t.Errorf("%s:\n got %v\nwant %s", arguments, err, want)
		}
	}
}

type twoNeeded struct {
	B string `param:"b,required"`
	A int    `param:"a,required,aliases=first"`
}

func (p twoNeeded) Validate() error {
	if p.A < 1 {
		return errors.New("a must be at least 1")
	}
	return nil
}

func TestAllThatIsWrongIsSaidAtOnce(t *testing.T) {
	for arguments, want := range map[string]string{
		`{}`:                     "missing required arguments: a, b",
		`{"a": "x", "frist": 1}`: "Unsupported parameters for (fake) module: frist. Supported parameters include: a, b (first). Did you mean first?; missing required arguments: b; argument 'a' is of type <class 'str'> and we were unable to convert to int: <class 'str'> cannot be converted to an int",
		`{"a": 0, "b": null}`:    "missing required arguments: b",
		`{"a": 0, "b": "x"}`:     "a must be at least 1",
	} {
		if _, err := parse[twoNeeded](t, arguments); err == nil || err.Error() != want {
			t.Errorf("%s:\n got %v\nwant %s", arguments, err, want)
		}
	}
}

func TestAnAliasBesideItsOptionIsWarnedOf(t *testing.T) {
	var m = New(fakeDocs, func(_ context.Context, t *Task, p twoNeeded) ([]host.Change, error) {
		t.Return("a", p.A)
		return nil, nil
	})
	result := m.Run(t.Context(), nil, strings.NewReader(`{"b": "x", "a": 1, "first": 2}`))
	if got := fmt.Sprint(result["a"], result["warnings"]); got != "2[Both option a and its alias first are set.]" {
		t.Error(got)
	}
}

func TestWrongTagsAreToldAndNoModuleRunsWithThem(t *testing.T) {
	type unknown struct {
		A string `param:"a,requird"`
	}
	type untagged struct{ A string }
	type both struct {
		A string `param:"a,required,default=x"`
	}
	type double struct {
		A string `param:"a"`
		B string `param:"b,aliases=a"`
	}
	type channel struct {
		A chan int `param:"a"`
	}
	type number struct {
		A int `param:"a,default=x"`
	}
	type notText struct {
		A int `param:"a,path"`
	}
	for want, m := range map[string]Module{
		"means nothing in a tag":          idle[unknown](),
		"no tag param":                    idle[untagged](),
		"what is required has no default": idle[both](),
		"a stands for two parameters":     idle[double](),
		"no parameter can be a chan int":  idle[channel](),
		"cannot be converted to an int":   idle[number](),
		"only text can be a path":         idle[notText](),
		"is no struct of parameters":      idle[int](),
		"the documentation does not name": New("", func(context.Context, *Task, struct{}) ([]host.Change, error) { return nil, nil }),
	} {
		result := m.Run(t.Context(), nil, strings.NewReader("{}"))
		if m.Err() == nil || !strings.Contains(m.Err().Error(), want) || !strings.Contains(fmt.Sprint(result["msg"]), want) {
			t.Errorf("%v, %v, want %s", m.Err(), result["msg"], want)
		}
	}
}

func idle[P any]() Module {
	return New(fakeDocs, func(context.Context, *Task, P) ([]host.Change, error) { return nil, nil })
}

// Whatever comes in, something valid comes out, no secret with it, and a value that is taken is taken again as it was
// understood.
func FuzzArguments(f *testing.F) {
	f.Add(`{"state": "absent", "need_if": "x", "password": "hunter2", "peers": [{"host": "a", "key": "k=\"1\""}]}`)
	f.Add(`{"free": "a=1,b='x' {", "file": "~/$HOME/${X", "net": "::/0", "every": "1h", "numbers": "1,,2"}`)
	f.Add(`{"count": "1e3", "big": 1e18, "ratio": "-0", "any": {"a": [null]}, "_ansible_diff": 1}`)
	m := New(fakeDocs, func(_ context.Context, t *Task, p everything) ([]host.Change, error) {
		t.Return("seen", fmt.Sprintf("%+v", p))
		return nil, nil
	})
	f.Fuzz(func(t *testing.T, arguments string) {
		result := m.Run(t.Context(), nil, strings.NewReader(arguments))
		line, err := encode(result)
		if err != nil || !json.Valid([]byte(line)) || strings.ContainsAny(line, "\n\r") {
			t.Fatalf("%v: %q", err, line)
		}
		if strings.Contains(fmt.Sprint(result["msg"]), "the module has a bug") {
			t.Fatal(result["msg"])
		}
		in, err := readInput(strings.NewReader(arguments))
		if password, ok := in.arguments["password"].(string); err == nil && ok && len(password) > 12 && strings.Contains(fmt.Sprint(result["seen"]), strings.TrimSpace(password)) {
			t.Fatalf("%q is in %s", password, result["seen"])
		}
	})
}
