"""Work pools for steps that need GPUs, made from this folder's base job templates.

python -m orepass.deployments.work_pools gpu --type process --limit 4
python -m orepass.deployments.work_pools gpu --type orepass-slurm --set partition=gpu --set account=nlp
python -m orepass.deployments.work_pools gpu --type kubernetes --set image=registry.example/orepass:1
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Any, cast

from omegaconf import OmegaConf
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.client.schemas.objects import WorkPool
from prefect.exceptions import ObjectNotFound

from orepass.deployments.slurm_worker import TYPE, SlurmWorker
from orepass.errors import ConfigError, OrepassError, did_you_mean

_FILES = ("process", "docker", "kubernetes")
TYPES = (*_FILES, TYPE)
_NEED_IMAGE = ("docker", "kubernetes")


def base_job_template(kind: str, defaults: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The base job template of a type of work pool.

    Args:
        kind: one of `TYPES`.
        defaults: values of its variables for all runs in the pool.

    Raises:
        ConfigError: there is no such type or variable.
    """
    if kind not in TYPES:
        raise ConfigError(f"No template for work pools of type {kind!r}. {did_you_mean(kind, TYPES)}")
    if kind == TYPE:
        template = SlurmWorker.get_default_base_job_template()
    else:
        template = json.loads((resources.files(__package__) / "templates" / f"{kind}.json").read_text())
    variables = template["variables"]["properties"]
    for name, value in (defaults or {}).items():
        if name not in variables:
            raise ConfigError(f"Work pools of type {kind} have no variable {name!r}. {did_you_mean(name, variables)}")
        variables[name]["default"] = value
    if kind in _NEED_IMAGE and "default" not in variables["image"]:
        raise ConfigError(
            f"Runs in a {kind} pool need an image with orepass and what the steps import: say --set image=NAME."
        )
    return template


async def create_pool(
    name: str, kind: str, limit: int | None = None, defaults: Mapping[str, Any] | None = None
) -> WorkPool:
    """Make a work pool, or give one of the same type this template and limit.

    Args:
        name: of the pool.
        kind: one of `TYPES`.
        limit: how many runs it may have at a time; None for no limit.
        defaults: values of the template's variables for all its runs.

    Raises:
        ConfigError: there is no such type or variable, or a pool of this name is of another type.
    """
    template = base_job_template(kind, defaults)
    async with get_client() as client:
        try:
            known = await client.read_work_pool(name)
        except ObjectNotFound:
            known = None
        if known is not None and known.type != kind:
            raise ConfigError(
                f"There is a work pool {name!r} of type {known.type}. Choose another name for the new one."
            )
        pool = WorkPoolCreate(name=name, type=kind, base_job_template=template, concurrency_limit=limit)
        return await client.create_work_pool(pool, overwrite=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Make a work pool as the command line says; the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m orepass.deployments.work_pools",
        description=__doc__,
        formatter_class=argparse.RawTextHelpFormatter,
    )
    parser.add_argument("name", help="the pool's name")
    parser.add_argument("--type", required=True, choices=TYPES, dest="kind", help="where its runs run")
    parser.add_argument("--limit", type=int, help="how many runs at a time; for process and docker, as many as GPUs")
    parser.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", help="a variable of the template; VALUE is YAML"
    )
    given = parser.parse_args(arguments)
    try:
        pool = asyncio.run(create_pool(given.name, given.kind, given.limit, _values(given.set)))
    except OrepassError as error:
        print(error, file=sys.stderr)
        return 2
    print(
        f"Work pool {pool.name!r} of type {pool.type} is ready. Start a worker where its runs are to run:\n"
        f"    prefect worker start --pool {pool.name} --type {pool.type}"
    )
    return 0


def _values(words: Sequence[str]) -> dict[str, Any]:
    for word in words:
        if "=" not in word:
            raise ConfigError(f"--set {word}: expected NAME=VALUE.")
    return cast(dict[str, Any], OmegaConf.to_container(OmegaConf.from_dotlist(list(words)), resolve=False))


if __name__ == "__main__":
    sys.exit(main())
