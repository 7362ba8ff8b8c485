"""Multistage modules: several modules, chained, as one.

    prepare_and_train = multistage_module(
        "prepare_and_train",
        [
            ModuleStage("prepare", prepare, [ModuleInputConnection("raw_data")]),
            ModuleStage("train", train, [InternalModuleConnection("data", "corpus")]),
        ],
        parameters=[Parameter("threshold", ["prepare_threshold", "train_cutoff"], help="...", default=10)],
    )

A stage is an ordinary module, a multistage module or an adapter. `orepass.pipelines.expand` makes flat modules of it.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from prefect import Task

from orepass.errors import ConfigError
from orepass.pipelines.signature import Signature
from orepass.pipelines.stage_options import Parameter, Place, options_of
from orepass.pipelines.stages import FromStage, ModuleStage
from orepass.pipelines.wiring import Wiring, check_name, check_stage, inputs_of, outputs_of, unconnected_of, wire


@dataclass(frozen=True, eq=False)
class MultistageModule:
    """Several modules as one; make one with `multistage_module`.

    Attributes:
        name: its name.
        reference: where it is defined, `package.module:name`.
        stages: by name, in order.
        wiring: where the inputs of each stage come from.
        sources: the stage and its output that is meant by each output of the whole.
        places: which option of which stage each option of the whole sets.
        signature: what the whole takes and gives.
    """

    name: str
    reference: str
    stages: Mapping[str, ModuleStage]
    wiring: Mapping[str, Wiring]
    sources: Mapping[str, FromStage]
    places: Mapping[str, tuple[Place, ...]]
    signature: Signature = field(default_factory=Signature)

    async def schedule(self, config: Any, *, label: str | None = None) -> Any:
        """Run the stages that are not done, in a flow, and give the result.

        Args:
            config: values of inputs and options by name.
            label: what to call this run; the module's name, if not given. Stages are called `label:stage`.

        Returns:
            The value of the output; if there are several, a mapping of them by name.

        Raises:
            ConfigError: inputs or options that are unknown, missing or of the wrong type.
            StepError: a stage failed; what the stages before it made is stored.
        """
        from orepass.pipelines.running import run_multistage  # which runs modules, and so this one

        return await run_multistage(self, config, label or self.name)

    def __call__(self, config: Any) -> Any:
        """Run the stages one after the other, each as a module that is called: without the store outside of flows.

        The argument, the result and the errors are those of `schedule`.
        """
        from orepass.pipelines.running import call_multistage

        return call_multistage(self, config)

    def with_options(self, **options: Any) -> Task[..., Any]:
        """A Prefect task that runs the stages inside of it, with options of `prefect.task`, such as retries."""
        return Task(self.__call__, **{"name": self.name, "persist_result": False, **options})

    def submit(self, config: Any, **options: Any) -> Any:
        """Run the stages on the flow's task runner: `prefect.Task.submit`."""
        return self.with_options().submit(config, **options)

    def map(self, config: Any, **options: Any) -> Any:
        """Run the stages for each of several configurations: `prefect.Task.map`."""
        return self.with_options().map(config, **options)


def multistage_module(
    name: str, stages: Sequence[ModuleStage], parameters: Sequence[Parameter] = ()
) -> MultistageModule:
    """Chain modules to one.

    Args:
        name: what the whole is called.
        stages: the modules, in an order in which they can run.
        parameters: options of the whole that set options of several stages. All other options of the stages are options
            of the whole called `<stage>_<option>`.

    Raises:
        ConfigError: the stages cannot be joined so; says which one, and both ends.
    """
    whole = f"multistage module {name!r}"
    if not stages:
        raise ConfigError(f"{whole} has no stages.")
    known: dict[str, ModuleStage] = {}
    wiring: dict[str, Wiring] = {}
    for stage in stages:
        check_stage(whole, stage)
        check_name(whole, stage.name, known)
        wiring[stage.name] = wire(whole, stage, known)
        known[stage.name] = stage
    inputs = inputs_of(known, wiring)
    options, places = options_of(whole, unconnected_of(known, wiring), parameters, inputs)
    sources = outputs_of(whole, known)
    outputs = {out: known[at.stage].module.signature.outputs[at.output] for out, at in sources.items()}
    signature = Signature(inputs, options, outputs, next(iter(outputs)))
    caller = sys._getframe(1).f_globals.get("__name__", "")
    return MultistageModule(name, f"{caller}:{name}", known, wiring, sources, places, signature)
