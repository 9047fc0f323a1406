package nft

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"debvisor/internal/host"
)

// runDir is below /run because what it keeps must not outlive the kernel that it speaks of: after a reboot the files are
// loaded, and nothing waits.
const runDir = "/run/debvisor-firewall"

// confirmedPath keeps what was loaded last for good. The files cannot say that: the operator edits some of them.
const confirmedPath = runDir + "/confirmed.json"

// confirmed is what a rollback goes back to.
type confirmed struct {
	Digest string `json:"digest"` // the mark that the kernel has then
	Text   string `json:"text"`   // for nft
}

func readConfirmed(h *host.Host) (confirmed, error) {
	var c confirmed
	return c, readRecord(h, confirmedPath, &c)
}

func (c confirmed) write(h *host.Host) ([]host.Change, error) { return record(h, confirmedPath, c) }

// keep plans that a source is what a rollback goes back to. One rename does it: before it a trial is a trial, and after it
// the rules are confirmed.
func (s source) keep(h *host.Host) ([]host.Change, error) {
	return confirmed{s.digest, s.text}.write(h)
}

// asFound is what is in force on a machine where nobody has loaded anything for good since it was booted, or the way back to
// nothing. It is nft's own listing, which takes the place of the whole table.
func asFound(ctx context.Context, h *host.Host, kernel ruleset) (confirmed, error) {
	if kernel.table("debvisor") == "" {
		return confirmed{Text: noTable}, nil
	}
	table, err := h.Run(ctx, "nft", "-s", "list", "table", "inet", "debvisor")
	return confirmed{kernel.digest(), noTable + string(table)}, err
}

const noTable = "add table inet debvisor\ndelete table inet debvisor\n"

// restore loads it, without the tables that only the trial brought. Where the kernel does not take it beside what is there -
// a set of the same name and another type - the whole table is replaced, which lets a packet through at most for the moment
// of the transaction.
func (c confirmed) restore(ctx context.Context, h *host.Host, kernel ruleset, tables []string) error {
	var gone strings.Builder
	for _, name := range tables {
		fmt.Fprintf(&gone, "add table %s\ndelete table %s\n", name, name)
	}
	err := h.Apply(ctx, []host.Change{load(kernel.stale(c.Text) + gone.String() + c.Text)})
	if err == nil {
		return nil
	}
	if again := h.Apply(ctx, []host.Change{load(noTable + gone.String() + c.Text)}); again != nil {
		return errors.Join(err, again)
	}
	return nil
}

// readRecord reads a file below runDir.
func readRecord(h *host.Host, name string, into any) error {
	data, err := h.ReadFile(name)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, into); err != nil {
		return fmt.Errorf("read %s: %w; end it with: debvisor firewall rollback", name, err)
	}
	return nil
}

// record plans a file below runDir. Its content is not for showing: the load shows the difference.
func record(h *host.Host, name string, content any) ([]host.Change, error) {
	data, err := json.MarshalIndent(content, "", "  ")
	if err != nil {
		return nil, err
	}
	return h.Need(host.Dir{Path: runDir, Mode: 0o700},
		host.File{Path: name, Content: string(data) + "\n", Mode: 0o600, Secret: true})
}

// unlessMissing is err, or nil when it says that there is no such file.
func unlessMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
