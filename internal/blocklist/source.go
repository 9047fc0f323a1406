package blocklist

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"debvisor/internal/blocklist/addrset"
	"debvisor/internal/host"
)

// Texts are contents that come with a task and are not on the node yet, by the path that they will have there.
type Texts map[string]Text

// Text is a list from the controller: what it is called there, and its content.
type Text struct{ Name, Content string }

// MaxRejected is how many lines that are no address are named; the others are counted.
const MaxRejected = 100

// read reads one kind of list, all its files together.
func read(h *host.Host, paths []string, texts Texts) (*addrset.Reader, error) {
	r := &addrset.Reader{MaxRejected: MaxRejected}
	for _, p := range paths {
		if err := readOne(h, r, p, texts); err != nil {
			return nil, err
		}
	}
	return r, nil
}

func readOne(h *host.Host, r *addrset.Reader, path string, texts Texts) error {
	name, src, err := open(h, path, texts)
	if err != nil {
		return err
	}
	defer src.Close()
	if err := r.Read(name, src); err != nil {
		return fmt.Errorf("read %s: %w", name, err)
	}
	return nil
}

// open is a list, and the name under which a person knows it.
func open(h *host.Host, path string, texts Texts) (string, io.ReadCloser, error) {
	if t, ok := texts[path]; ok {
		return t.Name, io.NopCloser(strings.NewReader(t.Content)), nil
	}
	p, err := h.Path(path)
	if err != nil {
		return path, nil, err
	}
	info, err := os.Stat(p)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return path, nil, fmt.Errorf("read %s: there is no such list on this node; make the file, or take it out of the sources", path)
	case err == nil && !info.Mode().IsRegular(): // a pipe would say something else the second time
		return path, nil, fmt.Errorf("read %s: it is no file", path)
	}
	f, err := os.Open(p)
	if err != nil {
		return path, nil, fmt.Errorf("read %s: %w", path, errors.Unwrap(err))
	}
	return path, f, nil
}

// Invalid is a list with lines that are no addresses.
type Invalid struct {
	First []addrset.Rejected
	Total int
}

func (e *Invalid) Error() string {
	lines := make([]string, len(e.First), len(e.First)+1)
	for i, r := range e.First {
		lines[i] = r.String()
	}
	if more := e.Total - len(e.First); more > 0 {
		lines = append(lines, fmt.Sprintf("and %d more lines", more))
	}
	return strings.Join(lines, "\n")
}

// Where names the lines of the lists that have any of the wanted addresses, ten at most.
func Where(h *host.Host, paths []string, texts Texts, wanted addrset.Set) ([]addrset.Line, error) {
	const most = 10
	var found []addrset.Line
	for _, p := range paths {
		name, src, err := open(h, p, texts)
		if err != nil {
			return nil, err
		}
		lines, err := addrset.Find(name, src, wanted, most-len(found))
		if err := errors.Join(err, src.Close()); err != nil {
			return nil, err
		}
		found = append(found, lines...)
	}
	return found, nil
}
