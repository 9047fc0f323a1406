package repository

import (
	"go/ast"
	"go/token"
	"os"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"debvisor/internal/names"
)

// literals are all text constants of the code, tests and the list of names itself apart.
func literals(all []source) map[string]bool {
	found := map[string]bool{}
	for _, s := range all {
		if s.isTest() || s.folder() == "internal/names" {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			if l, ok := n.(*ast.BasicLit); ok && l.Kind == token.STRING {
				if text, err := strconv.Unquote(l.Value); err == nil {
					found[text] = true
				}
			}
			return true
		})
	}
	return found
}

// A name in the list that nothing makes would be a promise only.
func TestEveryFixedFileIsMadeBySomething(t *testing.T) {
	found := literals(repository(t))
	for _, name := range names.Files {
		_, err := os.Stat("../config/overlay" + name)
		if !found[name] && err != nil {
			t.Errorf("neither the code nor the overlay makes %s", name)
		}
	}
}

func TestEveryFixedUnitIsInTheOverlayAndEnabled(t *testing.T) {
	preset := read(t, "config/overlay/etc/systemd/system-preset/00-debvisor.preset")
	for _, name := range names.Units {
		does := map[string]string{".service": "ExecStart=", ".timer": "OnCalendar="}[path.Ext(name)]
		if text := read(t, "config/overlay/etc/systemd/system/"+name); !strings.Contains(text, does) {
			t.Errorf("%s starts nothing", name)
		}
		timed := slices.Contains(names.Units, strings.TrimSuffix(name, ".service")+".timer")
		if timed == strings.Contains(preset, "enable "+name+"\n") && !strings.HasSuffix(name, ".timer") {
			t.Errorf("%s is to be in the preset unless its timer is", name)
		}
		if strings.HasSuffix(name, ".timer") && !strings.Contains(preset, "enable "+name+"\n") {
			t.Errorf("%s is not in the preset", name)
		}
	}
}

var scriptName = regexp.MustCompile(`/usr/local/s?bin/[a-z-]+\.sh`)

// A link that is documented, or in a unit, must be in the list, or no image has it.
func TestEveryFixedCommandThatIsSpokenOfIsInTheList(t *testing.T) {
	var listed []string
	for _, l := range names.Links {
		listed = append(listed, l.Path)
		if !slices.Contains(names.Binaries, l.Target) {
			t.Errorf("%s leads to %s, which is no binary", l.Path, l.Target)
		}
	}
	for name, text := range texts(t, "../docs", "../config/overlay/etc/systemd") {
		for _, script := range scriptName.FindAllString(text, -1) {
			if !slices.Contains(listed, script) {
				t.Errorf("%s speaks of %s", name, script)
			}
		}
	}
}

// Each binary in the list is a command in cmd/.
func TestEveryBinaryHasACommand(t *testing.T) {
	for _, name := range names.Binaries {
		if _, err := os.Stat("../cmd/" + path.Base(name)); err != nil {
			t.Error(err)
		}
	}
}
