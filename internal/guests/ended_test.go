package guests

import (
	"context"
	"errors"
	"testing"

	"debvisor/internal/host"
)

// cut is a runner whose libvirt is cut off in the middle of descriptions.
type cut struct {
	host.Runner
	out  string   // what was described until then
	err  error    // how it ended
	list []string // what each question for who runs is answered with; "" is no answer
}

func (c *cut) Run(ctx context.Context, cmd host.Cmd) ([]byte, error) {
	switch cmd.String() {
	case quoted("list --uuid"):
		if c.list[0] == "" {
			return nil, errors.New("no connection")
		}
		said := c.list[0]
		c.list = c.list[1:]
		return []byte(said), nil
	case quoted(each("dumpxml", []string{webID, dbID}, "")):
		return []byte(c.out), c.err
	}
	return c.Runner.Run(ctx, cmd)
}

// A guest that is not described has only ended when libvirt says so.
func TestWhatIsNotDescribedHasNotEnded(t *testing.T) {
	two, web, gone := webID+"\n"+dbID+"\n", xmlOf("web", webID, "", webMAC), errors.New("no domain")
	for what, c := range map[string]struct {
		cut
		want int // guests; -1 for an error
	}{
		"a time limit, nothing said":       {cut{out: "", err: context.DeadlineExceeded, list: []string{two, two}}, -1},
		"a time limit, one said":           {cut{out: web, err: context.DeadlineExceeded, list: []string{two, webID}}, -1},
		"called off":                       {cut{out: web, err: context.Canceled, list: []string{two, webID}}, -1},
		"libvirt was started again":        {cut{out: web, err: gone, list: []string{two, two}}, -1},
		"libvirt is gone":                  {cut{out: "", err: gone, list: []string{two, ""}}, -1},
		"one is left out without a word":   {cut{out: web, list: []string{two, two}}, -1},
		"one has ended":                    {cut{out: web, err: gone, list: []string{two, webID + "\n"}}, 1},
		"one has ended, the last is there": {cut{out: web, list: []string{two, webID + "\n"}}, 1},
		"all have ended":                   {cut{out: "", err: gone, list: []string{two, "\n"}}, 0},
		"all described, and an error":      {cut{out: web + xmlOf("db", dbID, "", dbMAC), err: gone, list: []string{two, two}}, -1},
	} {
		m := machine(t)
		c.Runner = m.Host.Runner
		m.Host.Runner = &c.cut
		got, err := Running(t.Context(), m.Host)
		if (err != nil) != (c.want < 0) || err == nil && len(got) != c.want {
			t.Errorf("%s: %+v, %v", what, got, err)
		}
	}
}
