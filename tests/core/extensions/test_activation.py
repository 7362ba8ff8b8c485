from __future__ import annotations

import importlib
import importlib.metadata
import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest
from extensions_of_tests import MakeProject, MakeWheel

from orepass.errors import ConfigError
from orepass.extensions import Installed, activate, as_variables, dumps, install, loads, plan, read_extensions


def installed(folder: Path) -> Installed:
    return install(plan(read_extensions({"my_ext": str(folder)})))[0]


def test_an_active_extension_can_be_imported(project: MakeProject) -> None:
    folder = project()
    one = installed(folder)
    for _ in range(2):
        activate([one])
    assert importlib.import_module("my_ext").ANSWER == 42
    assert sys.path.count(str(one.packages)) == 1
    assert sys.path[-1] == str(one.packages)  # nothing of the environment is hidden
    (folder / "my_ext/__init__.py").write_text("ANSWER = 43\n")
    changed = installed(folder)
    with pytest.raises(ConfigError, match="start a new process"):
        activate([changed])


def test_other_processes_have_it(project: MakeProject, monkeypatch: pytest.MonkeyPatch) -> None:
    one = installed(project())
    command = [sys.executable, "-c", "import my_ext; print(my_ext.ANSWER)"]
    done = subprocess.run(command, env=as_variables([one]), capture_output=True, text=True)
    assert done.stdout == "42\n", done.stderr
    monkeypatch.setenv("PYTHONPATH", "/some/where")
    value = as_variables([one])["PYTHONPATH"]
    assert value == f"/some/where{os.pathsep}{one.packages}"
    monkeypatch.setenv("PYTHONPATH", value)
    assert as_variables([one]) == {"PYTHONPATH": value}
    monkeypatch.delenv("PYTHONPATH")
    assert as_variables([]) == {}
    assert loads(dumps([one])) == (one,)
    assert pickle.loads(pickle.dumps(one)) == one


def test_one_that_another_one_requires_is_declared_before_it(wheel: MakeWheel) -> None:
    wheel("base", "1.0", {"my_base": ""})
    wheel("base", "1.1", {"my_base": ""})
    wheel("other", "1.0", {"my_other": ""}, ["base>=1"])
    base, other = install(plan(read_extensions({"my_base": "base==1.0", "my_other": "other==1.0"})))
    path = list(sys.path)
    activate([base, other])
    assert importlib.metadata.version("base") == "1.0"
    sys.path[:] = path
    with pytest.raises(ConfigError, match=r"my_base: .* Declare it before the extension that requires it"):
        activate([other, base])


def test_one_that_is_not_on_this_machine(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is not on this machine"):
        activate([Installed("my_ext", "py-extensions==1.0", tmp_path / "nowhere")])
