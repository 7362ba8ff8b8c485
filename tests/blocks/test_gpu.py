"""The `gpu` launcher with a process pool and a real worker of it."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import launcher_suite
import pytest
from example_steps import Options, dies, sleeps_in_c, takes_gpu, takes_no_gpu, talks
from launcher_suite import Compute, LauncherSuite
from pool_workers import ask, pool_with_worker, runs_called
from prefect import flow
from prefect.client.schemas.actions import WorkPoolUpdate
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.states import Cancelling, Pending
from processes_of_tests import Run, RunScript, is_alive, wait_until

from orepass import Store
from orepass.blocks.launchers.gpu import GpuLauncher
from orepass.blocks.launchers.orders import Order
from orepass.blocks.launchers.packing import Packer
from orepass.blocks.launchers.pool import step as pool_step
from orepass.blocks.launchers.pool import watch
from orepass.blocks.launchers.pool.exchange import Exchange, PoolOrder
from orepass.call import Call, Outcome
from orepass.deployments.work_pools import create_pool
from orepass.errors import ArrayError, ConfigError, StepError, StepKilled, StoreError
from orepass.step import make_steps
from orepass.submitted import call_of

POOL = "tests-process"
GPUS = "3,GPU-abc"


def call_in_pool(step: Any, *needs: Any) -> Call:
    """A call that asks for a GPU, whatever its module does."""
    call = call_of(step, *needs)
    return replace(call, requirements=replace(call.requirements, gpus=1))


@pytest.fixture(scope="module")
def worker(server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """A process worker on a machine with two GPUs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CUDA_VISIBLE_DEVICES", GPUS)
        patch.setenv("OREPASS_GPU_LOCKS", str(tmp_path_factory.mktemp("locks")))
        with pool_with_worker(server, POOL, "process", tmp_path_factory.mktemp("worker")) as run:
            yield run


class TestPool(LauncherSuite):
    """The contract, kept by runs in the pool."""

    # Below, in flows.
    test_in_a_flow_a_step_is_started_again_with_more_memory: Any = None
    test_a_step_whose_process_dies_harms_no_other: Any = None

    @pytest.fixture(scope="class")
    @classmethod
    def launcher(cls, worker: Run) -> GpuLauncher:
        return GpuLauncher(pool=POOL, limit_memory=True)

    @pytest.fixture(scope="class", autouse=True)
    @classmethod
    def in_pool(cls, server: str) -> Iterator[None]:
        with temporary_settings({PREFECT_API_URL: server}), pytest.MonkeyPatch.context() as patch:
            patch.setattr(launcher_suite, "call_of", call_in_pool)
            yield

    def test_a_step_sees_the_gpus_that_it_asks_for(self, compute: Compute, config: Options, store: Store) -> None:
        assert all(isinstance(outcome, Outcome) for outcome in compute(takes_gpu, config, [1, 2, 3]))
        assert {record.result for record in store.records("takes_gpu")} <= set(GPUS.split(","))


@pytest.fixture
def config(tmp_path: Path, store: Store) -> Options:
    return Options(str(tmp_path / "journal"))


def run(work: Any, **options: Any) -> Any:
    """Run a flow with the launcher."""
    launcher = GpuLauncher(pool=POOL, **options)
    return asyncio.run(work.with_options(task_runner=launcher.task_runner())())


def test_in_a_flow_only_steps_that_need_a_gpu_go_to_the_pool(
    api: str, worker: Run, config: Options, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    label = f"train-{uuid.uuid4().hex[:8]}"

    @flow(name="trains")
    async def trains() -> Any:
        return await takes_no_gpu.schedule(config, over=[1]), await takes_gpu.schedule(config, over=[1], label=label)

    seen, (gpu,) = run(trains)
    assert (seen, gpu in GPUS.split(",")) == ([""], True)
    (performed,) = runs_called(f"{label}[0]")
    assert performed.state is not None and performed.state.is_completed()
    parent = ask(lambda client: client.read_task_run(performed.parent_task_run_id))
    assert ask(lambda client: client.read_flow_run(parent.flow_run_id)).name in caplog.text
    assert not list(store.layout.partials.iterdir())
    assert run(trains) == (seen, [gpu])  # from the store
    assert len(runs_called(f"{label}[0]")) == 1


def test_a_step_that_always_dies_fails_after_its_retries(
    api: str, worker: Run, config: Options, caplog: pytest.LogCaptureFixture
) -> None:
    label = f"dies-{uuid.uuid4().hex[:8]}"
    always = dies.with_options(requires=takes_gpu.requires)

    @flow(name="dies")
    async def doomed() -> Any:
        return await always.schedule(replace(config, failing=(2,)), over=[2], label=label)

    with pytest.raises(ArrayError) as failed:
        run(doomed, retries=1)
    said = str(failed.value.exceptions[0])
    assert f"{label}[0] (element 2) failed on " in said
    assert "SIGKILL" in said and "last words of 2" in said and "It was started 2 times" in said
    assert len(runs_called(f"{label}[0]")) == 2


class Driver:
    """Computes one step that sleeps in a pool, beside the test."""

    def __init__(self, config: Options, store: Store, pool: str = POOL) -> None:
        self.label = f"sleeps-{uuid.uuid4().hex[:8]}"
        (step,) = make_steps(sleeps_in_c, replace(config, seconds=1000.0), None, store, self.label)
        self.call = call_in_pool(step)
        self._journal = Path(config.journal)
        self._launcher = GpuLauncher(pool=pool)

    def run(self, meanwhile: Any) -> BaseException | None:
        """Let a coroutine function do something while the step is wanted; what became of it."""

        async def both() -> Any:
            with self._launcher.task_runner() as runner:
                task = asyncio.ensure_future(runner.compute(self.call, lambda event: None))  # type: ignore[attr-defined]
                try:
                    await asyncio.wait_for(meanwhile(task), 90)
                    return (await asyncio.gather(task, return_exceptions=True))[0]
                finally:
                    task.cancel()

        found: BaseException | None = asyncio.run(both())
        return found

    async def begun(self) -> int:
        """Wait until the step runs; its process."""
        while not (self._journal.exists() and self._journal.read_text()):
            await asyncio.sleep(0.1)
        return int(self._journal.read_text())


def test_a_run_that_is_cancelled_in_prefect_is_not_started_again(
    api: str, worker: Run, config: Options, store: Store
) -> None:
    driver = Driver(config, store)
    pids = []

    async def cancel_it(task: Any) -> None:
        pids.append(await driver.begun())
        (found,) = await asyncio.to_thread(runs_called, driver.label)
        await asyncio.to_thread(ask, lambda client: client.set_flow_run_state(found.id, Cancelling()))

    error = driver.run(cancel_it)
    assert isinstance(error, StepError) and not isinstance(error, StepKilled)
    assert "was cancelled in Prefect" in str(error) and "going to sleep" in str(error)
    wait_until(lambda: not is_alive(pids[0]), "the step's process to be dead", 20)


def test_a_worker_and_a_run_that_are_gone_are_noticed(
    server: str, api: str, config: Options, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when their machine has lost power: nobody is left who could tell the server."""
    monkeypatch.setattr(watch, "_SILENT_AFTER_S", 10.0)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    monkeypatch.setenv("OREPASS_GPU_LOCKS", str(tmp_path / "locks"))
    driver = Driver(config, store, "tests-doomed")

    with pool_with_worker(server, "tests-doomed", "process", tmp_path) as doomed:

        async def kill_all(task: Any) -> None:
            await driver.begun()
            (found,) = await asyncio.to_thread(runs_called, driver.label)
            os.kill(doomed.process.pid, signal.SIGKILL)
            os.kill(int(found.infrastructure_pid or 0), signal.SIGKILL)

        error = driver.run(kill_all)
    assert isinstance(error, StepKilled)
    assert "gave no sign of life any more" in str(error) and "going to sleep" in str(error)
    (found,) = runs_called(driver.label)
    assert found.state is not None and found.state.is_crashed()


SCRIPT = """
import asyncio, sys
from example_steps import Options, sleeps_in_c
from prefect import flow
from orepass import Requirements
from orepass.blocks.launchers import GpuLauncher

sleeps = sleeps_in_c.with_options(requires=Requirements(gpus=1))

@flow(name="interrupted")
async def main():
    await sleeps.schedule(Options(sys.argv[1], seconds=1000.0), label=sys.argv[3])

if __name__ == "__main__":
    asyncio.run(main.with_options(task_runner=GpuLauncher(pool=sys.argv[2]).task_runner())())
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_runs_are_cancelled_when_the_flow_is_interrupted(
    api: str, worker: Run, run_script: RunScript, config: Options, store: Store, number: int
) -> None:
    label = f"interrupted-{uuid.uuid4().hex[:8]}"
    driver = run_script(SCRIPT, config.journal, POOL, label)
    wait_until(lambda: Path(config.journal).exists() and Path(config.journal).read_text(), "the step to begin", 90)
    driver.process.send_signal(number)
    driver.end(30)
    wait_until(lambda: not is_alive(int(Path(config.journal).read_text())), "the step's process to be dead", 20)
    wait_until(lambda: not list(store.layout.partials.iterdir()), "the step's folder to be gone", 20)
    wait_until(lambda: runs_called(label)[0].state.is_cancelled(), "the flow run to be cancelled", 40)  # type: ignore[union-attr]


def test_what_a_person_has_to_do_is_said_once(
    api: str, config: Options, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    asyncio.run(create_pool("tests-idle", "process"))
    ask(lambda client: client.update_work_pool("tests-idle", WorkPoolUpdate(is_paused=True)))
    driver = Driver(config, store, "tests-idle")

    async def read(task: Any) -> None:
        while "No worker is online" not in caplog.text:
            await asyncio.sleep(0.1)
        task.cancel()

    assert isinstance(driver.run(read), asyncio.CancelledError)
    assert caplog.text.count("prefect worker start --pool tests-idle --type process") == 1
    assert caplog.text.count("prefect work-pool resume tests-idle") == 1
    (found,) = runs_called(driver.label)
    assert found.state is not None and found.state.is_cancelled()
    assert not list(store.layout.partials.iterdir())


def test_a_run_that_a_worker_took_and_never_began(
    api: str, config: Options, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "_STARTS_WITHIN_S", 1.0)
    asyncio.run(create_pool("tests-lost", "process"))
    driver = Driver(config, store, "tests-lost")

    async def take(task: Any) -> None:
        while not (found := await asyncio.to_thread(runs_called, driver.label)):
            await asyncio.sleep(0.1)
        await asyncio.to_thread(ask, lambda client: client.set_flow_run_state(found[0].id, Pending()))

    error = driver.run(take)
    assert isinstance(error, StepKilled)
    assert "was taken by a worker, and never began" in str(error)


def test_a_pool_that_does_not_exist(api: str, worker: Run, config: Options, store: Store) -> None:
    driver = Driver(config, store, "tests-proces")

    async def wait(task: Any) -> None:
        await asyncio.wait([task])

    error = driver.run(wait)
    assert isinstance(error, ConfigError)
    assert f"No work pool 'tests-proces' on this Prefect server. Did you mean '{POOL}'?" in str(error)
    assert "python -m orepass.deployments.work_pools tests-proces --type" in str(error)


def order_of(config: Options, store: Store, module: Any = talks, element: Any = 7) -> tuple[Exchange, PoolOrder]:
    (step,) = make_steps(module, config, [element], store)
    call = call_of(step)
    return Exchange.of(call.partial), PoolOrder(Order.of(call, Packer()), step.label, gpus=1, gpus_are_shared=True)


@pytest.fixture
def one_gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    monkeypatch.setenv("OREPASS_GPU_LOCKS", str(tmp_path / "locks"))


def test_a_run_ends_when_its_driver_gives_no_sign_of_life(
    api: str, one_gpu: None, config: Options, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool_step, "DEAD_AFTER_S", 3.0)
    (step,) = make_steps(sleeps_in_c, replace(config, seconds=1000.0), None, store)
    call = call_of(step)
    exchange = Exchange.of(call.partial)
    digest = exchange.open(PoolOrder(Order.of(call, Packer()), step.label, gpus=1, gpus_are_shared=True))

    def live_until_it_begins() -> None:
        while not Path(config.journal).exists():
            os.utime(exchange.driver)
            time.sleep(0.2)

    driver = threading.Thread(target=live_until_it_begins)
    driver.start()
    state = pool_step.perform_step(str(exchange.folder), digest, return_state=True)
    driver.join()
    assert state.is_cancelled()
    wait_until(lambda: not is_alive(int(Path(config.journal).read_text())), "the step's process to be dead", 10)
    assert not list(store.layout.partials.iterdir())


def test_an_order_that_nobody_waits_for_is_not_performed(api: str, config: Options, store: Store) -> None:
    exchange, order = order_of(config, store)
    digest = exchange.open(order)
    exchange.remove()
    assert pool_step.perform_step(str(exchange.folder), digest, return_state=True).is_cancelled()


def test_an_order_of_somebody_else_is_not_performed(api: str, config: Options, store: Store) -> None:
    exchange, order = order_of(config, store)
    digest = exchange.open(order)
    (exchange.folder / "order").write_bytes(b"cos\nsystem\n(S'touch /tmp/pwned'\ntR.")
    with pytest.raises(StoreError, match="is not the order that was given"):
        pool_step.perform_step(str(exchange.folder), digest)
    exchange.remove()


def test_an_answer_of_somebody_else_is_not_believed(config: Options, store: Store) -> None:
    exchange, order = order_of(config, store)
    exchange.open(order)
    exchange.reply(Outcome(1.0), b"another key")
    with pytest.raises(StoreError, match="was not written by the run that had to"):
        exchange.answer(order.key)
    exchange.reply(Outcome(1.0), order.key)
    assert exchange.answer(order.key) == Outcome(1.0)


def test_only_their_owner_can_read_orders(config: Options, store: Store) -> None:
    exchange, order = order_of(config, store)
    exchange.open(order)
    assert exchange.folder.stat().st_mode & 0o777 == 0o700
    assert (exchange.folder / "order").stat().st_mode & 0o777 == 0o600


def test_a_step_that_asks_for_more_gpus_than_its_job_has(
    api: str, one_gpu: None, config: Options, store: Store
) -> None:
    exchange, order = order_of(config, store)
    digest = exchange.open(replace(order, gpus=2, gpus_are_shared=False))
    assert pool_step.perform_step(str(exchange.folder), digest, return_state=True).is_failed()
    answer = exchange.answer(order.key)
    assert isinstance(answer, ConfigError)
    assert "talks[0] asks for 2 GPU(s)" in str(answer) and "its job was given 1" in str(answer)


def test_rest_cannot_be_the_pool_again() -> None:
    with pytest.raises(ConfigError, match=r"rest\.name=gpu"):
        GpuLauncher(rest={"name": "gpu"}).task_runner()


def test_options_of_the_rest_are_checked() -> None:
    with pytest.raises(ConfigError, match="No option 'cpu' in launcher local"):
        GpuLauncher(rest={"name": "local", "cpu": 2}).task_runner()
