package update

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"
)

const web = "web.debvisor.test"

// record is the record of an epoch that one of the fakes writes in.
func record(epoch int, writer *fake, members ...*fake) string {
	text := fmt.Sprintf("epoch=%d writer=%s members=", epoch, writer.at.Addr())
	for i, m := range members {
		if i > 0 {
			text += ","
		}
		text += m.at.Addr().String()
	}
	return text
}

// aPair is two servers in one epoch, the first of which writes; what it takes comes to the other after a while, or never.
func aPair(t *testing.T, lag time.Duration) (a, b *fake) {
	t.Helper()
	all := fakes(t, 2)
	a, b = all[0], all[1]
	b.set(func() { b.writer = record(1, a, a, b) })
	a.set(func() {
		a.writer = record(1, a, a, b)
		if lag >= 0 {
			a.onUpdate = func(*fake) { time.AfterFunc(lag, func() { a.copyTo(b) }) }
		}
	})
	return a, b
}

// register adds a name by both servers, within so much time.
func register(t *testing.T, limit time.Duration, servers ...*fake) Outcome {
	t.Helper()
	c := &Client{Key: nodeKey, Timeout: 100 * time.Millisecond}
	for _, s := range servers {
		c.Servers = append(c.Servers, s.at)
	}
	ctx, stop := context.WithTimeout(t.Context(), limit)
	defer stop()
	change := add(web, me, "192.0.2.20")
	change.NoPTR = true
	outcomes, err := c.Apply(ctx, change)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s: %v", outcomes[0].Result, outcomes[0].Err())
	return outcomes[0]
}

const long = 5 * time.Second

func mustBe(t *testing.T, o Outcome, want Result) {
	t.Helper()
	if o.Result != want {
		t.Fatalf("it ended with %q, not %q", o.Result, want)
	}
	if (o.Err() == nil) != want.OK() {
		t.Errorf("its error is %v", o.Err())
	}
}

func TestAServerAloneAcknowledgesByItsAnswer(t *testing.T) {
	a := fakes(t, 1)[0]
	mustBe(t, register(t, long, a), Done)
	mustBe(t, register(t, long, a), Unchanged)
}

// Whatever happens, who is told "done" finds the name on both.
func TestAMemberBehindIsWaitedFor(t *testing.T) {
	a, b := aPair(t, 50*time.Millisecond)
	mustBe(t, register(t, long, b), Done) // asked for who writes, b names a
	if !a.knows(web) || !b.knows(web) || b.taken() > 0 {
		t.Error("it was acknowledged before both had it, or sent to who does not write")
	}
}

func TestAMemberThatStaysBehindIsNoAcknowledgement(t *testing.T) {
	a, _ := aPair(t, -1)
	mustBe(t, register(t, 300*time.Millisecond, a), NotAcknowledged)
	if n := a.taken(); n != 1 {
		t.Errorf("it was sent %d times: what is there already needs no message", n)
	}
}

// The writer takes the update and is then found to be a writer of the past, whose changes are lost.
func TestAnEpochThatChangesInBetween(t *testing.T) {
	a, b := aPair(t, -1)
	a.set(func() {
		a.onUpdate = func(*fake) {
			b.set(func() { b.writer, b.serial = record(2, b, b), b.serial+1<<20 })
			a.writer, a.records = record(2, b, b), nil // it has become a secondary of the other
		}
	})
	mustBe(t, register(t, long, a, b), Done)
	if !b.knows(web) {
		t.Error("who writes now does not have it")
	}
}

// The same, but the old writer has not noticed and goes on; the other's serial alone looks as if it had everything.
func TestALineageThatIsAheadIsNoAcknowledgement(t *testing.T) {
	a, b := aPair(t, -1)
	a.set(func() {
		a.onUpdate = func(*fake) {
			b.set(func() { b.writer, b.serial = record(2, b, b), b.serial+1<<20 })
		}
	})
	mustBe(t, register(t, long, a), Done)
	if !b.knows(web) {
		t.Error("who writes now does not have it")
	}
}

// The member's serial is read from one lineage and its record from the next, or the other way round.
func TestAnEpochThatChangesWhileAMemberIsAsked(t *testing.T) {
	a, b := aPair(t, -1)
	b.set(func() {
		b.onSerial = func(f *fake) {
			f.writer, f.serial, f.onSerial = record(2, b, b), f.serial+1<<20, nil
		}
	})
	mustBe(t, register(t, long, a), Done)
	if !b.knows(web) {
		t.Error("who writes now does not have it")
	}
}

// The writer has lost its role, with what it took, by the time that its serial is read.
func TestAWriterThatLosesItsRoleWhileItIsAsked(t *testing.T) {
	a, b := aPair(t, 0)
	a.set(func() {
		a.onSerial = func(f *fake) {
			f.onSerial, f.onUpdate = nil, nil
			f.writer, f.records, f.serial = record(2, b, a, b), nil, 9
			b.set(func() {
				b.writer, b.records = record(1, a, a, b), nil
				b.onUpdate = func(*fake) { time.AfterFunc(0, func() { b.copyTo(a) }) }
			})
			time.AfterFunc(100*time.Millisecond, func() { b.set(func() { b.writer, b.records, b.serial = record(2, b, a, b), nil, 1<<20 }) })
			time.AfterFunc(150*time.Millisecond, func() { a.set(func() { a.serial = 1 << 20 }) })
		}
	})
	mustBe(t, register(t, long, a, b), Done)
	if !b.knows(web) || !a.knows(web) {
		t.Error("they do not both have it")
	}
}

func TestASilentMemberIsNoAcknowledgement(t *testing.T) {
	a, b := aPair(t, 0)
	b.set(func() { b.silent = true })
	mustBe(t, register(t, 400*time.Millisecond, a), Unreachable)
	if a.taken() != 0 {
		t.Error("an update was sent that could not count")
	}
	time.AfterFunc(200*time.Millisecond, func() { a.set(func() { a.writer, a.onUpdate = record(2, a, a), nil }) })
	mustBe(t, register(t, long, a), Done) // the writer goes on alone
}

func TestAMemberThatFallsSilentAfterTheUpdate(t *testing.T) {
	a, b := aPair(t, -1)
	a.set(func() {
		a.onUpdate = func(*fake) { b.set(func() { b.silent = true }) }
	})
	mustBe(t, register(t, 500*time.Millisecond, a), NotAcknowledged)
}

func TestAPairMayRefuseForAMoment(t *testing.T) {
	a, _ := aPair(t, 0)
	a.set(func() { a.refuses = true })
	time.AfterFunc(200*time.Millisecond, func() { a.set(func() { a.refuses = false }) })
	mustBe(t, register(t, long, a), Done)
	alone := fakes(t, 3)[2]
	alone.set(func() { alone.refuses = true })
	mustBe(t, register(t, long, alone), Refused)
}

func TestAnAnswerThatIsNotSignedCountsForNothing(t *testing.T) {
	a := fakes(t, 1)[0]
	a.set(func() { a.unsigned = true })
	o := register(t, 300*time.Millisecond, a)
	mustBe(t, o, Unreachable)
	if !errors.Is(o.Err(), errUnsigned) {
		t.Errorf("the error is %v", o.Err())
	}
}
