"""A team's server: Prefect on a real PostgreSQL."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest
from example_steps import Options, times_ten
from prefect import flow
from prefect.settings import PREFECT_API_URL, temporary_settings
from processes_of_tests import wait_until
from servers_of_tests import postgres, postgres_programs, prefect_server_on

from orepass import Store
from orepass.blocks.launchers import make_launcher

ELEMENTS = 200


@pytest.fixture
def database() -> Iterator[str]:
    programs = postgres_programs()
    if programs is None:
        if os.environ.get("CI") == "true":
            pytest.fail("CI runs this for real: it needs root and `apt-get install postgresql`")
        pytest.skip("needs root and `apt-get install postgresql`")
    with postgres(programs) as url:
        yield url


@flow
async def array(journal: str) -> list[int]:
    return await times_ten.schedule(Options(journal), over=range(ELEMENTS))


@flow
async def following() -> str:
    return "done"


def test_an_array_and_the_next_flow(database: str, store: Store, tmp_path: Path) -> None:
    with prefect_server_on(database, tmp_path) as api, temporary_settings({PREFECT_API_URL: api}):
        launched = array.with_options(task_runner=make_launcher("local").task_runner())
        assert asyncio.run(launched(str(tmp_path / "journal"))) == [10 * number for number in range(ELEMENTS)]
        assert asyncio.run(following()) == "done"
        wait_until(lambda: asyncio.run(completed(database)) == ELEMENTS, "all task runs in PostgreSQL")
    log = (tmp_path / "server.log").read_text()
    assert "locked" not in log and "Traceback" not in log
    password = database.split(":")[2].partition("@")[0]
    assert not [file for file in tmp_path.rglob("*") if file.is_file() and password.encode() in file.read_bytes()]


async def completed(database: str) -> int:
    connection = await asyncpg.connect(database.replace("+asyncpg", ""))
    try:
        return int(await connection.fetchval("SELECT count(*) FROM task_run WHERE state_type = 'COMPLETED'"))
    finally:
        await connection.close()
