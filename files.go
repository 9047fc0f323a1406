// Package debvisor holds the parts of the repository that lie on the image as they are: the operators' documentation and
// the Ansible playbooks and roles. Nothing else belongs here.
package debvisor

import "embed"

// Files are docs, playbooks and roles, below their names in the repository.
//
//go:embed docs all:playbooks all:roles
var Files embed.FS
