package main

import (
	"context"
	"slices"
)

// measurement makes one figure or several.
type measurement struct {
	group   string
	figures []Figure
	take    func(ctx context.Context, b bench, figures []Figure) error
}

// The groups. What the blocklist does is measured in namespaces of its own.
const (
	blocklist = "blocklist"
	transport = "transport"
	dns       = "dns"
	image     = "image"
)

func groups() []string { return []string{blocklist, transport, dns, image} }

// measurements are all that there are. Their lists hold a million lines, of which 778,000 ranges are left.
func measurements() []measurement {
	return slices.Concat(blocklistMeasurements(), transportMeasurements(), dnsMeasurements(), hookMeasurements(), imageMeasurements())
}

const (
	seconds = "s"
	cpu     = "s CPU"
	memory  = "MiB"
)

func blocklistMeasurements() []measurement {
	return []measurement{
		{blocklist, []Figure{
			{Name: "compile a list", Against: "iprange --except", Unit: cpu, Goal: ratio(0.15)},
		}, measureCompile},
		{blocklist, []Figure{
			{Name: "module to the rendered file", Against: "Python's ipaddress", Unit: cpu, Goal: ratio(0.01)},
			{Name: "module from nothing, kernel included", Against: "Python's ipaddress, then nft -f", Unit: seconds},
			{Name: "module again, nothing changed", Against: "nft list set", Unit: seconds, Goal: absolute(0.3)},
		}, measureModule},
		{blocklist, []Figure{
			{Name: "load into the kernel", Against: "nft -f, one interval set", Unit: seconds, Goal: ratio(0.2)},
			{Name: "load into the kernel, memory", Against: "nft -f, one interval set", Unit: memory, Goal: ratio(0.15)},
		}, measureLoad},
		{blocklist, []Figure{
			{Name: "10 addresses added and removed", Against: "nft add element, one", Unit: cpu, Goal: ratio(0.001)},
			{Name: "10 addresses added and removed, list read before", Against: "nft add element, one", Unit: cpu},
		}, measureChange},
		{blocklist, []Figure{
			{Name: "packet of a source not listed, added", Against: "one interval set", Unit: "ns", Goal: ratio(0.8)},
			{Name: "packet of a listed source, added", Against: "one interval set", Unit: "ns", Goal: ratio(0.3)},
		}, measurePackets},
		{blocklist, []Figure{
			{Name: "let through per replacement, 10 k lines", Against: "nft -f: delete, make again", Unit: "packets", Goal: absolute(0)},
			{Name: "let through per replacement, 1 M lines", Against: "nft -f: delete, make again", Unit: "packets", Goal: absolute(0)},
		}, measureReplacements},
	}
}

func transportMeasurements() []measurement {
	return []measurement{
		{transport, []Figure{
			{Name: "module task over ssh, warm", Against: "a Python module", Unit: "ms", Goal: ratio(0.25)},
			{Name: "module task over ssh, first time on a node", Against: "the binary copied", Unit: "ms", Goal: ratio(1.3)},
		}, measureTransport},
	}
}

func imageMeasurements() []measurement {
	return []measurement{
		{image, []Figure{
			{Name: "build an image", Unit: seconds},
			{Name: "build an image, nothing changed", Against: "a full build", Unit: seconds},
			{Name: "size of the image", Unit: memory},
		}, measureBuild},
		{image, []Figure{{Name: "write the disc", Against: "xorriso", Unit: seconds}}, measureDisc},
		{image, []Figure{{Name: "sign the image", Against: "openssl", Unit: seconds}}, measureSignature},
		{image, []Figure{{Name: "unpack the image", Against: "cp --archive", Unit: seconds}}, measurePayload},
	}
}
