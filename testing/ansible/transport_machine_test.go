package ansible_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"debvisor"
	"debvisor/internal/collection"
	"debvisor/internal/host"
)

// machine is a copy of a root that a test may do with as it likes: an overlay over it, with a network, processes, /var and
// accounts of its own. It sees this machine's /tmp.
type machine struct {
	pid int // of a process in it
	dir string
}

// boot lays the overlay over the root $1, with what changes in $2. When $3 is given, it is a process whose network is shared.
const boot = `root=$1; dir=$2
mount -t tmpfs -o mode=755 machine "$dir"
mkdir "$dir/upper" "$dir/work" "$dir/root"
mount -t overlay -o "lowerdir=$root,upperdir=$dir/upper,workdir=$dir/work" overlay "$dir/root"
cd "$dir/root"
mount -t proc proc proc; mount --rbind /dev dev; mount --bind /tmp tmp
for d in run home var/cache var/tmp root; do mount -t tmpfs -o mode=755 machine "$d"; done
chmod 1777 var/tmp; chmod 700 root; mkdir run/sshd
ip link set lo up
exec chroot . sh -c 'touch /run/ready; exec sleep infinity'`

func newMachine(t *testing.T, root string, neighbour *machine) *machine {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("needs root for a machine of its own")
	}
	dir := t.TempDir()
	args := []string{"unshare", "--mount", "--pid", "--fork", "--kill-child", "--net", "sh", "-ec", boot, "sh", root, dir}
	if neighbour != nil {
		args = append(neighbour.enter("--net"), "unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-ec", boot, "sh", root, dir)
	}
	var said strings.Builder
	p, err := host.Start(t.Context(), host.Cmd{Args: args}, host.Streams{Out: &said, Err: &said})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Kill() })
	m := &machine{dir: dir}
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if m.pid == 0 {
			children, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", p.Pid(), p.Pid()))
			fmt.Sscan(string(children), &m.pid)
		}
		if _, err := os.Stat(fmt.Sprintf("/proc/%d/root/run/ready", m.pid)); m.pid != 0 && err == nil {
			break
		}
		select {
		case <-p.Done():
			t.Fatalf("the machine ended: %v\n%s", p.Wait(), said.String())
		default:
		}
		if time.Now().After(deadline) {
			t.Fatalf("the machine is not ready:\n%s", said.String())
		}
	}
	m.accounts(t)
	return m
}

// accounts: alice may become anybody, bob is somebody else.
func (m *machine) accounts(t *testing.T) {
	m.do(t, `useradd --create-home --shell /bin/bash --uid 4001 alice; useradd --create-home --shell /bin/bash --uid 4002 bob
usermod --password '*' alice # sshd takes no key of an account that is locked
chmod 755 /home/alice /home/bob
mkdir -p /etc/sudoers.d
echo 'alice ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/alice; chmod 440 /etc/sudoers.d/alice`)
}

// enter is the command that enters the machine, or some of its namespaces.
func (m *machine) enter(what ...string) []string {
	return append([]string{"nsenter", "--target", fmt.Sprint(m.pid)}, what...)
}

func (m *machine) inside() []string {
	return append(m.enter("--mount", "--net", "--pid", "--root", "--wd"), "env", "-u", "SUDO_USER", "HOME=/root", "USER=root",
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
}

// do runs a shell script in the machine and returns what it printed.
func (m *machine) do(t *testing.T, script string) string {
	t.Helper()
	out, err := host.System{}.Run(t.Context(), host.Cmd{Args: append(m.inside(), "sh", "-ec", script)})
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// serve starts sshd on the machine, for root and alice with the key in dir.
func (m *machine) serve(t *testing.T, dir string) {
	t.Helper()
	m.do(t, fmt.Sprintf(`ssh-keygen -q -t ed25519 -N '' -f %[1]s/id </dev/null
ssh-keygen -q -t ed25519 -N '' -f /run/host_key
for home in /root /home/alice; do mkdir -m 700 $home/.ssh; cp %[1]s/id.pub $home/.ssh/authorized_keys; done
chown -R alice /home/alice/.ssh
printf '%%s\n' 'HostKey /run/host_key' 'PermitRootLogin yes' 'UsePAM no' 'Subsystem sftp internal-sftp' 'PidFile none' 'MaxSessions 100' 'StrictModes no' >/run/sshd_config
/usr/sbin/sshd -f /run/sshd_config -E /run/sshd.log`, dir))
	t.Cleanup(func() {
		if t.Failed() {
			log, err := os.ReadFile(fmt.Sprintf("/proc/%d/root/run/sshd.log", m.pid))
			t.Logf("sshd says (%v):\n%s", err, log)
		}
	})
}

// contract is the collection as it is made for people, but with the test's module as the only one.
var contract = sync.OnceValues(func() (string, error) {
	dir := filepath.Join(collections, "transport")
	made, err := contractCollection(collections)
	if err != nil {
		return "", err
	}
	entries, err := made.Packed()
	if err != nil {
		return "", err
	}
	for _, e := range entries {
		if err := putEntry(filepath.Join(dir, filepath.FromSlash(collection.Path), filepath.FromSlash(e.Path)), e); err != nil {
			return "", err
		}
	}
	return dir, nil
})

// contractCollection compiles the test's module for both architectures.
func contractCollection(scratch string) (*collection.Collection, error) {
	binaries, err := build(filepath.Join(scratch, "contract"), "./testmodule")
	if err != nil {
		return nil, err
	}
	files, err := repositoryFiles()
	if err != nil {
		return nil, err
	}
	docs, err := os.ReadFile("testmodule/contract.yml")
	files["modules/contract/contract.yml"] = &fstest.MapFile{Data: docs}
	if err != nil {
		return nil, err
	}
	return collection.New(collection.Source{Files: files, Version: "1.2.3", Binaries: binaries})
}

// repositoryFiles are what the collection is made from, without the modules.
func repositoryFiles() (fstest.MapFS, error) {
	files := fstest.MapFS{}
	err := fs.WalkDir(debvisor.Files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasPrefix(name, "modules/") {
			return err
		}
		data, err := fs.ReadFile(debvisor.Files, name)
		files[name] = &fstest.MapFile{Data: data}
		return err
	})
	return files, err
}
