package main

import (
	"errors"
	"strings"
	"testing"

	"debvisor/internal/guests"
)

func TestSilentNameServersAreNoFailureOfAWatch(t *testing.T) {
	for _, c := range []struct {
		guests.Outcome
		watched, fails bool
		says           string
	}{
		{guests.Outcome{Pending: 2}, true, false, "2 changes are left, and tried again"},
		{guests.Outcome{Pending: 2}, false, true, ""},
		{guests.Outcome{Pending: 2, Err: errors.New("no libvirt")}, true, true, ""},
		{guests.Outcome{Waiting: 1}, true, false, ""},
	} {
		var log strings.Builder
		if err := unfinished(c.Outcome, c.watched, &log); (err != nil) != c.fails || !strings.HasPrefix(log.String(), c.says) || c.says == "" && log.Len() > 0 {
			t.Errorf("%+v: %v, %q", c, err, log.String())
		}
	}
}
