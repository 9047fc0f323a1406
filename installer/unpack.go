package installer

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"debvisor/internal/host"
	"debvisor/internal/manifest"
)

// payloadFile says which payload the system was unpacked from; it is written when that is complete.
const payloadFile = "/var/lib/debvisor/payload"

// payloadCopy is there only while it is unpacked.
const payloadCopy = "/var/.debvisor-payload"

// unpack plans the new system's files: root and state mounted, and the payload in them.
func (r *run) unpack(context.Context) ([]host.Change, error) {
	changes, err := r.mounts()
	if err != nil {
		return nil, err
	}
	want := r.plan.Image.Files[manifest.Payload].SHA256 + "\n"
	have, err := r.new.ReadFile(payloadFile)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if len(changes) == 0 && string(have) == want {
		return nil, nil
	}
	fetch := host.Call{Why: "copy the payload to the state partition and check the copy", Do: r.fetchPayload}
	unpack := host.Exec{Cmd: host.Cmd{Args: []string{"unsquashfs", "-f", "-d", r.in.targetDir(), path.Join(r.in.targetDir(), payloadCopy)}, Line: r.unpacked}}
	return append(changes, fetch, unpack, host.Remove{Path: payloadCopy}, host.Write{Path: payloadFile, After: want, Mode: 0o644, New: true}), nil
}

// fetchPayload reads the payload once more, to where it is unpacked from: a medium that is dying, or that lies, may serve
// other bytes than it did before the first write.
func (r *run) fetchPayload(ctx context.Context) (err error) {
	f, err := os.OpenFile(path.Join(r.in.targetDir(), payloadCopy), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return r.in.readPayload(ctx, r.plan.Image, "copy", f)
}

// mounts plans the mount points and mounts that are missing: root first, then what lies in it.
func (r *run) mounts() ([]host.Change, error) {
	mounted, err := r.mounted()
	if err != nil {
		return nil, err
	}
	var changes []host.Change
	for _, i := range []int{rootA, state} {
		where := path.Join(r.in.targetDir(), r.plan.Layout.Partitions[i].Mount)
		if slices.Contains(mounted, where) {
			continue
		}
		changes = append(changes,
			host.Exec{Cmd: host.Cmd{Args: []string{"mkdir", "-p", where}}},
			host.Exec{Cmd: host.Cmd{Args: []string{"mount", "-t", "ext4", r.plan.Layout.Device(i), where}}})
	}
	return changes, nil
}

// mounted lists what is mounted on the target directory and below it, in the order of mounting.
func (r *run) mounted() ([]string, error) {
	data, err := r.in.Live.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	var all []string
	for line := range strings.Lines(string(data)) {
		f := strings.Fields(line)
		if len(f) < 5 {
			continue
		}
		if at := unescape(f[4]); at == r.in.targetDir() || strings.HasPrefix(at, r.in.targetDir()+"/") {
			all = append(all, at)
		}
	}
	return all, nil
}

var octal = regexp.MustCompile(`\\[0-7]{3}`)

// unescape undoes how the kernel writes blanks in paths.
func unescape(s string) string {
	return octal.ReplaceAllStringFunc(s, func(o string) string {
		n, err := strconv.ParseUint(o[1:], 8, 8)
		if err != nil {
			return o
		}
		return string([]byte{byte(n)})
	})
}

var percentage = regexp.MustCompile(`(\d{1,3})%`)

// unpacked reads the progress bar of unsquashfs.
func (r *run) unpacked(line string) {
	m := percentage.FindStringSubmatch(line)
	if m == nil {
		return
	}
	if percent, err := strconv.Atoi(m[1]); err == nil && percent <= 100 {
		r.in.Tell.progress("unpack", percent)
	}
}
