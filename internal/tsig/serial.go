package tsig

import (
	"fmt"
	"time"
)

// FirstSerial is the first generation of a day.
func FirstSerial(day time.Time) uint32 {
	day = day.UTC()
	return uint32(day.Year()*1_000_000 + int(day.Month())*10_000 + day.Day()*100 + 1)
}

// mostOfADay is the last number of a day's generations, from 1.
const mostOfADay = 99

// lastSerial is the highest generation that a rotation makes by now: tomorrow's last, for clocks that differ.
func lastSerial(now time.Time) uint32 { return FirstSerial(now.AddDate(0, 0, 1)) + mostOfADay - 1 }

// Possible reports whether a generation can have been made by now. One that a wrong clock or a false name gives must not
// count: nothing could come after it.
func Possible(serial uint32, now time.Time) bool { return serial <= lastSerial(now) }

// NextSerial is a generation after all that there are, of which newest is the highest that is possible.
func NextSerial(newest uint32, now time.Time) (uint32, error) {
	next := max(FirstSerial(now), newest+1)
	if next > lastSerial(now) {
		return 0, fmt.Errorf("generation %d is the last that can be made until tomorrow", newest)
	}
	return next, nil
}
