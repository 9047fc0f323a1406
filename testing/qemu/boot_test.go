package qemu

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"debvisor/internal/host"
)

const menu = `serial --unit=0 --speed=115200
terminal_input serial
terminal_output serial
set timeout=-1
echo "platform $grub_platform"
while true; do
  read word
  echo "you typed $word."
  if [ "$word" = hello ]; then halt; fi
done
`

// The harness itself, on something that boots in seconds: both firmwares, CD and USB, reading, typing, switching off.
func TestMachinesBootReadAndTypeBack(t *testing.T) {
	if os.Getenv("DEBVISOR_QEMU") == "" {
		t.Skip("starts QEMU: set DEBVISOR_QEMU=1")
	}
	for _, tool := range []string{"qemu-system-x86_64", "grub-mkrescue", "xorriso", "mformat"} {
		if _, err := host.Find(tool); err != nil {
			t.Skipf("needs %s", tool)
		}
	}
	iso := grubISO(t)
	for _, c := range []struct {
		firmware Firmware
		bus      Bus
		want     string
	}{{BIOS, CD, "platform pc"}, {BIOS, USB, "platform pc"}, {UEFI, CD, "platform efi"}, {UEFI, USB, "platform efi"}} {
		t.Run(string(c.firmware)+" "+string(c.bus), func(t *testing.T) {
			bootGRUB(t, Machine{Firmware: c.firmware, Drives: []Drive{{Path: iso, Bus: c.bus, ReadOnly: true}}}, c.want)
		})
	}
}

func bootGRUB(t *testing.T, m Machine, want string) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	m.Dir = t.TempDir()
	m.Log = filepath.Join(m.Dir, "log")
	vm, err := Start(ctx, m)
	if err != nil {
		t.Fatal(err)
	}
	defer vm.Kill()
	if _, err := vm.Console.Wait(ctx, want); err != nil {
		t.Fatal(err)
	}
	typeWord(ctx, t, vm, "hello")
	if err := vm.Wait(ctx); err != nil {
		t.Error(err)
	}
}

// typeWord types a word until GRUB has read it: GRUB drops keys that come too fast or before it reads, and takes what a
// firmware leaves on the line for one.
func typeWord(ctx context.Context, t *testing.T, vm *VM, word string) {
	t.Helper()
	for {
		for _, key := range word {
			press(ctx, t, vm, string(key))
		}
		if err := vm.Console.Send("\r"); err != nil {
			t.Fatal(err)
		}
		said, err := vm.Console.Wait(ctx, ".")
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(said, "you typed "+word+".") {
			return
		}
	}
}

// press types a key until GRUB echoes it.
func press(ctx context.Context, t *testing.T, vm *VM, key string) {
	t.Helper()
	for ctx.Err() == nil {
		if err := vm.Console.Send(key); err != nil {
			t.Fatal(err)
		}
		echo, cancel := context.WithTimeout(ctx, 3*time.Second)
		_, err := vm.Console.Wait(echo, key)
		cancel()
		if err == nil {
			return
		}
	}
	t.Fatalf("GRUB never echoed %q", key)
}

func grubISO(t *testing.T) string {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "root/boot/grub"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "root/boot/grub/grub.cfg"), []byte(menu), 0o644); err != nil {
		t.Fatal(err)
	}
	iso := filepath.Join(dir, "grub.iso")
	if _, err := host.New().Run(t.Context(), "grub-mkrescue", "-o", iso, filepath.Join(dir, "root")); err != nil {
		t.Fatal(err)
	}
	return iso
}
