package ansible

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// input is what a controller gives a module: the task's arguments, and keys of its own among them. Controllers add keys
// as they please; what is not read here means nothing.
type input struct {
	arguments map[string]any

	module      string // with the collection
	check, diff bool
	verbosity   int
	noLog       bool // the task as a whole is a secret
	facility    string
	logInfo     string // said before what goes to the system's log
	invocation  bool
}

// sizeLimit bounds arguments; a list of a million lines belongs into a file.
const sizeLimit = 64 << 20

// readInput reads the arguments of one task. The error is never about a value.
func readInput(r io.Reader) (input, error) {
	arguments, err := object(io.LimitReader(r, sizeLimit))
	if err != nil {
		return input{invocation: true}, fmt.Errorf("the arguments are not a JSON object: %w", err)
	}
	in := input{
		arguments:  arguments,
		module:     internalText(arguments, "module_name"),
		check:      internalBool(arguments, "check_mode", false),
		diff:       internalBool(arguments, "diff", false),
		noLog:      internalBool(arguments, "no_log", false),
		facility:   internalText(arguments, "syslog_facility"),
		logInfo:    internalText(arguments, "target_log_info"),
		invocation: internalBool(arguments, "inject_invocation", true),
	}
	in.verbosity = internalInt(arguments, "verbosity")
	return in, nil
}

func internalText(arguments map[string]any, key string) string {
	text, _ := arguments["_ansible_"+key].(string) // anything else says nothing
	return text
}

// internalBool reads a key of the controller. One that cannot be read is as if it were not there: only yes and no are
// known of it.
func internalBool(arguments map[string]any, key string, fallback bool) bool {
	if b, err := toBool(arguments["_ansible_"+key]); err == nil {
		return b
	}
	return fallback
}

func internalInt(arguments map[string]any, key string) int {
	n, _ := arguments["_ansible_"+key].(json.Number) // anything else is 0
	i, err := n.Int64()
	if err != nil {
		return 0
	}
	return int(i)
}

// shortName is a module's name without its collection.
func shortName(module string) string { return module[strings.LastIndexByte(module, '.')+1:] }
