"""An app as a module of its own: one app, one node of a flow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from orepass import Module
from orepass.runner import default_scheduler
from orepass.specs import AppDef
from orepass.tasks.apps.app import AppConfig, AppResult, app


class AppTask(Module[[], AppResult]):
    """The module `app` with its configuration; make one with `task_from_app`.

    Attributes:
        config: what runs, and where.
    """

    config: AppConfig

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the app: as a Prefect task in a flow, as a plain function elsewhere."""
        return super().__call__(*(args or [self.config]), **kwargs)

    def submit(self, *args: Any, **kwargs: Any) -> Any:
        """Run the app on the flow's task runner; `prefect.Task.submit` tells of the options."""
        return super().submit(*(args or [self.config]), **kwargs)

    async def schedule(  # type: ignore[override]
        self, config: AppConfig | None = None, over: None = None, *, label: str | None = None
    ) -> AppResult:
        """Get how the app ended: from the store, or by running it.

        Args:
            config: another configuration than its own.
            over: nothing; an app is one step.
            label: what to call the step; the app's name, if not given.

        Raises:
            StepError: it did not succeed.
        """
        return await super().schedule(config or self.config, over, label=label or self.config.spec.name)


def task_from_app(
    spec: AppDef,
    scheduler: str | None = None,
    cfg: Mapping[str, Any] | None = None,
    *,
    inputs: Sequence[Path] = (),
    timeout_min: float | None = None,
    **task_options: Any,
) -> AppTask:
    """Make a module of an app, to be scheduled, submitted or called without arguments.

    Its results are those of the module `app`, so a pipeline file that has the same app goes on from them.

    Args:
        spec: the app.
        scheduler: where it runs; the default is `$OREPASS_SCHEDULER`, or `local`.
        cfg: options of the scheduler.
        inputs: files and folders that it reads, `{inputs[0]}` and so on in its roles.
        timeout_min: minutes after which it is cancelled.
        **task_options: of `Module.with_options`, such as `retries=2`.

    Raises:
        ConfigError: the app, the scheduler or an option cannot be used.
    """
    config = AppConfig.of(
        spec,
        scheduler=scheduler or default_scheduler(),
        cfg=cfg or {},
        inputs=tuple(map(Path, inputs)),
        timeout_min=timeout_min,
    )
    name = spec.name.replace("{", "{{").replace("}", "}}")  # it would be filled in
    task = object.__new__(AppTask)
    task.__dict__.update(app.with_options(**{"task_run_name": name, **task_options}).__dict__)
    task.config = config
    return task
