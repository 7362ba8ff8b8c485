"""What only the `dask` launcher does."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import dask
import psutil
import pytest
from example_steps import Options, hoards, hosts, takes_gpu, times_ten
from prefect import flow, task

from orepass import Store
from orepass.blocks.launchers import DaskLauncher
from orepass.blocks.launchers.certificate import make_certificate
from orepass.blocks.launchers.dask_settings import cluster_settings
from orepass.errors import ConfigError, StepKilled
from orepass.step import make_steps
from orepass.submitted import call_of

Compute = Callable[..., list[Any]]


@pytest.fixture
def options(tmp_path: Path, store: Store) -> Options:
    return Options(str(tmp_path / "journal"))


async def compute(runner: Any, store: Store, module: Any, config: Any, elements: Any) -> list[Any]:
    """Results, or what was raised, in order."""
    steps = list(make_steps(module, config, elements, store))
    computed = (runner.compute(call_of(step), lambda event: None) for step in steps)
    outcomes = await asyncio.gather(*computed, return_exceptions=True)
    hits = [step.look_up() for step in steps]
    return [
        outcome if isinstance(outcome, BaseException) or hit is None else hit.result
        for outcome, hit in zip(outcomes, hits, strict=True)
    ]


async def test_a_worker_that_is_killed_fails_the_steps_in_it_and_no_others(options: Options, store: Store) -> None:
    with DaskLauncher(cpus=1).task_runner() as runner:
        steps = asyncio.create_task(
            compute(runner, store, times_ten, replace(options, seconds=3.0), [1, 2])  # one at a time
        )
        while not Path(options.journal).exists():
            await asyncio.sleep(0.05)
        (pid,) = runner.client.run(os.getpid).values()  # type: ignore[attr-defined]
        os.kill(pid, signal.SIGKILL)
        first, second = sorted(await steps, key=str, reverse=True)
    assert isinstance(first, StepKilled)
    assert "its Dask worker 0 died" in str(first)
    assert socket.gethostname() in str(first)
    assert second in (10, 20)
    assert not list(store.layout.partials.iterdir())


async def test_workers_of_one_machine_share_its_gpus(
    options: Options, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,GPU-abc")
    with DaskLauncher(workers=2, cpus=2).task_runner() as runner:
        assert set(await compute(runner, store, takes_gpu, options, [1, 2])) == {"3", "GPU-abc"}


async def test_steps_know_the_machines_of_the_workers(options: Options, store: Store) -> None:
    with DaskLauncher(cpus=1).task_runner() as runner:
        (first,) = await compute(runner, store, hosts, options, [1])
        (second,) = await compute(runner, store, hosts, options, [2])
    assert set(second) == {"127.0.0.1", *first}


async def test_more_than_any_worker_has_is_an_error_and_not_a_wait(options: Options, store: Store) -> None:
    with DaskLauncher(cpus=1).task_runner() as runner:
        (error,) = await compute(runner, store, hoards, replace(options, mem_gb=1e6), [1])
    assert isinstance(error, ConfigError)
    assert "asks for 0 GPU(s) and 1e+06 GiB of memory, and no Dask worker has that much. They have: 0 and" in str(error)


async def test_what_workers_have_is_known_while_the_client_asks_for_other_things(
    options: Options, store: Store
) -> None:
    with (
        dask.config.set({"distributed.client.scheduler-info-interval": "1ms"}),
        DaskLauncher(cpus=1).task_runner() as runner,
    ):
        errors = await compute(runner, store, hoards, replace(options, mem_gb=1e6), range(100))
    assert [error for error in errors if "They have: 0 and" not in str(error)] == []


async def test_nothing_listens_to_other_machines(options: Options, store: Store) -> None:
    with DaskLauncher(cpus=1).task_runner() as runner:
        assert await compute(runner, store, times_ten, options, [1]) == [10]
        us = psutil.Process()
        ours = [c for process in (us, *us.children(recursive=True)) for c in process.net_connections("tcp")]
    listening = {connection.laddr.ip for connection in ours if connection.status == psutil.CONN_LISTEN}
    assert listening == {"127.0.0.1"}


@task
def outside(value: int) -> tuple[int, int]:
    return value, os.getpid()


def test_what_is_submitted_runs_on_dask_as_with_prefects_own_runner(api: str, options: Options, store: Store) -> None:
    @flow
    def mixed() -> Any:
        return outside.submit(1).result(), [future.result() for future in times_ten.map(options, [1, 2])]

    (value, pid), results = mixed.with_options(task_runner=DaskLauncher(cpus=2).task_runner())()
    assert value == 1 and pid != os.getpid()
    assert results == [10, 20]
    assert {record.pid for record in store.records("times_ten")} == {pid}


def test_an_address_where_nobody_answers(options: Options, store: Store) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with (
        dask.config.set({"distributed.comm.timeouts.connect": "1s"}),
        DaskLauncher(address=f"tcp://127.0.0.1:{port}").task_runner() as runner,
    ):
        (error,) = asyncio.run(compute(runner, store, times_ten, options, [1]))
    assert isinstance(error, ConfigError) and "launcher.address" in str(error)


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """A scheduler and a worker of Dask's own, with TLS: its address and the files to show."""
    make_certificate(tmp_path)
    files = {
        "tls_ca_file": str(tmp_path / "certificate.pem"),
        "tls_cert": str(tmp_path / "certificate.pem"),
        "tls_key": str(tmp_path / "key.pem"),
    }
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"tls://127.0.0.1:{free.getsockname()[1]}"
    shown = [f"--{name.replace('_', '-')}={path}" for name, path in files.items()]
    started = []
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1] / "examples")}
    try:
        host, port = ["--host", "127.0.0.1"], ["--port", address.rpartition(":")[2]]
        for command in (["scheduler", "--protocol", "tls", *port], ["worker", address, "--nthreads=2"]):
            name = command[0]
            line = [sys.executable, "-m", f"distributed.cli.dask_{name}", *command[1:], *host, *shown]
            line += ["--no-dashboard"] if name == "worker" else ["--dashboard-address", "127.0.0.1:0"]
            log = (tmp_path / f"{name}.log").open("wb")
            with log:
                started.append(subprocess.Popen(line, stdout=log, stderr=log, env=environment, cwd=tmp_path))
        yield address, files
    finally:
        for process in reversed(started):
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


async def test_a_cluster_that_runs_already_takes_who_shows_a_certificate_and_nobody_else(
    cluster: tuple[str, dict[str, str]], options: Options, store: Store, tmp_path: Path
) -> None:
    address, files = cluster
    with DaskLauncher(address=address, **files).task_runner() as runner:  # type: ignore[arg-type]
        assert await compute(runner, store, times_ten, options, [1, 2]) == [10, 20]
    (tmp_path / "other").mkdir()
    make_certificate(tmp_path / "other")
    others = {name: str(tmp_path / "other" / Path(file).name) for name, file in files.items()}
    for wrong in ({"address": address}, {"address": address.replace("tls", "tcp")}, {"address": address, **others}):
        with (
            dask.config.set({"distributed.comm.timeouts.connect": "3s"}),
            DaskLauncher(**wrong).task_runner() as runner,  # type: ignore[arg-type]
        ):
            (error,) = await compute(runner, store, times_ten, options, [3])
        assert isinstance(error, ConfigError) and "launcher.tls_ca_file" in str(error)
    assert sorted(Path(options.journal).read_text().split()) == ["1", "2"]


def test_clusters_that_start_side_by_side_do_not_take_one_another_s_settings() -> None:
    entered, left, seen = threading.Event(), threading.Event(), []

    def start() -> None:
        with cluster_settings():
            entered.set()
            left.wait(10)
            seen.append(dask.config.get("distributed.scheduler.allowed-failures"))

    other = threading.Thread(target=start)
    with cluster_settings():
        other.start()
        assert not entered.wait(0.2)
    left.set()
    other.join()
    assert seen == [0]


def test_tls_needs_all_three_files() -> None:
    with pytest.raises(ConfigError, match="tls_cert, tls_key is missing"):
        DaskLauncher(tls_ca_file="ca.pem").task_runner()
