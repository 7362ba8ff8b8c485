"""The script of an app's job: what is asked of Slurm, what each replica runs, and how they are started together.

Slurm starts the script once; its one `srun` starts it again for every replica, on that replica's node, with
`replica NUMBER FOLDER` for arguments. So what a replica runs, and its environment, stands in a file that only its owner
can read, and on no command line but its own.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from orepass.errors import ConfigError

FILE = "job.sh"
"""What the script is called in the app's folder, where every node finds it."""

_PLAIN = re.compile(r"[\w@%+=:,./\[\]{}&|*()!-]+", re.ASCII)
_NAME = re.compile(r"[A-Za-z_]\w*", re.ASCII)
_BASHS_OWN = {
    "BASHOPTS", "BASHPID", "BASH_VERSINFO", "DIRSTACK", "EUID", "FUNCNAME", "GROUPS", "LINENO", "PPID", "RANDOM",
    "SECONDS", "SHELLOPTS", "SRANDOM", "UID",
}  # fmt: skip

# Slurm tells all processes of a replica at once when they are to end: those that keep its streams read them to the end.
# What a replica leaves running may hold its streams open for ever; it is ended with the replica.
_REPLICA = """\
keep() {
    trap '' TERM INT
    tee -a "$1" | LC_ALL=C grep -a --line-buffered '' >> "$2"
}

if [[ ${1-} == replica ]]; then
    folder=$3 ended=
    mkdir -p "$folder"
    echo "${SLURMD_NODENAME:-$(uname -n)}" > "$folder/host"
    exec 3> >(keep "$folder/stdout" "$folder/combined")
    out=$!
    exec 4> >(keep "$folder/stderr" "$folder/combined")
    err=$!
    trap 'ended=1' TERM INT
    ( "replica_$2" ) >&3 2>&4 3>&- 4>&-
    code=$?
    exec 3>&- 4>&-
    for (( look = 0; look < 20; look++ )); do
        kill -0 $out 2> /dev/null || kill -0 $err 2> /dev/null || break
        sleep 0.1
    done
    [[ $ended ]] || echo $code > "$folder/exit_code"
    exit $code
fi
"""

# An answer of Slurm may be lost and the app submitted again: only the job that is noted as the app's does anything.
# What srun would take from the variables that are unset in the end is that of one group, and not right for the others.
_BEGIN = """\
[[ -e $app/cancelled ]] && exit 143
echo "$SLURM_JOB_ID" > "$app/job-$SLURM_JOB_ID"
ln "$app/job-$SLURM_JOB_ID" "$app/job" 2> /dev/null
rm "$app/job-$SLURM_JOB_ID"
if [[ $(< "$app/job") != "$SLURM_JOB_ID" ]]; then
    echo "job $(< "$app/job") runs this app already"
    exit 0
fi
trap 'exit 143' TERM
export OREPASS_ATTEMPT=${SLURM_RESTART_COUNT:-0}
echo "$OREPASS_ATTEMPT" > "$app/restarts"
rm -f "$app/ended" "$app"/roles/*/*/{host,exit_code}
node=$(scontrol --oneliner show node "$SLURMD_NODENAME" | sed -n 's/.* NodeAddr=\\([^ ]*\\) .*/\\1/p')
export OREPASS_RANK0_HOST=${node:-$SLURMD_NODENAME}
unset "${!SLURM_MEM_PER_@}" "${!SLURM_CPUS_PER_TASK@}" "${!SLURM_TRES_PER_TASK@}"
"""

_END = """\
code=$?
if (( code )); then
    own=$(cat "$app"/roles/*/*/exit_code 2> /dev/null | sort -n | tail -n 1)
    (( own )) && code=$own
fi
"""

_REQUEUE = """\
if (( code && OREPASS_ATTEMPT < %d )) && [[ ! -e $app/cancelled ]] && scontrol requeue "$SLURM_JOB_ID"; then
    sleep 60 &
    wait
fi
"""


@dataclass(frozen=True)
class ReplicaJob:
    """One replica, with all that is known of it before it runs.

    Attributes:
        role: the name of its role.
        id: its number in the role.
        options: of sbatch, for this replica alone.
        step_options: of srun likewise.
        folder: where what it writes is kept.
        image: where it runs.
        command: program and arguments.
        env: its environment, beside that of whoever submits it.
    """

    role: str
    id: int
    options: Sequence[str]
    step_options: Sequence[str]
    folder: Path
    image: Path
    command: Sequence[str]
    env: Mapping[str, str]


def script(
    folder: Path, options: Sequence[str], replicas: Sequence[ReplicaJob], max_retries: int, prologue: Sequence[str]
) -> str:
    """The text of the script.

    Args:
        folder: the app's.
        options: of sbatch, for the job as a whole.
        replicas: all of them; those of the first role come first.
        max_retries: how often the app is started again if it fails.
        prologue: lines of shell that come before the replicas are started.

    Raises:
        ConfigError: an option or a variable cannot be passed on.
    """
    requeue = "--requeue" if max_retries else "--no-requeue"
    groups = [_directive([*options, requeue, *replicas[0].options])]
    for replica in replicas[1:]:
        groups += ["#SBATCH hetjob", _directive(replica.options)]
    parts = ["\n".join(["#!/bin/bash", *groups]), f"app={quoted(str(folder))}"]
    parts += [_function(number, replica) for number, replica in enumerate(replicas)]
    parts += [_REPLICA, "\n".join([_BEGIN.rstrip("\n"), *prologue]), _srun(replicas)]
    end = _END + (_REQUEUE % max_retries if max_retries else "")
    return "\n\n".join(part.rstrip("\n") for part in parts) + f'\n{end}echo $code > "$app/ended"\nexit $code\n'


def quoted(text: str) -> str:
    """A text as one word of bash, without line ends: sbatch refuses scripts with carriage returns."""
    return shlex.quote(text).replace("\n", "'$'\\n''").replace("\r", "'$'\\r''")


def output(file: Path) -> str:
    """The option of sbatch for its output. It fills in what follows a `%`, unless there is a backslash in the path."""
    text = str(file)
    return "--output=" + (text.replace("\\", "\\\\") if "\\" in text else text.replace("%", "%%"))


def _directive(options: Sequence[str]) -> str:
    return " ".join(["#SBATCH", *map(_option, options)])


def _option(option: str) -> str:
    """An option as sbatch reads it in a script."""
    if any(end in option for end in "\r\n\0"):
        raise ConfigError(f"The option {option!r} of sbatch has a line end, which no option can have.")
    if _PLAIN.fullmatch(option):
        return option
    return '"' + option.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _function(number: int, replica: ReplicaJob) -> str:
    exports = []
    for name, value in replica.env.items():
        if not _NAME.fullmatch(name) or name in _BASHS_OWN:
            raise ConfigError(
                f"The role {replica.role!r} has the environment variable {name!r}, which bash cannot pass on. Use a "
                "name of letters, digits and _ that bash does not use itself."
            )
        exports.append(f"    export {name}={quoted(value)}")
    return "\n".join(
        [
            f"replica_{number}() {{  # {replica.role} {replica.id}",
            f"    cd -- {quoted(str(replica.image))} || exit 126",
            *exports,
            f"    exec -- {' '.join(map(quoted, replica.command))}",
            "}",
        ]
    )


def _srun(replicas: Sequence[ReplicaJob]) -> str:
    """The chain. A replica that fails ends all; one that succeeds ends none, however long the others take."""
    chain = []
    for number, replica in enumerate(replicas):
        group = [f"--het-group={number}"] if len(replicas) > 1 else []
        options = ["--kill-on-bad-exit=1", "--wait=0", "--input=none", *group, *map(quoted, replica.step_options)]
        chain.append(f'{" ".join(options)} bash "$app/{FILE}" replica {number} {quoted(str(replica.folder))}')
    return "srun " + " : \\\n    ".join(chain)
