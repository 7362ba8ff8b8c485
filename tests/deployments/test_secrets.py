"""What a run leaves behind holds no secret: neither the server's password, nor what steps got from elsewhere."""

from __future__ import annotations

from pathlib import Path

from .conftest import PASSWORD, Site

TOKEN = "token-of-the-environment-0815"
SAVED = "token-of-a-block-0816"

SCRIPT = """
import logging, os, sys
from dataclasses import dataclass
import asyncio
from prefect import flow
from prefect.blocks.system import Secret
from orepass import module
from orepass.blocks.launchers.default import DefaultTaskRunner

log = logging.getLogger("orepass.fetch")

@dataclass(frozen=True)
class FetchConfig:
    url: str
    fail: bool = False

@module
def fetch(config: FetchConfig) -> int:
    token, saved = os.environ["FETCH_TOKEN"], Secret.load("fetch-token").get()
    assert saved == sys.argv[1]
    log.info("fetching %s with tokens of %d and %d characters", config.url, len(token), len(saved))
    if config.fail:
        raise RuntimeError("403 Forbidden")
    return len(token)

@flow(task_runner=DefaultTaskRunner())
async def fetching(config: FetchConfig) -> int:
    return await fetch.schedule(config)

if __name__ == "__main__":
    Secret(value=sys.argv[1]).save("fetch-token", overwrite=True)
    assert asyncio.run(fetching(FetchConfig("https://example.org"))) > 0
    asyncio.run(fetching(FetchConfig("https://example.org/other", fail=True)))
"""


def test_nothing_that_a_run_leaves_behind_holds_a_secret(site: Site) -> None:
    script = site.home / "fetching.py"
    script.write_text(SCRIPT)
    run = site.start("python", str(script), SAVED, FETCH_TOKEN=TOKEN)
    said = run.end()
    assert run.process.returncode == 1 and "403 Forbidden" in said
    left = [file for place in (site.home, site.folder) for file in place.rglob("*") if file.is_file()]
    names = {file.name for file in left}
    assert {"prefect.db", "record.json", "0.log"} <= names  # the server's database, the store, what was printed
    assert any(b"403 Forbidden" in file.read_bytes() for file in left if file.parent.parent.name == ".failed")
    for secret in (PASSWORD, TOKEN, SAVED):
        assert not [str(file) for file in left if secret.encode() in file.read_bytes()]


def test_who_has_no_password_is_told_what_to_do(site: Site, tmp_path: Path) -> None:
    words = ["python", str(site.folder / "flows" / "mining.py"), f"store.root={tmp_path}", "launcher=debug"]
    run = site.start(*words, cwd=tmp_path, PREFECT_API_AUTH_STRING="")
    said = run.end()
    assert run.process.returncode == 1
    assert "asks for a password" in said and "PREFECT_API_AUTH_STRING" in said
    assert "Traceback" not in said
