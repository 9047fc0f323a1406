// Command testmodule is an Ansible module for tests of the runtime alone: it shows its parameters, keeps a file, fails,
// panics, warns and prints secrets, whatever the task asks for.
package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"time"

	"debvisor/internal/ansible"
	"debvisor/internal/host"
)

//go:embed contract.yml
var docs string

type params struct {
	Do      string         `param:"do,default=show,choices=show|fail|panic|warn|noise|wait|halfway|odd"`
	Path    string         `param:"path,path"`
	Content string         `param:"content"`
	Secret  bool           `param:"secret,default=false"`
	Text    *string        `param:"text,aliases=words"`
	Count   *int           `param:"count"`
	Ratio   *float64       `param:"ratio"`
	Force   *bool          `param:"force"`
	Names   []string       `param:"names"`
	Numbers []int          `param:"numbers"`
	Dict    map[string]any `param:"dict"`
	Raw     any            `param:"raw"`
	Token   string         `param:"token,no_log"`
	Pin     *int           `param:"pin,no_log"`
	Peers   []peer         `param:"peers"`
}

type peer struct {
	Host string `param:"host,required"`
	Key  string `param:"key,no_log"`
	Port int    `param:"port,default=22"`
}

// generated is a secret that the task does not know of.
const generated = "generated-91b7"

func plan(ctx context.Context, t *ansible.Task, p params) ([]host.Change, error) {
	t.Secret(generated)
	all := fmt.Sprintf("%s %q %v %+v %s", p.Token, p.Token, deref(p.Pin), p.Peers, generated)
	t.Return("seen", p.seen())
	t.Return("leak", map[string]any{"text": all, "key " + p.Token: []any{p.Token, p.Pin}})
	t.Return("open", p.Content)
	switch p.Do {
	case "fail":
		return nil, errors.New("the server refused " + all)
	case "panic":
		panic("cannot handle " + all)
	case "warn":
		t.Warn("weak: %s", all)
		t.Deprecate("2.0.0", "no longer: %s", all)
	case "noise":
		noise(ctx, t)
	case "odd":
		odd(t)
	case "wait":
		return p.wait(), nil
	case "halfway":
		return p.halfway(all), nil
	}
	if p.Path == "" {
		return nil, nil
	}
	return t.Host.Need(host.File{Path: p.Path, Content: p.Content + p.Token, Mode: 0o644, Secret: p.Secret})
}

// seen are the parameters as the plan gets them, with their Go types.
func (p params) seen() map[string]string {
	return map[string]string{
		"text": show(p.Text), "count": show(p.Count), "ratio": show(p.Ratio), "force": show(p.Force),
		"names": fmt.Sprintf("%q", p.Names), "numbers": fmt.Sprint(p.Numbers), "dict": fmt.Sprint(p.Dict), "raw": fmt.Sprint(p.Raw),
		"path": p.Path, "peers": fmt.Sprint(len(p.Peers)),
	}
}

func show[T any](v *T) string {
	if v == nil {
		return "absent"
	}
	return fmt.Sprint(*v)
}

func deref(v *int) int {
	if v == nil {
		return 0
	}
	return *v
}

// noise prints where only the result may be, itself and by a command.
func noise(ctx context.Context, t *ansible.Task) {
	fmt.Println("a library talks")
	fmt.Println(`{"changed": true, "msg": "from a library"}`)
	fmt.Fprint(os.Stderr, "half a line ")
	if _, err := t.Host.Run(ctx, "sh", "-c", "echo from a command; echo '{' >&2"); err != nil {
		t.Warn("%v", err)
	}
	fmt.Print("{")
}

// odd returns what could break a parser.
func odd(t *ansible.Task) {
	t.Return("odd", "nul \x00, next line \u0085, separator \u2028, not UTF-8 \xff\xed\xa0\x80, brace }\n{ {{ 1 + 1 }}, 𝄞 <&>")
	t.Return("large", int64(9007199254740993))
	t.Return("stdout", "one\ntwo")
	t.Return("nothing", nil)
}

// wait makes a change, tells that it did, and goes on until it is stopped.
func (p params) wait() []host.Change {
	return []host.Change{
		host.Mkdir{Path: p.Path, Mode: 0o755},
		host.Call{Why: "wait", Do: func(ctx context.Context) error {
			pid := fmt.Sprint(os.Getpid())
			if err := os.WriteFile(p.Path+"/pid", []byte(pid), 0o644); err != nil {
				return err
			}
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(time.Minute):
				return errors.New("nobody stopped it")
			}
		}},
	}
}

func (p params) halfway(text string) []host.Change {
	return []host.Change{
		host.Mkdir{Path: p.Path, Mode: 0o755},
		host.Call{Why: "load " + text, Do: func(context.Context) error { return errors.New("no space for " + text) }, Before: "old " + text, After: "new " + text},
	}
}

func main() {
	os.Exit(ansible.Main(os.Args, os.Stdin, os.Stdout, os.Stderr, ansible.New(docs, plan)))
}
