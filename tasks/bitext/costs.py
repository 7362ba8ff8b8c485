"""What the parts of mining cost on a machine: measured constants, all in one place.

The defaults were measured on one core of a server processor (Cascade Lake, 2.5 GHz; `bfloat16`: one with AMX) by the
functions of `calibration.py`, each of which says what it times. `python flows/calibrate.py` measures them on this
machine and keeps them in `rates_file()`.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from orepass.atomic import write_atomically
from orepass.config import Config, load
from orepass.errors import ConfigError

ENVIRONMENT_VARIABLE = "OREPASS_RATES"
_DEFAULT = Path("~/.orepass/rates.json")


@dataclass(frozen=True)
class Rates(Config):
    """How fast one core does each part, and `cuda` one device.

    Attributes:
        float32: multiply-adds a second of the blocked product in float32.
        bfloat16: of the same in bfloat16, where the processor has instructions for it.
        cuda: of the same in half precision on a GPU, selection included.
        select: scores a second of the product that are held against the thresholds of their row and their column.
        enter: of them a second that are among the best so far, and so enter a row's or a column's list.
        rescore: multiply-adds a second of true scores of candidates, whose rows lie far apart.
        train: multiply-adds a second of k-means, which finds centroids.
        codebooks: rows a second that one of the many codebooks of a product quantizer learns from.
        assign: multiply-adds a second of finding the nearest centroids of rows.
        encode: multiply-adds a second of finding the codes of a product quantizer.
        scan_rows: multiply-adds a second of looking through the rows of an inverted file (`IVF,Flat`).
        scan_codes: sub-codes a second of looking through 4-bit codes in registers (`PQ..x4fs`).
        visits: lists a second that such a search begins with.
        scan_table: sub-codes a second of looking through other codes by a table (`PQ`).
        disk: bytes a second of reading what main memory does not hold; not measured.
    """

    float32: float = 6.4e10
    bfloat16: float = 5.0e11
    cuda: float = 2.0e13
    select: float = 7.0e9
    enter: float = 1.1e7
    rescore: float = 6.0e8
    train: float = 3.5e10
    codebooks: float = 9.7e6
    assign: float = 5.6e9
    encode: float = 5.6e9
    scan_rows: float = 2.8e9
    scan_codes: float = 2.8e10
    visits: float = 1.0e6
    scan_table: float = 9.6e8
    disk: float = 5.0e8

    def __post_init__(self) -> None:
        for name, rate in asdict(self).items():
            if rate <= 0:
                raise ConfigError(f"The rate {name}={rate} must be above 0. Measure it: python flows/calibrate.py")


def rates_file() -> Path:
    """Where measured rates are kept: `$OREPASS_RATES`, else `~/.orepass/rates.json`."""
    return Path(os.environ.get(ENVIRONMENT_VARIABLE) or _DEFAULT).expanduser()


def load_rates() -> Rates:
    """The rates measured on this machine, else the defaults.

    Raises:
        ConfigError: the file is there, but cannot be used.
    """
    path = rates_file()
    try:
        return load(Rates, json.loads(path.read_text()))
    except FileNotFoundError:
        return Rates()
    except (OSError, ValueError) as error:  # ConfigError is a ValueError, too
        raise ConfigError(
            f"The measured rates in {str(path)!r} cannot be used: {error}\n"
            "Measure them again with: python flows/calibrate.py, or remove the file."
        ) from error


def save_rates(rates: Rates, path: Path) -> None:
    """Keep measured rates in a file."""
    write_atomically(path, (json.dumps(asdict(rates), indent=2) + "\n").encode())
