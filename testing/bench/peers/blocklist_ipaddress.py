"""What `make bench` compares the blocklist module with: the same work, done with Python's ipaddress.

Reads a block list and a whitelist, and writes what is left of the one without the other as ranges in a file for nft.
Prints how many ranges that are.
"""

import ipaddress
import sys


def networks(path):
    """The networks that a list names, merged."""
    found = []
    with open(path, encoding="ascii") as lines:
        for line in lines:
            entry = line.partition("#")[0].strip()
            if entry:
                found.append(ipaddress.ip_network(entry, strict=False))
    return list(ipaddress.collapse_addresses(found))


def ranges(path):
    """The same as pairs of numbers, neighbours joined."""
    joined = []
    for network in networks(path):
        first, last = int(network.network_address), int(network.broadcast_address)
        if joined and first == joined[-1][1] + 1:
            joined[-1][1] = last
        else:
            joined.append([first, last])
    return joined


def without(blocked, allowed):
    """What is in blocked and not in allowed; both ascend."""
    at = 0
    for first, last in blocked:
        while at < len(allowed) and allowed[at][1] < first:
            at += 1
        hole = at
        while hole < len(allowed) and allowed[hole][0] <= last:
            if first < allowed[hole][0]:
                yield first, allowed[hole][0] - 1
            first = allowed[hole][1] + 1
            hole += 1
        if first <= last:
            yield first, last


def main(block, allow, target):
    """Writes the file."""
    count = 0
    with open(target, "w", encoding="ascii") as out:
        out.write("table inet peer {\n\tset blocked { type ipv4_addr; flags interval; elements = {\n")
        for first, last in without(ranges(block), ranges(allow)):
            out.write("%s-%s,\n" % (ipaddress.IPv4Address(first), ipaddress.IPv4Address(last)))
            count += 1
        out.write("} }\n}\n")
    print(count)


main(*sys.argv[1:])
