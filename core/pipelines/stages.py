"""What a multistage module is defined with: its stages, and the connections between them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from orepass.modules import Module
    from orepass.pipelines.adapter import Adapter
    from orepass.pipelines.multistage import MultistageModule

NAME = re.compile(r"[A-Za-z]\w*")
"""What modules of a file, stages, inputs and outputs can be called; in words:"""
NAME_IN_WORDS = "Begin with a letter from A to Z; letters, digits and _ may follow"
ALL = ("all", "*")
"""What stands for all stages where a stage is named; so no stage can be called so."""


@dataclass(frozen=True)
class InternalModuleConnection:
    """Joins an input of a stage to an output of a stage before it.

    Attributes:
        input: of this stage.
        output: of the other stage; its default output, if not given.
        stage: the other stage; the previous one, if not given.
    """

    input: str
    output: str | None = None
    stage: str | None = None


@dataclass(frozen=True)
class ModuleInputConnection:
    """Makes an input of a stage an input of the whole multistage module.

    Attributes:
        input: of this stage.
        name: what the whole calls it; the same, if not given. Inputs of several stages under one name are one input.
    """

    input: str
    name: str | None = None


@dataclass(frozen=True)
class ModuleOutputConnection:
    """Makes an output of a stage an output of the whole multistage module.

    Attributes:
        output: of this stage.
        name: what the whole calls it; the same, if not given.
    """

    output: str
    name: str | None = None


@dataclass(frozen=True)
class ModuleStage:
    """One stage.

    Attributes:
        name: what it is called in the multistage module.
        module: what it runs.
        connections: where its inputs come from. Without any, its default input is joined to the default output of the
            stage before it; the inputs of the first stage are then inputs of the whole.
        output_connections: its outputs that are outputs of the whole. If no stage has any, the default output of the
            last one is the only output.
    """

    name: str
    module: Module[..., Any] | MultistageModule | Adapter[..., Any]
    connections: Sequence[InternalModuleConnection | ModuleInputConnection] = ()
    output_connections: Sequence[ModuleOutputConnection] = ()


@dataclass(frozen=True)
class FromStage:
    """An output of a stage."""

    stage: str
    output: str


@dataclass(frozen=True)
class FromOutside:
    """An input of the whole."""

    name: str
