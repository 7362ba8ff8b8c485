from __future__ import annotations

from pathlib import Path

import pytest

import orepass.specs as specs
from orepass.errors import AppError, ConfigError
from orepass.runner import Handle, get_runner, make_scheduler, parse_handle, scheduler_names
from orepass.runner.handle import new_app_id
from orepass.specs import AppState, AppStatus

ECHO = specs.AppDef("echo", [specs.Role("echo", "", "/bin/echo")])


@pytest.mark.parametrize("text", ["local://me/echo-1", "slurm://a.b/c_d-1"])
def test_a_handle_is_read_as_it_is_written(text: str) -> None:
    assert str(parse_handle(text)) == text


@pytest.mark.parametrize(
    "text", ["", "echo-1", "local://", "local://me", "local://me/", "local://me/a/b", "local:///a"]
)
def test_what_is_no_handle_is_told(text: str) -> None:
    with pytest.raises(ConfigError, match=r"no handle of an app.*SCHEDULER://SESSION/APP_ID.*orepass app list"):
        get_runner().status(text)


@pytest.mark.parametrize("name", ["echo", "Übung: 1/2", "", "x" * 300])
def test_ids_fit_into_handles_and_are_all_different(name: str) -> None:
    first, second = new_app_id(name), new_app_id(name)
    assert first != second and len(first) < 64
    assert parse_handle(f"local://me/{first}") == Handle("local", "me", first)


def test_an_unknown_scheduler_has_a_close_match() -> None:
    with pytest.raises(ConfigError, match=r"No scheduler 'locl'\. Did you mean 'local'\?"):
        get_runner().run(ECHO, "locl")
    with pytest.raises(ConfigError, match=r"No scheduler 'slrum'\. Did you mean 'slurm'\?"):
        get_runner(scheduler_options={"slrum": {}})


def test_the_environment_says_the_default_scheduler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OREPASS_SCHEDULER", "nowhere")
    with pytest.raises(ConfigError, match="No scheduler 'nowhere'"):
        get_runner().run(ECHO)


def test_options_of_schedulers_are_checked() -> None:
    with pytest.raises(ConfigError, match=r"No option 'foldr' in scheduler local\. Did you mean 'folder'\?"):
        make_scheduler("local", foldr="x")
    with pytest.raises(ConfigError, match=r"grace_s"):
        make_scheduler("local", grace_s="soon")


def test_all_schedulers_that_are_registered_can_be_made() -> None:
    assert {"docker", "kubernetes", "local", "prefect", "slurm"} <= {*scheduler_names()}
    for name in scheduler_names():
        make_scheduler(name)


@pytest.mark.parametrize(
    ("app", "said"),
    [
        (specs.AppDef("a"), "has no roles"),
        (specs.AppDef("a", [specs.Role("r", "")]), "has no entrypoint"),
        (specs.AppDef("a", [specs.Role("r", "", "/bin/echo", num_replicas=0)]), "num_replicas=0"),
    ],
)
def test_an_app_that_nobody_could_run_is_told(app: specs.AppDef, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        get_runner().dryrun(app)


def test_an_app_that_is_not_there(tmp_path: Path) -> None:
    runner = get_runner(scheduler_options={"local": {"folder": tmp_path}})
    handle = "local://me/echo-1"
    assert runner.status(handle) is runner.wait(handle) is runner.describe(handle) is None
    for ask in (runner.cancel, runner.log_lines):
        with pytest.raises(AppError, match=r"no app local://me/echo-1.*orepass app list"):
            ask(handle)


def test_roles_replicas_and_streams_are_checked(tmp_path: Path) -> None:
    runner = get_runner(scheduler_options={"local": {"folder": tmp_path}})
    two = specs.AppDef("two", [specs.Role("reader", "", "/bin/echo"), specs.Role("writer", "", "/bin/echo")])
    handle = runner.run(two)
    for arguments, said in (
        ({}, "several roles; say which. Valid: reader, writer"),
        ({"role_name": "readr"}, "no role 'readr'. Did you mean 'reader'?"),
        ({"role_name": "reader", "k": 1}, "no replica 1. Valid: 0 to 0"),
        ({"role_name": "reader", "streams": "stdin"}, "No stream 'stdin'"),
        ({"role_name": "reader", "regex": "("}, "no regular expression"),
    ):
        with pytest.raises(ConfigError, match=said):
            runner.log_lines(handle, **arguments)  # type: ignore[arg-type]
    runner.wait(handle, 0.02)


def test_only_success_is_no_error() -> None:
    AppStatus(AppState.SUCCEEDED).raise_for_status()
    with pytest.raises(AppError, match="The app cancelled: it was cancelled"):
        AppStatus(AppState.CANCELLED, msg="it was cancelled").raise_for_status()
