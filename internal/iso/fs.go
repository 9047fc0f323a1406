package iso

import (
	"io"
	"io/fs"
	"strings"
	"time"
)

// node is a file or directory; it describes itself to package fs.
type node struct {
	name     string
	rec      record
	children []*node // by name
}

func (n *node) Name() string               { return n.name }
func (n *node) Size() int64                { return n.rec.extent.Size }
func (n *node) ModTime() time.Time         { return n.rec.time }
func (n *node) IsDir() bool                { return n.rec.dir }
func (n *node) Sys() any                   { return nil }
func (n *node) Type() fs.FileMode          { return n.Mode().Type() }
func (n *node) Info() (fs.FileInfo, error) { return n, nil }

func (n *node) Mode() fs.FileMode {
	if n.rec.dir {
		return fs.ModeDir | dirMode
	}
	return fileMode
}

// Open opens a file of the image. A regular file is also an io.ReadSeeker and an io.ReaderAt.
func (img *Image) Open(name string) (fs.File, error) {
	n, err := img.find("open", name)
	if err != nil {
		return nil, err
	}
	if n.rec.dir {
		return &openDir{node: n, rest: n.children}, nil
	}
	return openFile{io.NewSectionReader(img.r, n.rec.extent.Offset, n.rec.extent.Size), n}, nil
}

func (img *Image) find(op, name string) (*node, error) {
	if !fs.ValidPath(name) {
		return nil, &fs.PathError{Op: op, Path: name, Err: fs.ErrInvalid}
	}
	n := img.root
	if name == "." {
		return n, nil
	}
	for part := range strings.SplitSeq(name, "/") {
		if n = n.child(part); n == nil {
			return nil, &fs.PathError{Op: op, Path: name, Err: fs.ErrNotExist}
		}
	}
	return n, nil
}

func (n *node) child(name string) *node {
	for _, c := range n.children {
		if c.name == name {
			return c
		}
	}
	return nil
}

type openFile struct {
	*io.SectionReader
	node *node
}

func (f openFile) Stat() (fs.FileInfo, error) { return f.node, nil }
func (f openFile) Close() error               { return nil }

type openDir struct {
	node *node
	rest []*node
}

func (d *openDir) Stat() (fs.FileInfo, error) { return d.node, nil }
func (d *openDir) Close() error               { return nil }

func (d *openDir) Read([]byte) (int, error) {
	return 0, &fs.PathError{Op: "read", Path: d.node.name, Err: fs.ErrInvalid}
}

func (d *openDir) ReadDir(n int) ([]fs.DirEntry, error) {
	if n > 0 && len(d.rest) == 0 {
		return nil, io.EOF
	}
	if n <= 0 || n > len(d.rest) {
		n = len(d.rest)
	}
	entries := make([]fs.DirEntry, n)
	for i, c := range d.rest[:n] {
		entries[i] = c
	}
	d.rest = d.rest[n:]
	return entries, nil
}
