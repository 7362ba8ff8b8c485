"""From what a pipeline file says to nodes, with everything checked that can be known before anything runs.

modules:
  corpus: {type: my_package.corpora:read_corpus, path: corpus.txt}
  model_train:
    type: my_package.modules.my_ms_module
    input_raw_data: corpus            # the default output of `corpus`; `corpus.NAME` is another one
    stage1_threshold: 10
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from orepass.errors import ConfigError, did_you_mean
from orepass.pipelines.conversion import convert
from orepass.pipelines.datatypes import fits, member, spelled
from orepass.pipelines.expand import Expansion, expand
from orepass.pipelines.graph import Link, Node, Source, in_order
from orepass.pipelines.signature import Port
from orepass.pipelines.stages import NAME, NAME_IN_WORDS
from orepass.pipelines.types import Type, find_type
from orepass.pipelines.values import check_config

_INPUT = "input_"


@dataclass(frozen=True)
class Pipeline:
    """A pipeline that can run.

    Attributes:
        modules: what each module of the file stands for, by name.
        nodes: all flat nodes by name, each after those that it takes something from.
    """

    modules: Mapping[str, Expansion]
    nodes: Mapping[str, Node]


@dataclass
class _Instance:
    """One module of the file."""

    name: str
    type: Type
    wanted: dict[str, list[str]] = field(default_factory=dict)
    many: set[str] = field(default_factory=set)
    options: dict[str, Any] = field(default_factory=dict)


def read_pipeline(modules: Mapping[str, Mapping[str, Any]]) -> Pipeline:
    """Check the modules of a pipeline file, and make nodes of them.

    Args:
        modules: by name: `type`, `input_NAME` for what comes from other modules, options.

    Raises:
        ConfigError: all that is wrong with it, in one message.
    """
    problems: list[str] = []
    instances: dict[str, _Instance] = {}
    for name, section in modules.items():
        try:
            instances[name] = _read(name, section, problems)
        except ConfigError as error:
            problems.append(f"{name}: {error}")
    if not modules:
        problems.append("there are no modules. Give at least one under 'modules:'.")
    expansions: dict[str, Expansion] = {}
    for instance in instances.values():
        links = dict(_links(instance, instances, modules, problems))
        expansions[instance.name] = expand(instance.name, instance.type, links, instance.options)
    if not problems:
        expansions = {name: _resolved(expansion, expansions) for name, expansion in expansions.items()}
        nodes = [node for expansion in expansions.values() for node in expansion.nodes]
        for node in nodes:
            problems += [f"{node.name}: {problem}" for problem in check_config(node)]
    if problems:
        raise ConfigError("\n  ".join(["The pipeline cannot be used:", *problems]))
    return Pipeline(expansions, in_order(nodes))


def _read(name: str, section: Any, problems: list[str]) -> _Instance:
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise ConfigError(f"this cannot be the name of a module. {NAME_IN_WORDS}.")
    if not isinstance(section, Mapping) or not isinstance(section.get("type"), str):
        raise ConfigError("there is no type. Give the registered name or the import path of a module.")
    instance = _Instance(name, find_type(section["type"]))
    signature = instance.type.signature
    _check_names(instance.type)
    for key, value in section.items():
        if not isinstance(key, str):
            problems.append(f"{name}: the option {key!r} is no text. YAML reads it so; put it in quotes.")
            continue
        port = signature.options.get(key) or signature.inputs.get(key)
        if key == "type":
            continue
        if port is not None:
            instance.options[key] = _converted(name, port, value, problems)
        elif key.startswith(_INPUT) and key.removeprefix(_INPUT) in signature.inputs:
            to = key.removeprefix(_INPUT)
            if isinstance(value, list):
                instance.many.add(to)
            instance.wanted[to] = value if isinstance(value, list) else [value]
        else:
            valid = [*signature.options, *(f"{_INPUT}{to}" for to in signature.inputs)]
            problems.append(f"{name}: no option {key!r} in {instance.type.name}. {did_you_mean(key, valid)}")
    for to, port in signature.inputs.items():
        if to in instance.wanted and to in instance.options:
            problems.append(f"{name}: both {to} and {_INPUT}{to} are given. Leave one of them out.")
        if port.required and to not in instance.wanted and to not in instance.options:
            problems.append(
                f"{name}: input {to!r} ({_spelled(port)}) is not connected. Give {_INPUT}{to}: MODULE or MODULE.OUTPUT."
            )
    for option, port in signature.options.items():
        if port.required and option not in section:
            problems.append(f"{name}: option {option!r} ({_spelled(port)}) is required, but not given.")
    return instance


def _check_names(of: Type) -> None:
    """Raise a ConfigError if a file could not tell some inputs and options of a module from others."""
    signature = of.signature
    names = {*signature.inputs, *signature.options}
    for name in {"type", *(f"{_INPUT}{to}" for to in signature.inputs)} & names:
        raise ConfigError(f"{of.name} calls an input or option {name!r}, which means something else here. Rename it.")


def _converted(name: str, port: Port, value: Any, problems: list[str]) -> Any:
    try:
        for datatype in port.datatypes:
            value = convert(value, datatype, port.name)
    except ConfigError as error:
        problems.append(f"{name}: {error}")
    return value


def _links(
    instance: _Instance, instances: Mapping[str, _Instance], modules: Mapping[str, Any], problems: list[str]
) -> Iterator[tuple[str, Link]]:
    """What the inputs of a module are linked to: outputs of the other modules as wholes."""
    for to, names in instance.wanted.items():
        port = instance.type.signature.inputs[to]
        sources = []
        for name in names:
            place = f"{instance.name}: {_INPUT}{to}: {name}"
            if not isinstance(name, str) or not name:
                problems.append(f"{place}: this is no connection. Give MODULE, MODULE.OUTPUT, or a list of such.")
                continue
            other, _, output = name.partition(".")
            if other not in modules:
                problems.append(f"{place}: there is no module {other!r}. {did_you_mean(str(other), modules)}")
            elif other in instances:  # else what is wrong with that one has been said
                try:
                    found = instances[other].type.signature.output(output or None, f"{place}: {other}")
                except ConfigError as error:
                    problems.append(str(error))
                    continue
                sources.append(Source(other, found))
                given = instances[other].type.signature.outputs[found]
                problems += [f"{place}: {trouble}" for trouble in _misfits(port, given, found, to in instance.many)]
        yield to, Link(tuple(sources), to in instance.many)


def _misfits(port: Port, given: Any, output: str, many: bool) -> Iterator[str]:
    for datatype in port.datatypes:
        required = member(datatype) if many else datatype
        if required is None:
            yield f"a list is given, but input {port.name!r} takes one {spelled(datatype)}."
            return
        one = given if not many or member(given) is None else member(given)
        if not fits(one, required):
            hint = " Put it in brackets, as a list of one." if not many and _would_fit(given, datatype) else ""
            yield f"input {port.name!r} takes {spelled(datatype)}, but output {output!r} gives {spelled(given)}.{hint}"


def _would_fit(given: Any, required: Any) -> bool:
    one = member(required)
    return one is not None and fits(given, one)


def _resolved(expansion: Expansion, all_of: Mapping[str, Expansion]) -> Expansion:
    """With links to flat nodes instead of such to modules of the file."""

    def resolve(link: Link) -> Link:
        return Link(tuple(_flat(source, all_of) for source in link.sources), link.many)

    nodes = tuple(
        Node(node.name, node.type, {to: resolve(link) for to, link in node.inputs.items()}, node.options)
        for node in expansion.nodes
    )
    stages = {name: _resolved(stage, all_of) for name, stage in expansion.stages.items()}
    return replace(expansion, nodes=nodes, stages=stages)


def _flat(source: Source, all_of: Mapping[str, Expansion]) -> Source:
    # Names of modules have no colon, so a source within a multistage module is flat already. That of a module without
    # stages stands for itself.
    return all_of[source.node].outputs[source.output] if ":" not in source.node else source


def _spelled(port: Port) -> str:
    return " and ".join(spelled(datatype) for datatype in port.datatypes)
