package ansible

import (
	"encoding/json"
	"log/syslog"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// logLimit bounds the record of a call in the system's log.
const logLimit = 4096

var facilities = map[string]syslog.Priority{
	"LOG_KERN": syslog.LOG_KERN, "LOG_USER": syslog.LOG_USER, "LOG_MAIL": syslog.LOG_MAIL, "LOG_DAEMON": syslog.LOG_DAEMON,
	"LOG_AUTH": syslog.LOG_AUTH, "LOG_SYSLOG": syslog.LOG_SYSLOG, "LOG_LPR": syslog.LOG_LPR, "LOG_NEWS": syslog.LOG_NEWS,
	"LOG_UUCP": syslog.LOG_UUCP, "LOG_CRON": syslog.LOG_CRON, "LOG_AUTHPRIV": syslog.LOG_AUTHPRIV, "LOG_FTP": syslog.LOG_FTP,
	"LOG_LOCAL0": syslog.LOG_LOCAL0, "LOG_LOCAL1": syslog.LOG_LOCAL1, "LOG_LOCAL2": syslog.LOG_LOCAL2,
	"LOG_LOCAL3": syslog.LOG_LOCAL3, "LOG_LOCAL4": syslog.LOG_LOCAL4, "LOG_LOCAL5": syslog.LOG_LOCAL5,
	"LOG_LOCAL6": syslog.LOG_LOCAL6, "LOG_LOCAL7": syslog.LOG_LOCAL7,
}

// logPatience is how long a log may take to accept a record; one that is stuck must not hold up the task.
const logPatience = 2 * time.Second

// logCall leaves the record that AnsibleModule leaves, in the system's log. A task with no_log leaves none. A system
// without a log, such as a container, is no error, and neither is a log that does not take it: the task matters more.
func logCall(in input, shown map[string]any, s scrubber) {
	if in.noLog {
		return
	}
	record := callRecord(in.logInfo, shown, s)
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		send(in, record)
	}()
	select {
	case <-sent:
	case <-time.After(logPatience):
	}
}

func send(in input, record string) {
	facility, known := facilities[strings.ToUpper(in.facility)]
	if !known {
		facility = syslog.LOG_USER
	}
	w, err := syslog.New(facility|syslog.LOG_INFO, "ansible-"+in.module)
	if err != nil {
		return
	}
	defer w.Close()
	w.Info(record)
}

// callRecord is "Invoked with a=1 b=x" in one line.
func callRecord(info string, shown map[string]any, s scrubber) string {
	words := nonEmpty([]string{info, "Invoked"})
	if len(shown) > 0 {
		words = append(words, "with")
	}
	for _, name := range slices.Sorted(maps.Keys(shown)) {
		words = append(words, name+"="+s.text(logText(shown[name])))
	}
	record := strings.Join(words, " ")
	if len(record) > logLimit {
		record = strings.ToValidUTF8(record[:logLimit], "") + "…"
	}
	return record
}

func logText(v any) string {
	switch v := v.(type) {
	case nil:
		return "None"
	case string:
		if strings.ContainsFunc(v, unicode.IsControl) {
			return strconv.Quote(v)
		}
		return v
	case bool:
		return pythonBool(v)
	}
	data, err := json.Marshal(v)
	if err != nil {
		return "?"
	}
	return string(data)
}
