"""Measure how fast this machine mines, for the plans of `index_type=auto`; takes about a minute on one core.

python flows/calibrate.py
python flows/calibrate.py --output rates.json
"""

from __future__ import annotations

import argparse
from pathlib import Path

from orepass.tasks.bitext.calibration import measure_rates
from orepass.tasks.bitext.costs import ENVIRONMENT_VARIABLE, rates_file, save_rates


def main() -> None:
    """Measure, and write the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--output",
        type=Path,
        default=rates_file(),
        help=f"where the rates go (%(default)s; ${ENVIRONMENT_VARIABLE} names another file, for plans, too)",
    )
    parser.add_argument("--rows", type=int, default=2**16, help="vectors to measure with (%(default)s)")
    arguments = parser.parse_args()
    if arguments.rows < 4096:
        parser.error(f"--rows={arguments.rows} is too few to measure anything; give 4096 or more")
    rates = measure_rates(arguments.rows, say=print)
    save_rates(rates, arguments.output)
    print(f"Rates: {arguments.output}")


if __name__ == "__main__":
    main()
