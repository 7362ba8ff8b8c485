"""The Retry button, pressed in a real browser: of a deployment's run, of one of the command line, of a killed one."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from processes_of_tests import wait_until

from .conftest import PASSWORD, Site

ONCE_MORE = ["embed_text.xx[0]", "embed_text.xx[1]", "embed_text.yy[0]", "embed_text.yy[0]"]
"""The one that failed; those that did not are not embedded again."""


@pytest.fixture(scope="module")
def chromium() -> str:
    found = shutil.which("chromium")
    if found is None or importlib.util.find_spec("playwright") is None:
        needed = "`apt-get install chromium` and `pip install playwright`"
        if os.environ.get("CI") == "true":
            pytest.fail(f"CI runs this for real: it needs {needed}")
        pytest.skip(f"needs {needed}")
    return found


@dataclass(frozen=True)
class Corpus:
    """Text of which one file, the third that is embedded, is not UTF-8."""

    folder: Path

    def write(self) -> None:
        self.folder.mkdir(parents=True)
        for name in ("xx.1", "xx.2", "yy.1"):
            lines = (f"sentence {number} of {name}\n".encode() for number in range(20))
            self._file(name).write_bytes(b"".join(lines))
        self._file("yy.1").write_bytes(self._file("yy.1").read_bytes() + "café\n".encode("latin-1"))

    def mend(self) -> None:
        self._file("yy.1").write_text(self._file("yy.1").read_text(encoding="latin-1"))

    def _file(self, name: str) -> Path:
        return self.folder / f"{name}.txt"

    @property
    def options(self) -> dict[str, Any]:
        shards = str(self.folder / "{lang}.*.txt")
        return {"src_lang": "xx", "tgt_lang": "yy", "k": 4, "data": {"name": "tiny", "shards": shards}}

    @property
    def arguments(self) -> list[str]:
        options = self.options
        data = f"{{name: tiny, shards: '{options.pop('data')['shards']}'}}"
        return [*(f"{key}={value}" for key, value in options.items()), f"data={data}"]


@pytest.fixture
def corpus(tmp_path: Path) -> Corpus:
    corpus = Corpus(tmp_path / "news")
    corpus.write()
    return corpus


@dataclass(frozen=True)
class Killed:
    """A run of the command line that was killed in its middle, with folders of its own."""

    run: str
    folder: Path
    store: Path


@pytest.fixture(scope="module")
def killed(chromium: str, site: Site, tmp_path_factory: pytest.TempPathFactory) -> Killed:
    """Begun before the other tests, because it takes a while until somebody sees that it is dead."""
    _be_quick_to_see_the_dead(site)
    folder = tmp_path_factory.mktemp("killed")
    corpus = Corpus(folder / "news")
    corpus.write()
    corpus.mend()
    store = folder / "store"
    words = ["python", str(site.folder / "flows" / "mining.py"), *corpus.arguments, "launcher.cpus=1"]
    run = site.start(*words, cwd=folder, OREPASS_STORE=str(store), PREFECT_FLOWS_HEARTBEAT_FREQUENCY="30")
    wait_until(lambda: records(store), "a finished step", 120)
    run.kill()
    return Killed(site.latest("local"), folder, store)


def _be_quick_to_see_the_dead(site: Site) -> None:
    (automation,) = site.ask("POST", "/automations/filter")
    automation["trigger"]["within"] = 40
    put = {name: automation[name] for name in ("name", "description", "enabled", "trigger", "actions")}
    site.ask("PUT", f"/automations/{automation['id']}", **put)


class Screen:
    """A browser that has logged in."""

    def __init__(self, site: Site, page: Any) -> None:
        self.site = site
        self.page = page
        page.goto(site.ui)
        page.get_by_role("textbox").fill(f"me:{PASSWORD}")
        page.get_by_role("button", name="Login").click()
        page.get_by_role("button", name="Logout").wait_for()

    def shoot(self, name: str) -> None:
        """Keep what it shows, for people."""
        self.page.wait_for_timeout(1500)
        self.page.screenshot(path=self.site.home / f"{name}.png")

    def retry(self, run: str) -> None:
        """Press Retry, and confirm it, in the UI that has it as a button."""
        self.page.goto(f"{self.site.ui}/runs/flow-run/{run}")
        self.page.get_by_role("button", name="Retry", exact=True).click()
        self._confirm("dialog")

    def retry_by_menu(self, run: str) -> None:
        """The same in the newer UI."""
        self.page.goto(f"{self.site.ui}/v2/runs/flow-run/{run}")
        self.page.get_by_role("button", name="Open menu").click()
        self.page.get_by_role("menuitem", name="Retry").click()
        self._confirm("alertdialog")

    def _confirm(self, role: str) -> None:
        self.shoot(role)
        self.page.get_by_role(role).get_by_role("button", name="Retry", exact=True).click()

    def is_completed(self, name: str) -> None:
        """Wait until it shows so."""
        self.page.get_by_text("Completed", exact=True).first.wait_for(timeout=120_000)
        self.shoot(name)


@pytest.fixture(scope="module")
def screen(chromium: str, site: Site, killed: Killed) -> Iterator[Screen]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield Screen(site, browser.new_page(viewport={"width": 1400, "height": 1000}))
        browser.close()


def records(store: Path) -> set[tuple[Path, int]]:
    """What is in a store, and since when."""
    return {(path, path.stat().st_mtime_ns) for path in store.glob("[!.]*/*/record.json")}


def embedded(site: Site, run: str) -> list[str]:
    """The shards that were embedded, in as many attempts of a run as there were."""
    runs = site.ask("POST", "/task_runs/filter", task_runs={"flow_run_id": {"any_": [run]}})
    return sorted(one["name"] for one in runs if one["name"].startswith("embed_text"))


def test_a_run_of_a_deployment(site: Site, screen: Screen, corpus: Corpus) -> None:
    store = site.home / "store"
    site.run("prefect", "deployment", "run", "mining/local", "--param", f"config={json.dumps(corpus.options)}")
    run = site.latest("local")
    site.wait_for(run, "Failed")
    before = records(store)
    corpus.mend()
    screen.retry(run)
    screen.is_completed("deployment")
    assert site.wait_for(run, "Completed")["run_count"] == 2
    assert before < records(store)
    assert embedded(site, run) == ONCE_MORE
    assert (site.folder / "outputs" / "mining" / "tiny.xx-yy" / "pairs.tsv").exists()


def test_a_run_of_the_command_line(site: Site, screen: Screen, corpus: Corpus, tmp_path: Path) -> None:
    store = tmp_path / "store"
    words = ["python", str(site.folder / "flows" / "mining.py"), *corpus.arguments, f"store.root={store.name}"]
    failing = site.start(*words, cwd=tmp_path)
    assert "not UTF-8" in failing.end() and failing.process.returncode == 1
    run = site.latest("local")
    before = records(store)
    corpus.mend()
    screen.retry_by_menu(run)
    screen.is_completed("command_line")
    assert site.wait_for(run, "Completed")["run_count"] == 2
    assert before < records(store)
    assert embedded(site, run) == ONCE_MORE
    assert (tmp_path / "outputs" / "mining" / "tiny.xx-yy" / "pairs.tsv").exists()


def test_a_run_whose_process_was_killed(site: Site, screen: Screen, killed: Killed) -> None:
    site.wait_for(killed.run, "Crashed")
    before = records(killed.store)
    screen.retry(killed.run)
    screen.is_completed("killed")
    assert site.wait_for(killed.run, "Completed")["run_count"] == 2
    assert before < records(killed.store)
    assert (killed.folder / "outputs" / "mining" / "tiny.xx-yy" / "pairs.tsv").exists()
