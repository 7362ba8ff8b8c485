"""The module `app`: an application as a step of a flow or a pipeline; docs/apps-in-flows.md tells how.

modules:
  shout: {type: app, component: utils.sh, arguments: {...}, input_inputs: [corpus.text]}
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from orepass import Requirements, module, workdir
from orepass.components import build_app, find_component
from orepass.config import Config
from orepass.errors import ConfigError
from orepass.pipelines import Input
from orepass.runner import default_scheduler, make_scheduler
from orepass.specs import AppDef, AppStatus, check_app
from orepass.specs.documents import from_document, to_document
from orepass.tasks.apps.places import check_places, with_places
from orepass.tasks.apps.running import run_in_step

_OUTPUT = "output"
# What an app does is in its key, where and how it is run is not.
_NOT_IN_THE_KEY = ("resource", "max_retries", "retry_policy", "metadata")
_MB_PER_GB = 1024


@dataclass(frozen=True)
class AppConfig(Config):
    """An application, and where it runs: either its `name` and `roles`, or a `component` that makes it.

    Attributes:
        inputs: files and folders that it reads: `{inputs[0]}` and so on in its roles, `$OREPASS_INPUT_0` and so on for
            its replicas. They count for the cache by their content.
        after: what has to be done before, although it reads nothing of it.
        name: what it is called.
        roles: its roles, with the fields of `orepass.specs.Role`.
        metadata: what a scheduler may know besides.
        component: what makes it, as `orepass app run` has it: a name, `file.py:function` or `package.module:function`.
        arguments: arguments of the component by name.
        scheduler: where it runs; `$OREPASS_SCHEDULER` or `local`, if not given.
        cfg: options of the scheduler.
        timeout_min: minutes after which it is cancelled.
        spec: the app.
    """

    inputs: Input[tuple[Path, ...]] = ()
    after: Input[Any] = None
    name: str = ""
    roles: Sequence[Mapping[str, Any]] = ()
    metadata: Mapping[str, str] = field(default_factory=dict)
    component: str = ""
    arguments: Mapping[str, Any] = field(default_factory=dict)
    scheduler: str = field(default_factory=default_scheduler)
    cfg: Mapping[str, Any] = field(default_factory=dict)
    timeout_min: float | None = None
    spec: AppDef = field(init=False, repr=False)

    def __post_init__(self) -> None:
        # Made once, here: a worker has neither to import the component, nor to see the same environment.
        object.__setattr__(self, "spec", self._made())
        check_app(self.spec)
        make_scheduler(self.scheduler, **self.cfg)
        check_places(self.spec, self.inputs)  # last: in a pipeline that is only checked, nobody knows the inputs

    def _made(self) -> AppDef:
        if not self.component:
            if not self.roles:
                raise ConfigError("there is no app. Give its name and roles, or a component.")
            if self.arguments:
                raise ConfigError("arguments are those of a component. Give one, or the roles all that they need.")
            return from_document({"name": self.name, "roles": list(self.roles), "metadata": self.metadata})
        if self.name or self.roles or self.metadata:
            raise ConfigError("both a component and name, roles or metadata are given. Leave one of them out.")
        return build_app(find_component(self.component), config=self.arguments)

    @classmethod
    def of(cls, app: AppDef, **options: Any) -> AppConfig:
        """The configuration of an app that is there.

        Args:
            app: the app.
            **options: other fields.
        """
        return cls(**to_document(app), **options)


@dataclass(frozen=True)
class AppResult(AppStatus):
    """How an app has ended, and what it wrote.

    Attributes:
        folder: what was `{output}` to it.
    """

    folder: Path = Path()


def _needs(config: AppConfig) -> Requirements:
    """What an app takes of the machine of its step: all that it needs, or, where it runs elsewhere, next to nothing."""
    if config.scheduler != "local":
        return Requirements(mem_gb=0.5)
    roles = config.spec.roles
    cpus, gpus, memory = (
        sum(role.num_replicas * max(0, getattr(role.resource, what)) for role in roles)
        for what in ("cpu", "gpu", "memMB")
    )
    usual = Requirements()
    return Requirements(cpus or usual.cpus, gpus, memory / _MB_PER_GB or usual.mem_gb)


def _what_decides(config: AppConfig) -> Mapping[str, Any]:
    document = to_document(config.spec)
    roles = [{name: value for name, value in role.items() if name not in _NOT_IN_THE_KEY} for role in document["roles"]]
    return {"name": config.spec.name, "roles": roles, "inputs": config.inputs}


@module(requires=_needs, config_for_cache=_what_decides, default_output="folder")
def app(config: AppConfig) -> AppResult:
    """Run an app to its end."""
    folder = workdir() / _OUTPUT
    folder.mkdir()
    status = run_in_step(with_places(config.spec, folder, config.inputs), config.scheduler, config.cfg)
    return AppResult(**{one.name: getattr(status, one.name) for one in fields(AppStatus)}, folder=folder)
