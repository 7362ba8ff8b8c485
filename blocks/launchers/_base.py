"""The contract of launchers."""

from __future__ import annotations

import abc
from typing import Any

from prefect.blocks.core import Block
from prefect.task_runners import TaskRunner


class Launcher(Block, abc.ABC):
    """Says where the steps of a flow run, by making the task runner that the flow is run with.

        mining.with_options(task_runner=launcher.task_runner())

    The task runner satisfies `orepass.workers.Workers` beside Prefect's own contract: steps that are scheduled go
    through its `compute`, what is submitted goes through its `submit`. It starts nothing before a step needs it, and
    it stops what it started when the flow ends.
    """

    _block_schema_capabilities = ["task-runner"]  # noqa: RUF012  (Prefect's way to declare it)

    def prepare(self) -> None:
        """Begin, without waiting for it, what takes long and is likely to be needed soon."""

    @abc.abstractmethod
    def task_runner(self) -> TaskRunner[Any]:
        """A task runner of this launcher's kind.

        Raises:
            ConfigError: the launcher's options cannot be met.
        """
