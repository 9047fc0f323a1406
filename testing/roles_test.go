package repository

import (
	"testing"

	"gopkg.in/yaml.v3"
)

// A role that writes what the image brings must write the same, or applying it changes a fresh node.
func TestARoleWritesTheTextThatTheImageBrings(t *testing.T) {
	var defaults struct {
		Readme string `yaml:"rpc_service_readme"`
	}
	if err := yaml.Unmarshal([]byte(read(t, "roles/rpc-service/defaults/main.yml")), &defaults); err != nil {
		t.Fatal(err)
	}
	if want := read(t, "config/overlay/opt/debvisor-rpc/README"); defaults.Readme != want {
		t.Errorf("roles/rpc-service writes\n%s\nthe image brings\n%s", defaults.Readme, want)
	}
}
