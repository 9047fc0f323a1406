// Package installer puts DebVisor on a disk: it finds the answers, or asks for them, selects disks, checks the payload's
// signature, and then partitions, formats, unpacks, configures and makes bootable, in that order, so that nothing
// half-installed ever boots. What keeps data safe is the disk itself: one that holds anything is refused until it is named
// for wiping, an interrupted installation like everything else, and right before the first write it is claimed and must be
// as it was planned. It runs on the live system. It provisions nothing: that is firstboot's work on the new system.
package installer

import (
	"context"
	"path"
	"path/filepath"
	"time"

	"debvisor/internal/disk"
	"debvisor/internal/host"
	"debvisor/internal/version"
)

// Files of the live system that the installer reads or keeps.
const (
	DefaultMedium = "/run/live/medium"
	DefaultTarget = "/run/debvisor/target"
	DefaultKey    = version.KeyFile
	lockFile      = "/run/debvisor-installer.lock"
	logFile       = "/run/debvisor-installer.log"
	stopFile      = "/run/debvisor-installer.stop" // a key was pressed on one of the consoles
)

// Installer is the live system, the medium that it was booted from and where the new system is mounted.
type Installer struct {
	Live   *host.Host
	Medium string // directory on Live that has the ISO's files
	Target string // directory on Live; the new system's root is mounted there
	Key    string // public key that the medium must be signed with
	Loops  bool   // loop devices count as disks
	Tell   *Teller
	// Pause waits between two looks for devices; nil is the clock.
	Pause func(ctx context.Context, d time.Duration) error
}

// Facts describes the disks of this machine.
func (in *Installer) Facts(ctx context.Context) (disk.Facts, error) {
	return disk.Read(ctx, in.Live, disk.Options{Loops: in.Loops})
}

// target is the new system as a machine of its own.
func (in *Installer) target() *host.Host {
	return &host.Host{Root: in.targetDir(), Runner: in.Live.Runner, Owners: in.Live.Owners}
}

// targetDir is the mount point on this system.
func (in *Installer) targetDir() string { return filepath.Join(in.Live.Root, in.Target) }

// onMedium is the path on Live of a file of the ISO.
func (in *Installer) onMedium(name string) string { return path.Join(in.Medium, name) }
