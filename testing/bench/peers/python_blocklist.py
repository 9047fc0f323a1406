#!/usr/bin/python
"""An Ansible module that `make bench` compares the module blocklist with, over the same connection.

It reads the same lists, and writes what is left of them as a file for nft when that has changed. It does less: it neither
asks the node whom it would lock out, nor the kernel what it blocks.
"""

import ipaddress

from ansible.module_utils.basic import AnsibleModule


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
        if hole.overlaps(network):
            left = [part for one in left for part in (one.address_exclude(hole) if hole.subnet_of(one) else [] if one.subnet_of(hole) else [one])]
    return left


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
    text = "table inet peer {\n\tset blocked { type ipv4_addr; flags interval; elements = {\n%s} }\n}\n" % "".join("%s,\n" % one for one in left)
    try:
        with open(module.params["target"], encoding="ascii") as target:
            changed = target.read() != text
    except FileNotFoundError:
        changed = True
    if changed and not module.check_mode:
        with open(module.params["target"], "w", encoding="ascii") as target:
            target.write(text)
    module.exit_json(changed=changed, count=len(left))


main()
