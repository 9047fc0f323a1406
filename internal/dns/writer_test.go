package dns

import (
	"errors"
	"net/netip"
	"testing"
)

func TestARecordOfWhoWritesIsReadAsItIsWritten(t *testing.T) {
	a, b := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
	for _, want := range []Writer{
		{Epoch: 1, Writer: a, Members: []netip.Addr{a}},
		{Epoch: MaxEpoch, Writer: b, Members: []netip.Addr{a, b}},
	} {
		if got, err := ParseWriter(want.String()); err != nil || !got.Equal(want) {
			t.Errorf("%q is read as %q, %v", want, got, err)
		}
	}
}

func TestARecordThatSaysNothingIsNotBelieved(t *testing.T) {
	for _, wrong := range []string{
		"", "x", "epoch=0 writer=192.0.2.1 members=192.0.2.1", "epoch=2147483648 writer=192.0.2.1 members=192.0.2.1",
		"epoch=9223372036854775808 writer=192.0.2.1 members=192.0.2.1", "epoch=-1 writer=192.0.2.1 members=192.0.2.1",
		"epoch=1 writer=192.0.2.1 members=192.0.2.2", "epoch=1 writer=192.0.2.1 members=", "epoch=1 members=192.0.2.1 writer=192.0.2.1",
	} {
		if got, err := ParseWriter(wrong); !errors.Is(err, ErrWriter) {
			t.Errorf("%q is read as %q, %v", wrong, got, err)
		}
	}
}

func FuzzParseWriter(f *testing.F) {
	f.Add("epoch=7 writer=192.0.2.1 members=192.0.2.1,192.0.2.2")
	f.Add("epoch=2147483648 writer=2001:db8::1 members=2001:db8::1")
	f.Fuzz(func(t *testing.T, text string) {
		w, err := ParseWriter(text)
		if err != nil {
			return
		}
		if again, err := ParseWriter(w.String()); err != nil || !again.Equal(w) || w.Epoch > MaxEpoch || !w.Has(w.Writer) {
			t.Errorf("%q is %q, and then %q, %v", text, w, again, err)
		}
	})
}
