// Package hostname registers the machine's own name and addresses with dnsmasq. It does not set the name.
package hostname

import _ "go.etcd.io/etcd/client/v3" // the name that the cluster gives
