package iso

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"strconv"
	"sync"

	"github.com/diskfs/go-diskfs/backend/file"
	"github.com/diskfs/go-diskfs/filesystem/fat16"
	"github.com/google/uuid"
)

const (
	fatCluster   = 2048 // the largest below 128 MiB
	fatOverhead  = mib  // both tables, the root directory, and room to spare
	minESP       = 8 * mib
	fatSerialOff = 39
)

// writeESP makes a FAT16 image: firmware must read it from removable media, Debian's own images have it, and unlike
// FAT32 it can be smaller than 33 MiB. Below 32 MiB its size also fits the boot catalog.
func writeESP(name string, d Disc) error {
	files, err := contents(d.ESP)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	size := espSize(d.ESP, files)
	err = errors.Join(f.Truncate(size), atEpoch(d.Epoch.Unix(), func() error { return fillESP(f, size, d.ESP, files) }))
	if err == nil {
		err = errors.Join(writeSerial(f, d.ID), freeLostCluster(f))
	}
	return errors.Join(err, f.Close())
}

func contents(files []File) ([][]byte, error) {
	all := make([][]byte, len(files))
	for i, f := range files {
		data, err := f.bytes()
		if err != nil {
			return nil, err
		}
		all[i] = data
	}
	return all, nil
}

func espSize(files []File, data [][]byte) int64 {
	size := int64(fatOverhead)
	for i, f := range files {
		size += roundUp(int64(len(data[i])), fatCluster) + fatCluster*int64(len(parents(f.Path))+1)
	}
	return max(minESP, roundUp(size, mib))
}

func roundUp(n, unit int64) int64 { return (n + unit - 1) / unit * unit }

var epochLock sync.Mutex

// atEpoch: the library stamps FAT entries, some of which cannot be reached afterwards, with the time that this variable
// holds. It is the only way to tell it.
func atEpoch(epoch int64, do func() error) error {
	const name = "SOURCE_DATE_EPOCH"
	epochLock.Lock()
	defer epochLock.Unlock()
	if before, set := os.LookupEnv(name); set {
		defer os.Setenv(name, before)
	} else {
		defer os.Unsetenv(name)
	}
	return errors.Join(os.Setenv(name, strconv.FormatInt(epoch, 10)), do())
}

func fillESP(f *os.File, size int64, files []File, data [][]byte) error {
	fsys, err := fat16.Create(file.New(f, false), size, 0, block, "DV-BOOT", true)
	if err != nil {
		return err
	}
	for i, entry := range files {
		for _, dir := range parents(entry.Path) {
			if err := fsys.Mkdir(dir); err != nil {
				return fmt.Errorf("make %s: %w", dir, err)
			}
		}
		w, err := fsys.OpenFile(entry.Path, os.O_CREATE|os.O_RDWR)
		if err != nil {
			return fmt.Errorf("create %s: %w", entry.Path, err)
		}
		if _, err := w.Write(data[i]); err != nil {
			return fmt.Errorf("write %s: %w", entry.Path, err)
		}
		if err := w.Close(); err != nil {
			return fmt.Errorf("write %s: %w", entry.Path, err)
		}
	}
	return nil
}

// writeSerial gives the file system a serial number that tells media of different builds apart.
func writeSerial(f *os.File, id string) error {
	serial := make([]byte, 4)
	binary.LittleEndian.PutUint32(serial, deriveID("fat", id).ID())
	_, err := f.WriteAt(serial, fatSerialOff)
	return err
}

// freeLostCluster: the library takes the first cluster for a root directory, which on FAT16 has a place of its own.
func freeLostCluster(f *os.File) error {
	b := make([]byte, block)
	if _, err := f.ReadAt(b, 0); err != nil {
		return err
	}
	table := int64(binary.LittleEndian.Uint16(b[14:])) * block
	size := int64(binary.LittleEndian.Uint16(b[22:])) * block
	const entry = 2 * 2 // clusters count from 2, entries have two bytes
	_, err1 := f.WriteAt([]byte{0, 0}, table+entry)
	_, err2 := f.WriteAt([]byte{0, 0}, table+size+entry)
	return errors.Join(err1, err2)
}

// verifyESP compares the files of the EFI system partition, where it is in the image, with their sources.
func verifyESP(f *os.File, at Extent, files []File) error {
	fsys, err := fat16.Read(file.New(f, true), at.Size, at.Offset, block)
	if err != nil {
		return err
	}
	for _, entry := range files {
		got, err1 := fsys.ReadFile(entry.Path)
		want, err2 := entry.bytes()
		if err := errors.Join(err1, err2); err != nil {
			return fmt.Errorf("%s: %w", entry.Path, err)
		}
		if !bytes.Equal(got, want) {
			return fmt.Errorf("%s: %w", entry.Path, errDiffers)
		}
	}
	return nil
}

// deriveID makes a name into an identifier, the same on every machine.
func deriveID(kind, id string) uuid.UUID {
	return uuid.NewSHA1(uuid.NameSpaceURL, []byte("debvisor:"+kind+":"+id))
}
