package exit

import (
	"errors"
	"fmt"
	"testing"

	"debvisor/internal/report"
)

func TestCodeIsWhatTheErrorAsksFor(t *testing.T) {
	plain := errors.New("disk full")
	for _, c := range []struct {
		err  error
		want int
	}{
		{nil, Done},
		{plain, Failed},
		{With(Signature, plain), Signature},
		{fmt.Errorf("install: %w", With(Refused, plain)), Refused},
		{With(NoMatch, With(Usage, plain)), NoMatch},
		{fmt.Errorf("read: %w", &report.Error{}), Usage},
		{With(Refused, nil), Done},
	} {
		if got := Code(c.err); got != c.want {
			t.Errorf("Code(%v) = %d, want %d", c.err, got, c.want)
		}
	}
}

func TestAnErrorWithACodeStaysTheSameError(t *testing.T) {
	cause := errors.New("no such disk")
	err := With(NoMatch, cause)
	if !errors.Is(err, cause) || err.Error() != "no such disk" {
		t.Errorf("With changed the error: %v", err)
	}
}
