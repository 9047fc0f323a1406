package hostname

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"debvisor/internal/host"
	"debvisor/internal/names"
)

// EtcdPath is where the settings of the cluster's etcd are. Without it the machine is in no cluster.
const EtcdPath = "/etc/debvisor/etcd.json"

// patience is how long the cluster may take to say a name.
const patience = 2 * time.Second

var (
	errNoCluster = errors.New("no cluster is configured")
	errNoName    = errors.New("the cluster has no name for this machine")
)

// Answer is what the program that asks the cluster prints. FQDN is as it was found, of whatever form; "" when there is none.
type Answer struct {
	FQDN string `json:"fqdn"`
}

// clusterName is the name that the cluster gives the machine.
func clusterName(ctx context.Context, h *host.Host) (string, error) {
	if !h.Exists(EtcdPath) {
		return "", errNoCluster
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	out, err := h.Run(ctx, names.ClusterName)
	switch {
	case ctx.Err() != nil:
		return "", fmt.Errorf("the cluster did not answer within %s", patience)
	case err != nil:
		return "", err
	}
	return parseAnswer(out)
}

func parseAnswer(out []byte) (string, error) {
	var a Answer
	if err := json.Unmarshal(out, &a); err != nil {
		return "", fmt.Errorf("read what %s printed: %w", names.ClusterName, err)
	}
	if a.FQDN == "" {
		return "", errNoName
	}
	name, err := Parse(a.FQDN)
	if err != nil {
		return "", fmt.Errorf("the cluster's name for this machine: %w", err)
	}
	return name, nil
}
