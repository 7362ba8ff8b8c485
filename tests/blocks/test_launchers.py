"""The launchers that need nothing but this machine."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

import pytest
import yaml
from launcher_suite import LauncherSuite

from orepass.blocks.launchers import LAUNCHERS, make_launcher
from orepass.errors import ConfigError


class TestDebug(LauncherSuite):
    """In the flow's own process nothing can be killed, and nothing is hidden."""

    name = "debug"
    test_a_step_is_killed_at_its_timeout_also_in_c_code: Any = None
    test_a_step_is_killed_above_its_memory: Any = None
    test_a_step_whose_process_dies_harms_no_other: Any = None
    test_a_step_that_is_cancelled_ends: Any = None
    test_a_step_sees_the_gpus_that_it_asks_for: Any = None
    test_in_a_flow_a_step_is_started_again_with_more_memory: Any = None

    def check_heard(self, lines: list[str]) -> None:
        assert lines == []  # they reach the terminal by themselves


class TestLocal(LauncherSuite):
    name = "local"
    options = {"limit_memory": True}  # noqa: RUF012


class TestDask(LauncherSuite):
    name = "dask"
    options = {"limit_memory": True, "cpus": 3}  # noqa: RUF012


def test_a_launcher_that_does_not_exist() -> None:
    with pytest.raises(ConfigError, match=r"No launcher 'locl'. Did you mean 'local'\? Valid: dask, debug, "):
        make_launcher("locl")


@pytest.mark.parametrize("wrong", [{"cpu": 2}, {"cpus": 0}, {"cpus": "many"}, {"gpus": -1}])
def test_wrong_options_are_named(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        make_launcher("local", **wrong)


@pytest.mark.parametrize("name", sorted(LAUNCHERS))
def test_the_command_line_has_the_same_options_and_defaults_as_python(name: str) -> None:
    options = yaml.safe_load((files("orepass.conf") / "launcher" / f"{name}.yaml").read_text())
    launcher = make_launcher(**options)
    assert launcher == make_launcher(name)
    assert set(options) - {"name"} == set(type(launcher).model_fields)
