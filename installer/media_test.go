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
