"""How a command ends: what went wrong in words, and an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from prefect.exceptions import TerminationSignal
from rich.console import Console

from orepass.errors import ArrayError, ConfigError, OrepassError

DONE, FAILED, USAGE = 0, 1, 2
"""Exit codes: all is well, or there was nothing to do; something failed or is not ready; the command makes no sense."""

INTERRUPTED, _PIPE_CLOSED, _TERMINATED = 130, 141, 143
_SHOWN_IN_FULL = 3

console = Console(stderr=True, highlight=False, emoji=False, soft_wrap=True)


@contextmanager
def ending() -> Iterator[None]:
    """End the process with an error in words and an exit code, if what is inside fails.

    Raises:
        SystemExit: 1 if something failed, 2 if the configuration cannot be used, 130 after Ctrl-C, 141 where the
            output is read no further, 143 after SIGTERM.
    """
    try:
        yield
    except BrokenPipeError:  # whoever read our output, such as `head`, has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(_PIPE_CLOSED)
    except (KeyboardInterrupt, TerminationSignal) as signal:
        console.print("[bold red]Interrupted.[/] What is finished is stored; the same command goes on from there.")
        sys.exit(INTERRUPTED if isinstance(signal, KeyboardInterrupt) else _TERMINATED)
    except ConfigError as error:
        complain(error)
        sys.exit(USAGE)
    except OrepassError as error:
        complain(error)
        sys.exit(FAILED)


def complain(error: BaseException) -> None:
    """Print an error, and the first errors of a group in full."""
    console.print("[bold red]Error:[/]", end=" ")
    console.print(str(error), *getattr(error, "__notes__", ()), sep="\n", markup=False)
    if isinstance(error, ArrayError):
        for position, failed in enumerate(error.exceptions):
            text = str(failed)
            console.print(text if position < _SHOWN_IN_FULL else text.partition("\n")[0], markup=False)


def asked_for_yes() -> bool:
    """Whether somebody at a terminal agrees to a removal."""
    if not (sys.stdin.isatty() and console.is_terminal):
        return False
    return console.input("Remove them? Type yes: ").strip().lower() == "yes"
