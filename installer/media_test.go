package installer

import (
	"strings"
	"testing"
)

// Answers of every length around the sizes that file systems and buffers come in.
func TestAnswersOfAnyLengthEndWhereTheFileEnds(t *testing.T) {
	for _, kind := range []string{"vfat", "fat32", "ext4", "iso9660"} {
		t.Run(kind, func(t *testing.T) {
			for _, length := range []int{1, 511, 512, 513, 849, 2047, 2049, 9000, maxAnswers} {
				in, m, _ := live(t, "", "")
				want := strings.Repeat("# a line\n", length)[:length]
				medium(t, m, kind, "DEBVISOR", want)
				got, err := in.readFrom(device{Path: "/dev/sdb1", FSType: strings.Replace(kind, "fat32", "vfat", 1)})
				if err != nil || string(got) != want {
					t.Errorf("%d bytes: got %d bytes, %v", length, len(got), err)
				}
			}
		})
	}
}

// A medium without answers says nothing; one whose answers cannot be read must not be passed over for another.
func TestAMediumWithoutAnswersIsNoError(t *testing.T) {
	for _, kind := range []string{"vfat", "ext4", "iso9660"} {
		in, m, _ := live(t, "", "")
		mediumWith(t, m, kind, "DEBVISOR", "other.yaml", "x: 1\n")
		if got, err := in.readFrom(device{Path: "/dev/sdb1", FSType: kind}); err != nil || got != nil {
			t.Errorf("%s: %q, %v", kind, got, err)
		}
	}
}
