"""An app that runs as a step: submitted, watched, heard, and cancelled with the step."""

from __future__ import annotations

import contextlib
import logging
import time
from collections import deque
from collections.abc import Mapping
from typing import Any

from orepass.errors import AppError, OrepassError
from orepass.runner import Runner, default_scheduler, get_runner
from orepass.runner.lifeline import lifeline
from orepass.specs import AppDef, AppState, AppStatus, ReplicaStatus
from orepass.tasks.apps.log_lines import LogLines
from orepass.workers import given_up

logger = logging.getLogger(__name__)

_LOOK_S = (0.05, 5.0)
_WITHOUT_NEWS_S = 300.0
_TAIL_LINES = 20


def run_in_step(
    app: AppDef, scheduler: str | None = None, cfg: Mapping[str, Any] | None = None, app_id: str | None = None
) -> AppStatus:
    """Run an app to its end, with what its replicas write in the log of the step.

    Whatever ends this process or this call before, ends the app, too.

    Args:
        app: what is to run.
        scheduler: where; the default is `$OREPASS_SCHEDULER`, or `local`.
        cfg: options of the scheduler.
        app_id: what the scheduler shall call it.

    Returns:
        How it ended, which is well.

    Raises:
        ConfigError: the app, the scheduler or an option cannot be used; nothing was submitted.
        AppError: it did not succeed; says which replica failed, and with what.
    """
    scheduler = scheduler or default_scheduler()
    runner = get_runner(scheduler_options={scheduler: cfg or {}})
    dry_run = runner.dryrun(app, scheduler, app_id=app_id)
    handle = dry_run.handle
    with lifeline(handle, cfg):
        try:
            runner.schedule(dry_run)
            logger.info("%s runs as %s", app.name, handle)
            with LogLines(runner, handle, app, logger) as lines:
                status = _wait(runner, handle)
                lines.finish()
        except BaseException:
            with contextlib.suppress(OrepassError):  # then the lifeline goes on trying
                runner.cancel(handle)
            raise
    if status.state is not AppState.SUCCEEDED:
        raise AppError(_why(runner, handle, app, status))
    return status


def _wait(runner: Runner, handle: str) -> AppStatus:
    """How it ended. A scheduler that does not answer for a while may be in the middle of being started again."""
    pause, heard = _LOOK_S[0], time.monotonic()
    while True:
        problem = "its scheduler does not know it any more"
        try:
            status = runner.status(handle)
        except AppError as error:
            status, problem = None, str(error)
        if status is not None:
            heard = time.monotonic()
            if status.is_terminal():
                return status
        elif time.monotonic() - heard > _WITHOUT_NEWS_S:
            raise AppError(f"Nothing was heard of the app {handle} for {_WITHOUT_NEWS_S / 60:.0f} minutes: {problem}")
        if given_up().wait(pause):
            raise AppError(f"The flow that waited for the app {handle} has ended, so it was cancelled.")
        pause = min(1.3 * pause, _LOOK_S[1])


def _why(runner: Runner, handle: str, app: AppDef, status: AppStatus) -> str:
    end = "was cancelled" if status.state is AppState.CANCELLED else "failed"
    what = f"The app {app.name} {end}" + (f": {status.msg}" if status.msg else ".")
    where = f"All that it wrote: orepass app log {handle}"
    failed = _first_failed(status)
    if failed is None:
        return f"{what}\n{where}"
    code = "without an exit code" if failed.exit_code is None else f"with exit code {failed.exit_code}"
    host = f" on {failed.hostname}" if failed.hostname else ""
    lines = [what, f"The replica {failed.role}/{failed.id} ended{host} {code}.", where]
    stream, said = _last_lines(runner, handle, failed)
    if said:
        lines += [f"The last lines of the {stream} of {failed.role}/{failed.id}:", *(f"    {line}" for line in said)]
    return "\n".join(lines)


def _first_failed(status: AppStatus) -> ReplicaStatus | None:
    """The replica that failed by itself, and was not ended because another one failed, as far as codes tell."""

    def by_a_signal(replica: ReplicaStatus) -> bool:
        return replica.exit_code is None or not 0 <= replica.exit_code <= 128

    replicas = (replica for role in status.roles for replica in role.replicas)
    failed = [replica for replica in replicas if replica.state is AppState.FAILED]
    return min(failed, key=by_a_signal, default=None)


def _last_lines(runner: Runner, handle: str, failed: ReplicaStatus) -> tuple[str, list[str]]:
    for stream in ("stderr", "combined"):
        with contextlib.suppress(OrepassError):
            lines = runner.log_lines(handle, failed.role, failed.id, streams=stream)
            if said := [*deque((line for line in lines if line.strip()), _TAIL_LINES)]:
                return stream, said
    return "", []
