#!/usr/bin/python
"""An Ansible module that `make bench` compares the module blocklist with, over the same connection.

It does the same work: reads the lists, asks the node whom they would lock out and the kernel what it blocks, and writes and
loads a file for nft when something has changed. It keeps no diff, no record and no quarantine.
"""

import ipaddress
import json

from ansible.module_utils.basic import AnsibleModule

LOOPBACK = ipaddress.ip_network("127.0.0.0/8")


def networks(module, paths):
    """The networks that lists name, merged."""
    found = []
    for path in paths:
        with open(path, encoding="ascii") as lines:
            for number, line in enumerate(lines, 1):
                entry = line.partition("#")[0].strip()
                try:
                    if entry:
                        found.append(ipaddress.ip_network(entry, strict=False))
                except ValueError as error:
                    module.fail_json(msg="%s:%d: %s" % (path, number, error))
    return list(ipaddress.collapse_addresses(found))


def without(network, allowed):
    """What is left of a network."""
    left = [network]
    for hole in allowed:
        left = [part for one in left for part in pieces(one, hole)]
    return left


def pieces(network, hole):
    """What is left of a network without another one."""
    if not hole.overlaps(network):
        return [network]
    return network.address_exclude(hole) if hole.subnet_of(network) else []


def ask(module, *command):
    """What a command prints."""
    return module.run_command(list(command), check_rc=True)[1]


def protected(module):
    """Addresses that must not be blocked: the node's own, its gateway's, and those of SSH clients."""
    for link in json.loads(ask(module, "ip", "-j", "addr", "show") or "[]"):
        for address in link.get("addr_info", []):
            yield address["local"]
    for family in ("-4", "-6"):
        for route in json.loads(ask(module, "ip", "-j", family, "route", "show", "default") or "[]"):
            if "gateway" in route:
                yield route["gateway"]
    for line in ask(module, "ss", "-Htnp", "state", "established").splitlines():
        fields = line.split()
        if len(fields) > 4 and '"sshd' in fields[4]:
            yield fields[3].rpartition(":")[0].strip("[]")


def guard(module, blocked):
    """Fails when somebody would be locked out."""
    for text in protected(module):
        address = ipaddress.ip_address(text.partition("%")[0])
        if any(address in network for network in blocked):
            module.fail_json(msg="%s would be locked out" % address)
    if any(network.overlaps(LOOPBACK) for network in blocked):
        module.fail_json(msg="loopback would be locked out")


def loaded(module):
    """The networks that the kernel blocks, or nothing when there is no table."""
    code, out, _ = module.run_command(["nft", "-j", "list", "set", "inet", "peer", "blocked"])
    if code:
        return None
    elements = [o["set"].get("elem", []) for o in json.loads(out)["nftables"] if "set" in o][0]
    return sorted(e if isinstance(e, str) else "%s/%d" % (e["prefix"]["addr"], e["prefix"]["len"]) for e in elements)


def written(path):
    """A file's content, or nothing."""
    try:
        with open(path, encoding="ascii") as file:
            return file.read()
    except FileNotFoundError:
        return None


def main():
    """The module."""
    module = AnsibleModule(
        argument_spec=dict(
            sources=dict(type="list", elements="path", required=True),
            whitelists=dict(type="list", elements="path", default=[]),
            target=dict(type="path", required=True),
        ),
        supports_check_mode=True,
    )
    allowed = networks(module, module.params["whitelists"])
    left = [part for network in networks(module, module.params["sources"]) for part in without(network, allowed)]
    guard(module, left)
    elements = [str(network).replace("/32", "") for network in left]
    text = "table inet peer { }\ndelete table inet peer\ntable inet peer {\n\tset blocked { type ipv4_addr; flags interval; elements = {\n%s} }\n}\n"
    text %= "".join("%s,\n" % element for element in elements)
    changed = written(module.params["target"]) != text or loaded(module) != sorted(elements)
    if changed and not module.check_mode:
        with open(module.params["target"], "w", encoding="ascii") as file:
            file.write(text)
        ask(module, "nft", "-f", module.params["target"])
    module.exit_json(changed=changed, count=len(left))


main()
