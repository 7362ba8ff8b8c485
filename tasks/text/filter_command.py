"""The step that lets a command of the user's rewrite or drop sentences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from orepass import Requirements, module
from orepass.config import Config
from orepass.errors import InputError
from orepass.tasks.apps.command import CommandOptions, Words, identity
from orepass.tasks.apps.command_run import Written, command_run
from orepass.tasks.text.lines import count_lines, one_lines, read_lines
from orepass.tasks.text.prepared import Piece, PreparedText, read_prepared, write_prepared


@dataclass(frozen=True)
class FilterCommandConfig(Config):
    """What sentences go through.

    Attributes:
        command: the words of a command that reads a sentence a line (from `{input}` or stdin) and writes a line for
            each (to `{output}` or stdout): the new text, or an empty line to drop it.
        app: how the command runs.
    """

    command: Words
    app: CommandOptions = field(default_factory=CommandOptions)


def _for_cache(config: FilterCommandConfig) -> Mapping[str, Any]:
    return {"command": identity(config.command, config.app)}


def _needs(config: FilterCommandConfig) -> Requirements:
    return config.app.requirements()


@module(version="1", requires=_needs, config_for_cache=_for_cache)
def filter_command(config: FilterCommandConfig, element: PreparedText) -> PreparedText:
    """Let a command rewrite the sentences of one shard; rows and carried columns stay with them.

    Raises:
        ConfigError: the command cannot run.
        AppError: it failed.
        InputError: it wrote more or fewer lines than it got, or no UTF-8.
    """
    if not element.lines:
        return write_prepared("kept", ())
    before = (piece.lines for piece in read_prepared(element))
    with command_run("filter_command", config.command, config.app, element.text, before) as written:
        _check_count(written)
        return write_prepared("kept", _rewritten(element, written))


def _check_count(written: Written) -> None:
    there = written.path.is_file() and written.path.stat().st_size > 0
    lines = count_lines(written.path) if there else 0
    if lines != written.sentences:
        raise written.refused(
            f"wrote {lines:,} line{'s' * (lines != 1)} for {written.sentences:,} sentences. It has to write exactly "
            "one line for each, ended by a line feed: the new text, or an empty line to drop the sentence."
        )


def _rewritten(element: PreparedText, written: Written) -> Iterator[Piece]:
    lines = _read(written)
    for piece in read_prepared(element):
        new = one_lines(list(islice(lines, len(piece.lines))))
        yield Piece(new, piece.rows, piece.columns).keep([bool(line) for line in new])


def _read(written: Written) -> Iterator[str]:
    try:
        yield from read_lines(written.path)
    except InputError as error:
        problem = str(error).replace(repr(str(written.path)), "its output")
        raise written.refused(f"wrote what cannot be read: {problem}") from error
