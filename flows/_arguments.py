"""Command-line arguments as Hydra has to get them."""

from __future__ import annotations

import re
from collections.abc import Sequence

_MULTIRUN = {"-m", "--multirun"}
# A key, possibly with + or ~ before and @package behind, and a value that is a bare word with commas: not a list,
# not a mapping, not quoted, no interpolation or function call.
_BARE_WITH_COMMAS = re.compile(r"^([~+]{0,2}[\w./@:-]+)=([^\[\]{}()'\"$,]*,[^\[\]{}()'\"$]*)$")


def with_literal_commas(arguments: Sequence[str]) -> list[str]:
    """Quote values such as `OPQ64,IVF1024,PQ64`, which Hydra would refuse as a sweep that nobody asked for.

    With `--multirun` a comma separates the values of a sweep, and nothing is changed.

    Args:
        arguments: without the program's name.
    """
    if _MULTIRUN & set(arguments):
        return list(arguments)
    return [_BARE_WITH_COMMAS.sub(r"\1='\2'", argument) for argument in arguments]
