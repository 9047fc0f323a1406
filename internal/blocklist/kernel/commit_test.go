package kernel

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// answering is a Conn whose kernel is a test: these are its answers to the next message, whatever it is.
func answering(t *testing.T, answers ...[]byte) *Conn {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	c := &Conn{socket: &socket{fd: fds[0], room: 1 << 30, receive: make([]byte, receiveMost)}}
	t.Cleanup(func() {
		if err := errors.Join(c.Close(), unix.Close(fds[1])); err != nil {
			t.Error(err)
		}
	})
	for _, a := range answers {
		if _, err := unix.Write(fds[1], a); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

// A transaction was done only when the kernel says so and nothing else. Without a word it is unknown: answers get lost where
// there is no room for them.
func TestATransactionWithoutAnAnswerIsUnknown(t *testing.T) {
	refused := func(errno unix.Errno) []byte { return packet(unix.NLMSG_ERROR, 0, verdict(errno, 1, nil)) }
	for name, c := range map[string]struct {
		answers [][]byte
		want    error
	}{
		"done":                 {[][]byte{refused(0)}, nil},
		"no answer":            {nil, errUnknown},
		"another came first":   {[][]byte{refused(unix.ERESTART)}, errUnknown},
		"refused":              {[][]byte{refused(unix.ENFILE)}, unix.ENFILE},
		"refused in the end":   {[][]byte{refused(unix.ENOMEM), refused(0)}, unix.ENOMEM},
		"done, but not before": {[][]byte{refused(0), refused(unix.EBUSY)}, unix.EBUSY},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBatch(1)
			b.flush(sets[0])
			if err := answering(t, c.answers...).commit(b); !errors.Is(err, c.want) {
				t.Errorf("the error is %v, not %v", err, c.want)
			}
		})
	}
}

func TestAListWithoutAnEndIsAnError(t *testing.T) {
	chain := packet(messageType(unix.NFT_MSG_NEWCHAIN), 0, append([]byte{1, 0, 0, 0}, appendText(nil, unix.NFTA_CHAIN_TABLE, "x")...))
	done := packet(unix.NLMSG_DONE, 0, make([]byte, 4))
	interrupted := packet(unix.NLMSG_DONE, unix.NLM_F_DUMP_INTR, make([]byte, 4))
	for name, c := range map[string]struct {
		answers [][]byte
		want    string
	}{
		"whole":       {[][]byte{chain, done}, ""},
		"in pieces":   {[][]byte{slices.Concat(chain, chain), chain, done}, ""},
		"no end":      {[][]byte{chain}, "read the ruleset: the kernel's answer has no end"},
		"interrupted": {[][]byte{chain, interrupted}, errUnknown.Error()},
	} {
		t.Run(name, func(t *testing.T) {
			err := answering(t, c.answers...).list(unix.NFT_MSG_GETCHAIN, nil, func(message) error { return nil })
			if got := strings.TrimSpace(errorText(err)); got != c.want {
				t.Errorf("the error is %q, not %q", got, c.want)
			}
		})
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestPatienceEnds(t *testing.T) {
	tries := 0
	err := patiently(t.Context(), func() error {
		tries++
		return errUnknown
	})
	if !errors.Is(err, errUnknown) || tries != 20 {
		t.Errorf("after %d tries: %v", tries, err)
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if err := patiently(ctx, func() error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("with an end: %v", err)
	}
}
