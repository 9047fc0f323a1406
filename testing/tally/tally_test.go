package main

import (
	"strings"
	"testing"
)

// The inputs are what go test -json prints, without the fields that tally does not read.

const good = `{"Action":"start","Package":"p"}
{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Test":"TestA","Output":"=== RUN   TestA\n"}
{"Action":"run","Package":"p","Test":"TestA/one"}
{"Action":"pass","Package":"p","Test":"TestA/one","Elapsed":0.1}
{"Action":"run","Package":"p","Test":"TestA/two"}
{"Action":"pass","Package":"p","Test":"TestA/two","Elapsed":0.1}
{"Action":"pass","Package":"p","Test":"TestA","Elapsed":0.2}
{"Action":"run","Package":"p","Test":"TestB"}
{"Action":"output","Package":"p","Test":"TestB","Output":"    b_test.go:7: needs root,\n"}
{"Action":"output","Package":"p","Test":"TestB","Output":"        which it has not\n"}
{"Action":"output","Package":"p","Test":"TestB","Output":"--- SKIP: TestB (0.00s)\n"}
{"Action":"skip","Package":"p","Test":"TestB"}
{"Action":"output","Package":"p","Output":"ok  \tp\t0.3s\n"}
{"Action":"pass","Package":"p","Elapsed":0.3}
`

func TestLeafTestsAreCounted(t *testing.T) {
	check(t, good, false, true, `ok   p                                                0.3 s     3 tests
skip p TestB: needs root, which it has not
2 passed, 0 failed, 1 skipped
`)
}

func TestStrictTakesNoSkip(t *testing.T) {
	check(t, good, true, false, `ok   p                                                0.3 s     3 tests
skip p TestB: needs root, which it has not (not allowed here)
2 passed, 0 failed, 1 skipped
`)
}

func TestStrictTakesWhatIsNotPossible(t *testing.T) {
	check(t, strings.ReplaceAll(good, "needs root,", "not possible here: a kernel with KVM,"), true, true,
		`ok   p                                                0.3 s     3 tests
skip p TestB: not possible here: a kernel with KVM, which it has not
2 passed, 0 failed, 1 skipped
`)
}

func TestFailuresShowTheirOutputOnly(t *testing.T) {
	check(t, `{"Action":"output","Package":"p","Test":"TestA","Output":"quiet\n"}
{"Action":"pass","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Test":"TestB/x","Output":"    b_test.go:9: got 1, want 2\n"}
{"Action":"fail","Package":"p","Test":"TestB/x"}
{"Action":"fail","Package":"p","Test":"TestB"}
{"Action":"output","Package":"p","Output":"FAIL\n"}
{"Action":"fail","Package":"p","Elapsed":1}
`, false, false, `    b_test.go:9: got 1, want 2
FAIL p                                                1.0 s     2 tests
1 passed, 1 failed, 0 skipped
`)
}

func TestParentThatFailsAloneIsCounted(t *testing.T) {
	check(t, `{"Action":"pass","Package":"p","Test":"TestB/x"}
{"Action":"fail","Package":"p","Test":"TestB"}
{"Action":"fail","Package":"p","Elapsed":1}
`, false, false, `FAIL p                                                1.0 s     2 tests
1 passed, 1 failed, 0 skipped
`)
}

func TestBuildErrorsFail(t *testing.T) {
	check(t, `{"ImportPath":"p [p.test]","Action":"build-output","Output":"# p [p.test]\n"}
{"ImportPath":"p [p.test]","Action":"build-output","Output":"./p_test.go:3: undefined: x\n"}
{"ImportPath":"p [p.test]","Action":"build-fail"}
{"Action":"start","Package":"p"}
{"Action":"output","Package":"p","Output":"FAIL\tp [build failed]\n"}
{"Action":"fail","Package":"p","Elapsed":0,"FailedBuild":"p [p.test]"}
`, false, false, `# p [p.test]
./p_test.go:3: undefined: x
FAIL	p [build failed]
FAIL p                                                0.0 s     0 tests
0 passed, 1 failed, 0 skipped
`)
}

func TestTestThatNeverEndedFailed(t *testing.T) {
	check(t, `{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Test":"TestA","Output":"waiting\n"}
{"Action":"output","Package":"p","Output":"panic: test timed out\n"}
{"Action":"fail","Package":"p","Elapsed":600}
`, false, false, `waiting
    p TestA did not end
panic: test timed out
FAIL p                                              600.0 s     1 tests
0 passed, 1 failed, 0 skipped
`)
}

func TestPackageThatNeverEndedFailed(t *testing.T) {
	check(t, `{"Action":"start","Package":"p"}
{"Action":"pass","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Output":"signal: killed\n"}
`, false, false, `signal: killed
FAIL p                                                0.0 s     1 tests
1 passed, 1 failed, 0 skipped
`)
}

func TestNothingAtAllFails(t *testing.T) {
	check(t, "go: no such tool\n", false, false, "go: no such tool\nno test has run\n0 passed, 0 failed, 0 skipped\n")
}

func check(t *testing.T, in string, strict, wantOK bool, want string) {
	t.Helper()
	var out strings.Builder
	ta := newTally(&out)
	if err := ta.read(strings.NewReader(in)); err != nil {
		t.Fatal(err)
	}
	ok := ta.finish(strict)
	if out.String() != want || ok != wantOK {
		t.Errorf("got %v\n%s\nwant %v\n%s", ok, out.String(), wantOK, want)
	}
}
