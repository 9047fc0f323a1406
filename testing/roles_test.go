package repository

import (
	"strings"
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

// A collection keeps each role by itself, so both roles have the filter; only whom and what it is for differs.
func TestBothDNSRolesHaveOneFilter(t *testing.T) {
	const same = "From here on, the same"
	_, pair, _ := strings.Cut(read(t, "roles/dns-ha/templates/20-dns.conf.j2"), same)
	_, further, _ := strings.Cut(read(t, "roles/dns-secondary/templates/20-dns.conf.j2"), same)
	if pair == "" || pair != further {
		t.Errorf("dns-ha has\n%s\ndns-secondary has\n%s", pair, further)
	}
}
