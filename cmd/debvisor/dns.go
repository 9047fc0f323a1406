package main

import "github.com/spf13/cobra"

func dnsVerb() *cobra.Command {
	return group(&cobra.Command{
		Use:     "dns",
		Short:   "change names on the name servers, and look after the servers",
		Example: "  sudo debvisor dns update add web 192.0.2.20\n  sudo debvisor dns status",
	}, dnsUpdate(), dnsStatus(), dnsHandOver(), dnsPromote(), dnsPair(), dnsPrepare())
}
