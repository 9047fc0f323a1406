package collection

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"io"
	"time"
)

// Archive writes the tarball that ansible-galaxy installs. The same collection gives the same bytes.
func (c *Collection) Archive(w io.Writer) error {
	entries, err := c.Packed()
	if err != nil {
		return err
	}
	z, err := gzip.NewWriterLevel(w, gzip.BestCompression)
	if err != nil {
		return err
	}
	t := tar.NewWriter(z)
	for _, d := range dirsOf(entries) {
		if err := t.WriteHeader(header(d, tar.TypeDir, 0o755)); err != nil {
			return err
		}
	}
	for _, e := range entries {
		if err := e.pack(t); err != nil {
			return err
		}
	}
	return errors.Join(t.Close(), z.Close())
}

func (e Entry) pack(t *tar.Writer) error {
	if e.Link != "" {
		h := header(e.Path, tar.TypeSymlink, 0o777)
		h.Linkname = e.Link
		return t.WriteHeader(h)
	}
	h := header(e.Path, tar.TypeReg, int64(e.Mode.Perm()))
	h.Size = int64(len(e.Data))
	if err := t.WriteHeader(h); err != nil {
		return err
	}
	_, err := t.Write(e.Data)
	return err
}

// made is when every file of a tarball was made: long ago, and the same for all.
var made = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)

func header(name string, kind byte, mode int64) *tar.Header {
	return &tar.Header{Name: name, Typeflag: kind, Mode: mode, ModTime: made, Format: tar.FormatPAX}
}

// ArchiveName is the tarball's name.
func (c *Collection) ArchiveName() string {
	return Namespace + "-" + Name + "-" + c.galaxy.Version + ".tar.gz"
}
