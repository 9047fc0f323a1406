package dns

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// WriterLabel is the name, below each zone of a pair, of the TXT record that says who writes.
const WriterLabel = "_writer"

// MaxEpoch is the last epoch that a record may have. None is ever near it: at a change a second it takes 68 years.
const MaxEpoch = 1<<31 - 1

// ErrWriter is in the error of a record of who writes that cannot be believed.
var ErrWriter = errors.New("the record of who writes cannot be believed")

// Writer is who may write to a zone, and who must have what was written before it counts. It is a record in the zone itself,
// so that it comes with the data that it speaks of: a server that has an epoch has everything that was written in the ones
// before it.
type Writer struct {
	Epoch   uint32       // goes up by one with each change of the rest
	Writer  netip.Addr   // the server that is primary
	Members []netip.Addr // the servers that must have a change before a client may rely on it; the writer is one
}

// String is the record's text: "epoch=7 writer=192.0.2.1 members=192.0.2.1,192.0.2.2".
func (w Writer) String() string {
	members := make([]string, len(w.Members))
	for i, m := range w.Members {
		members[i] = m.String()
	}
	return fmt.Sprintf("epoch=%d writer=%s members=%s", w.Epoch, w.Writer, strings.Join(members, ","))
}

// Has reports whether a server is a member.
func (w Writer) Has(server netip.Addr) bool { return slices.Contains(w.Members, server) }

// Equal reports whether two records say the same.
func (w Writer) Equal(o Writer) bool {
	return w.Epoch == o.Epoch && w.Writer == o.Writer && slices.Equal(w.Members, o.Members)
}

// ParseWriter reads a record's text. Its errors are ErrWriter.
func ParseWriter(text string) (Writer, error) {
	w, err := parseWriter(text)
	if err != nil {
		return Writer{}, fmt.Errorf("%w: %q: %w", ErrWriter, text, err)
	}
	return w, nil
}

func parseWriter(text string) (w Writer, err error) {
	fields := strings.Fields(text)
	if len(fields) != 3 {
		return w, fmt.Errorf("it has %d words, not 3", len(fields))
	}
	values := make([]string, 3)
	for i, key := range []string{"epoch=", "writer=", "members="} {
		var found bool
		if values[i], found = strings.CutPrefix(fields[i], key); !found {
			return w, fmt.Errorf("word %d does not begin with %s", i+1, key)
		}
	}
	epoch, err := strconv.ParseUint(values[0], 10, 32)
	if err != nil || epoch == 0 || epoch > MaxEpoch {
		return w, fmt.Errorf("%q is no epoch from 1 to %d", values[0], MaxEpoch)
	}
	w.Epoch = uint32(epoch)
	if w.Writer, err = netip.ParseAddr(values[1]); err != nil {
		return w, err
	}
	for text := range strings.SplitSeq(values[2], ",") {
		member, err := netip.ParseAddr(text)
		if err != nil {
			return w, err
		}
		w.Members = append(w.Members, member)
	}
	if !w.Has(w.Writer) {
		return w, fmt.Errorf("the writer %s is not a member", w.Writer)
	}
	return w, nil
}
