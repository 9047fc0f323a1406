# SPDX-FileCopyrightText: The DebVisor authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""From what a module printed to the result of its task, as ansible-core does it for the modules that it runs itself."""

from __future__ import annotations

import json

try:
    from ansible.template import trust_as_template  # noqa: F401, pylint: disable=unused-import
except ImportError:  # before 2.19 every text is a template unless it is marked
    from ansible.utils.unsafe_proxy import wrap_var as untrusted
else:

    def untrusted(value):
        """From 2.19 on no text is a template unless it is marked."""
        return value


def task_result(name, output):
    """The result of the module NAME that ended with the given output, a dict with stdout, stderr and rc."""
    data = _parse(output["stdout"])
    if data is None:
        data = dict(
            failed=True,
            msg="%s ended without a result (exit status %s)\nSee stdout/stderr for the exact error" % (name, output["rc"]),
            module_stdout=output["stdout"],
            module_stderr=output["stderr"],
            rc=output["rc"],
        )
    return untrusted(_clean(data))


def _parse(text):
    """The object that was printed, without what a login script may have said before or after it; None when there is none."""
    lines = text.split("\n")
    first = [i for i, line in enumerate(lines) if line.lstrip().startswith("{")]
    last = [i for i, line in enumerate(lines) if line.rstrip().endswith("}")]
    if not first or not last:
        return None
    try:
        return json.loads("\n".join(lines[first[0] : last[-1] + 1]))
    except ValueError:
        return None


def _clean(data):
    """What a module may not say is left out, and its output is also given as lines."""
    for key in [k for k in data if k.startswith("_ansible_") or k in ("add_host", "add_group")]:
        del data[key]
    for key in ("warnings", "deprecations"):
        if not data.get(key):
            data.pop(key, None)
    for key in ("stdout", "stderr"):
        if key in data:
            data.setdefault(key + "_lines", (data[key] or "").splitlines())
    if not isinstance(data.get("results", []), list):
        data["ansible_module_results"] = data.pop("results")
    return data
