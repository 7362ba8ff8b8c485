"""The `gpu` launcher: steps that need GPUs go to a Prefect work pool, the rest where another launcher says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from prefect.task_runners import TaskRunner
from pydantic import Field

from orepass.attempts import RetryPolicy
from orepass.blocks.launchers._base import KillingLauncher, Launcher
from orepass.blocks.launchers.pool.runs import AT_MOST, PoolRuns
from orepass.call import Call, Listener, Outcome
from orepass.errors import ConfigError
from orepass.requirements import Requirements
from orepass.workers import Workers


class GpuTaskRunner(TaskRunner[Any]):
    """Sends steps that need GPUs to a work pool, and all else to another task runner."""

    def __init__(self, launcher: GpuLauncher, rest: TaskRunner[Any]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        assert isinstance(rest, Workers)
        self._launcher = launcher
        self._rest = rest
        self._runs: PoolRuns | None = None

    def duplicate(self) -> GpuTaskRunner:
        """Another one with the same options."""
        return GpuTaskRunner(self._launcher, self._rest.duplicate())

    def submit(self, *args: Any, **kwargs: Any) -> Any:
        """Submit a Prefect task to the other task runner."""
        return self._rest.submit(*args, **kwargs)

    def __enter__(self) -> GpuTaskRunner:
        """Start."""
        super().__enter__()
        self._rest.__enter__()
        return self

    def __exit__(self, *exc_info: Any) -> None:
        """Cancel the runs that are still there, and stop."""
        if self._runs is not None:
            self._runs.stop()
            self._runs = None
        self._rest.__exit__(*exc_info)
        super().__exit__(*exc_info)

    def policy_for(self, needs: Requirements) -> RetryPolicy:
        """Our own for the pool, and that of the other launcher for what runs there."""
        return self._launcher.retry_policy() if needs.gpus else self._rest.policy_for(needs)

    async def compute(self, call: Call, listener: Listener) -> Outcome:
        """Run one step, in the pool if it needs a GPU."""
        if not call.requirements.gpus:
            return await self._rest.compute(call, listener)
        if self._runs is None:
            options = self._launcher
            self._runs = PoolRuns(options.pool, options.job_variables, options.at_most, options.limit_memory)
        return await self._runs.perform(call, listener)


class GpuLauncher(KillingLauncher):
    """Steps that need GPUs are flow runs in a Prefect work pool; the rest runs where another launcher says.

    Attributes:
        pool: the work pool's name.
        rest: `name` and options of the launcher for steps that need no GPU.
        job_variables: job variables for all runs in the pool, such as `partition` or `image`.
        at_most: how many runs at a time; further steps wait in the flow.
    """

    _block_type_name = "orepass gpu launcher"

    retries: int = Field(default=1, ge=0, description="How often a step whose run died is started again.")
    growths: int = Field(default=2, ge=0, description="How often a step is given more time or memory.")

    pool: str = Field(default="gpu", min_length=1, description="The work pool for steps that need GPUs.")
    rest: dict[str, Any] = Field(
        default_factory=lambda: {"name": "local"}, description="The launcher for all other steps."
    )
    job_variables: dict[str, Any] = Field(default_factory=dict, description="Job variables for all runs in the pool.")
    at_most: int = Field(default=100, ge=1, le=AT_MOST, description="How many runs in the pool at a time.")

    def prepare(self) -> None:
        """See `Launcher`."""
        self._other().prepare()

    def task_runner(self) -> TaskRunner[Any]:
        """See `Launcher`."""
        return GpuTaskRunner(self, self._other().task_runner())

    def _other(self) -> Launcher:
        from orepass.blocks.launchers import make_launcher  # which knows this launcher, too

        options: Mapping[str, Any] = {"name": "local", **self.rest}
        if options["name"] == "gpu":
            raise ConfigError("rest.name=gpu: steps that need no GPU need another launcher, such as local or slurm.")
        return make_launcher(**options)
