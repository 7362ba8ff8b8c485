"""Pipeline files: YAML, composed by Hydra, with the configuration groups of orepass at hand."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import yaml
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from omegaconf import DictConfig, OmegaConf

from orepass.canonical import resolved
from orepass.config import load
from orepass.errors import ConfigError
from orepass.flows._arguments import for_hydra
from orepass.flows._main import RunConfig
from orepass.flows._published import published_sources
from orepass.flows.pipeline import PipelineDocument
from orepass.pipelines.document import Pipeline, read_pipeline

_LAUNCHER = "launcher"


@dataclass(frozen=True)
class PipelineFile:
    """A pipeline file that was read and checked.

    Attributes:
        path: where it is.
        config: all of it, as Hydra composed it.
        pipeline: its modules.
    """

    path: Path
    config: DictConfig
    pipeline: Pipeline


def read_pipeline_file(name: str, overrides: Sequence[str]) -> PipelineFile:
    """Read and check a pipeline file.

    Modules that are defined in files beside it can be imported from here on, also by the workers of this process.

    Args:
        name: the file; or the name of one that comes with orepass, such as `mining_pipeline.yaml`.
        overrides: as Hydra takes them, such as `launcher=dask` or `modules.NAME.OPTION=VALUE`.

    Raises:
        ConfigError: there is no such file, or it cannot be used; says all that is wrong with it.
    """
    path = _find(name)
    if str(path.parent) not in sys.path:
        sys.path.append(str(path.parent))
    config = _composed(path, overrides)
    try:
        options = resolved(config, path.name)
        load(RunConfig, {key: options.pop(key) for key in _run_options() if key in options})
        document = load(PipelineDocument, options)
        pipeline = read_pipeline(document.modules)
        published_sources(pipeline, document.publish)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error
    return PipelineFile(path, config, pipeline)


def _is_group(name: str) -> bool:
    return name == _LAUNCHER or name not in PipelineDocument.__dataclass_fields__.keys() | _run_options()


def _run_options() -> set[str]:
    return set(RunConfig.__dataclass_fields__)


def _find(name: str) -> Path:
    path = Path(name)
    if path.is_file():
        return path.resolve()
    if path.is_dir():
        raise ConfigError(f"{name!r} is a folder. Name the pipeline file in it.")
    bundled = Path(str(resources.files("orepass.conf"))) / path.with_suffix(".yaml").name
    if path.parent == Path() and bundled.is_file():
        return bundled
    raise ConfigError(f"There is no file {name!r} in {str(Path.cwd())!r}. Check the path.")


def _composed(path: Path, overrides: Sequence[str]) -> DictConfig:
    """The file with its includes and overrides; a launcher can be chosen whether the file has the group or not."""
    _check_yaml(path)
    words = for_hydra(overrides, _is_group)
    try:
        config = _compose(path, words)
        chosen = False
    except ConfigError as error:
        if f"Could not override '{_LAUNCHER}'" not in str(error):
            raise
        config = _compose(path, [word for word in words if not word.lstrip("+").startswith(_LAUNCHER)])
        chosen = True
    given = [word.lstrip("+") for word in words if word.lstrip("+").startswith(_LAUNCHER)]
    names = [word.partition("=")[2] for word in given if word.startswith(f"{_LAUNCHER}=")]
    if isinstance(config.get(_LAUNCHER), str):
        config[_LAUNCHER] = {"name": config[_LAUNCHER]}
    if chosen:
        config[_LAUNCHER] = {"name": names[-1]}
        options = OmegaConf.from_dotlist([word for word in given if word.startswith(f"{_LAUNCHER}.")])
        config.merge_with(options)
    elif OmegaConf.select(config, f"{_LAUNCHER}.name") is None:
        config[_LAUNCHER] = {"name": "local", **(config.get(_LAUNCHER) or {})}
    return config


def _compose(path: Path, overrides: list[str]) -> DictConfig:
    GlobalHydra.instance().clear()
    try:
        with initialize_config_dir(str(path.parent), version_base="1.3"):
            search = "hydra.searchpath=[pkg://orepass.conf]"
            config = compose(path.stem, [search, *overrides])
    except Exception as error:  # Hydra's own, YAML's, those of a circle of includes: all are about these files
        text = str(error) or str(error.__cause__ or "") or type(error).__name__
        raise ConfigError(f"{path} cannot be composed: {text}") from error
    OmegaConf.set_struct(config, False)
    return config


def _check_yaml(path: Path) -> None:
    if path.suffix != ".yaml":
        raise ConfigError(f"{str(path)!r} is no pipeline file: its name has to end in .yaml.")
    try:
        document = yaml.safe_load(path.read_text())
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is no YAML: {error}") from error
    if not isinstance(document, dict):
        raise ConfigError(f"{path} is no mapping. A pipeline file has its modules under 'modules:'.")
