"""Commands of Slurm, repeated while its controller does not answer."""

from __future__ import annotations

import os
import subprocess
import time

from orepass.errors import SlurmError

UNREACHABLE = (
    "Unable to contact slurm controller",
    "Socket timed out",
    "connect failure",
    "connection failure",
    "Connection refused",
    "Connection reset",  # it ended while it was asked
    "Connection timed out",
    "Broken pipe",
    "Zero Bytes were transmitted or received",
    "standby mode",  # the backup was asked before it took over
)
"""What commands say when nobody answered; what they asked for may have happened nevertheless."""
_NO_ANSWER_AFTER_S = 40.0  # they give up by themselves after 10 to 20 s


def run_slurm(*command: str, patience_s: float = 60.0) -> str:
    """Run a command of Slurm that may be repeated; again and again while the controller does not answer.

    Args:
        command: program and arguments.
        patience_s: how long to try.

    Returns:
        What it prints.

    Raises:
        SlurmError: there is no such program, it fails, or the controller does not answer.
    """
    # SQUEUE_FORMAT and the like would change what is printed.
    own = ("SQUEUE_", "SACCT_", "SCANCEL_", "SINFO_")
    environment = {k: v for k, v in os.environ.items() if not k.startswith(own)}
    until = time.monotonic() + patience_s
    pause = 0.5
    while True:
        try:
            done = subprocess.run(
                command, capture_output=True, timeout=_NO_ANSWER_AFTER_S, env=environment, stdin=subprocess.DEVNULL
            )
            out, said = done.stdout.decode(errors="surrogateescape"), done.stderr.decode(errors="replace").strip()
        except FileNotFoundError:
            raise SlurmError(f"There is no {command[0]} here. Run it where Slurm's commands are on the PATH.") from None
        except subprocess.TimeoutExpired:
            out, said = "", f"no answer within {_NO_ANSWER_AFTER_S:.0f} s"
        else:
            if done.returncode == 0:
                return out
            if not any(words in said for words in UNREACHABLE):
                raise SlurmError(f"{' '.join(command[:3])} failed with exit code {done.returncode}: {said}")
        if time.monotonic() + pause > until:
            raise SlurmError(f"slurmctld does not answer: {said}. See whether `scontrol ping` says that it is up.")
        time.sleep(pause)
        pause = min(2 * pause, 10.0)
