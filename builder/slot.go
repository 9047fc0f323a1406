package builder

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"debvisor/config"
	"debvisor/internal/exit"
	"debvisor/internal/iso"
	"debvisor/internal/manifest"
)

// Embed writes answers into the slot of an image, or of a stick that it was written to, in place, so that it installs
// without asking. name is what the answers are called in findings. Answers with mistakes, or more than fit, are an error
// and change nothing.
func Embed(image, name string, answers []byte) error {
	if _, err := config.ParseNode(name, answers); err != nil {
		return err
	}
	if bytes.IndexByte(answers, 0) >= 0 {
		return exit.With(exit.Usage, fmt.Errorf("%s: has a NUL byte, which ends the answers in the slot", name))
	}
	return fillSlot(image, answers)
}

// Reset empties the slot of an image: it is again what was signed.
func Reset(image string) error { return fillSlot(image, nil) }

func fillSlot(image string, text []byte) error {
	img, err := iso.Open(image)
	if err != nil {
		return err
	}
	slot, err := img.Slot(manifest.Slot)
	if err := errors.Join(err, img.Close()); err != nil {
		return fmt.Errorf("find the slot for answers: %w", err)
	}
	if int64(len(text)) > slot.Size {
		return exit.With(exit.Usage, fmt.Errorf("the answers have %d bytes, the slot has room for %d", len(text), slot.Size))
	}
	f, err := os.OpenFile(image, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	data := make([]byte, slot.Size)
	copy(data, text)
	_, err = f.WriteAt(data, slot.Offset)
	return errors.Join(err, f.Sync(), f.Close())
}

// slotOf is where an image has its slot; what is no image has none.
func slotOf(image string) iso.Extent {
	img, err := iso.Open(image)
	if err != nil {
		return iso.Extent{} // the check of what is inside says why
	}
	defer img.Close()
	slot, err := img.Slot(manifest.Slot)
	if err != nil {
		return iso.Extent{}
	}
	return slot
}

// blanked reads a part of a stream as zeros. It cannot hide a change elsewhere: where the part lies is said by bytes that
// are read as they are, and what was signed has zeros there.
type blanked struct {
	r     io.Reader
	at    int64
	blank iso.Extent
}

func (b *blanked) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	from, to := max(b.blank.Offset-b.at, 0), min(b.blank.Offset+b.blank.Size-b.at, int64(n))
	if from < to {
		clear(p[from:to])
	}
	b.at += int64(n)
	return n, err
}
