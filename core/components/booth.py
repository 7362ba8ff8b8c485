"""Booth's function as an application: `python -m orepass.components.booth --x1=1 --x2=3`.

Two variables, one minimum, 0 at (1, 3): https://en.wikipedia.org/wiki/Test_functions_for_optimization.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence

from orepass import runtime


def booth(x1: float, x2: float) -> float:
    """(x1 + 2 x2 - 7)^2 + (2 x1 + x2 - 5)^2."""
    return (x1 + 2 * x2 - 7) ** 2 + (2 * x1 + x2 - 5) ** 2


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the value, and write it where it is wanted.

    Args:
        arguments: of the command line; those of this process, if not given.
    """
    parser = argparse.ArgumentParser(description="Evaluate Booth's function.", allow_abbrev=False)
    parser.add_argument("--x1", type=float, required=True)
    parser.add_argument("--x2", type=float, required=True)
    parser.add_argument("--trial_idx", type=int, default=0)
    parser.add_argument("--tracker_base", default="")
    given = parser.parse_args(arguments)
    value = booth(given.x1, given.x2)
    if given.tracker_base:
        with runtime.open(f"{given.tracker_base.rstrip('/')}/{given.trial_idx}.json", "w") as file:
            json.dump({"x1": given.x1, "x2": given.x2, "booth_eval": value}, file)
    print(f"booth_eval={value}")


if __name__ == "__main__":
    main()
