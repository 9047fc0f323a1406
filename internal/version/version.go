// Package version is what this build is called; the linker sets it.
package version

// Version is the release, or "devel" for a build without one.
var Version = "devel"

// Commit is the revision it was built from, or "".
var Commit = ""
