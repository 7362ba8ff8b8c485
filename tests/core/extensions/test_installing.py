"""Installed once, beside the environment, with what is missing, whole or not at all."""

from __future__ import annotations

import importlib.metadata
import json
import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from extensions_of_tests import MakeProject, MakeWheel, git
from processes_of_tests import wait_until

from orepass.errors import ConfigError
from orepass.extensions import Installed, Planned, install, plan, read_extensions


def planned(value: str | Path, module: str = "my_ext") -> Planned:
    return plan(read_extensions({module: str(value)}))[0]


def installed(value: str | Path, module: str = "my_ext") -> Installed:
    return install([planned(value, module)])[0]


def packages(one: Installed) -> dict[str, str]:
    return dict(json.loads((one.folder / "extension.json").read_text())["packages"])


def test_a_folder(project: MakeProject, root: Path) -> None:
    folder = project()
    before = sorted(folder.rglob("*"))
    assert str(planned(folder)).startswith(f"Extension my_ext: {folder} will be installed, with what it requires, into")
    there = installed(folder)
    assert there.packages.parent.parent == root
    assert (there.packages / "my_ext/__init__.py").exists()
    assert sorted(folder.rglob("*")) == before  # nothing is built in it
    assert planned(folder).there
    assert str(planned(folder)) == f"Extension my_ext: {folder} is installed in {there.folder}"


def test_the_example_of_the_documentation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wheel: MakeWheel) -> None:
    """With setuptools, which is the environment's here: an index would have it for a build of its own."""
    monkeypatch.setenv("UV_NO_BUILD_ISOLATION", "1")
    monkeypatch.setenv("PIP_NO_BUILD_ISOLATION", "0")  # to pip, "no" and "0" are the same
    wheel("extra_dependency", "1.2.3", {"extra": ""})
    (tmp_path / "extension/my_ext").mkdir(parents=True)
    (tmp_path / "extension/setup.py").write_text(
        "from setuptools import setup, find_packages\n\n"
        "setup(\n    name='my_extension-pkg-name',\n    version='1.0.0',\n    packages=find_packages(),\n"
        "    install_requires=['extra_dependency==1.2.3'],\n)\n"
    )
    (tmp_path / "extension/my_ext/__init__.py").write_text("from my_ext.my_trainer import MyCustomTrainer\n")
    (tmp_path / "extension/my_ext/my_trainer.py").write_text("import extra\n\nclass MyCustomTrainer:\n    pass\n")
    there = installed(tmp_path / "extension")
    assert packages(there) == {"extra-dependency": "1.2.3", "my-extension-pkg-name": "1.0.0"}
    assert {path.name for path in (tmp_path / "extension").iterdir()} == {"setup.py", "my_ext"}


def test_a_folder_of_a_repository(project: MakeProject, github: Callable[[Path], None]) -> None:
    folder = project("work/path/to/extension")
    github(folder.parent.parent.parent)
    there = installed("https://github.com/user/repo/tree/main/path/to/extension")
    assert (there.packages / "my_ext/__init__.py").exists()
    assert there.source.endswith(f"/tree/{git(folder, 'rev-parse', 'HEAD')}/path/to/extension")
    with pytest.raises(ConfigError, match=r"There is no folder paths in https://github.com/user/repo at commit"):
        installed("https://github.com/user/repo/tree/main/paths")


def test_a_commit_that_the_repository_has_not(project: MakeProject, github: Callable[[Path], None]) -> None:
    github(project("work"))
    with pytest.raises(ConfigError, match=r"Cannot read commit 0{40} of https://github.com/user/repo"):
        installed(f"https://github.com/user/repo/tree/{'0' * 40}")


def test_a_requirement_with_what_it_requires(wheel: MakeWheel) -> None:
    wheel("py-extensions", "1.0", {"my_ext": "import helper"}, ["helpers>=2", "numpy", "absent; extra == 'more'"])
    wheel("helpers", "2.1", {"helper": ""}, ["deeper"])
    wheel("deeper", "0.1", {"deeper": ""})
    assert packages(installed("py-extensions==1.0")) == {"deeper": "0.1", "helpers": "2.1", "py-extensions": "1.0"}


def test_extras(wheel: MakeWheel) -> None:
    wheel("py-extensions", "1.0", {"my_ext": ""}, ["helpers; extra == 'fast'"], ["fast"])
    wheel("helpers", "2.1", {"helper": ""})
    assert list(packages(installed("py-extensions==1.0"))) == ["py-extensions"]
    assert sorted(packages(installed("py-extensions[fast]==1.0"))) == ["helpers", "py-extensions"]


def test_what_the_environment_has_is_neither_replaced_nor_installed_again(wheel: MakeWheel) -> None:
    there = importlib.metadata.version("numpy")
    wheel("numpy", "999.0", {"numpy": ""})
    wheel("py-extensions", "1.0", {"my_ext": ""}, ["numpy", "orepass"])
    wheel("py-extensions", "2.0", {"my_ext": ""}, ["numpy==999.0"])
    assert list(packages(installed("py-extensions==1.0"))) == ["py-extensions"]
    with pytest.raises(ConfigError, match=r"(?s)(uv|pip) cannot install numpy==999.0.*must fit the versions") as caught:
        installed("py-extensions==2.0")
    assert there in str(caught.value)


def test_an_installation_that_does_not_go_with_the_environment_is_left_for_others(
    wheel: MakeWheel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as that of an environment that lacks what this one has."""
    wheel("py-extensions", "1.0", {"my_ext": "import helper"}, ["helpers"])
    wheel("helpers", "2.1", {"helper": ""})
    first = installed("py-extensions==1.0")
    (tmp_path / "site/helper").mkdir(parents=True)
    (tmp_path / "site/helper/__init__.py").touch()
    (tmp_path / "site/helpers-2.0-unknown.dist-info").mkdir()
    metadata = tmp_path / "site/helpers-2.0-unknown.dist-info/METADATA"
    metadata.write_text("Metadata-Version: 2.1\nName: helpers\nVersion: 2.0-unknown\n")  # as Debian has some
    with monkeypatch.context() as patch:
        patch.syspath_prepend(tmp_path / "site")
        patch.setenv("PYTHONPATH", str(tmp_path / "site"))
        assert not planned("py-extensions==1.0").there
        second = installed("py-extensions==1.0")
        assert planned("py-extensions==1.0").there
    assert list(packages(second)) == ["py-extensions"]
    assert installed("py-extensions==1.0") == first != second


def test_the_name_of_the_package_is_not_that_of_the_module(project: MakeProject, root: Path) -> None:
    folder = project(modules={"my_ext": "", "my_other": ""})
    with pytest.raises(ConfigError, match=r"no top-level module 'my_extension_pkg'. It has: my_ext, my_other"):
        installed(folder, "my_extension_pkg")
    assert not planned(folder, "my_extension_pkg").there


def test_a_module_that_cannot_be_imported(project: MakeProject, root: Path) -> None:
    folder = project(modules={"my_ext": "import nowhere_to_be_found"})
    with pytest.raises(ConfigError, match=r"(?s)^Extension my_ext: `import my_ext` fails:.*No module named 'nowhere"):
        installed(folder)
    assert not planned(folder).there
    assert not list((root / ".partial").iterdir())


def test_a_package_that_cannot_be_built(project: MakeProject) -> None:
    folder = project()
    (folder / "package.json").write_text("nothing")
    with pytest.raises(ConfigError, match=r"^Extension my_ext: (uv|pip) cannot install"):
        installed(folder)


def test_installing_can_be_forbidden(project: MakeProject, root: Path) -> None:
    one = planned(project())
    with pytest.raises(ConfigError, match=r"(?s)run once without --no-install.*my_ext: .*extension"):
        install([one], allow=False)
    assert not root.exists()
    there = install([one])
    assert install([one], allow=False) == there


def test_a_killed_installation_leaves_nothing_that_looks_whole(project: MakeProject, tmp_path: Path) -> None:
    folder, reached = project(), tmp_path / "reached"
    with (folder / "tiny_backend.py").open("a") as backend:  # takes long, the first time
        backend.write(f"reached = Path({str(reached)!r})\nif not reached.exists():\n    reached.touch()\n")
        backend.write("    __import__('time').sleep(600)\n")
    one = planned(folder)
    command = f"from orepass.extensions import *; install(plan(read_extensions({{'my_ext': {str(folder)!r}}})))"
    run = subprocess.Popen([sys.executable, "-c", command], start_new_session=True)
    try:
        wait_until(reached.exists, "the build to begin", 60)
    finally:
        os.killpg(run.pid, signal.SIGKILL)
        run.wait()
    assert one.place.partials()
    assert not one.there
    assert (install([one])[0].packages / "my_ext").is_dir()
    assert not one.place.partials()


def test_two_runs_at_once_install_once(project: MakeProject, caplog: pytest.LogCaptureFixture) -> None:
    one = planned(project())
    with caplog.at_level(logging.INFO, "orepass.extensions"):
        runs = [threading.Thread(target=install, args=([one],)) for _ in range(2)]
        for run in runs:
            run.start()
        for run in runs:
            run.join()
    assert sum(": installed" in record.getMessage() for record in caplog.records) == 1


def test_a_folder_that_cannot_be_written(project: MakeProject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("OREPASS_EXTENSIONS", str(tmp_path / "file"))
    with pytest.raises(ConfigError, match=r"cannot write .*OREPASS_EXTENSIONS names another"):
        installed(project())


def test_an_extension_that_changes_while_it_is_installed(project: MakeProject) -> None:
    folder = project()
    one = planned(folder)
    (folder / "my_ext/more.py").touch()
    with pytest.raises(ConfigError, match=r"was changed while"):
        install([one])


def test_extensions_that_need_different_versions_do_not_go_together(wheel: MakeWheel) -> None:
    for version in ("1.0", "2.0"):
        wheel("helpers", version, {"helper": ""})
        wheel(f"needs-{version[0]}", "1.0", {f"ext{version[0]}": ""}, [f"helpers=={version}"])
    both = plan(read_extensions({"ext1": "needs-1==1.0", "ext2": "needs-2==1.0"}))
    for one in both:
        install([one])
    with pytest.raises(ConfigError, match=r"ext1, ext2 do not go together .*: needs-2 requires helpers==2.0"):
        install(both)
