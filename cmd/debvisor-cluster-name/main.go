// Command debvisor-cluster-name prints which name the cluster's etcd gives this machine, as JSON. It is a program of its own
// because the client of etcd makes a program slow to start; debvisor hostname register calls it. It changes nothing.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"

	"debvisor/internal/exit"
	"debvisor/internal/host"
	"debvisor/internal/hostname"
	"debvisor/internal/hostname/cluster"
)

func main() { os.Exit(run(os.Args[1:])) }

func run(args []string) int {
	if len(args) > 0 {
		fmt.Fprintln(os.Stderr, "usage: debvisor-cluster-name\nPrints the name that the etcd of "+hostname.EtcdPath+` gives this machine: {"fqdn": "hv01.lab.example"}.`)
		return exit.Usage
	}
	name, err := cluster.Name(context.Background(), host.New())
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(hostname.Answer{FQDN: name})
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "debvisor-cluster-name: error:", err)
	}
	return exit.Code(err)
}
