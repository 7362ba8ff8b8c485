"""The options of a multistage module: those of its stages, and parameters that set several of them at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from orepass.errors import ConfigError, did_you_mean
from orepass.pipelines.conversion import convert
from orepass.pipelines.datatypes import fits, spelled
from orepass.pipelines.signature import MISSING, Port


@dataclass(frozen=True)
class Parameter:
    """One option of a multistage module that sets options of several stages.

    Attributes:
        name: what it is called.
        options: what it sets, as `<stage>_<option>`; these are then no options of the whole any more.
        help: what it is for; what the first of the options says, if not given.
        type: what a value has to be; what all the options take, if not given.
        default: what it is if it is not given; if this is not given either, what the options' own default is, where it
            is the same for all of them. Else the parameter is required.
    """

    name: str
    options: Sequence[str]
    help: str = ""
    type: Any = None
    default: Any = MISSING


@dataclass(frozen=True)
class Place:
    """An option of a stage."""

    stage: str
    option: str

    def __str__(self) -> str:
        return f"{self.option!r} of stage {self.stage!r}"


def options_of(
    whole: str, stages: Mapping[str, Mapping[str, Port]], parameters: Sequence[Parameter], inputs: Mapping[str, Port]
) -> tuple[dict[str, Port], dict[str, tuple[Place, ...]]]:
    """The options of the whole, and which options of stages each of them sets.

    Args:
        whole: how errors name the multistage module.
        stages: the options of each stage.
        parameters: what is declared to set several of them.
        inputs: of the whole.

    Raises:
        ConfigError: a name that would mean two things, or a parameter for options that there are not, or that do not
            go together.
    """
    ports: dict[str, Port] = {}
    places: dict[str, tuple[Place, ...]] = {}
    for stage, options in stages.items():
        for option, port in options.items():
            name, place = f"{stage}_{option}", Place(stage, option)
            if name in places:
                raise ConfigError(f"{whole}: option {name!r} would be both {places[name][0]} and {place}. Rename one.")
            ports[name] = Port(name, port.datatypes, port.default, port.help)
            places[name] = (place,)
    made = [_parameter(whole, parameter, ports) for parameter in parameters]
    joined: dict[str, tuple[Place, ...]] = {}
    taken: set[str] = set()
    for parameter in parameters:
        if parameter.name in joined:
            raise ConfigError(f"{whole}: two parameters are called {parameter.name!r}. Rename one.")
        if twice := taken & set(parameter.options):
            raise ConfigError(f"{whole}: two parameters set {min(twice)!r}. Leave one of them out.")
        taken |= set(parameter.options)
        joined[parameter.name] = tuple(places[option][0] for option in parameter.options)
    for option in taken:
        del ports[option], places[option]
    for port in made:
        if port.name in ports:
            raise ConfigError(f"{whole}: parameter {port.name!r} would also be {places[port.name][0]}. Rename it.")
    ports |= {port.name: port for port in made}
    places |= joined
    for name in inputs:
        for option in {name, f"input_{name}"} & places.keys():
            meant = " and ".join(map(str, places[option]))
            raise ConfigError(f"{whole}: {option!r} would be both input {name!r} and {meant}. Rename one.")
    return ports, places


def _parameter(whole: str, parameter: Parameter, options: Mapping[str, Port]) -> Port:
    place = f"{whole}, parameter {parameter.name!r}"
    if not parameter.options:
        raise ConfigError(f"{place} sets no option. Name some, as '<stage>_<option>'.")
    for name in parameter.options:
        if name not in options:
            raise ConfigError(f"{place}: there is no option {name!r}. {did_you_mean(name, options)}")
    ports = [options[name] for name in parameter.options]
    required: tuple[Any, ...] = ()
    for datatype in (datatype for port in ports for datatype in port.datatypes):
        required += () if datatype in required else (datatype,)
    if parameter.type is not None:
        for port in ports:
            for datatype in port.datatypes:
                if not fits(parameter.type, datatype):
                    raise ConfigError(
                        f"{place} is {spelled(parameter.type)}, but option {port.name!r} takes {spelled(datatype)}."
                    )
        required = (parameter.type,)
    first = ports[0]
    default = parameter.default
    if default is MISSING and all(port.default == first.default for port in ports):
        default = first.default
    elif default is not MISSING:
        try:
            for datatype in required:
                default = convert(default, datatype, "default")
        except ConfigError as error:
            raise ConfigError(f"{place}: {error}") from None
    return Port(parameter.name, required, default, parameter.help or first.help)
