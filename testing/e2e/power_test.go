package e2e

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// The power goes while the system is being unpacked. What is on the disk then must not boot as if it were complete, the
// disk now counts as one that holds something, and the same answers with consent to wipe it finish the job.
func TestPowerCutWhileUnpacking(t *testing.T) {
	if os.Getenv("DEBVISOR_E2E_POWER") == "" && os.Getenv("DEBVISOR_E2E") != "" {
		t.Skip("runs with make e2e-power: three more boots do not fit in the time of make test")
	}
	iso := imageUnderTest(t, siteTools...)
	s := powerSite()
	s.prepare(t, iso)
	s.mustRun(t, "power cut", s.cutPower)
	s.mustRun(t, "the disk does not boot", s.doesNotBoot)
	s.wipe = serial
	s.useAnswers(t)
	s.mustRun(t, "install again", s.install)
	s.mustRun(t, "first boot", s.firstBoot)
	s.mustRun(t, "health", s.healthOverSSH)
}

func powerSite() *site {
	s := biosSite()
	s.name = "power"
	return s
}

// cutPower lets a part of the system reach the disk first.
func (s *site) cutPower(t *testing.T) {
	vm := start(s.test, s.withMedia())
	await(t, vm, 10*time.Minute, "unpack: 0%", "DEBVISOR-INSTALL-FAILED")
	for before := s.written(t); s.written(t)-before < 100<<20; {
		time.Sleep(100 * time.Millisecond)
		if strings.Contains(vm.Console.Tail(5), "unpack: done") {
			t.Fatal("it was unpacked before the power was cut")
		}
	}
	if err := vm.Kill(); err != nil {
		t.Fatal(err)
	}
}

// written is how many bytes of the system disk take room.
func (s *site) written(t *testing.T) int64 {
	t.Helper()
	var stat unix.Stat_t
	if err := unix.Stat(s.machine.Drives[0].Path, &stat); err != nil {
		t.Fatal(err)
	}
	return stat.Blocks * 512
}

// doesNotBoot: GRUB would be there within seconds, and says so on the console.
func (s *site) doesNotBoot(t *testing.T) {
	vm := start(s.test, s.machine)
	defer vm.Kill()
	ctx, cancel := context.WithTimeout(t.Context(), 45*time.Second)
	defer cancel()
	text, err := vm.Console.Wait(ctx, "Linux version", "GRUB")
	if ctx.Err() == nil {
		t.Errorf("it boots: %s %v", text, err)
	}
}
