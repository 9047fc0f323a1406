package health

import (
	"context"
	"strings"
)

func ssh(ctx context.Context, n *Node, r *Result) error {
	if err := n.service(ctx, r, "ssh.service"); err != nil {
		return err
	}
	want, err := n.answers()
	if err != nil {
		return err
	}
	names := []string{"root"}
	for _, u := range want.Users {
		names = append(names, u.Name)
	}
	for _, name := range names { // Match blocks make exceptions
		settings, err := n.sshdFor(ctx, name)
		if err != nil {
			return err
		}
		sshdSettings(r, name, settings, want.SSH.PasswordAuthentication)
	}
	r.ok("runs; passwords %s, root may not log in", map[bool]string{true: "retained", false: "off"}[want.SSH.PasswordAuthentication])
	return nil
}

// sshdFor is what sshd would do for one user from the network (an address that is nobody's: TEST-NET-1).
func (n *Node) sshdFor(ctx context.Context, user string) (map[string]string, error) {
	out, err := n.Run(ctx, "/usr/sbin/sshd", "-T", "-C", "user="+user+",host=client.invalid,addr=192.0.2.1")
	return properties(string(out), " "), err
}

func sshdSettings(r *Result, user string, got map[string]string, retained bool) {
	want := map[string]string{"permitemptypasswords": "no", "pubkeyauthentication": "yes"}
	if !retained {
		want["passwordauthentication"], want["kbdinteractiveauthentication"] = "no", "no"
	}
	if user == "root" {
		want["permitrootlogin"] = "no"
	}
	for _, name := range []string{"passwordauthentication", "kbdinteractiveauthentication", "permitrootlogin", "permitemptypasswords", "pubkeyauthentication"} {
		if w, asked := want[name]; asked && strings.ToLower(got[name]) != w {
			r.fail("%s is %s for %s, not %s", name, got[name], user, w)
		}
	}
}
