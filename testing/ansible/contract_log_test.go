package ansible_test

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"debvisor/internal/host"
)

// withLog runs the test's module with a system's log of its own, a directory over /dev, and returns what was logged.
func withLog(t *testing.T, arguments string) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	dir, err := os.MkdirTemp(collections, "dev-")
	if err != nil {
		t.Fatal(err)
	}
	log, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: filepath.Join(dir, "log"), Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	cmd := host.Cmd{Args: []string{"unshare", "--mount", "sh", "-ec", `mount --bind "$1" /dev; exec "$2" -`, "sh", dir, moduleBinary()}, Stdin: arguments}
	if out, err := (host.System{}).Run(t.Context(), cmd); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	end, err := net.DialUnix("unixgram", nil, log.LocalAddr().(*net.UnixAddr))
	if err != nil {
		t.Fatal(err)
	}
	defer end.Close()
	if _, err := end.Write([]byte("end")); err != nil {
		t.Fatal(err)
	}
	return receive(t, log)
}

// receive reads records up to the one that says "end".
func receive(t *testing.T, log *net.UnixConn) string {
	t.Helper()
	var all strings.Builder
	for {
		record := make([]byte, 65536)
		n, err := log.Read(record)
		if err != nil {
			t.Fatal(err)
		}
		if string(record[:n]) == "end" {
			return all.String()
		}
		all.Write(record[:n])
	}
}

func TestACallIsRecordedInTheSystemsLog(t *testing.T) {
	got := withLog(t, `{"text": "x", "token": "hunter2", "names": ["about hunter2"], "_ansible_module_name": "debvisor.core.contract", "_ansible_syslog_facility": "LOG_LOCAL3", "_ansible_target_log_info": "job 7"}`)
	if !strings.HasPrefix(got, "<158>") { // local3.info
		t.Errorf("the facility is not the controller's: %s", got)
	}
	for _, part := range []string{" ansible-debvisor.core.contract[", "]: job 7 Invoked with ", " text=x ", " token=NOT_LOGGING_PARAMETER", ` names=["about ********"]`, " peers=None "} {
		if !strings.Contains(got, part) {
			t.Errorf("%q is not in %s", part, got)
		}
	}
	if strings.Contains(got, "hunter2") {
		t.Errorf("the secret is in %s", got)
	}
}

func TestATaskWithNoLogLeavesNoRecord(t *testing.T) {
	if got := withLog(t, `{"text": "x", "_ansible_no_log": true}`); got != "" {
		t.Errorf("logged %s", got)
	}
}
