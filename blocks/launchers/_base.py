"""The contract of launchers."""

from __future__ import annotations

import abc
from typing import Any

from prefect.blocks.core import Block
from prefect.task_runners import TaskRunner
from pydantic import Field

from orepass.attempts import RetryPolicy


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

    def gpus_at_most(self) -> int | None:
        """How many GPUs a step can have; None if that cannot be known before it runs."""
        return None

    @abc.abstractmethod
    def task_runner(self) -> TaskRunner[Any]:
        """A task runner of this launcher's kind.

        Raises:
            ConfigError: the launcher's options cannot be met.
        """


class KillingLauncher(Launcher):
    """A launcher whose steps run in processes that can be killed, and started again.

    Attributes:
        limit_memory: whether a step is killed when it uses more than its `mem_gb`.
        retries: how often a step is started again as it was, after its process, worker or job died.
        growths: how often it is started again with more, after it ran out of time or memory.
        growth: the factor by which `timeout_min` or `mem_gb` then grows.
        max_timeout_min: never more minutes than this.
        max_mem_gb: never more GiB than this.
    """

    limit_memory: bool = Field(default=False, description="Kill a step that uses more than its mem_gb.")
    retries: int = Field(default=0, ge=0, description="How often a step whose process died is started again.")
    growths: int = Field(default=0, ge=0, description="How often a step is given more time or memory.")
    growth: float = Field(default=2.0, gt=1, description="The factor by which time or memory grows.")
    max_timeout_min: float | None = Field(default=None, gt=0, description="Time never grows above this.")
    max_mem_gb: float | None = Field(default=None, gt=0, description="Memory never grows above this.")

    def retry_policy(self, timeout_min: float | None = None) -> RetryPolicy:
        """What the task runner tells `schedule`.

        Args:
            timeout_min: the limit of steps that have none of their own.
        """
        return RetryPolicy(self.retries, self.growths, self.growth, self.max_timeout_min, self.max_mem_gb, timeout_min)
