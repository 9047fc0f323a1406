// Command tally reads what `go test -json` prints and says it in a form for people: the output of failing tests, a line
// a package, why tests were skipped, and last of all `N passed, N failed, N skipped`. It runs no tests itself.
//
//	go test -json ./... | go run ./testing/tally -strict
package main

import (
	"flag"
	"fmt"
	"os"
	"strings"
)

func main() {
	strict := flag.Bool("strict", false, `fail when a test is skipped without an excuse: `+strings.Join(excuses, ", "))
	flag.Parse()
	t := newTally(os.Stdout)
	if err := t.read(os.Stdin); err != nil {
		fmt.Fprintln(os.Stderr, "tally:", err)
		os.Exit(1)
	}
	if !t.finish(*strict) {
		os.Exit(1)
	}
}
