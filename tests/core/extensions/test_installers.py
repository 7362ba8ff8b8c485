"""uv and pip answer alike."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest
from extensions_of_tests import MakeProject, MakeWheel

from orepass.errors import ConfigError
from orepass.extensions.installers import Installer, Pip, Uv


@pytest.fixture(params=["pip", "uv"])
def installer(request: pytest.FixtureRequest) -> Installer:
    if request.param == "pip":
        return Pip()
    path = os.pathsep.join([os.path.dirname(sys.executable), os.environ["PATH"]])
    uv = shutil.which("uv", path=path)
    if uv is None:
        pytest.skip("there is no uv")
    return Uv(uv)


def test_what_is_missing(installer: Installer, wheel: MakeWheel) -> None:
    wheel("numpy", "999.0", {"numpy": ""})
    wheel("helpers", "1.0", {"helper": ""}, ["deeper"])
    wheel("helpers", "2.0", {"helper": ""}, ["deeper", "numpy==999.0"])
    direct = wheel("deeper", "0.1", {"deeper": ""})
    assert sorted(installer.missing(["helpers", "numpy"])) == ["deeper==0.1", "helpers==1.0"]
    assert installer.missing(["numpy"]) == []
    assert installer.missing([f"deeper @ {direct.as_uri()}"]) == [f"deeper @ {direct.as_uri()}"]
    with pytest.raises(ConfigError, match=r"(uv|pip) cannot install helpers==2.0. It said:"):
        installer.missing(["helpers==2.0"])


def test_a_folder_and_a_package_go_where_they_shall(
    installer: Installer, project: MakeProject, wheel: MakeWheel, tmp_path: Path
) -> None:
    wheel("helpers", "1.0", {"helper": ""}, ["absent"])
    target = tmp_path / "target folder"
    installer.install([str(project("an extension"))], target)
    installer.install(["helpers==1.0"], target)
    assert {"my_ext", "helper"} <= {path.name for path in target.iterdir()}
    with pytest.raises(ConfigError, match="cannot install absent"):
        installer.install(["absent"], target)
