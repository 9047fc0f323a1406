package e2e

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"sync"
	"testing"
)

var stepDone = regexp.MustCompile(`(?m)(\w+): (?:done|the payload is what was signed), ([0-9.]+) s`)

// keepSteps reads the seconds that the installer prints for each step.
func keepSteps(took map[string]float64, text string) {
	for _, m := range stepDone.FindAllStringSubmatch(text, -1) {
		if seconds, err := strconv.ParseFloat(m[2], 64); err == nil {
			took["step "+m[1]] = seconds
		}
	}
}

var bench sync.Mutex

// report prints a site's times and keeps them in build/bench/install.json, beside those of the others.
func (s *site) report(t *testing.T) {
	bench.Lock()
	defer bench.Unlock()
	path := filepath.Join(buildDir, "bench", "install.json")
	all := map[string]map[string]float64{}
	data, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(data, &all)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("read %s: %v", path, err)
	}
	all[s.name] = s.took
	if data, err = json.MarshalIndent(all, "", "  "); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, append(data, '\n'), 0o644)); err != nil {
		t.Fatal(err)
	}
	t.Logf("seconds: %s", data)
}

func TestStepTimesAreReadFromTheConsole(t *testing.T) {
	got := map[string]float64{}
	keepSteps(got, "verify: the payload is what was signed, 12.3 s\r\n[1/6] partition\r\n    write x\r\n[1/6] partition: done, 0.4 s\r\n[3/6] unpack: done, 61.0 s\r\n")
	want := map[string]float64{"step verify": 12.3, "step partition": 0.4, "step unpack": 61}
	if len(got) != len(want) {
		t.Errorf("got %v, want %v", got, want)
	}
	for k, v := range want {
		if got[k] != v {
			t.Errorf("%s: got %v, want %v", k, got[k], v)
		}
	}
}
