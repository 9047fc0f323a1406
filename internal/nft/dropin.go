package nft

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"debvisor/internal/host"
)

// PlanDropIn plans a file of DropInDir, by its name there: checked and loaded for good together with all other files, and
// written last. It brings nothing else into force: while rules are on trial, and while files were edited that nobody has
// loaded, it is an error. It may add rules to the table inet debvisor, which each load empties before it reads a drop-in.
func PlanDropIn(ctx context.Context, h *host.Host, name, content string) ([]host.Change, error) {
	path := DropInDir + "/" + name
	written, err := h.Need(host.File{Path: path, Content: content, Mode: 0o644})
	if err != nil {
		return nil, err
	}
	w, err := withDropIn(h, path, content)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: apply the role firewall first", err)
	}
	if err != nil {
		return nil, err
	}
	kernel, err := inForce(ctx, h)
	loaded := kernel.digest() == w.digest
	if err != nil || loaded && len(written) == 0 {
		return nil, err
	}
	kept, err := w.keep(h)
	if err != nil || loaded { // a run ended after the load
		return append(kept, written...), err
	}
	if err := settledFor(ctx, h, path); err != nil {
		return nil, err
	}
	return slices.Concat(w.load(kernel, kernel.blocklist(h)), kept, written), nil
}

// settledFor says why a drop-in cannot be loaded now: it would take something along that nobody has tried.
func settledFor(ctx context.Context, h *host.Host, path string) error {
	s, err := ReadStatus(ctx, h, time.Now())
	switch {
	case err != nil:
		return err
	case s.Pending:
		return fmt.Errorf("load %s: rules are on trial until %s; confirm them first (debvisor firewall confirm) or take them back (debvisor firewall rollback)",
			path, s.ConfirmBy.Format(time.RFC3339))
	case s.InForce != InForceFiles && s.InForce != InForceNothing:
		return fmt.Errorf("load %s: the firewall's files are not what is in force (%s); look with debvisor firewall check, and load them with debvisor firewall load or try them with the role firewall",
			path, s.InForce)
	}
	return nil
}

// withDropIn is what the files would say with that content in that file.
func withDropIn(h *host.Host, path, content string) (source, error) {
	main, err := h.ReadFile(MainPath)
	if err != nil {
		return source{}, err
	}
	names, err := matches(h, DropInDir+"/*.conf")
	if err != nil {
		return source{}, err
	}
	if !slices.Contains(names, path) {
		names = append(names, path)
		slices.Sort(names)
	}
	var others strings.Builder
	for _, name := range names {
		if name == path {
			others.WriteString(strings.TrimSuffix(content, "\n") + "\n")
			continue
		}
		others.WriteString(include(name))
	}
	return sourceOf(h, strings.Replace(string(main), includeDropIns, others.String(), 1))
}
