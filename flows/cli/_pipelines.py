"""What the commands on pipelines share: their arguments, and the pipeline and store that these mean."""

from __future__ import annotations

import argparse
import re
import textwrap
from dataclasses import dataclass

from orepass.config import load
from orepass.flows._main import StoreConfig
from orepass.flows._pipeline_file import PipelineFile, read_pipeline_file
from orepass.store import Store, current_store, use_store

OVERRIDE = re.compile(r"^[+~]{0,2}[\w./@:-]+=|^~")
"""What an option in Hydra's words looks like."""


_RUNNABLE = """options of a runnable:
  launcher=NAME           local, debug, dask, slurm, gpu; launcher.OPTION=VALUE
  requires.cpus=N         what a run needs; requires.gpus, requires.mem_gb,
                          requires.timeout_min
  output_dir=FOLDER       where its files are shown
  resources.NAME=PATH     files and folders that orepass.get_env() has
  allow='[PATH, ...]'     import paths that it may name, such as torch.optim
  store.root=FOLDER       where results are kept
  server=temporary        without a Prefect server that stays"""


@dataclass(frozen=True)
class Asked:
    """What a command was asked for.

    Attributes:
        file: the pipeline file.
        names: `module`, `module:stage` and so on.
        store: where results are.
    """

    file: PipelineFile
    names: tuple[str, ...]
    store: Store


def add_arguments(parser: argparse.ArgumentParser, names: str, *, or_runnable: bool = False) -> None:
    """Add the pipeline file, names of modules, and options in Hydra's words.

    Args:
        parser: of a command.
        names: what it does with the names.
        or_runnable: whether the file may be a runnables document.
    """
    told = "the pipeline; docs/pipelines.md tells what is in it"
    if or_runnable:
        told += "; or a runnable, see docs/runnables-yaml.md"
        parser.formatter_class = argparse.RawDescriptionHelpFormatter
        parser.description = textwrap.fill(parser.description or "", 80)
        parser.epilog = f"{textwrap.fill(parser.epilog or '', 80)}\n\n{_RUNNABLE}".lstrip()
    parser.add_argument("file", metavar="FILE.yaml" if or_runnable else "PIPELINE.yaml", help=told)
    parser.add_argument(
        "words",
        metavar="MODULE[:STAGE] | OPTION=VALUE",
        nargs="*",
        help=f"{names}; and options such as launcher=dask, vars.NAME=VALUE, modules.NAME.OPTION=VALUE",
    )


def asked(arguments: argparse.Namespace) -> Asked:
    """Read the file that the arguments name."""
    overrides = [word for word in arguments.words if OVERRIDE.match(word)]
    file = read_pipeline_file(arguments.file, overrides)
    store = load(StoreConfig, file.config.get("store") or {})
    if store.root is not None:
        use_store(Store(store.root))
    return Asked(file, tuple(word for word in arguments.words if word not in overrides), current_store())
