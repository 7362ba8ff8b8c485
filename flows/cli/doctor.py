"""`orepass doctor`: check the installation."""

from __future__ import annotations

import argparse
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextvars import copy_context
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from orepass.flows._ending import DONE, FAILED
from orepass.flows.cli._checks import Finding
from orepass.flows.cli._checks_gpu import check_gpu
from orepass.flows.cli._checks_machine import check_machine
from orepass.flows.cli._checks_mining import check_mining
from orepass.flows.cli._checks_server import check_server
from orepass.flows.cli._checks_slurm import check_slurm
from orepass.flows.cli._checks_store import check_store
from orepass.flows.cli._checks_versions import check_versions
from orepass.flows.cli.tables import print_rows

Check = Callable[[], Sequence[Finding]]

_COLUMNS = {"check": "check", "state": "state", "found": "found, and what to do"}
_WITHIN_S = 30.0


def add_to(commands: Any) -> None:
    """Add the command to the parser's."""
    parser = commands.add_parser("doctor", help="check the installation", description=__doc__.partition(": ")[2])
    parser.add_argument("--store", type=Path, metavar="DIR", help="the store to check; $OREPASS_STORE, if not given")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    findings = examine(
        {
            "versions": check_versions,
            "server": check_server,
            "store": partial(check_store, arguments.store),
            "machine": check_machine,
            "exact mining": check_mining,
            "GPU": check_gpu,
            "Slurm": check_slurm,
        }
    )
    print_rows([_row(finding) for finding in findings], _COLUMNS, arguments.json)
    return FAILED if any(finding.state == "trouble" for finding in findings) else DONE


def _row(finding: Finding) -> dict[str, Any]:
    text = finding.found if finding.do is None else f"{finding.found}\n-> {finding.do}"
    return {**asdict(finding), "found_text": text}


def examine(checks: Mapping[str, Check], within_s: float = _WITHIN_S) -> list[Finding]:
    """Make checks side by side; one that fails or hangs is a finding, too.

    Args:
        checks: by the name that is shown if there is nothing else to show.
        within_s: how long to wait for all of them.

    Returns:
        What they found, in the order of `checks`.
    """
    found: dict[str, Sequence[Finding]] = {}

    def make(name: str, check: Check) -> None:
        try:
            found[name] = check()
        except Exception as error:  # an installation can be broken in any way
            said = f"it cannot be checked: {type(error).__name__}: {error}"
            found[name] = [Finding(name, "trouble", said, "Put what is in trouble above it in order first.")]

    # Daemons: whoever waits for a file server that is gone does not keep the command from ending.
    threads = [
        threading.Thread(target=copy_context().run, args=(make, name, check), name=name, daemon=True)
        for name, check in checks.items()
    ]
    until = time.monotonic() + within_s
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, until - time.monotonic()))
    late = f"no answer within {within_s:.0f} s"
    hint = "See whether a file system or a server that it needs hangs."
    return [each for name in checks for each in found.get(name, [Finding(name, "trouble", late, hint)])]
