package ansible_test

import (
	"fmt"
	"strings"
	"testing"

	"debvisor/internal/host"
)

// evil is a program that leaves a trace when it is run, and shows a result as a module would.
const evil = `printf '#!/bin/sh\necho run >>/run/evil\necho "{}"\n' >%[1]s; chmod 755 %[1]s`

const (
	one = "- name: it\n  debvisor.core.contract: {text: a}\n"
	two = "- name: first\n  debvisor.core.contract: {text: a}\n- name: second\n  debvisor.core.contract: {text: b}\n"
)

// attacked is a stage whose target is attacked. What is attacked are scripts on the target, which are the same for every
// controller.
func attacked(t *testing.T) *stage {
	t.Helper()
	if _, err := host.Find("ansible-playbook"); err != nil {
		t.Skipf("needs ansible-core on this machine: %v", err)
	}
	return newStage(t, core{name: "host"})
}

// hashed is the directory of the binary's hash that the target has in a cache.
func (s *stage) hashed(t *testing.T, cache string) string {
	t.Helper()
	s.play(t, "node", one).ok(t)
	return strings.TrimSpace(s.target.do(t, "basename $(dirname "+cacheOfRoot+"/*/debvisor-modules)"))
}

// Each attack is prepared by somebody who has the rights to do it; the module is run all the same, from somewhere else or
// after what was there has been replaced, and what was planted is never run.
func TestNobodyPlantsABinary(t *testing.T) {
	s := attacked(t)
	hash := s.hashed(t, cacheOfRoot)
	for _, a := range []struct{ name, user, prepare, says string }{
		{"another user's directory made beforehand", "node",
			"mkdir -p /var/cache/debvisor/modules/HASH; EVIL(/var/cache/debvisor/modules/HASH/debvisor-modules); chown -R bob /var/cache/debvisor",
			"contract was run from /var/tmp/debvisor-modules-0/"},
		{"only the last directory is another user's", "node",
			"mkdir -p /var/cache/debvisor/modules/HASH; EVIL(/var/cache/debvisor/modules/HASH/debvisor-modules); chown bob /var/cache/debvisor/modules/HASH",
			"/var/cache/debvisor/modules/HASH"},
		{"a directory that others may write to", "node",
			"mkdir -p /var/cache/debvisor/modules/HASH; EVIL(/var/cache/debvisor/modules/HASH/debvisor-modules); chmod 777 /var/cache/debvisor",
			"contract was run from /var/tmp/debvisor-modules-0/"},
		{"a directory that a group may write to", "node",
			"mkdir -p /var/cache/debvisor/modules/HASH; chgrp bob /var/cache/debvisor/modules; chmod 775 /var/cache/debvisor/modules",
			"contract was run from /var/tmp/debvisor-modules-0/"},
		{"a binary that others may write to", "node",
			"mkdir -p /var/cache/debvisor/modules/HASH; cp /run/right /var/cache/debvisor/modules/HASH/debvisor-modules; chmod 777 /var/cache/debvisor/modules/HASH/debvisor-modules",
			"not trusted, and not used: /var/cache/debvisor/modules/HASH"},
		{"a binary of another user", "node",
			"mkdir -p /var/cache/debvisor/modules/HASH; cp /run/right /var/cache/debvisor/modules/HASH/debvisor-modules; chown bob /var/cache/debvisor/modules/HASH/debvisor-modules",
			"not trusted, and not used: /var/cache/debvisor/modules/HASH"},
		{"a link of another user in the place of the cache", "node",
			"mkdir -p /home/bob/x/HASH; EVIL(/home/bob/x/HASH/debvisor-modules); chown -R bob /home/bob/x; rm -rf /var/cache/debvisor; ln -s /home/bob/x /var/tmp/debvisor-modules-0; chown -h bob /var/tmp/debvisor-modules-0",
			"contract was run from /var/cache/debvisor/"},
		{"a link in the place of the binary", "node",
			"mkdir -p /var/cache/debvisor/modules/HASH; EVIL(/home/bob/evil); ln -s /home/bob/evil /var/cache/debvisor/modules/HASH/debvisor-modules",
			"contract was copied to /var/cache/debvisor/"},
		{"a link to the right binary, which its owner may change", "node",
			"mkdir -p /var/cache/debvisor/modules/HASH; cp /run/right /home/bob/right; chown bob /home/bob/right; ln -s /home/bob/right /var/cache/debvisor/modules/HASH/debvisor-modules",
			"contract was copied to /var/cache/debvisor/"},
		{"a link in the place of the hash's directory", "node",
			"mkdir -p /var/cache/debvisor/modules /home/bob/y; EVIL(/home/bob/y/debvisor-modules); chown -R bob /home/bob/y; ln -s /home/bob/y /var/cache/debvisor/modules/HASH",
			"not trusted, and not used: /var/cache/debvisor/modules/HASH"},
		{"a wrong hash in the cache", "node",
			"mkdir -p /var/cache/debvisor/modules/HASH; EVIL(/var/cache/debvisor/modules/HASH/debvisor-modules)",
			"contract was copied to /var/cache/debvisor/"},
		{"a binary that was changed after it was used, with its time kept", "node",
			"mkdir -p /var/cache/debvisor/modules/HASH; cd /var/cache/debvisor/modules/HASH; cp /run/right debvisor-modules; stat -c '%i %s %y %z' debvisor-modules >used; cp -p debvisor-modules /run/time; EVIL(/run/new); dd if=/run/new of=debvisor-modules conv=notrunc status=none; touch -r /run/time debvisor-modules",
			"contract was copied to /var/cache/debvisor/"},
		{"half a file", "node",
			"mkdir -p /var/cache/debvisor/modules/HASH; head -c 1000000 /run/right >/var/cache/debvisor/modules/HASH/debvisor-modules; chmod 755 /var/cache/debvisor/modules/HASH/debvisor-modules",
			"contract was copied to /var/cache/debvisor/"},
		{"a directory in the place of the binary", "node",
			"mkdir -p /var/cache/debvisor/modules/HASH/debvisor-modules",
			"contract was copied to /var/cache/debvisor/"},
		{"root's directory in alice's home", "alice",
			"mkdir -p /home/alice/.cache/debvisor/modules; rm -rf /var/cache/debvisor",
			"contract was run from /var/tmp/debvisor-modules-4001/"},
		{"bob's directory in the common place", "alice",
			"mkdir -p /var/tmp/debvisor-modules-4001/HASH; EVIL(/var/tmp/debvisor-modules-4001/HASH/debvisor-modules); chown -R bob /var/tmp/debvisor-modules-4001; rm -rf /var/cache/debvisor; chmod 777 /home/alice",
			"the modules are copied for every task"},
	} {
		t.Run(a.name, func(t *testing.T) {
			s.target.do(t, "test -e /run/right || cp "+cacheOfRoot+"/*/debvisor-modules /run/right; rm -rf /var/cache/debvisor /var/tmp/* /home/alice/.cache /run/evil /home/bob/*; chmod 755 /home/alice; touch /run/evil; chmod 666 /run/evil")
			prepare := strings.ReplaceAll(a.prepare, "HASH", hash)
			for before, rest, found := strings.Cut(prepare, "EVIL("); found; before, rest, found = strings.Cut(prepare, "EVIL(") {
				name, after, _ := strings.Cut(rest, ")")
				prepare = before + fmt.Sprintf(evil, name) + after
			}
			s.target.do(t, prepare)
			p := s.play(t, a.user, two, "-vvv")
			p.ok(t, "first", "seen.text", "a", "second", "seen.text", "b")
			p.says(t, strings.ReplaceAll(a.says, "HASH", hash))
			if ran := s.target.do(t, "cat /run/evil"); ran != "" {
				t.Errorf("what was planted was run:\n%s", p.short())
			}
		})
	}
}

// A race: the directory is bob's, and as fast as he can he exchanges the right binary for his own and back. A hash is
// right at one moment and says nothing of the next; this test fails without the check of who may change what.
func TestASwapBetweenCheckAndRun(t *testing.T) {
	s := attacked(t)
	hash := s.hashed(t, cacheOfRoot)
	s.target.do(t, "touch /run/evil; chmod 666 /run/evil; mv /var/cache/debvisor/modules/*/debvisor-modules /home/bob/right; rm -rf /var/cache/debvisor; "+
		fmt.Sprintf(evil, "/home/bob/evil")+strings.ReplaceAll(`
mkdir -p /home/alice/.cache; chown alice /home/alice/.cache
for d in /var/cache /home/alice/.cache; do mkdir -p $d/debvisor/modules/HASH; chown -R bob $d/debvisor; done
cat >/run/race.sh <<'END'
cp /home/bob/right /home/bob/evil /var/cache/debvisor/
cp /home/bob/right /home/bob/evil /home/alice/.cache/debvisor/
while :; do
    for d in /var/cache/debvisor /home/alice/.cache/debvisor; do
        for f in right evil; do ln $d/$f $d/next; mv -fT $d/next $d/modules/HASH/debvisor-modules; rm -f $d/next; done
    done
done 2>/dev/null
END
setsid setpriv --reuid bob --regid bob --clear-groups sh /run/race.sh >/dev/null 2>&1 &
echo $! >/run/race`, "HASH", hash))
	tasks := "- name: it\n  debvisor.core.contract: {text: a}\n  loop: \"{{ range(15) | list }}\"\n"
	plays := []play{s.play(t, "node", tasks), s.play(t, "alice", tasks)}
	if ran := s.target.do(t, "kill $(cat /run/race); cat /run/evil"); ran != "" {
		t.Errorf("bob's program was run as somebody else")
	}
	for _, p := range plays {
		p.ok(t, "it", "", "ok")
		if len(p.items) != 15 {
			t.Errorf("%d tasks of 15:\n%s", len(p.items), p.short())
		}
	}
	if there := s.target.do(t, "stat -c %U /var/cache/debvisor/modules/"+hash+"/debvisor-modules"); there != "bob\n" {
		t.Errorf("there was no race: the binary is %s", there)
	}
}

// An installation that is killed leaves nothing that a later one could take for whole, and its rest is swept away.
func TestAnInstallationThatIsKilled(t *testing.T) {
	s := attacked(t)
	// cat stands for a slow line: it takes half of the binary, then everything ends at once, as with a power cut.
	s.target.do(t, `printf '%s\n' '#!/bin/sh' 'head -c 500000; kill -9 0' >/usr/local/bin/cat; chmod 755 /usr/local/bin/cat`)
	killed := s.play(t, "node", one, "-vvv")
	left := s.target.do(t, "rm /usr/local/bin/cat; find "+cacheOfRoot+" -type f -printf '%f %s\n'")
	if !strings.HasPrefix(left, ".debvisor-modules.") || !strings.Contains(left, " 500000\n") || strings.Count(left, "\n") != 1 {
		t.Fatalf("the installation was not killed half-way: %s\n%s", left, killed.short())
	}
	s.target.do(t, "touch -d '2 hours ago' "+cacheOfRoot+"/.debvisor-modules.*")
	p := s.play(t, "node", one, "-vvv")
	p.ok(t, "it", "seen.text", "a")
	p.says(t, "contract was run from "+cacheOfRoot)
	if left := s.target.do(t, "find "+cacheOfRoot+" -name '.debvisor-*'"); left != "" {
		t.Errorf("left behind: %s", left)
	}
}

// A cache keeps the newest versions, and one that still runs. What is not a version is somebody else's, however much it
// looks like one: a cache may be any directory.
func TestOldVersionsAreRemoved(t *testing.T) {
	s := attacked(t)
	s.target.do(t, "mkdir -p "+cacheOfRoot+"; cd "+cacheOfRoot+`
hash() { printf "%064d" "$1"; }
for n in 1 2 3 4 5 6; do
    mkdir $(hash $n); cp /usr/bin/sleep $(hash $n)/debvisor-modules; touch -d "$n days ago" $(hash $n)/used
done
setsid $(hash 6)/debvisor-modules 60 >/dev/null 2>&1 &
echo mine >$(hash 5)/notes
for foreign in app1 app2 app3 app4 $(hash 7) $(hash 8)0; do
    mkdir $foreign; touch -d "9 days ago" $foreign/data $foreign/used
done
cp $(hash 1)/debvisor-modules app4/
touch -d "9 days ago" .new.letter`)
	s.play(t, "node", one).ok(t)
	got := s.target.do(t, "cd "+cacheOfRoot+" && find . -type f ! -newermt '1 hour ago' -o -type f -name notes | sed -E 's/0{50,}/0/' | sort | tr '\n' ' '")
	want := "./.new.letter ./01/used ./02/used ./05/notes ./06/used ./07/data ./07/used ./080/data ./080/used ./app1/data ./app1/used ./app2/data ./app2/used ./app3/data ./app3/used ./app4/data ./app4/used "
	if got != want {
		t.Errorf("kept: %s\n not: %s", got, want)
	}
	if binaries := s.target.do(t, "cd "+cacheOfRoot+" && ls -d */debvisor-modules | sed -E 's/0{50,}/0/' | grep -c ."); binaries != "5\n" { // app4's among them
		t.Errorf("%s binaries", binaries)
	}
}
