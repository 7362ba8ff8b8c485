"""The script of an app's job, as far as a bash without Slurm can run it: what one replica does."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from processes_of_tests import wait_until

from orepass.blocks.schedulers.slurm import SlurmScheduler
from orepass.errors import ConfigError
from orepass.runner import Request
from orepass.specs import AppDef, Resource, RetryPolicy, Role, VolumeMount, macros

SAYS_WHAT_IT_GETS = """
import json, os, sys
got = [os.fsencode(argument).hex() for argument in sys.argv[1:]]
json.dump([got, os.fsencode(os.environ["VALUE"]).hex()], sys.stdout)
"""
NASTY = [
    "",
    " ",
    "a b",
    "'",
    '"',
    "$HOME",
    "`id`",
    "%j",
    "*",
    "\\",
    "\n",
    "\r\n",
    "#SBATCH --x",
    "!",
    "-n",
    ":",
    "ü€",
    "~",
]
texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)


def request(folder: Path, *roles: Role, app_id: str = "x-1", **options: object) -> Request:
    return SlurmScheduler(folder=folder, **options).request(AppDef("x", list(roles)), "s", app_id)


def python(program: str, *arguments: str, **fields: object) -> Role:
    return Role("worker", "", sys.executable, ["-c", program, *arguments], **fields)  # type: ignore[arg-type]


def start(folder: Path, made: Request, number: int = 0) -> subprocess.Popen[bytes]:
    """Start one replica, as srun does; what it writes goes to FOLDER/NUMBER."""
    file = folder / "job.sh"
    file.write_text(made.text)
    return subprocess.Popen(["bash", file, "replica", str(number), folder / str(number)])


def run(folder: Path, made: Request, number: int = 0) -> int:
    return start(folder, made, number).wait(timeout=60)


@settings(max_examples=15, deadline=None)
@given(st.lists(texts, max_size=5), texts)
@example(NASTY, "".join(NASTY))
def test_a_program_gets_its_arguments_and_variables_as_they_are(arguments: list[str], value: str) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        made = request(folder, python(SAYS_WHAT_IT_GETS, *arguments, env={"VALUE": value}))
        assert "\r" not in made.text  # sbatch would refuse it
        assert run(folder, made) == 0
        got, variable = json.loads((folder / "0/stdout").read_text())
        expected = macros.Values(str(Path.cwd()), "x-1", "0", "OREPASS_RANK0_HOST")
        assert [bytes.fromhex(each).decode() for each in got] == [expected.substitute(each) for each in arguments]
        assert bytes.fromhex(variable).decode() == expected.substitute(value)


def test_what_a_replica_writes_and_how_it_ends_is_kept(tmp_path: Path) -> None:
    program = "import sys; print('out', flush=True); print('err', file=sys.stderr); sys.exit(3)"
    assert run(tmp_path, request(tmp_path, python(program))) == 3
    kept = {file.name: file.read_text() for file in (tmp_path / "0").iterdir()}
    assert sorted(kept.pop("combined").splitlines()) == ["err", "out"]
    host = subprocess.run(["uname", "-n"], capture_output=True, text=True, check=True).stdout
    assert kept == {"stdout": "out\n", "stderr": "err\n", "exit_code": "3\n", "host": host}


def test_lines_stay_whole_where_both_streams_come_together(tmp_path: Path) -> None:
    program = """
import os
for i in range(300):
    os.write(1, b"o" * 50)
    os.write(2, b"e" * 50)
    os.write(1, b"\\n")
    os.write(2, b"\\n")
os.write(1, b"\\xff, and no line end")
"""
    assert run(tmp_path, request(tmp_path, python(program))) == 0
    lines = (tmp_path / "0/combined").read_bytes().splitlines()
    assert sorted(lines) == [b"e" * 50] * 300 + [b"o" * 50] * 300 + [b"\xff, and no line end"]
    assert (tmp_path / "0/stdout").read_bytes().endswith(b", and no line end")


def test_a_replica_that_is_told_to_end_may_say_so_and_leaves_no_exit_code(tmp_path: Path) -> None:
    program = """
import signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit("told to end"))
print("begun", flush=True)
time.sleep(60)
"""
    started = start(tmp_path, request(tmp_path, python(program)))
    wait_until(lambda: (tmp_path / "0/stdout").exists() and (tmp_path / "0/stdout").read_text(), "it to begin", 30)
    for pid in [*_descendants(started.pid), started.pid]:  # Slurm signals all of a step
        with_signal = subprocess.run(["kill", f"-{signal.SIGTERM}", str(pid)], check=False)
        assert with_signal.returncode == 0
    assert started.wait(timeout=30) == 1
    assert (tmp_path / "0/stderr").read_text() == (tmp_path / "0/combined").read_text().replace("begun\n", "")
    assert (tmp_path / "0/stderr").read_text() == "told to end\n"
    assert not (tmp_path / "0/exit_code").exists()


def test_a_replica_ends_with_its_command_though_something_holds_its_streams(tmp_path: Path) -> None:
    leaves = Role("worker", "", "bash", ["-c", "sleep 30 & echo $!"])
    assert run(tmp_path, request(tmp_path, leaves)) == 0
    subprocess.run(["kill", (tmp_path / "0/stdout").read_text().strip()], check=True)


def test_a_program_that_is_not_there_on_the_node(tmp_path: Path) -> None:
    role = Role("worker", "", "/not/there")
    assert run(tmp_path, request(tmp_path, role, check_entrypoint=False)) == 127
    assert "/not/there" in (tmp_path / "0/stderr").read_text()
    with pytest.raises(ConfigError, match=r"'/not/there', which is not there.*say check_entrypoint=False"):
        request(tmp_path, role)


def test_replicas_run_in_the_image_and_know_who_they_are(tmp_path: Path) -> None:
    (tmp_path / "image").mkdir()
    says = "echo $OREPASS_APP $OREPASS_ROLE $OREPASS_REPLICA/$OREPASS_NUM_REPLICAS $PWD $1 $ME"
    args = ["-c", says, "_", "${app_id}-${replica_id}"]
    role = Role("worker", str(tmp_path / "image"), "sh", args, {"ME": "${img_root}"}, num_replicas=2)
    made = request(tmp_path, role)
    assert [run(tmp_path, made, number) for number in range(2)] == [0, 0]
    image = tmp_path / "image"
    assert (tmp_path / "1/stdout").read_text() == f"slurm://s/x-1 worker 1/2 {image} x-1-1 {image}\n"


def test_what_is_asked_of_slurm(tmp_path: Path) -> None:
    first = Role("first", "", "true", resource=Resource(2, 0, 500), max_retries=1)
    second = Role("second", "", "true", resource=Resource(1, 3, -1, {"slurm.constraint": "a100"}))
    second.metadata = {"slurm.partition": "gpu", "kubernetes.x": "y"}
    made = request(
        tmp_path, first, second, partition="cpu", gres="gpu:big:{gpus}", time_limit_min=5, directives=["--nice=1"]
    )
    _, general, het, gpu = made.text.splitlines()[:4]
    assert general.endswith(
        " --requeue --nodes=1 --ntasks=1 --partition=cpu --time=5 --mem=500M --cpus-per-task=2 --nice=1"
    )
    assert "--comment=orepass:s/x-1:" in general and "--job-name=x-1" in general
    assert het == "#SBATCH hetjob"
    assert gpu == (
        "#SBATCH --nodes=1 --ntasks=1 --partition=cpu --time=5 --gres=gpu:big:3 --cpus-per-task=1 --constraint=a100 "
        "--partition=gpu --nice=1"
    )
    assert made.text.count("srun ") == 1 and "--kill-on-bad-exit=1 --wait=0" in made.text


@pytest.mark.parametrize(
    ("fields", "options", "says"),
    [
        ({"image": "ghcr.io/a/b:1"}, {}, r"no folder.*no container images.*docker or kubernetes"),
        ({"entrypoint": "not-there"}, {}, r"'not-there', which is not there"),
        ({"mounts": [VolumeMount("data", "/data")]}, {}, r"slurm mounts nothing"),
        ({"env": {"a-b": "c"}}, {}, r"'a-b', which bash cannot pass on"),
        ({"env": {"UID": "1"}}, {}, r"'UID', which bash cannot pass on"),
        ({"max_retries": 1, "retry_policy": RetryPolicy.REPLICA}, {}, r"as a whole: use RetryPolicy.APPLICATION"),
        ({}, {"partition": "a\nb"}, r"'--partition=a\\nb' of sbatch has a line end"),
    ],
)
def test_what_cannot_be_is_said_before_anything_is_submitted(
    tmp_path: Path, fields: dict[str, object], options: dict[str, object], says: str
) -> None:
    role = Role(**{"name": "worker", "image": "", "entrypoint": "true", **fields})  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=says):
        request(tmp_path, role, **options)
    assert not list(tmp_path.iterdir())


def _descendants(pid: int) -> list[int]:
    done = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True)
    children = [int(line) for line in done.stdout.split()]
    return [each for child in children for each in (*_descendants(child), child)]
