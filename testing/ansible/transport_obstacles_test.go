package ansible_test

import (
	"strings"
	"testing"

	"debvisor/internal/host"
)

// What is in the way is named with its remedy, or there is a way around it.
func TestObstacles(t *testing.T) {
	eachStage(t, func(t *testing.T, s *stage) {
		for _, o := range []struct {
			name, user, prepare, args string
			warm, fails               bool
			says                      []string
		}{
			{name: "noexec home", user: "alice", prepare: "mount -t tmpfs -o noexec,uid=4001,mode=755 home /home/alice/.cache",
				says: []string{"contract was run from /var/tmp/debvisor-modules-4001/"}},
			{name: "read-only home", user: "alice", prepare: "mount --bind /home/alice /home/alice && mount -o remount,bind,ro /home/alice",
				says: []string{"contract was run from /var/tmp/debvisor-modules-4001/"}},
			{name: "noexec everywhere but where Ansible copies to", user: "alice", args: "-e ansible_remote_tmp=/opt/exec/tmp",
				prepare: "mount -t tmpfs -o noexec,uid=4001,mode=755 home /home/alice/.cache; mount -t tmpfs -o noexec,mode=1777 t /var/tmp; mkdir -p -m 777 /opt/exec",
				says:    []string{"the modules are copied for every task", "no program can be run there (mounted noexec?)", "Set debvisor_module_cache to a directory", "contract is copied for this task"}},
			{name: "noexec everywhere", user: "alice", args: "-e ansible_remote_tmp=/home/alice/.cache/tmp", fails: true,
				prepare: "mount -t tmpfs -o noexec,uid=4001,mode=755 home /home/alice/.cache; mount -t tmpfs -o noexec,mode=1777 t /var/tmp",
				says:    []string{"the module cannot be run: set ansible_remote_tmp, which is /home/alice/.cache/tmp, to a directory that is not mounted noexec"}},
			{name: "noexec since it was used, and a talkative login", user: "alice", warm: true,
				prepare: "mount --bind /home/alice/.cache /home/alice/.cache && mount -o remount,bind,noexec /home/alice/.cache; echo 'echo Welcome' >/home/alice/.bashrc",
				says:    []string{"cannot be run from /home/alice/.cache/", "Permission denied", "contract was run from /var/tmp/debvisor-modules-4001/"}},
			{name: "not to be run since it was used", user: "alice", warm: true, prepare: "chmod 644 /home/alice/.cache/debvisor/modules/*/debvisor-modules",
				says: []string{"cannot be run from /home/alice/.cache/", "contract was copied to /home/alice/.cache/", "contract was run from /home/alice/.cache/"}},
			{name: "full disk", user: "node", prepare: "mount -t tmpfs -o size=1m,mode=755 v /var/cache",
				says: []string{"No space left on device", "the modules are copied for every task", "contract is copied for this task"}},
			{name: "another architecture", user: "node", prepare: "printf '#!/bin/sh\\necho riscv64\\n' >/usr/local/bin/uname; chmod 755 /usr/local/bin/uname", fails: true,
				says: []string{"debvisor.core has modules for aarch64 and x86_64, the target is riscv64", "--limit '!node'"}},
			{name: "another architecture, in the copied form", user: "node", args: "ANSIBLE_KEEP_REMOTE_FILES=1", fails: true,
				prepare: "printf '#!/bin/sh\\necho riscv64\\n' >/usr/local/bin/uname; chmod 755 /usr/local/bin/uname",
				says:    []string{"debvisor.core has modules for aarch64 and x86_64, the target is riscv64", "--limit '!node'"}},
			{name: "no architecture", user: "node", prepare: "printf '#!/bin/sh\\nexit 1\\n' >/usr/local/bin/uname; chmod 755 /usr/local/bin/uname", fails: true,
				says: []string{"the target does not say what it is (uname -m)", "--limit '!node'"}},
			{name: "no acl, and the copied form for another user", user: "alice", args: "--become --become-user bob ANSIBLE_KEEP_REMOTE_FILES=1", fails: true,
				prepare: "printf '#!/bin/sh\\nexit 1\\n' >/usr/local/bin/setfacl; chmod 755 /usr/local/bin/setfacl", says: []string{"install the package acl on the target"}},
			{name: "sudo wants a terminal", user: "alice", args: "--become", prepare: "echo 'Defaults requiretty' >/etc/sudoers.d/tty; chmod 440 /etc/sudoers.d/tty",
				says: []string{"contract is copied for this task"}},
			{name: "a talkative login", user: "alice", prepare: "printf '%s\\n' 'echo Welcome {you}' 'echo to >&2' >/home/alice/.bashrc",
				says: []string{"contract was run from /home/alice/"}},
			{name: "a variable that is no path", user: "alice", args: "-e debvisor_module_cache=modules", fails: true,
				prepare: "true", says: []string{"debvisor_module_cache must be an absolute path, not modules"}},
		} {
			t.Run(o.name, func(t *testing.T) {
				s.target.do(t, "rm -rf /var/cache/debvisor /var/tmp/*; mkdir -p /home/alice/.cache; chown alice /home/alice/.cache")
				if o.warm {
					s.play(t, o.user, one).ok(t)
				}
				s.target.do(t, o.prepare)
				p := s.play(t, o.user, one, append(strings.Fields(o.args), "-vvv")...)
				s.target.do(t, `for m in /home/alice/.cache /home/alice /var/tmp /var/cache; do
    while [ "$(awk -v m=$m '$2 == m' /proc/mounts | wc -l)" -gt $(case $m in /var/*) echo 1;; *) echo 0;; esac) ]; do umount -l $m; done
done
rm -rf /home/alice/.cache /home/alice/.bashrc /usr/local/bin/uname /usr/local/bin/setfacl /etc/sudoers.d/tty`)
				if (p.err != nil) != o.fails {
					t.Errorf("the play: %v\n%s", p.err, p.short())
				}
				p.says(t, o.says...)
				p.not(t, "MODULE FAILURE", "An exception occurred", "Traceback", "NoneType")
			})
		}
	})
}

// A target of the other architecture gets its own binary, in the cache and in the copied form.
func TestTheArchitectureIsTheTargets(t *testing.T) {
	eachStage(t, func(t *testing.T, s *stage) {
		s.target.do(t, "printf '#!/bin/sh\\necho aarch64\\n' >/usr/local/bin/uname; chmod 755 /usr/local/bin/uname")
		cached := s.play(t, "node", one, "-vvv")
		arm := s.target.do(t, "od -An -t x1 -j 18 -N 2 "+cacheOfRoot+"/*/debvisor-modules")
		if strings.TrimSpace(arm) != "b7 00" { // EM_AARCH64
			t.Fatalf("the binary in the cache is for machine %s\n%s", arm, cached.short())
		}
		copied := s.play(t, "node", one, "-vvv", "ANSIBLE_KEEP_REMOTE_FILES=1")
		copied.says(t, "/plugins/modules/arm64/contract TO ")
		for _, p := range []play{cached, copied} {
			if p.err != nil { // the usual case: this machine runs programs of its own kind only
				p.says(t, "the target calls itself aarch64 (uname -m), but runs no programs for it", "--limit '!node'", "Exec format error")
			}
		}
		s.emulated(t)
	})
}

// emulated runs what is in the cache as a machine of the other architecture would.
func (s *stage) emulated(t *testing.T) {
	if _, err := host.Find("qemu-aarch64-static"); err != nil {
		t.Skipf("needs qemu-aarch64-static (Debian's qemu-user-static): %v", err)
	}
	out := s.target.do(t, `echo '{"text": "from arm64"}' | qemu-aarch64-static `+cacheOfRoot+`/*/debvisor-modules contract -`)
	if !strings.Contains(out, `"text":"from arm64"`) {
		t.Errorf("the module for arm64 says %s", out)
	}
}
