"""Apps in pipeline files: joined, checked as a whole, and run."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from orepass import Store
from orepass.errors import ConfigError, StepError
from orepass.flows._pipeline_file import read_pipeline_file
from orepass.pipelines.document import read_pipeline
from orepass.pipelines.running import run_nodes
from orepass.pipelines.states import survey
from orepass.runner import get_runner

ECHO = {"type": "app", "component": "utils.echo"}

FILE = r"""
modules:
  words:
    type: app
    component: utils.sh
    arguments:
      args: [sh, -c, 'tr " " "\n" < "$OREPASS_INPUT_0" > "$1/words"; echo "$0" > "$1/id"', '\${app_id}', "{output}"]
    inputs: [text.txt]
  count:
    type: app
    name: count
    roles:
      - name: count
        image: ""
        entrypoint: /bin/sh
        args: [-c, 'wc -w < "$0/words" > "$1/n"', "{inputs[0]}", "{output}"]
    input_inputs: [words]
  tell: {type: app, component: utils.echo, input_after: [count, words.state]}
"""


def app(**role: Any) -> dict[str, Any]:
    return {"type": "app", "name": "clean", "roles": [{"name": "main", "image": "", "entrypoint": "/bin/echo", **role}]}


def test_apps_take_what_others_wrote(tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("text.txt").write_text("good morning to all")
    Path("apps.yaml").write_text(FILE)
    found = read_pipeline_file("apps.yaml", []).pipeline
    results = asyncio.run(run_nodes(found.nodes, found.nodes))
    assert (results["count"].folder / "n").read_text().strip() == "4"
    ids = [one.app_id for one in get_runner().list("local")]
    assert (results["words"].folder / "id").read_text().strip() == ids[2]
    assert {one.state.value for one in survey(found.nodes, store).standings.values()} == {"done"}


def test_an_app_waits_for_what_comes_before_it(store: Store) -> None:
    modules = {"first": app(entrypoint="/bin/false"), "second": {**ECHO, "input_after": "first"}}
    found = read_pipeline(modules)
    assert [one.state.value for one in survey(found.nodes, store).standings.values()] == ["ready", "waiting"]
    with pytest.raises(StepError, match=r"first failed on .*AppError: The app clean failed"):
        asyncio.run(run_nodes(found.nodes, found.nodes))
    standings = survey(found.nodes, store).standings
    assert [one.state.value for one in standings.values()] == ["failed", "waiting"]
    assert [one.name for one in get_runner().list("local")] == ["clean"]


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "a field of a role": (
        {"clean": {**app(), "roles": [{"name": "main", "image": "", "entrypont": "x"}]}},
        r"clean: roles\[0\]: No option 'entrypont' in Role. Did you mean 'entrypoint'\?",
    ),
    "one that waits": (
        {"first": ECHO, "clean": {**app(entrypoint=""), "input_after": "first"}},
        "clean: The role 'main' of the app 'clean' has no entrypoint",
    ),
    "no role": ({"clean": {**app(), "roles": [3]}}, r"clean: roles\[0\]: Input should be a valid dictionary, got 3"),
    "a number": ({"clean": app(args=[1])}, r"args\[0\]: Input should be a valid string, got 1"),
    "an argument": ({"clean": {**ECHO, "arguments": {"mgs": "x"}}}, "clean: utils.echo has no argument 'mgs'"),
    "an option": ({"clean": {**ECHO, "shceduler": "x"}}, "no option 'shceduler' in app. Did you mean 'scheduler'"),
    "a scheduler": ({"clean": {**ECHO, "scheduler": "x"}}, "clean: No scheduler 'x'"),
    "an input": ({"clean": app(args=["{inputs[0]}"])}, r"clean: \{inputs\[0\]\} is in the app 'clean', but it has 0"),
    "no list": ({"first": ECHO, "clean": {**ECHO, "input_inputs": "first"}}, "Put it in brackets, as a list of one"),
    "no path": (
        {"first": ECHO, "clean": {**ECHO, "input_inputs": ["first.state"]}},
        "clean: input_inputs: first.state: input 'inputs' takes .*Path.*, but output 'state' gives AppState",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_run_is_refused_with_its_place(name: str) -> None:
    modules, message = REFUSED[name]
    with pytest.raises(ConfigError, match=message):
        read_pipeline(modules)
