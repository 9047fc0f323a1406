package repository

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// layers are the folders of each layer, the lowest first. A package may import lower layers and its own folder, never its
// neighbours; what is in no list is a domain package when it is below internal/.
var layers = [][]string{
	{"internal/pattern"},
	{"internal/report", "internal/host", "internal/version", "internal/names"},
	{"internal/exit", "internal/session", "internal/tsig"},
	{"internal"},
	{"config", "internal/step", "internal/ansible"},
	{"builder", "firstboot", "installer", "internal/health"},
	{"cmd", "modules", "testing"},
}

// domains is where the packages below internal/ are that no layer lists.
var domains = slices.IndexFunc(layers, func(l []string) bool { return slices.Contains(l, "internal") })

// layer is the layer of a folder and the listed folder that it belongs to; for a domain package, and for a command, that is
// the package itself. The root package is data, below everything.
func layer(folder string) (int, string) {
	if folder == "." {
		return -1, "."
	}
	for number, folders := range layers {
		for _, f := range folders {
			if folder == f || f != "internal" && strings.HasPrefix(folder, f+"/") {
				return number, family(folder, f)
			}
		}
	}
	if strings.HasPrefix(folder, "internal/") {
		return domains, family(folder, "internal")
	}
	return len(layers), folder
}

// family is what may import each other: internal/sign with internal/sign/verify, but not cmd/a with cmd/b.
func family(folder, listed string) string {
	switch listed {
	case "internal", "cmd", "modules":
		first, _, _ := strings.Cut(strings.TrimPrefix(folder, listed+"/"), "/")
		return listed + "/" + first
	}
	return listed
}

// reserved are imports that only some folders may have, tests apart.
var reserved = map[string][]string{
	"os/exec":                       {"internal/host"},
	"github.com/sigstore/":          {"internal/sign", "builder"},
	"github.com/diskfs/go-diskfs/":  {"internal/iso", "internal/disk", "installer", "builder"},
	"github.com/google/nftables":    {"internal/nft", "internal/blocklist"},
	"github.com/miekg/dns":          {"internal/dns"},
	"go.etcd.io/":                   {"internal/hostname"},
	"github.com/mistifyio/go-zfs/":  {"internal/zfs"},
	"charm.land/":                   {"cmd/debvisor-installer", "installer"},
	"github.com/spf13/cobra":        {"cmd", "testing/lab/cmd"},
	"github.com/kdomanski/iso9660/": {"internal/iso", "internal/virt"},
}

// forTests are packages that only tests import.
var forTests = []string{"internal/host/hosttest", "internal/ansible/ansibletest"}

func wrongImports(all []source) []string {
	var wrong []string
	for _, s := range all {
		for _, imported := range s.imports() {
			if why := mayNot(s, imported); why != "" {
				wrong = append(wrong, fmt.Sprintf("%s imports %s: %s", s.name, imported, why))
			}
		}
	}
	return wrong
}

// mayNot says why a file may not import a package, or "".
func mayNot(s source, imported string) string {
	if !s.isTest() {
		for prefix, folders := range reserved {
			if strings.HasPrefix(imported, prefix) && !slices.ContainsFunc(folders, func(f string) bool { return s.folder() == f || strings.HasPrefix(s.folder(), f+"/") }) {
				return "only " + strings.Join(folders, ", ") + " may"
			}
		}
	}
	target, ours := strings.CutPrefix(imported, module+"/")
	if !ours || s.isTest() && slices.Contains(forTests, target) {
		return ""
	}
	if !s.isTest() && slices.Contains(forTests, target) {
		return "it is for tests"
	}
	from, fromFamily := layer(s.folder())
	to, toFamily := layer(target)
	switch {
	case to == len(layers):
		return "it is in no layer"
	case fromFamily == toFamily || from > to || s.folder() == "modules" && strings.HasPrefix(target, "modules/"):
		return "" // modules/main.go is the list of all modules
	case from == to:
		return "they are neighbours"
	}
	return "it is in a higher layer"
}

func TestImportsGoDownOnly(t *testing.T) {
	for _, wrong := range wrongImports(repository(t)) {
		t.Error(wrong)
	}
}

// The checker itself: every rule is seen to be broken, and what is allowed is seen to pass.
func TestTheImportCheckFindsWhatIsWrong(t *testing.T) {
	file := func(imports ...string) *fstest.MapFile {
		return &fstest.MapFile{Data: []byte("package x\n\nimport (\n\t\"" + strings.Join(imports, "\"\n\t\"") + "\"\n)\n")}
	}
	got := wrongImports(sources(t, fstest.MapFS{
		"internal/nft/a.go":            file("debvisor/internal/host", "debvisor/internal/disk", "os/exec"),
		"internal/disk/a.go":           file("debvisor/config"),
		"internal/disk/a_test.go":      file("os/exec", "debvisor/internal/host/hosttest"),
		"internal/disk/b.go":           file("debvisor/internal/host/hosttest"),
		"internal/host/a.go":           file("os/exec", "debvisor/internal/report"),
		"internal/host/hosttest/a.go":  file("debvisor/internal/host"),
		"internal/sign/a.go":           file("debvisor/internal/sign/verify", "github.com/sigstore/cosign/v2/pkg/cosign"),
		"config/a.go":                  file("debvisor/internal/nft", "debvisor/internal/step", "debvisor/builder"),
		"internal/step/a.go":           file("debvisor/internal/host"),
		"builder/a.go":                 file("debvisor/config", "debvisor/builder/payload", "debvisor/firstboot", "debvisor"),
		"builder/payload/a.go":         file("embed"),
		"cmd/a/main.go":                file("debvisor/builder", "debvisor/cmd/b", "github.com/sigstore/x"),
		"tools/x/main.go":              file("debvisor/internal/host"),
		"modules/main.go":              file("debvisor/modules/a", "debvisor/internal/ansible", "debvisor/cmd/a"),
		"modules/a/a.go":               file("debvisor/internal/ansible", "debvisor/modules/b", "debvisor/modules", "debvisor/internal/ansible/ansibletest"),
		"modules/a/a_test.go":          file("debvisor/internal/ansible/ansibletest"),
		"firstboot/a.go":               file("debvisor/tools/x"),
		"internal/host/testdata/no.go": file("debvisor/cmd/a"),
	}))
	want := []string{
		"builder/a.go imports debvisor/firstboot: they are neighbours",
		"cmd/a/main.go imports debvisor/cmd/b: they are neighbours",
		"cmd/a/main.go imports github.com/sigstore/x: only internal/sign, builder may",
		"config/a.go imports debvisor/internal/step: they are neighbours",
		"config/a.go imports debvisor/builder: it is in a higher layer",
		"firstboot/a.go imports debvisor/tools/x: it is in no layer",
		"internal/disk/a.go imports debvisor/config: it is in a higher layer",
		"internal/disk/b.go imports debvisor/internal/host/hosttest: it is for tests",
		"internal/host/a.go imports debvisor/internal/report: they are neighbours",
		"internal/nft/a.go imports debvisor/internal/disk: they are neighbours",
		"internal/nft/a.go imports os/exec: only internal/host may",
		"modules/a/a.go imports debvisor/modules/b: they are neighbours",
		"modules/a/a.go imports debvisor/modules: they are neighbours",
		"modules/a/a.go imports debvisor/internal/ansible/ansibletest: it is for tests",
		"modules/main.go imports debvisor/cmd/a: they are neighbours",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// What a node runs is small: it signs nothing, partitions nothing and draws no forms.
func TestNodeBinariesLeaveOutWhatANodeDoesNotNeed(t *testing.T) {
	heavy := map[string][]string{
		"cmd/debvisor":           {"github.com/sigstore/", "github.com/diskfs/", "charm.land/"},
		"cmd/debvisor-firstboot": {"github.com/sigstore/", "github.com/diskfs/", "charm.land/"},
		"cmd/debvisor-installer": {"github.com/sigstore/"},
	}
	graph := graphOf(repository(t))
	for command, prefixes := range heavy {
		reached := reach(graph, command)
		if !reached["internal/host"] {
			t.Errorf("%s does not even reach internal/host: this test looks in the wrong place", command)
		}
		for imported := range reached {
			for _, p := range prefixes {
				if strings.HasPrefix(imported, p) {
					t.Errorf("%s contains %s", command, imported)
				}
			}
		}
	}
}

// graphOf is what each folder imports, tests apart; folders of this module are named as such.
func graphOf(all []source) map[string][]string {
	graph := map[string][]string{}
	for _, s := range all {
		if s.isTest() {
			continue
		}
		for _, imported := range s.imports() {
			graph[s.folder()] = append(graph[s.folder()], strings.TrimPrefix(imported, module+"/"))
		}
	}
	return graph
}

func reach(graph map[string][]string, from string) map[string]bool {
	reached := map[string]bool{}
	todo := []string{from}
	for len(todo) > 0 {
		next := todo[0]
		todo = todo[1:]
		if !reached[next] {
			reached[next] = true
			todo = append(todo, graph[next]...)
		}
	}
	return reached
}
