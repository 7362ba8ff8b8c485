"""What a module takes and gives, by name: inputs, options and outputs, as its annotations tell.

@dataclass(frozen=True)
class TrainConfig(Config):
    corpus: Input[Corpus]       # an input; the first one is the default input
    threshold: float = 0.5      # an option

@module
def train(config: TrainConfig) -> Model: ...
"""

from __future__ import annotations

import dataclasses
import inspect
import re
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, TypeVar

from orepass.errors import ConfigError, did_you_mean

T = TypeVar("T")
MISSING = inspect.Parameter.empty


class _Mark:
    """Tells an input from an option."""


Input = Annotated[T, _Mark]
"""Marks a field of a configuration as one that takes what another module gives: `corpus: Input[Corpus]`."""

RESULT = "result"
"""The output that is all that a module returns."""


@dataclass(frozen=True)
class Port:
    """An input or an option.

    Attributes:
        name: its name.
        datatypes: what a value has to fit, all of them.
        default: what it is if nothing is given; `MISSING` if it has to be given.
        help: what it is for.
    """

    name: str
    datatypes: tuple[Any, ...]
    default: Any = MISSING
    help: str = ""

    @property
    def required(self) -> bool:
        """Whether it has to be given."""
        return self.default is MISSING


@dataclass(frozen=True)
class Signature:
    """What a module takes and gives.

    Attributes:
        inputs: by name; the first one is the default input.
        options: by name.
        outputs: datatypes by name.
        default_output: the output that is taken where none is named.
        array: the input whose members the module runs over, one by one; None if it does not.
    """

    inputs: Mapping[str, Port] = field(default_factory=dict)
    options: Mapping[str, Port] = field(default_factory=dict)
    outputs: Mapping[str, Any] = field(default_factory=dict)
    default_output: str = RESULT
    array: str | None = None

    @property
    def default_input(self) -> str | None:
        """The input that is meant where none is named; None if there are no inputs."""
        return next(iter(self.inputs), None)

    def output(self, name: str | None, owner: str) -> str:
        """The name of an output, that of the default one if none is given.

        Raises:
            ConfigError: there is none of this name.
        """
        name = name or self.default_output
        if name not in self.outputs:
            raise ConfigError(f"{owner} has no output {name!r}. {did_you_mean(name, self.outputs)}")
        return name


def signature_of_module(
    function: Callable[..., Any], config_type: Any, result: Any, default_output: str | None
) -> Signature:
    """The signature of a module's function `f(config)` or `f(config, element)`.

    Args:
        function: the function.
        config_type: the annotation of its configuration; the fields of a dataclass are inputs and options, anything
            else but None is one input.
        result: its return annotation; the fields of a dataclass are outputs.
        default_output: the field that is the default output; None for the whole result.

    Raises:
        ConfigError: `default_output` is no output.
    """
    first, *rest = inspect.signature(function).parameters.values()
    inputs: dict[str, Port] = {}
    array = None
    if rest:  # in a pipeline, the element has to be given also where the function would do without
        array = rest[0].name
        inputs[array] = Port(array, (Sequence[typing.get_type_hints(function).get(array, Any)],))  # type: ignore[misc]
    fields = list(_ports(config_type)) if is_dataclass_type(config_type) else []
    inputs |= {port.name: port for port, marked in fields if marked}
    if not is_dataclass_type(config_type) and config_type is not type(None):
        inputs[first.name] = Port(first.name, (Any if config_type is None else config_type,))
    options = {port.name: port for port, marked in fields if not marked}
    outputs = _outputs(result, array is not None)
    signature = Signature(inputs, options, outputs, default_output or RESULT, array)
    signature.output(None, f"default_output of {function.__qualname__}: it")
    return signature


def signature_of_function(function: Callable[..., Any]) -> Signature:
    """The signature of a plain function: parameters that are marked as `Input` are inputs, the others options."""
    hints = typing.get_type_hints(function, include_extras=True)
    help_of = described(inspect.getdoc(function) or "", "Args")
    inputs: dict[str, Port] = {}
    options: dict[str, Port] = {}
    for name, parameter in inspect.signature(function).parameters.items():
        port = Port(name, (hints.get(name, Any),), parameter.default, help_of.get(name, ""))
        (inputs if is_input(hints.get(name)) else options)[name] = port
    return Signature(inputs, options, _outputs(hints.get("return", Any), False))


def is_input(annotation: Any) -> bool:
    """Whether an annotation is `Input[...]`."""
    return typing.get_origin(annotation) is Annotated and _Mark in typing.get_args(annotation)


def described(doc: str, section: str) -> dict[str, str]:
    """What a docstring's section (`Attributes`, `Args`) says of each name."""
    found = re.search(rf"^{section}:\n(.*?)(?=^\S|\Z)", doc, re.MULTILINE | re.DOTALL)
    texts: dict[str, str] = {}
    name = ""
    for line in found.group(1).splitlines() if found else ():
        entry = re.match(r" {4}(\w+)(?: \([^)]*\))?:\s*(.*)", line)
        if entry:
            name = entry.group(1)
            texts[name] = entry.group(2)
        elif name and line.strip():
            texts[name] = f"{texts[name]} {line.strip()}".strip()
    return texts


def is_dataclass_type(kind: Any) -> bool:
    """Whether an annotation is a class whose fields are what a module takes or gives."""
    return isinstance(kind, type) and dataclasses.is_dataclass(kind)


def _ports(config_type: Any) -> Iterator[tuple[Port, bool]]:
    """The fields of a configuration, and whether each of them is an input."""
    hints = typing.get_type_hints(config_type, include_extras=True)
    help_of = described(inspect.getdoc(config_type) or "", "Attributes")
    for one in dataclasses.fields(config_type):
        if one.init:
            port = Port(one.name, (hints[one.name],), _default(one), help_of.get(one.name, ""))
            yield port, is_input(hints[one.name])


def _default(one: dataclasses.Field[Any]) -> Any:
    if one.default_factory is not dataclasses.MISSING:
        return one.default_factory()
    return MISSING if one.default is dataclasses.MISSING else one.default


def _outputs(result: Any, array: bool) -> dict[str, Any]:
    result = Any if result is None else result
    found = {RESULT: result}
    if is_dataclass_type(result):
        hints = typing.get_type_hints(result)
        found |= {one.name: hints[one.name] for one in dataclasses.fields(result)}
        if found[RESULT] is not result:
            raise ConfigError(f"{result.__name__}: {RESULT!r} is all of a module's result; no field can be called so.")
    return {name: Sequence[one] if array else one for name, one in found.items()}  # type: ignore[valid-type]
