"""The module `app`: real programs on the local scheduler."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from processes_of_tests import RunScript, is_alive, wait_until

import orepass.specs as specs
from orepass import Requirements, Store
from orepass.errors import ConfigError, StepError
from orepass.runner import get_runner
from orepass.specs import AppState
from orepass.tasks.apps.app import AppConfig, AppResult, app


def sh(script: str, *arguments: str, **fields: Any) -> specs.AppDef:
    role = specs.Role("main", "", "/bin/sh", ["-c", script, "sh", *arguments], **fields)
    return specs.AppDef("clean", [role])


def run(what: specs.AppDef | AppConfig, **options: Any) -> AppResult:
    config = what if isinstance(what, AppConfig) else AppConfig.of(what, **options)
    return asyncio.run(app.schedule(config))


def states() -> list[AppState]:
    """How the apps stand that were submitted."""
    return [one.state for one in get_runner().list("local")]


def test_an_app_reads_what_others_wrote(store: Store) -> None:
    one = run(sh('echo good morning > "$1/text"', "{output}"))
    assert one.folder.parent.parent == store.root / "app"
    two = run(
        sh('cat "$OREPASS_INPUT_0"/text "$1"/text > "$OREPASS_OUTPUT/twice"', "{inputs[0]}"), inputs=(one.folder,)
    )
    assert (two.folder / "twice").read_text() == "good morning\ngood morning\n"
    assert (two.state, two.roles[0].replicas[0].hostname) == (AppState.SUCCEEDED, socket.gethostname())


def test_the_second_time_it_comes_from_the_store(store: Store) -> None:
    first = run(sh("date +%N"))
    again = run(sh("date +%N"))
    assert again == first
    assert states() == [AppState.SUCCEEDED]


def test_what_an_app_does_is_in_the_key_and_how_it_is_run_is_not(store: Store, tmp_path: Path) -> None:
    def key(what: specs.AppDef, **options: Any) -> Any:
        return app.config_for_key(AppConfig.of(what, **options))

    before = key(sh("true"))
    assert key(sh("true"), scheduler="slurm", timeout_min=3, after=[1]) == before
    assert key(sh("true", resource=specs.Resource(2, 1, 100), max_retries=3, metadata={"slurm.x": "y"})) == before
    others = [
        key(sh("false")),
        key(replace(sh("true"), name="other")),
        key(sh("true", num_replicas=2)),
        key(sh("true", env={"A": "b"})),
        key(sh("true"), inputs=(tmp_path,)),
    ]
    assert all(other != before for other in others)


def test_inputs_count_by_their_content(store: Store, tmp_path: Path) -> None:
    for name, text in (("a", "one"), ("b", "one"), ("c", "two")):
        (tmp_path / name).write_text(text)
        run(sh("cat {inputs[0]}"), inputs=(tmp_path / name,))
    assert states() == [AppState.SUCCEEDED] * 2


def test_other_words_mean_what_they_always_meant(store: Store, tmp_path: Path) -> None:
    odd = tmp_path / "of $app_id {x} and 'quotes'"
    odd.mkdir()
    words = ["${app_id}", "$HOME", "{output}/x", "{}", '{"a": {inputs[0]}}']
    result = run(
        sh('for word; do echo "$word"; done > $OREPASS_OUTPUT/words', *words, env={"A": "{output}"}), inputs=(odd,)
    )
    app_id, home, output, braces, json = (result.folder / "words").read_text().splitlines()
    assert app_id == get_runner().list("local")[0].app_id
    assert (home, braces, json) == ("$HOME", "{}", f'{{"a": {odd}}}')
    assert output.endswith("/output/x")


def test_a_component_makes_the_app(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "orepass")
    run(AppConfig(component="utils.echo", arguments={"msg": "hello", "num_replicas": 2}))
    assert {"echo/0: hello", "echo/1: hello"} <= {record.getMessage() for record in caplog.records}


def test_a_failure_says_who_and_why(store: Store) -> None:
    script = "[ $0 = 0 ] || { echo no room left >&2; exit 3; }; sleep 60"
    roles = [
        specs.Role("reader", "", "/bin/sleep", ["60"]),
        specs.Role("writer", "", "/bin/sh", ["-c", script, "${replica_id}"], num_replicas=2),
    ]
    with pytest.raises(StepError) as caught:
        run(specs.AppDef("copy", roles), cfg={"grace_s": 0.5})
    lines = str(caught.value).splitlines()
    assert lines[0].startswith(f"app failed on {socket.gethostname()}: AppError: The app copy failed")
    assert lines[1] == f"The replica writer/1 ended on {socket.gethostname()} with exit code 3."
    assert lines[2].startswith("All that it wrote: orepass app log local://orepass/copy-")
    assert lines[3:5] == ["The last lines of the stderr of writer/1:", "    no room left"]


def test_a_chatty_app_does_not_drown_the_log(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "orepass")
    run(sh("seq 1000"))
    said = [record.getMessage() for record in caplog.records]
    lines = [line for line in said if line.startswith("main/0: ")]
    assert lines[:2] == ["main/0: 1", "main/0: 2"]
    assert 200 <= len(lines) < 900
    left_out = [int(line[1:].split()[0]) for line in said if "lines left out here" in line]
    assert len(lines) + sum(left_out) == 1000


def test_an_app_ends_with_the_call_that_waits_for_it(store: Store) -> None:
    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGUSR1, interrupt)
    try:
        with pytest.raises(KeyboardInterrupt):
            app(AppConfig.of(sh(f"kill -USR1 {os.getpid()}; sleep 600"), cfg={"grace_s": 0.5}))
    finally:
        signal.signal(signal.SIGUSR1, before)
    wait_until(lambda: states() == [AppState.CANCELLED], "the app to be cancelled")


def test_an_app_ends_with_the_task_that_waits_for_it(store: Store) -> None:
    async def cancelled() -> None:
        waiting = asyncio.create_task(app.schedule(AppConfig.of(sh("sleep 600"), cfg={"grace_s": 0.5})))
        while not states():
            await asyncio.sleep(0.02)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    asyncio.run(cancelled())
    wait_until(lambda: states() == [AppState.CANCELLED], "the app to be cancelled")


KILLED = """
import asyncio, sys
from orepass.tasks.apps.app import AppConfig, app

script = "echo $$$$ > $0; exec sleep 600"  # where $$ is $
role = {"name": "main", "image": "", "entrypoint": "/bin/sh", "args": ["-c", script, sys.argv[1]]}
asyncio.run(app.schedule(AppConfig(name="sleep", roles=[role], cfg={"grace_s": 0.5})))
"""


def test_an_app_ends_with_the_process_that_waits_for_it(run_script: RunScript, tmp_path: Path) -> None:
    journal = tmp_path / "pid"
    waiting = run_script(KILLED, journal)
    wait_until(lambda: journal.exists() and journal.read_text().strip(), "the app to run")
    pid = int(journal.read_text())
    waiting.kill()
    wait_until(lambda: not is_alive(pid), "its replica to end")
    wait_until(lambda: states() == [AppState.CANCELLED], "the app to be cancelled")


def test_what_it_takes_of_the_machine() -> None:
    needy = specs.Resource(cpu=2, gpu=1, memMB=2048)
    here = AppConfig.of(sh("true", num_replicas=2, resource=needy), timeout_min=7)
    assert app.requirements(here) == Requirements(cpus=4, gpus=2, mem_gb=4, timeout_min=7)
    assert app.requirements(replace(here, scheduler="slurm")).gpus == 0
    assert app.requirements(AppConfig.of(sh("true"))) == Requirements()


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "nothing": ({}, "there is no app. Give its name and roles, or a component"),
    "both": ({"component": "utils.echo", "roles": [{}]}, "both a component and name, roles or metadata are given"),
    "no component": ({"component": "utils.ecko"}, "No component 'utils.ecko'. Did you mean 'utils.echo'"),
    "arguments of nothing": ({"name": "a", "roles": [{}], "arguments": {"a": 1}}, "arguments are those of a component"),
    "a name": ({"roles": [{"name": "a", "image": "", "entrypoint": "x"}]}, "The app has no name"),
    "a role": ({"name": "a", "roles": [{"name": "a", "image": ""}]}, "The role 'a' of the app 'a' has no entrypoint"),
    "a word": ({"component": "utils.echo", "arguments": {"msg": "{inputs[1]}"}}, r"\{inputs\[1\]\} is in the app"),
    "a scheduler": ({"component": "utils.echo", "scheduler": "locl"}, "No scheduler 'locl'. Did you mean 'local'"),
    "an option": ({"component": "utils.echo", "cfg": {"foldr": 1}}, "No option 'foldr' in scheduler local"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_run_is_refused_before_anything_runs(name: str) -> None:
    given, message = REFUSED[name]
    with pytest.raises(ConfigError, match=message):
        AppConfig(**given)
