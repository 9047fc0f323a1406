// Package payload holds the programs that an image brings, as built for the node: they are compiled first, into bin/, and
// become part of the builder. It knows nothing of what they do.
package payload

import (
	"embed"
	"io/fs"
)

//go:embed all:bin
var files embed.FS

// Files are the programs by name. It is empty in a builder that was compiled without them.
func Files() fs.FS {
	sub, err := fs.Sub(files, "bin")
	if err != nil {
		panic(err) // the directory is embedded above
	}
	return sub
}
