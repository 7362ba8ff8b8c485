"""Files of any storage on the command line: `python -m orepass.runtime copy s3://bucket/text.txt /data/`."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Sequence

from orepass.errors import ConfigError
from orepass.runtime import storage

_DONE, _FAILED, _USAGE, _PIPE_CLOSED = 0, 1, 2, 141


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says; the exit code: 0, 1 if it failed, 2 if it makes no sense."""
    parser = argparse.ArgumentParser(prog="python -m orepass.runtime", description="Files of any storage.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    copy = commands.add_parser("copy", help="copy a file, or what is in a folder")
    copy.add_argument("source")
    copy.add_argument("target")
    for name, purpose in (
        ("touch", "make an empty file, if there is none"),
        ("ls", "print the names of what is in a folder"),
        ("cat", "print what is in a file"),
    ):
        commands.add_parser(name, help=purpose).add_argument("url")
    options = parser.parse_args(arguments)
    try:
        _do(options)
    except BrokenPipeError:  # whoever read our output, such as `head`, has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _PIPE_CLOSED
    except ConfigError as error:
        print(f"Error: {error}", file=sys.stderr)
        return _USAGE
    except Exception as error:  # every storage has errors of its own
        print(f"Error: {options.command} failed: {type(error).__name__}: {error}", file=sys.stderr)
        return _FAILED
    return _DONE


def _do(options: argparse.Namespace) -> None:
    match options.command:
        case "copy":
            storage.copy(options.source, options.target)
        case "touch":
            storage.touch(options.url)
        case "ls":
            for name in storage.listdir(options.url):
                print(name)
        case "cat":
            with storage.open(options.url, "rb") as file:
                shutil.copyfileobj(file, sys.stdout.buffer)
            sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
