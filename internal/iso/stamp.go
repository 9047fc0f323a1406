package iso

import (
	"encoding/binary"
	"os"
	"path"
	"time"
)

const (
	dirMode  = 0o755
	fileMode = 0o644

	unixDir, unixFile = 0o040000, 0o100000
)

// stamp replaces all that the library took from the clock, the user and the staged files: times, modes, links, owners,
// and names that had to be staged under others.
func stamp(f *os.File, d Disc) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	desc, err := readDescriptors(f, info.Size())
	if err != nil {
		return err
	}
	s := stamper{f: f, now: formatStamp(d.Epoch), dotted: d.dotted(), subdirs: map[int64]uint32{}}
	s.records = []record{desc.root}
	v := &volume{r: f, size: info.Size(), susp: -1}
	if err := v.walk(desc.root, s.collect); err != nil {
		return err
	}
	for _, rec := range s.records {
		if err := s.stamp(rec); err != nil {
			return err
		}
	}
	return stampDescriptor(f, d.Epoch)
}

type stamper struct {
	f       *os.File
	now     []byte
	dotted  map[string]bool
	records []record
	subdirs map[int64]uint32 // how many, by where the directory is
}

func (s *stamper) collect(dir string, records []record) error {
	for _, rec := range records {
		if !s.dotted[path.Join(dir, rec.fileName())] {
			rec.nameAt = 0
		}
		if rec.dir && rec.id != selfID && rec.id != parentID {
			s.subdirs[records[0].extent.Offset]++ // the first is the directory itself
		}
		s.records = append(s.records, rec)
	}
	return nil
}

func (s *stamper) stamp(rec record) error {
	for _, at := range rec.stamps {
		if _, err := s.f.WriteAt(s.now, at); err != nil {
			return err
		}
	}
	if rec.nameAt != 0 {
		if _, err := s.f.WriteAt([]byte("."), rec.nameAt); err != nil {
			return err
		}
	}
	if rec.attrs == 0 {
		return nil
	}
	_, err := s.f.WriteAt(s.attrs(rec), rec.attrs)
	return err
}

func (s *stamper) attrs(rec record) (attrs []byte) {
	mode, links := uint32(unixFile|fileMode), uint32(1)
	if rec.dir {
		mode, links = unixDir|dirMode, 2+s.subdirs[rec.extent.Offset] // find skips directories where this is too small
	}
	for _, n := range []uint32{mode, links, 0, 0} {
		attrs = binary.LittleEndian.AppendUint32(attrs, n)
		attrs = binary.BigEndian.AppendUint32(attrs, n)
	}
	return attrs
}

// stampDescriptor sets created, modified, expires (never) and effective.
func stampDescriptor(f *os.File, epoch time.Time) error {
	now := epoch.UTC().Format("20060102150405") + "00\x00"
	_, err := f.WriteAt([]byte(now+now+noTime+now), firstDescriptor*sector+descriptorTimes)
	return err
}
