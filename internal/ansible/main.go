package ansible

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"debvisor/internal/host"
	"debvisor/internal/version"
)

const usage = `Ansible modules in one binary. Ansible runs it by itself; by hand:

  debvisor-modules NAME FILE    run a module with the arguments in a file, a JSON object
  debvisor-modules NAME -       the same with the arguments on standard input
  debvisor-modules NAME --help  what the module does and takes
  debvisor-modules --list       the modules
  debvisor-modules --version

A link to it with a module's name is that module. For example, to see what would change:

  echo '{"_ansible_check_mode": true, "_ansible_diff": true}' | debvisor-modules NAME -
`

// Exit codes of a module; 2 is for people who call it in a wrong way.
const (
	succeeded = 0
	failed    = 1
	misused   = 2
)

// call is a command line, understood.
type call struct {
	name   string // of the module, when it is given
	source string // a file with arguments, or "-"
	text   string // to print instead
}

// Main is the whole program. args[0] is the name that it was called by. The module is the one named on the command line,
// or by the controller among the arguments, or by the program's name. The result goes to stdout as one line of JSON; when
// that is the process's own, everything else that is written there goes to the standard error. It returns the exit code.
func Main(args []string, stdin io.Reader, stdout, stderr io.Writer, modules ...Module) int {
	c, err := understand(args[1:], modules)
	if err != nil {
		fmt.Fprintf(stderr, "error: %v\n\n%s", err, usage)
		return misused
	}
	if c.text != "" {
		fmt.Fprint(stdout, c.text)
		return succeeded
	}
	out, restore, err := protect(stdout)
	if err != nil {
		fmt.Fprintln(stderr, "error:", err)
		return failed
	}
	defer restore()
	result := c.run(args[0], stdin, modules)
	if err := print(out, result); err != nil {
		fmt.Fprintln(stderr, "error:", err)
		return failed
	}
	if result["failed"] == true {
		return failed
	}
	return succeeded
}

func understand(args []string, modules []Module) (call, error) {
	switch len(args) {
	case 1:
		switch args[0] {
		case "--help", "-h":
			return call{text: usage}, nil
		case "--version":
			return call{text: "debvisor-modules " + version.Version + "\n"}, nil
		case "--list":
			return call{text: list(modules)}, nil
		}
		if _, known := find(modules, args[0]); !known {
			return call{source: args[0]}, nil
		}
		return call{}, fmt.Errorf("no arguments for %s", args[0])
	case 2:
		return understandNamed(args[0], args[1], modules)
	}
	return call{}, errors.New("a file with arguments is needed")
}

func understandNamed(name, source string, modules []Module) (call, error) {
	if source == "--help" || source == "-h" {
		if m, known := find(modules, name); known {
			return call{text: m.Docs}, nil
		}
		return call{}, unknown(name, modules)
	}
	return call{name: name, source: source}, nil
}

func list(modules []Module) string {
	var b strings.Builder
	for _, m := range modules {
		fmt.Fprintf(&b, "%-20s %s\n", m.Name, m.Description)
	}
	fmt.Fprintf(&b, "%d modules\n", len(modules))
	return b.String()
}

func find(modules []Module, name string) (Module, bool) {
	i := slices.IndexFunc(modules, func(m Module) bool { return m.Name == name })
	if i < 0 {
		return Module{}, false
	}
	return modules[i], true
}

func unknown(name string, modules []Module) error {
	var names []string
	for _, m := range modules {
		names = append(names, m.Name)
	}
	return fmt.Errorf("there is no module %q here, but %s", name, strings.Join(names, ", "))
}

func (c call) run(program string, stdin io.Reader, modules []Module) map[string]any {
	ctx, stop := signal.NotifyContext(context.Background(), heeded()...)
	defer stop()
	in, err := c.read(stdin)
	if err == nil {
		var m Module
		if m, err = c.choose(program, in.module, modules); err == nil {
			return m.start(ctx, host.New(), in)
		}
	}
	return map[string]any{"failed": true, "changed": false, "msg": err.Error()}
}

// heeded are the signals that end a run in order; what the caller has ignored stays ignored, as under nohup. A pipe
// without a reader must not end a run half way: that its signal is caught, and not ignored, keeps commands as they are.
func heeded() []os.Signal {
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	var all []os.Signal
	for _, s := range []os.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		if !signal.Ignored(s) {
			all = append(all, s)
		}
	}
	return all
}

func (c call) read(stdin io.Reader) (input, error) {
	if c.source == "-" {
		return readInput(stdin)
	}
	f, err := os.Open(c.source)
	if err != nil {
		return input{}, fmt.Errorf("read the arguments: %w", err)
	}
	defer f.Close()
	return readInput(f)
}

// choose finds the module: by the command line, by the controller, by the program's name.
func (c call) choose(program, module string, modules []Module) (Module, error) {
	if c.name != "" {
		m, known := find(modules, c.name)
		if !known {
			return m, unknown(c.name, modules)
		}
		return m, nil
	}
	if m, known := find(modules, shortName(module)); known {
		return m, nil
	}
	name := strings.TrimPrefix(filepath.Base(program), "AnsiballZ_")
	name = strings.TrimSuffix(name, filepath.Ext(name))
	if m, known := find(modules, name); known {
		return m, nil
	}
	if module != "" {
		name = module
	}
	return Module{}, unknown(name, modules)
}

// protect keeps the standard output for the result: a library or a command that prints would break it. It also sets the
// umask that modules expect, whatever the login shell's is.
func protect(stdout io.Writer) (out io.Writer, restore func(), err error) {
	if stdout != io.Writer(os.Stdout) {
		return stdout, func() {}, nil
	}
	syscall.Umask(0o022)
	kept, err := syscall.Dup(1)
	if err != nil {
		return nil, nil, fmt.Errorf("keep the standard output: %w", err)
	}
	syscall.CloseOnExec(kept)
	if err := syscall.Dup3(2, 1, 0); err != nil {
		return nil, nil, fmt.Errorf("turn the standard output to the standard error: %w", err)
	}
	f := os.NewFile(uintptr(kept), "stdout")
	return f, func() { f.Close() }, nil
}
