# SPDX-FileCopyrightText: The DebVisor authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What runs on the target: two POSIX shell scripts, which need neither Python nor anything beyond coreutils and findutils.

Both keep to one rule. A binary is run only when it has the hash that the controller expects and when nobody but root and
the user who runs it can change it or any directory above it: whoever could swap it between the check and the run could do
so in no other way. Directories are looked at from the root down, because what is said of a name holds only when nobody
else can rename what lies above it. Messages go to standard error, each a line that begins with MARK.
"""

from __future__ import annotations

import re
import shlex

MARK = "debvisor-transport: "
BINARY = "debvisor-modules"
KEEP = 3  # versions in a cache, the new one among them
IMAGE = "/usr/libexec/debvisor/modules"  # an image brings its own binary there, below its hash as in every cache
SYSTEM = "/var/cache/debvisor/modules"

# foreign NAME PATH says what others could change on the way to NAME and to PATH, where it leads, or why that cannot be told;
# of what is safe it says nothing. What is used afterwards is PATH: NAME could lead elsewhere by then.
# A directory such as /var/tmp, where everybody makes files and nobody can rename those of others, is safe; a link is
# judged by its owner, and again by where it leads. find wants to return to where it began, so it begins at the root.
COMMON = r"""
me=$(id -u)
say() { echo "debvisor-transport: $*" >&2; }
chain() {
    case $1 in /*) rest=$1 ;; *) return 1 ;; esac
    set --
    while [ -n "$rest" ]; do
        set -- "$rest" "$@"
        rest=${rest%/*}
    done
    (cd / && find / "$@" -prune \( ! -user 0 ! -user "$me" -o ! -type l -perm /022 ! \( -type d -user 0 -perm -1000 \) \) 2>&1)
}
foreign() {
    chain "$1" || echo "it cannot be examined"
    [ "$1" = "$2" ] || chain "$2" || echo "it cannot be examined"
}
state() { stat -c '%i %s %y %z' "$1"; }
is_right() { [ ! -L "$1" ] && [ "$(sha256sum <"$1")" = "$hash  -" ]; }
own=CHOSEN
[ -n "$own" ] || [ "$me" = 0 ] || own=${HOME:-/nonexistent}/.cache/debvisor/modules
own=${own:-SYSTEM}
spare=/var/tmp/debvisor-modules-$me
machine=$(uname -m)
case $machine in
ARCHITECTURES
*)
    say "unsupported $machine"
    exit 0
    ;;
esac
"""

# Runs the module, whose arguments are on standard input, from the first place that has it. Hashing takes as long as all the
# rest, so the file used, beside the binary, keeps its inode, size and times as they were when the hash was right: whatever
# is written to a file changes the last of these, which nobody can set. The time of the file itself says when it was used.
# A shell that could not execute the binary has not read the arguments either, so the next place gets them.
RUN = r"""
last=
for dir in IMAGE SYSTEM "$own" "$spare"; do
    [ "$dir" != "$last" ] && [ -e "$dir/$hash/BINARY" ] || continue
    last=$dir
    path=$(cd -P "$dir/$hash" && pwd -P)/BINARY || continue
    others=$(foreign "$dir/$hash/BINARY" "$path")
    if [ -z "$others" ]; then
        known=
        [ ! -e "${path%/*}/used" ] || read -r known <"${path%/*}/used"
        now=$(state "$path")
        if [ "$now" = "$known" ] || is_right "$path"; then
            say "run $path"
            [ ! -w "${path%/*}/used" ] || echo "$now" >"${path%/*}/used"
            ENVIRONMENT"$path" NAME -
            code=$?
            case $code in 126 | 127) ;; *) exit $code ;; esac
            why=$("$path" --version 2>&1 </dev/null) && exit $code
            say "unrunnable $path:" $why
            continue
        fi
        say "wrong $path"
    else
        say "unsafe $dir/$hash: others may change it:" $others
    fi
done
say "absent $machine"
"""

# Puts the binary, which is on standard input, into the first place that can hold it. Whether a program can be run there
# is tried with an empty script, before anything is copied. The name of the binary is taken by a rename, so it never
# stands for half of one; what an install that was killed leaves is removed by a later one. The inventory may name any
# directory, so nothing is removed there but what this script makes.
INSTALL = r"""
place() {
    cat >"$new" && sync "$new" && is_right "$new" && chmod a+rx "$new" || return
    [ -d "$real/$hash" ] && [ ! -L "$real/$hash" ] || rm -rf "${real:?}/$hash"
    [ -f "$real/$hash/BINARY" ] || rm -rf "$real/$hash/BINARY"
    mkdir -p "$real/$hash" && mv -fT "$new" "$real/$hash/BINARY" && state "$real/$hash/BINARY" >"$real/$hash/used"
}
prune() {
    find "$real" -maxdepth 1 -type f -name '.BINARY.????????' -mmin +60 -exec rm -f {} +
    find "$real" -mindepth 2 -maxdepth 2 -regextype posix-egrep -regex '.*/[0-9a-f]{64}/used' -printf '%T@ %P\n' |
        sort -rn | tail -n +$((KEEP + 1)) | while read -r _ old; do
        old=$real/${old%/used}
        [ -f "$old/BINARY" ] && [ -z "$(find /proc/[0-9]*/exe -maxdepth 0 -lname "$old/BINARY" 2>/dev/null)" ] || continue
        rm -f "$old/BINARY" "$old/used" && rmdir --ignore-fail-on-non-empty "$old"
    done
}
umask 077
[ "$me" != 0 ] || umask 022
for dir in "$own" "$spare"; do
    if ! why=$(mkdir -p "$dir" 2>&1); then say "refused $why"; continue; fi
    if ! real=$(cd -P "$dir" 2>&1 && pwd -P); then say "refused $real"; continue; fi
    others=$(foreign "$dir" "$real")
    if [ -n "$others" ]; then say "refused $dir: others may change it:" $others; continue; fi
    if ! new=$(mktemp "$real/.BINARY.XXXXXXXX" 2>&1); then say "refused $new"; continue; fi
    if ! why=$( (printf '#!/bin/sh\n' >"$new" && chmod 700 "$new" && "$new") 2>&1); then
        rm -f "$new"
        say "refused $dir: no program can be run there (mounted noexec?): $why"
        continue
    fi
    if why=$(place 2>&1); then
        say "installed $real/$hash/BINARY"
        prune
    else
        rm -f "$new"
        say "refused $dir: ${why:-the copy is damaged}"
    fi
    break
done
cat >/dev/null
"""


def run_script(hashes, chosen, name, environment):
    """The script that runs the module NAME. environment is the prefix of a command that sets variables."""
    return _script(RUN, hashes, chosen, NAME=shlex.quote(name), ENVIRONMENT=environment)


def install_script(hashes, chosen):
    """The script that stores the binary on standard input."""
    return _script(INSTALL, hashes, chosen)


def _script(text, hashes, chosen, **words):
    """A command for the target's shell. hashes are those of the binaries by the machine's name (uname -m); chosen is the
    directory for the cache that the inventory names, or nothing."""
    cases = ["%s) hash=%s ;;" % (machine, digest) for machine, digest in sorted(hashes.items())]
    words.update(ARCHITECTURES="\n".join(cases), CHOSEN=shlex.quote(chosen), IMAGE=IMAGE, SYSTEM=SYSTEM, BINARY=BINARY, KEEP=str(KEEP))
    bare = re.sub(r"\n\s+", "\n", (COMMON + text).strip())  # it is in sudo's log, and in what -vvv prints
    return "/bin/sh -c " + shlex.quote(re.sub("|".join(words), lambda word: words[word.group()], bare))
