from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import orepass.specs as specs
from orepass.components import build_app, find_component, list_components
from orepass.components.finding import registered_components
from orepass.errors import ConfigError

SEED_APP = """
import orepass.specs as specs

app = specs.AppDef(
    name="echo",
    roles=[
        specs.Role(
            name="echo",
            entrypoint="/bin/echo",
            image="/tmp",
            args=["hello world"],
            num_replicas=1
        )
    ]
 )
"""
SEED_DDP = """
import orepass.specs as specs

def ddp({signature}):
    single_gpu = specs.Resources(cpu=4, gpu=1, memMB=1024)
    return specs.AppDef(
            name=jobname,
            roles=[
                specs.Role(
                    name="trainer",
                    entrypoint=entrypoint,
                    image=image,
                    resource=single_gpu,
                    args=script_args,
                    num_replicas=nnodes
                )
            ]
    )
"""
ANNOTATED = "jobname: str, nnodes: int, image: str, entrypoint: str, *script_args: str"
BARE = "jobname, nnodes, image, entrypoint, *script_args"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "app_spec.py"


def app_of(name: object, *words: str) -> specs.AppDef:
    app = build_app(find_component(str(name)), words)
    specs.check_app(app)
    return app


def test_the_builtins_are_listed() -> None:
    listed = list_components()
    builtins = {"echo", "sh", "python", "binary", "copy", "touch", "booth"}
    assert {"dist.ddp", *(f"utils.{name}" for name in builtins)} <= set(listed)
    assert listed["utils.echo"] == "Print a message."
    assert all(listed.values())


def test_a_builtin_is_found_by_its_name_and_by_the_last_part_of_it() -> None:
    assert find_component("utils.echo") == find_component("echo")
    assert find_component("echo").name == "utils.echo"
    with pytest.raises(ConfigError, match=r"No component 'utils.ecko'. Did you mean 'utils.echo'\? Valid: dist.ddp, "):
        find_component("utils.ecko")


def test_the_seeds_app_is_the_variable_of_a_file(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write_text(SEED_APP)
    app = app_of(file)
    assert (app.name, app.roles[0].entrypoint, list(app.roles[0].args)) == ("echo", "/bin/echo", ["hello world"])
    monkeypatch.setenv("HOME", str(file.parent))
    assert app_of("~/app_spec.py") == app == app_of(f"{file}:app")
    assert app_of(file) is not app_of(file)


@pytest.mark.parametrize("signature", [ANNOTATED, BARE])
def test_the_seeds_component_works_from_the_command_line(file: Path, signature: str) -> None:
    file.write_text(SEED_DDP.format(signature=signature))
    words = [
        "--jobname",
        "123",
        "--nnodes=2",
        "--image",
        "/tmp",
        "--entrypoint",
        "python",
        "--",
        "-m",
        "main",
        "--",
        "1",
    ]
    for name in (file, f"{file}:ddp"):
        app = app_of(name, *words)
        assert app.name == "123"
        assert app.roles[0].num_replicas == 2
        assert list(app.roles[0].args) == ["-m", "main", "--", "1"]
    with pytest.raises(ConfigError, match=r"needs --image and --entrypoint. Its arguments: --jobname, --nnodes"):
        app_of(file, "--jobname", "a", "--nnodes", "2")


def test_a_file_stands_for_the_only_function_that_returns_an_app(file: Path) -> None:
    file.write_text("""
from __future__ import annotations
import orepass.specs as specs
from orepass.components.utils import echo
def helper(text):
    return text
def _hidden() -> specs.AppDef: ...
def hello(name: str = "you") -> specs.AppDef:
    return echo(helper(f"hello {name}"))
""")
    assert app_of(file, "--name", "me").roles[0].args == ["hello me"]


def test_candidates_are_listed_where_it_is_not_clear_which_is_meant(file: Path) -> None:
    file.write_text("""
import orepass.specs as specs
from orepass.specs import AppDef
spec = AppDef("spec")
def first() -> specs.AppDef: ...
def second() -> "AppDef": ...
def third() -> int: ...
""")
    with pytest.raises(ConfigError, match=rf"which is meant: {file}:spec, {file}:first, {file}:second\.$"):
        find_component(str(file))
    with pytest.raises(ConfigError, match=r"'frist' is not there. Did you mean 'first'\? Valid: first, second, spec"):
        find_component(f"{file}:frist")
    with pytest.raises(ConfigError, match="'specs' is a module"):
        find_component(f"{file}:specs")


def test_a_file_without_a_component_is_refused_in_words(file: Path) -> None:
    file.write_text("import os\n\ndef number() -> int: ...\n")
    with pytest.raises(ConfigError, match=r"has no component. Write `app = specs.AppDef\(...\)`"):
        find_component(str(file))
    with pytest.raises(ConfigError, match=r"There is no file .*app_spek.py. Did you mean 'app_spec.py'"):
        find_component(str(file.with_name("app_spek.py")))
    with pytest.raises(ConfigError, match="There is no file"):
        find_component(str(file.parent / "nowhere/app.py"))
    file.with_suffix(".txt").write_text("")
    with pytest.raises(ConfigError, match=r"app_spec.txt is no Python file"):
        find_component(str(file.with_suffix(".txt")))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("\nimport no_such_package\n", r"app_spec.py, line 2: ModuleNotFoundError: No module named 'no_such_package'"),
        ("import os\ndef f(:\n", r"app_spec.py, line 2: SyntaxError"),
        ("def f():\n    raise ValueError('no')\n\nf()\n", r"app_spec.py, line 2: ValueError: no"),
        ("import sys\nsys.exit(3)\n", r"app_spec.py, line 2: SystemExit: 3"),
        ("import beside\n", r"app_spec.py, line 1: ZeroDivisionError"),
    ],
)
def test_a_file_that_cannot_be_imported_says_where(file: Path, text: str, message: str) -> None:
    file.with_name("beside.py").write_text("1 / 0\n")
    file.write_text(text)
    with pytest.raises(ConfigError, match=f"{file} cannot be imported: {file.parent}/{message}"):
        find_component(str(file))


def test_what_lies_beside_a_file_can_be_imported_at_any_time(file: Path) -> None:
    file.with_name("beside_early.py").write_text("NAME = 'early'\n")
    file.with_name("beside_late.py").write_text("WORD = 'late'\n")
    file.write_text("""
from dataclasses import dataclass
import beside_early
import orepass.specs as specs
@dataclass
class Names:
    first: "str"
def job() -> specs.AppDef:
    import beside_late
    return specs.AppDef(Names(beside_early.NAME).first, [specs.Role("r", "", "true", [beside_late.WORD])])
""")
    before = list(sys.path)
    app = app_of(file)
    assert (app.name, app.roles[0].args) == ("early", ["late"])
    assert sys.path == before


def test_functions_of_packages_are_components(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    package = tmp_path / "components_of_mine"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "jobs.py").write_text("from orepass.components.utils import echo as say\n")
    (package / "broken.py").write_text("import no_such_package\n")
    assert app_of("components_of_mine.jobs:say").name == "echo"
    with pytest.raises(ConfigError, match=r"there is no module 'components_of_mine.job' to import"):
        find_component("components_of_mine.job:say")
    with pytest.raises(ConfigError, match=r"broken.py, line 1: ModuleNotFoundError"):
        find_component("components_of_mine.broken:say")
    with pytest.raises(ConfigError, match=r"'sai' is not there"):
        find_component("components_of_mine.jobs:sai")


@pytest.fixture
def other_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An installed package that registers two components and is half broken."""
    monkeypatch.syspath_prepend(str(tmp_path))
    metadata = tmp_path / "other_package-1.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: other-package\nVersion: 1\n")
    (metadata / "entry_points.txt").write_text(
        "[orepass.components]\nother.echo = orepass.components.utils:echo\nother.gone = other_package:gone\n"
    )
    registered_components.cache_clear()
    yield
    registered_components.cache_clear()


@pytest.mark.usefixtures("other_package")
def test_other_packages_register_components() -> None:
    assert find_component("other.echo").name == "other.echo"
    with pytest.raises(ConfigError, match=r"Say which is meant: other.echo, utils.echo\."):
        find_component("echo")
    assert "there is no module 'other_package'" in list_components()["other.gone"]
