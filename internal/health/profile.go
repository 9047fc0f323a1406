package health

import (
	"context"
	"slices"

	"debvisor/internal/profile"
)

func (n *Node) profile() (string, error) {
	data, err := n.ReadFile(profile.Path)
	if err != nil {
		return "", err
	}
	return profile.Parse(string(data))
}

func profileFile(_ context.Context, n *Node, r *Result) error {
	name, err := n.profile()
	if err != nil {
		return err
	}
	for _, summary := range []string{profile.SummaryText, profile.SummaryJSON} {
		if !n.Exists(summary) {
			r.warn("%s is missing", summary)
		}
	}
	if i, err := n.image(); err == nil && !slices.Contains(i.Profiles, name) {
		r.fail("this image does not serve the profile %s", name)
	}
	want, err := n.answers()
	if err != nil {
		return err
	}
	if want.Storage.Profile != name {
		r.fail("%s says %s, the answers say %s", profile.Path, name, want.Storage.Profile)
	}
	r.ok("%s", name)
	return nil
}

func storage(_ context.Context, n *Node, r *Result) error {
	name, err := n.profile()
	if err != nil {
		return err
	}
	r.skip("profile %s: storage is not provisioned by this version", name)
	return nil
}
