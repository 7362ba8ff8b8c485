"""What a pipeline shows in its output folder: the files and values that its `publish` names."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

from orepass.errors import ConfigError, did_you_mean
from orepass.pipelines.document import Pipeline
from orepass.pipelines.graph import Source
from orepass.pipelines.values import output_of
from orepass.publish import publish, publish_text
from orepass.work import for_people


def published_sources(pipeline: Pipeline, names: Sequence[str]) -> dict[str, Source]:
    """The outputs that `module` or `module.output` name, by these names.

    Raises:
        ConfigError: there is no such module or output.
    """
    found = {}
    for name in names:
        module, _, output = name.partition(".")
        if module not in pipeline.modules:
            raise ConfigError(f"publish: there is no module {module!r}. {did_you_mean(module, pipeline.modules)}")
        expansion = pipeline.modules[module]
        output = output or expansion.default_output
        if output not in expansion.outputs:
            raise ConfigError(f"publish: {module} has no output {output!r}. {did_you_mean(output, expansion.outputs)}")
        found[name] = expansion.outputs[output]
    return found


def publish_outputs(
    pipeline: Pipeline, names: Sequence[str], values: Mapping[str, Any], folder: Path
) -> dict[str, list[Path]]:
    """Put what is known of the published outputs into a folder.

    Files are linked or copied under their own names; where two would have the same, the files of each output go to a
    folder of its name, and there, if need be, to numbered ones. A value without files is written as JSON, `NAME.json`.

    Args:
        pipeline: the pipeline.
        names: `module` or `module.output`.
        values: what the nodes gave that are done.
        folder: where it goes.

    Returns:
        Where the files are now, by the names.

    Raises:
        StoreError: the folder cannot be written.
    """
    found = {
        name: output_of(pipeline.nodes[source.node], values[source.node], source.output)
        for name, source in published_sources(pipeline, names).items()
        if source.node in values
    }
    files = {name: list(_files(value)) for name, value in found.items()}
    taken = Counter(path.name for paths in files.values() for path in paths)
    shown: dict[str, list[Path]] = {}
    for name, paths in files.items():
        own = folder / name if any(taken[path.name] > 1 for path in paths) else folder
        numbered = len({path.name for path in paths}) < len(paths)
        shown[name] = [publish(path, own / str(i) if numbered else own) for i, path in enumerate(paths)]
        if not paths:
            shown[name] = [publish_text(json.dumps(for_people(found[name]), indent=2), folder / f"{name}.json")]
    return shown


def _files(value: Any) -> Iterator[Path]:
    if isinstance(value, Path):
        yield from sorted(path for path in (value.rglob("*") if value.is_dir() else [value]) if path.is_file())
    elif is_dataclass(value) and not isinstance(value, type):
        for one in fields(value):
            yield from _files(getattr(value, one.name))
    elif isinstance(value, Mapping):
        yield from (path for member in value.values() for path in _files(member))
    elif isinstance(value, (list, tuple)):
        yield from (path for member in value for path in _files(member))
