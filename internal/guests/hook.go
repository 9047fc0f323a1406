package guests

import _ "embed"

// Hook is the text of HookPath. It is a shell script and not a link to the node command because a shell starts in half the
// time; libvirt waits for it each time.
//
//go:embed hook.sh
var Hook string
