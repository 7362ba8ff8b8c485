"""A team's server: Prefect on a real PostgreSQL."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest
from processes_of_tests import RunScript, wait_until
from servers_of_tests import postgres, postgres_programs, prefect_server_on

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


# In a process of its own: Prefect's client of events stays with the first server that a process has talked to.
SCRIPT = f"""
import asyncio, sys
import orepass
from prefect import flow
from example_steps import Options, times_ten
from orepass.blocks.launchers import make_launcher

@flow
async def array():
    return await times_ten.schedule(Options(sys.argv[1]), over=range({ELEMENTS}))

@flow
async def following():
    return "done"

if __name__ == "__main__":
    results = asyncio.run(array.with_options(task_runner=make_launcher("local").task_runner())())
    print(results == [10 * number for number in range({ELEMENTS})], asyncio.run(following()))
"""


def test_an_array_and_the_next_flow(
    database: str, run_script: RunScript, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with prefect_server_on(database, tmp_path) as api:
        monkeypatch.setenv("PREFECT_API_URL", api)
        run = run_script(SCRIPT, tmp_path / "journal")
        assert "True done" in run.end(180), run.output
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
