"""`orepass`: run pipelines and apps, see how they stand, and look after the store."""

from __future__ import annotations

import orepass  # noqa: F401  (first, because it sets Prefect's defaults)

# isort: split
import argparse
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from orepass.flows._ending import ending

_COMMANDS = ("run", "submit", "status", "plan", "modules", "app", "cache", "doctor")
"""Each is a module beside this one."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command and end the process with its exit code.

    Args:
        arguments: of the command line, without the program's name; those of this process, if not given.
    """
    sys.path.append(str(Path.cwd()))  # after all that is installed: folders have names such as `tests`
    parser = argparse.ArgumentParser(prog="orepass", description=__doc__.partition(": ")[2].capitalize())
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    words = sys.argv[1:] if arguments is None else arguments
    # Only the one that is asked for is imported: together they take a second.
    for name in words[:1] if words and words[0] in _COMMANDS else _COMMANDS:
        import_module(f"orepass.flows.cli.{name}").add_to(commands)
    parsed, rest = parser.parse_known_args(words)
    # argparse takes no more words after an option that follows the first ones.
    if [word for word in rest if word.startswith("-")] or (rest and not hasattr(parsed, "words")):
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    if rest:
        parsed.words += rest
    with ending():
        sys.exit(parsed.run(parsed))
