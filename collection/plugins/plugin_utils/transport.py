# SPDX-FileCopyrightText: The DebVisor authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the modules of debvisor.core from a cache on the target, instead of copying several megabytes for every task.

All modules are one static binary. A task is one command on the target: a script that finds the binary of the target's
architecture by its hash, checks it and runs it, with the arguments on standard input. When it is not there, or not as it
should be, it is sent once. Where that cannot work, the task goes the way of every other binary module: ansible-core
copies it, runs it and removes it.
"""

from __future__ import annotations

import datetime
import json
import os
import posixpath

from ansible import constants as C
from ansible.errors import AnsibleError
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from . import results, scripts

display = Display()

HERE = os.path.dirname(os.path.abspath(__file__))
MACHINES = {"x86_64": "amd64", "aarch64": "arm64"}  # by the name that uname -m gives them


class Refused(Exception):
    """Why the task fails before its module was run."""


class ActionModule(ActionBase):
    """The action plugin of every module of the collection."""

    def run(self, tmp=None, task_vars=None):
        """The result of the task."""
        self._supports_check_mode = True
        self._supports_async = True
        result = super().run(tmp, task_vars)
        self._vars = task_vars or {}
        self._name = self._task.action.rpartition(".")[2]
        self._hashes = _hashes()
        self._warnings = []
        try:
            why = self._obstacle()
            answer = None if why else self._run_cached()
            if answer is None:
                answer = self._run_copied(why or "the cache is of no use")
        except Refused as error:  # as a result: ansible-core 2.14 shows a stack of what is raised
            answer = dict(failed=True, msg=str(error))
        if self._warnings:
            answer["warnings"] = list(answer.get("warnings") or []) + self._warnings
        result.update(answer)
        return result

    def _obstacle(self):
        """Why a command with something on its standard input cannot be run on the target, or nothing."""
        connection, become = self._connection, self._connection.become
        if self._task.async_val:
            return "the task is asynchronous"
        if C.DEFAULT_KEEP_REMOTE_FILES:
            return "remote files are to be kept"
        if not connection.has_pipelining:
            return "the connection cannot send to standard input"
        if getattr(connection._shell, "SHELL_FAMILY", "") != "sh":
            return "the shell is no POSIX shell"
        if become and (become.name == "su" or become.require_tty or not getattr(become, "pipelining", True)):
            return "%s needs a terminal" % become.name
        if become and connection.transport == "local" and become.expect_prompt() and not connection.get_option("pipelining"):
            return "a password is asked for on a terminal; turn pipelining on"
        return None

    def _run_cached(self):
        """The result of the module, run from the cache; None when it was not run."""
        script = scripts.run_script(self._hashes, self._chosen(), self._name, self._environment())
        answer, said = self._say(script, self._arguments())
        if "absent" in said:
            self._install(said["absent"])
            answer, said = self._say(script, self._arguments())
        if "unsupported" in said:
            raise Refused(self._unfit(said["unsupported"]))
        if "absent" in said and "format error" in said.get("unrunnable", ""):
            raise Refused(self._unfit(said["absent"], said["unrunnable"]))
        if "absent" in said or "run" not in said:
            return None
        self._tell("was run from " + said["run"].rpartition("; ")[2])
        return results.task_result(self._fqcn(), answer)

    def _install(self, machine):
        """Puts the binary on the target. What stands in the way becomes a warning."""
        try:
            with open(os.path.join(HERE, "%s-linux-%s" % (scripts.BINARY, MACHINES[machine])), "rb") as binary:
                data = binary.read()
        except OSError as error:
            raise Refused("the collection is incomplete: %s. Install it again, or run make collection" % error)
        said = self._say(scripts.install_script(self._hashes, self._chosen()), data)[1]
        if "installed" in said:
            self._tell("was copied to " + said["installed"])
            return
        self._warn(
            "the modules are copied for every task, because they cannot be kept on the target: %s. "
            "Set debvisor_module_cache to a directory that only the user of the task can change, "
            "with space and not mounted noexec." % said.get("refused", "no reason was given")
        )

    def _say(self, script, data):
        """Runs a script of ours. Returns its output without the lines that are marked, and these: the text of each by its
        first word."""
        answer = self._low_level_execute_command(script, in_data=data)
        said, rest = {}, []
        for line in answer["stderr"].splitlines(True):
            if line.startswith(scripts.MARK):
                word, dummy, text = line[len(scripts.MARK) :].strip().partition(" ")
                said[word] = said[word] + "; " + text if word in said else text
            else:
                rest.append(line)
        if "unsafe" in said:
            self._warn("not trusted, and not used: " + said["unsafe"])
        if "wrong" in said:
            self._warn("not what it should be, and not used: " + said["wrong"])
        if "unrunnable" in said:
            self._tell("cannot be run from " + said["unrunnable"])
        return dict(answer, stderr="".join(rest)), said

    def _run_copied(self, why):
        """The result of the module, copied and run by ansible-core."""
        machine = self._low_level_execute_command("uname -m", sudoable=False)["stdout"].strip().split("\n")[-1]
        if machine not in self._hashes:
            raise Refused(self._unfit(machine))
        name = self._fqcn("" if MACHINES[machine] == "amd64" else MACHINES[machine] + ".")
        self._tell("is copied for this task: " + why)
        wrap_async = self._task.async_val and not self._connection.has_native_async
        arguments = json.loads(json.dumps(self._task.args, default=_plain))
        try:
            answer = self._execute_module(module_name=name, module_args=arguments, task_vars=self._vars, wrap_async=wrap_async)
        except AnsibleError as error:
            if "unprivileged user" not in str(error):
                raise
            raise Refused("install the package acl on the target; ansible-core needs it here: %s" % error)
        if answer.get("failed") and answer.get("rc") == 126:
            why = (answer.get("module_stdout", "") + answer.get("module_stderr", "")).strip()
            place = self.get_shell_option("remote_tmp")
            remedy = "the module cannot be run: set ansible_remote_tmp, which is %s, to a directory that is not mounted noexec. %s" % (place, why)
            answer["msg"] = self._unfit(machine, why) if "format error" in why else remedy
        return answer

    def _arguments(self):
        """What the module reads, with the keys that ansible-core adds."""
        arguments = dict(self._task.args)
        self._update_module_args(self._fqcn(), arguments, self._vars)
        return json.dumps(arguments, default=_plain).encode()

    def _environment(self):
        """The keyword environment, as a prefix of the module's command only: what checks it is not to be led astray."""
        prefix = self._compute_environment_string().strip()
        return prefix + " " if prefix else ""

    def _chosen(self):
        """The directory for the cache that the target's variables name, or nothing."""
        of_target = self._vars
        if self._task.delegate_to:
            of_target = self._vars.get("ansible_delegated_vars", {}).get(self._task.delegate_to, {})
        chosen = self._templar.template(of_target.get("debvisor_module_cache", ""))
        if chosen and not posixpath.isabs(chosen):
            raise Refused("debvisor_module_cache must be an absolute path, not " + chosen)
        return posixpath.normpath(chosen) if chosen else ""

    def _fqcn(self, prefix=""):
        return "debvisor.core." + prefix + self._name

    def _unfit(self, machine, why=""):
        """What to say, and to do, when no binary of the collection runs on the target; why is what the target says of one."""
        text = "debvisor.core has modules for %s, the target is %s" % (" and ".join(sorted(self._hashes)), machine)
        if machine in self._hashes:
            text = "the target calls itself %s (uname -m), but runs no programs for it" % machine
        elif not machine:
            text = "the target does not say what it is (uname -m)"
        return ("%s. Leave it out of the play, as with --limit '!%s'. %s" % (text, self._target(), why)).strip()

    def _target(self):
        return self._task.delegate_to or self._vars.get("inventory_hostname")

    def _warn(self, what):
        if what not in self._warnings:
            self._warnings.append(what)

    def _tell(self, what):
        display.vvv("%s %s" % (self._name, what), host=self._target())


def _hashes():
    """The hashes of the binaries in the collection by the machine that runs them."""
    with open(os.path.join(HERE, scripts.BINARY + ".sha256")) as sums:
        by_file = {name: digest for digest, name in (line.split() for line in sums)}
    names = {machine: "%s-linux-%s" % (scripts.BINARY, arch) for machine, arch in MACHINES.items()}
    return {machine: by_file[name] for machine, name in names.items() if name in by_file}


def _plain(value):
    """A value that JSON has no form for: a date as YAML reads it; of a vaulted text what it holds."""
    return value.isoformat() if isinstance(value, (datetime.date, datetime.datetime)) else str(value)
