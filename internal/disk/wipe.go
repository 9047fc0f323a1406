package disk

import (
	"errors"
	"fmt"
	"io"
	"os"
)

// Storage is what Wipe writes to: an open disk.
type Storage interface {
	io.ReaderAt
	io.WriterAt
	Sync() error
}

var _ Storage = (*os.File)(nil)

const (
	margin = 1 * mib // zeroed at both ends of the disk and of each partition: tables, labels, most superblocks
	page   = 4 * kib // zeroed around each signature

	// Zeroing one thing can bring another to light: a copy of a table, and then the partitions in it.
	maxRounds = 8
)

// Wipe removes everything that Probe recognises, so that nothing old comes back when new partitions are made: every
// signature, and both ends of the disk and of each partition. It is for a claimed disk that its owner gave up. It does not
// erase data. Partitions go before the table that leads to them, so an interrupted wipe can be begun again.
func Wipe(f Storage, size, sector int64) error {
	for range maxRounds {
		if err := wipeOnce(f, size, sector); err != nil {
			return err
		}
		if err := f.Sync(); err != nil {
			return fmt.Errorf("wipe: %w", err)
		}
		after := Probe(f, size, sector)
		if len(after.Doubts) > 0 {
			return fmt.Errorf("wipe: check: %s", after.Doubts[0])
		}
		if len(after.Signatures) == 0 {
			return nil
		}
	}
	return errors.New("wipe: signatures come back after each round")
}

func wipeOnce(f Storage, size, sector int64) error {
	var doubts []string
	whole := area{r: f, size: size, sector: sector, errs: &doubts}
	for _, a := range append(whole.partitions(), whole) {
		for _, s := range a.signatures() {
			if err := zero(f, s.Offset&^(page-1), min(page, size-s.Offset&^(page-1))); err != nil {
				return err
			}
		}
		edge := min(margin, a.size)
		if err := errors.Join(zero(f, a.start+a.size-edge, edge), zero(f, a.start, edge)); err != nil {
			return err
		}
	}
	return nil
}

func zero(f io.WriterAt, off, n int64) error {
	if _, err := f.WriteAt(make([]byte, n), off); err != nil {
		return fmt.Errorf("wipe %d bytes at %#x: %w", n, off, err)
	}
	return nil
}
