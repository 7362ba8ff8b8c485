from __future__ import annotations

from pathlib import Path

import pytest

from orepass import Store, set_env
from orepass.errors import ConfigError, StepError
from orepass.run_environment import ENVIRONMENT_VARIABLE
from orepass.runnables.as_module import RunnableConfig, config_of, runnable
from orepass.runnables.reading import read_documents
from orepass.step import make_steps
from orepass.step_folder import working_in

COUNTER = """
class Counter:
    def __init__(self, up_to):
        self.up_to, self.count = up_to, 0

    def run(self):
        self.count += 1
        return self.count < self.up_to

    def metric(self):
        return self.count * 2


class Wordy(Counter):
    def metric(self):
        return "good"
"""


@pytest.fixture
def counting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "counting_of_tests.py").write_text(COUNTER)
    monkeypatch.syspath_prepend(tmp_path)
    return "counting_of_tests"


def config(text: str, allow: str = "", **options: object) -> RunnableConfig:
    names = [allow] if allow else []
    return config_of(read_documents(text, names).root, allow=names, **options)  # type: ignore[arg-type]


def key(of: RunnableConfig, store: Store) -> str:
    (step,) = make_steps(runnable, of, None, store)
    return step.key.digest


def test_a_runnable_runs_as_long_as_it_returns_true(counting: str, tmp_path: Path) -> None:
    with working_in(tmp_path):
        result = runnable(config("!counting_of_tests.Counter {up_to: 3}", counting))
    assert (result.steps, result.metric) == (3, 6.0)


def test_a_metric_has_to_be_a_number(counting: str) -> None:
    with pytest.raises(Exception, match=r"Wordy\.metric\(\) gave 'good', which is no number"):
        runnable(config("!counting_of_tests.Wordy {up_to: 1}", counting))


def test_the_key_is_of_what_is_built_and_not_of_how_it_is_written(counting: str, store: Store) -> None:
    first = config("!counting_of_tests.Counter {up_to: 3}", counting)
    assert key(first, store) == key(config("{_target_: counting_of_tests.Counter, up_to: 3}", counting), store)
    assert key(first, store) == key(config("!counting_of_tests.Counter {up_to: 3}", counting, folder=Path("/")), store)
    assert key(first, store) != key(config("!counting_of_tests.Counter {up_to: 4}", counting), store)


def test_a_script_counts_by_its_content_wherever_it_is(store: Store, tmp_path: Path) -> None:
    text = "!Script {script: show.py, files: [data.txt]}"
    for name, content in (("one", "print(1)"), ("two", "print(1)"), ("three", "print(2)")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "show.py").write_text(content)
        (tmp_path / name / "data.txt").write_text("data")
    keys = [key(config(text, folder=tmp_path / name), store) for name in ("one", "two", "three")]
    assert keys[0] == keys[1] != keys[2]
    (tmp_path / "one" / "data.txt").write_text("other data")
    assert key(config(text, folder=tmp_path / "one"), store) != keys[0]


@pytest.mark.parametrize("text", ["!Script [write.py]", "!Script {script: write.py}"])
def test_a_script_is_found_beside_its_document(text: str, tmp_path: Path) -> None:
    (tmp_path / "write.py").write_text("import pathlib; pathlib.Path(__file__).with_name('ran').touch()")
    result = runnable(config(text, folder=tmp_path))
    assert (tmp_path / "ran").exists() and result.metric is None


def test_what_a_run_is_told_of_reaches_it_and_counts(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "asks.py").write_text(
        "import orepass\nenv = orepass.get_env()\n(env.output / 'found').write_text(env.resources['data'].read_text())"
    )
    text = "!Script [asks.py]"
    monkeypatch.setenv(ENVIRONMENT_VARIABLE, "")  # so that it is as it was afterwards
    keys = []
    for content in ("one", "two"):
        (tmp_path / "data.txt").write_text(content)
        set_env(resources={"data": tmp_path / "data.txt"})
        keys.append(key(config(text, folder=tmp_path), store))
        result = runnable(config(text, folder=tmp_path))
        assert (result.folder / "found").read_text() == content
    assert keys[0] != keys[1]


def test_a_search_space_belongs_into_a_search(counting: str) -> None:
    with pytest.raises(ConfigError, match=r"<text>:1:36: !grid at 'up_to' is a search space, but this is no Search"):
        config("!counting_of_tests.Counter {up_to: !grid [1, 2]}", counting)


def test_a_script_and_its_files_have_to_be_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "train.py").write_text("")
    script = "!Script\nscript: {}\nfiles: [{}]\n"
    with pytest.raises(ConfigError, match=r"<text>:2:1: There is no script 'trian\.py' \(looked for at "):
        config(script.format("trian.py", ""), folder=tmp_path)
    with pytest.raises(ConfigError, match=r"<text>:3:1: There is no file or folder 'dat\.tsv'"):
        config(script.format("train.py", "dat.tsv"), folder=tmp_path)
    assert config(script.format("package.train", ""), folder=tmp_path).files == ()
    assert config(script.format("~/train.py", "")).files == (tmp_path / "train.py",)


COUNTS_ON = """
import os, pathlib, signal, sys
import orepass

checkpoints = pathlib.Path(os.environ["OREPASS_CHECKPOINTS"])
assert checkpoints == orepass.checkpoint_folder()
done = checkpoints / "done"
if done.exists():
    pathlib.Path(sys.argv[2], "metrics.json").write_text('{"metric": %s}' % done.read_text())
else:
    done.write_text("3")
    os.kill(os.getpid(), signal.SIGKILL)
"""


async def test_a_script_that_was_killed_goes_on_from_its_checkpoints(store: Store, tmp_path: Path) -> None:
    (tmp_path / "count.py").write_text(COUNTS_ON)
    of = config("!Script {script: count.py, output_dir_arg: out}", folder=tmp_path)
    with pytest.raises(StepError, match="exit code -9"):
        await runnable.schedule(of)
    assert (await runnable.schedule(of)).metric == 3
    assert not list(store.layout.checkpoints.glob("*/*"))
