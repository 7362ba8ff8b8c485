"""An app as a flow: every role a task of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from string import Template
from typing import Any

from prefect import Flow, flow

from orepass import together
from orepass.errors import ConfigError
from orepass.specs import AppDef, Role, check_app
from orepass.tasks.apps.app import AppResult
from orepass.tasks.apps.as_task import task_from_app
from orepass.tasks.apps.places import texts

_RANK0 = "rank0_env"


def flow_from_app(
    spec: AppDef,
    scheduler: str | None = None,
    cfg: Mapping[str, Any] | None = None,
    *,
    timeout_min: float | None = None,
    **flow_options: Any,
) -> Flow[[], Any]:
    """Make a flow of an app whose roles need nothing of one another: side by side, each an app of its own.

    Args:
        spec: the app.
        scheduler: where the roles run; the default is `$OREPASS_SCHEDULER`, or `local`.
        cfg: options of the scheduler.
        timeout_min: minutes after which a role is cancelled.
        **flow_options: of `prefect.flow`, such as `task_runner`.

    Returns:
        An async flow, which gives an `AppResult` for every role by its name.

    Raises:
        ConfigError: the app, the scheduler or an option cannot be used, or the app cannot be parted.
    """
    check_app(spec)
    for role in spec.roles[1:]:
        if _needs_rank0(role):
            raise ConfigError(
                f"The role {role.name!r} of the app {spec.name!r} uses ${{{_RANK0}}}, the host of replica 0 of the "
                f"role {spec.roles[0].name!r}, so the two cannot run as apps of their own. Use task_from_app."
            )
    parts = {
        role.name: task_from_app(
            replace(spec, name=f"{spec.name}-{role.name}", roles=[role]), scheduler, cfg, timeout_min=timeout_min
        )
        for role in spec.roles
    }

    @flow(**{"name": spec.name, **flow_options})
    async def roles() -> dict[str, AppResult]:
        results = await together(*(part.schedule(label=name) for name, part in parts.items()))
        return dict(zip(parts, results, strict=True))

    return roles


def _needs_rank0(role: Role) -> bool:
    words = texts([list(role.args), role.env, role.metadata])
    return any(_RANK0 in Template(word).get_identifiers() for word in words)
