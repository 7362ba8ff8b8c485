"""Pipelines: modules that are joined by name, several to a multistage module, all of them in a file."""

from orepass.pipelines.adapter import Adapter, adapter
from orepass.pipelines.multistage import MultistageModule, multistage_module
from orepass.pipelines.signature import Input
from orepass.pipelines.stage_options import Parameter
from orepass.pipelines.stages import (
    InternalModuleConnection,
    ModuleInputConnection,
    ModuleOutputConnection,
    ModuleStage,
)

__all__ = [
    "Adapter",
    "Input",
    "InternalModuleConnection",
    "ModuleInputConnection",
    "ModuleOutputConnection",
    "ModuleStage",
    "MultistageModule",
    "Parameter",
    "adapter",
    "multistage_module",
]
