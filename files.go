// Package debvisor holds the parts of the repository that lie on the image and in the Ansible collection as they are: the
// operators' documentation, playbooks and roles, the collection's own files and the modules' documentation. Nothing else
// belongs here.
package debvisor

import "embed"

// Files are below their names in the repository.
//
//go:embed docs all:playbooks all:roles collection collection/.ansible-lint LICENSES modules/*/*.yml
var Files embed.FS
