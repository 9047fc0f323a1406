package kernel

import (
	"iter"
	"math"
	"slices"

	"debvisor/internal/blocklist/addrset"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

const (
	inputChain   = "debvisor_blocklist_input"
	forwardChain = "debvisor_blocklist_forward"
	priority     = -200 // before the filter chains, whose priority is 0
)

var table = &nftables.Table{Name: "debvisor_blocklist", Family: nftables.TableFamilyINet}

// set is one of the four sets of the table.
type set struct {
	name   string
	id     uint32 // within a transaction
	width  int    // bytes of an address
	ranges bool   // an interval set; else a hash set of single addresses
}

// sets are in the order in which the rules ask them: hosts before ranges, which Update and Load rely on.
var sets = [...]set{
	{"blocked_hosts", 1, 4, false},
	{"blocked_ips", 2, 4, true},
	{"blocked_hosts6", 3, 16, false},
	{"blocked_ips6", 4, 16, true},
}

func isSet(name string) bool {
	return slices.ContainsFunc(sets[:], func(s set) bool { return s.name == name })
}

var counters = []string{"input_ipv4", "input_ipv6", "forward_ipv4", "forward_ipv6"}

// span is the addresses from first to last. An IPv4 address is its 32 bits.
type span struct{ first, last addrset.Addr6 }

// spans4 and spans6 are the ranges of a list that want is true for.
func spans4(all []addrset.Range4, want func(single bool) bool) iter.Seq[span] {
	return func(yield func(span) bool) {
		for _, r := range all {
			if want(r.First == r.Last) && !yield(span{addrset.Addr6{Lo: uint64(r.First)}, addrset.Addr6{Lo: uint64(r.Last)}}) {
				return
			}
		}
	}
}

func spans6(all []addrset.Range6, want func(single bool) bool) iter.Seq[span] {
	return func(yield func(span) bool) {
		for _, r := range all {
			if want(r.First == r.Last) && !yield(span{r.First, r.Last}) {
				return
			}
		}
	}
}

// of are the elements that the set has when all is blocked that is in the list.
func (s set) of(list addrset.Set) iter.Seq[span] {
	return s.family(list, func(single bool) bool { return single != s.ranges })
}

// whole is all of the list that is of the set's family, whichever set it belongs to.
func (s set) whole(list addrset.Set) iter.Seq[span] {
	return s.family(list, func(bool) bool { return true })
}

func (s set) family(list addrset.Set, want func(single bool) bool) iter.Seq[span] {
	if s.width == 4 {
		return spans4(list.V4, want)
	}
	return spans6(list.V6, want)
}

// Split is a list as the sets have it: the last address of each family stands alone, among the hosts. So no range is open at
// its end, which the kernel does not count, and of which nft makes another element as well or not, as it comes. What it
// returns is for looking at its ranges; it is no canonical set.
func Split(list addrset.Set) addrset.Set {
	const last4 = math.MaxUint32
	last6 := addrset.Addr6{Hi: math.MaxUint64, Lo: math.MaxUint64}
	before6 := addrset.Addr6{Hi: math.MaxUint64, Lo: math.MaxUint64 - 1}
	if n := len(list.V4) - 1; n >= 0 && list.V4[n].Last == last4 && list.V4[n].First != last4 {
		list.V4 = append(list.V4[:n:n], addrset.Range4{First: list.V4[n].First, Last: last4 - 1}, addrset.Range4{First: last4, Last: last4})
	}
	if n := len(list.V6) - 1; n >= 0 && list.V6[n].Last == last6 && list.V6[n].First != last6 {
		list.V6 = append(list.V6[:n:n], addrset.Range6{First: list.V6[n].First, Last: before6}, addrset.Range6{First: last6, Last: last6})
	}
	return list
}

func count(spans iter.Seq[span]) int {
	n := 0
	for range spans {
		n++
	}
	return n
}

// declare is the set as the library makes it, with room for n elements when it is a hash set.
func (s set) declare(n int) *nftables.Set {
	d := &nftables.Set{Table: table, ID: s.id, Name: s.name, KeyType: nftables.TypeIPAddr, Interval: s.ranges}
	if s.width == 16 {
		d.KeyType = nftables.TypeIP6Addr
	}
	if !s.ranges {
		d.Size = uint32(HostSetSize(n))
	}
	return d
}

func chain(name string) *nftables.Chain {
	hook := nftables.ChainHookInput
	if name == forwardChain {
		hook = nftables.ChainHookForward
	}
	accept := nftables.ChainPolicyAccept
	return &nftables.Chain{Name: name, Table: table, Hooknum: hook, Priority: nftables.ChainPriorityRef(priority),
		Type: nftables.ChainTypeFilter, Policy: &accept}
}

// rules are the rules of both chains, in their order.
func rules() []*nftables.Rule {
	all := []*nftables.Rule{{Table: table, Chain: chain(inputChain), Exprs: loopback()}}
	for _, c := range []struct{ chain, counter string }{{inputChain, "input_ipv"}, {forwardChain, "forward_ipv"}} {
		for _, s := range sets {
			all = append(all, &nftables.Rule{Table: table, Chain: chain(c.chain), Exprs: s.drop(c.counter)})
		}
	}
	return all
}

// loopback is iifname "lo" accept, compared to the end of the name as nft does.
func loopback() []expr.Any {
	name := make([]byte, unix.IFNAMSIZ)
	copy(name, "lo")
	return []expr.Any{
		&expr.Meta{Key: expr.MetaKeyIIFNAME, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: name},
		&expr.Verdict{Kind: expr.VerdictAccept},
	}
}

// drop is ip saddr @set counter name "…" drop. The counter's name ends in a zero byte here, since the library adds none.
func (s set) drop(counter string) []expr.Any {
	protocol, offset, version := byte(unix.NFPROTO_IPV4), uint32(12), "4"
	if s.width == 16 {
		protocol, offset, version = unix.NFPROTO_IPV6, 8, "6"
	}
	return []expr.Any{
		&expr.Meta{Key: expr.MetaKeyNFPROTO, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{protocol}},
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: offset, Len: uint32(s.width)},
		&expr.Lookup{SourceRegister: 1, SetName: s.name},
		&expr.Objref{Type: unix.NFT_OBJECT_COUNTER, Name: counter + version + "\x00"},
		&expr.Verdict{Kind: expr.VerdictDrop},
	}
}
