package disk

import (
	"errors"
	"io"
	"strings"
)

// image is a sparse disk in memory: pieces of text at offsets, zeros elsewhere.
type image struct {
	size   int64
	pieces []piece
	bad    int64 // reads that touch this offset fail; 0: none
}

type piece struct {
	at   int64
	data string
}

// blank is an empty disk of 2 TB; with places data on it, negative offsets counting from the end.
func blank(pieces ...piece) *image {
	m := &image{size: 2 * tib}
	for _, p := range pieces {
		if p.at < 0 {
			p.at += m.size
		}
		m.pieces = append(m.pieces, p)
	}
	return m
}

func (m *image) ReadAt(b []byte, off int64) (int, error) {
	if off < 0 || off >= m.size {
		return 0, io.EOF
	}
	if m.bad > 0 && off <= m.bad && m.bad < off+int64(len(b)) {
		return 0, errors.New("input/output error")
	}
	clear(b)
	for _, p := range m.pieces {
		m.overlay(b, off, p)
	}
	return len(b), nil
}

func (m *image) overlay(b []byte, off int64, p piece) {
	from, to := max(off, p.at), min(off+int64(len(b)), p.at+int64(len(p.data)))
	if from < to {
		copy(b[from-off:to-off], p.data[from-p.at:to-p.at])
	}
}

func (m *image) WriteAt(b []byte, off int64) (int, error) {
	if off < 0 || off+int64(len(b)) > m.size {
		return 0, errors.New("write outside the disk")
	}
	m.pieces = append(m.pieces, piece{off, string(b)})
	return len(b), nil
}

func (m *image) Sync() error { return nil }

func (m *image) probe() Contents { return Probe(m, m.size, 512) }

// kinds are the signatures of a probe in short: "ext4@0x438 gpt@0x200".
func kinds(c Contents) string {
	var all []string
	for _, s := range c.Signatures {
		all = append(all, strings.Replace(s.String(), " at ", "@", 1))
	}
	return strings.Join(all, ", ")
}
