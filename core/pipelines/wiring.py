"""Where the inputs of each stage come from, and what the whole takes and gives."""

from __future__ import annotations

from collections.abc import Mapping

from orepass.errors import ConfigError, did_you_mean
from orepass.pipelines.datatypes import fits, spelled
from orepass.pipelines.signature import MISSING, Port, Signature
from orepass.pipelines.stages import (
    ALL,
    NAME,
    NAME_IN_WORDS,
    FromOutside,
    FromStage,
    InternalModuleConnection,
    ModuleInputConnection,
    ModuleOutputConnection,
    ModuleStage,
)

Wiring = dict[str, FromStage | FromOutside]
"""Where the inputs of one stage come from, by their names."""


def wire(whole: str, stage: ModuleStage, before: Mapping[str, ModuleStage]) -> Wiring:
    """Where each input of a stage comes from; those that may stay unconnected and do are not in it.

    Args:
        whole: how errors name the multistage module.
        stage: the stage.
        before: the stages before it, by name.

    Raises:
        ConfigError: a connection that cannot be; names both ends.
    """
    return _Connecting(whole, stage, before).result()


class _Connecting:
    """Finds out where the inputs of one stage come from."""

    def __init__(self, whole: str, stage: ModuleStage, before: Mapping[str, ModuleStage]) -> None:
        self._place = f"{whole}, stage {stage.name!r}"
        self._stage = stage
        self._signature = stage.module.signature
        self._before = before
        self._found: Wiring = {}

    def result(self) -> Wiring:
        for connection in self._stage.connections or self._usual():
            if connection.input not in self._signature.inputs:
                raise ConfigError(
                    f"{self._place}: {self._stage.module.name} has no input {connection.input!r}. "
                    f"{did_you_mean(connection.input, self._signature.inputs)}"
                )
            if connection.input in self._found:
                raise ConfigError(f"{self._place}: the input {connection.input!r} is connected twice.")
            if isinstance(connection, ModuleInputConnection):
                self._found[connection.input] = FromOutside(connection.name or connection.input)
            else:
                self._found[connection.input] = self._internal(connection)
        for port in self._signature.inputs.values():
            if port.required and port.name not in self._found:
                raise ConfigError(
                    f"{self._place}: the input {port.name!r} of {self._stage.module.name} is not connected. Give an "
                    f"InternalModuleConnection or a ModuleInputConnection for {port.name!r}."
                )
        return self._found

    def _usual(self) -> list[InternalModuleConnection | ModuleInputConnection]:
        """The connections of a stage that names none."""
        if not self._before:
            return [ModuleInputConnection(port.name) for port in self._signature.inputs.values() if port.required]
        name = self._signature.default_input
        return [] if name is None else [InternalModuleConnection(name)]

    def _internal(self, connection: InternalModuleConnection) -> FromStage:
        place = f"{self._place}, input {connection.input!r}"
        if not self._before:
            raise ConfigError(f"{place}: the first stage has none before it. Use a ModuleInputConnection.")
        name = connection.stage or list(self._before)[-1]
        if name not in self._before:
            raise ConfigError(f"{place}: no stage {name!r} precedes it. {did_you_mean(name, self._before)}")
        other = self._before[name].module
        output = other.signature.output(connection.output, f"{place}: stage {name!r} ({other.name})")
        given, wanted = other.signature.outputs[output], self._signature.inputs[connection.input].datatypes
        for required in wanted:
            if not fits(given, required):
                raise ConfigError(
                    f"{place} of {self._stage.module.name} takes {spelled(required)}, but output {output!r} of stage "
                    f"{name!r} ({other.name}) gives {spelled(given)}."
                )
        return FromStage(name, output)


def check_stage(whole: str, stage: object) -> None:
    """Raise a ConfigError if something that stands for a stage is none, or has parts that are something else."""
    if not isinstance(stage, ModuleStage):
        raise ConfigError(f"{whole}: {stage!r} is no ModuleStage.")
    place = f"{whole}, stage {stage.name!r}"
    if not isinstance(getattr(stage.module, "signature", None), Signature):
        raise ConfigError(f"{place}: {stage.module!r} is no module. Decorate a function with @module or @adapter.")
    kinds = (
        ("connections", stage.connections, (InternalModuleConnection, ModuleInputConnection)),
        ("output_connections", stage.output_connections, (ModuleOutputConnection,)),
    )
    for name, given, allowed in kinds:
        if not isinstance(given, (list, tuple)):
            raise ConfigError(f"{place}: {name} is no list, but {given!r}.")
        for one in given:
            if not isinstance(one, allowed):
                names = " or ".join(kind.__name__ for kind in allowed)
                raise ConfigError(f"{place}: {one!r} among the {name} is no {names}.")
            outside = getattr(one, "name", None)
            if outside is not None and not NAME.fullmatch(outside):
                raise ConfigError(f"{place}: {outside!r} cannot be the name of an input or output. {NAME_IN_WORDS}")


def check_name(whole: str, name: str, known: Mapping[str, ModuleStage]) -> None:
    """Raise a ConfigError if a stage cannot be called so, beside those that are known."""
    if not isinstance(name, str) or not NAME.fullmatch(name) or name in ALL:
        raise ConfigError(f"{whole}: a stage cannot be called {name!r}. {NAME_IN_WORDS}, and 'all' means all stages.")
    if name in known:
        raise ConfigError(f"{whole}: two stages are called {name!r}. Give one of them another name.")


def inputs_of(stages: Mapping[str, ModuleStage], wiring: Mapping[str, Wiring]) -> dict[str, Port]:
    """The inputs of the whole: one that several stages share has to suit all of them."""
    inputs: dict[str, Port] = {}
    for name, stage in stages.items():
        for input_name, end in wiring[name].items():
            if isinstance(end, FromOutside):
                port = stage.module.signature.inputs[input_name]
                shared = inputs.get(end.name)
                datatypes = (*(shared.datatypes if shared else ()), *port.datatypes)
                required = port.required or (shared is not None and shared.required)
                text = shared.help if shared and shared.help else port.help
                inputs[end.name] = Port(end.name, datatypes, MISSING if required else port.default, text)
    return inputs


def unconnected_of(stages: Mapping[str, ModuleStage], wiring: Mapping[str, Wiring]) -> dict[str, dict[str, Port]]:
    """The options of each stage, and those inputs of it that nothing is connected to."""
    return {
        name: {
            port.name: port
            for port in (*stage.module.signature.inputs.values(), *stage.module.signature.options.values())
            if port.name not in wiring[name]
        }
        for name, stage in stages.items()
    }


def outputs_of(whole: str, stages: Mapping[str, ModuleStage]) -> dict[str, FromStage]:
    """The outputs of the whole; the default output of the last stage, if no stage has any."""
    found: dict[str, FromStage] = {}
    for name, stage in stages.items():
        signature, place = stage.module.signature, f"{whole}, stage {name!r} ({stage.module.name})"
        for connection in stage.output_connections:
            output = signature.output(connection.output, place)
            outside = connection.name or output
            if outside in found:
                raise ConfigError(
                    f"{whole}: output {outside!r} would be both {found[outside].output!r} of stage "
                    f"{found[outside].stage!r} and {output!r} of stage {name!r}. Give one of them another name."
                )
            found[outside] = FromStage(name, output)
    last = list(stages)[-1]
    default = stages[last].module.signature.default_output
    return found or {default: FromStage(last, default)}
