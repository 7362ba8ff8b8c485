from __future__ import annotations

import json
import secrets
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest
from moto.server import ThreadedMotoServer

import orepass.runtime as runtime
from orepass.errors import ConfigError
from orepass.runtime.__main__ import main as command
from orepass.specs.replica_environment import ATTEMPT, REPLICA, replica_environment

STORAGES = ["plain", "file", "memory", "s3"]


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    """A server that speaks S3, on this machine only; the URL of a bucket in it."""
    names = {"AWS_ACCESS_KEY_ID": "none", "AWS_SECRET_ACCESS_KEY": "none", "AWS_DEFAULT_REGION": "us-east-1"}
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    with pytest.MonkeyPatch.context() as environment:
        server.start()
        try:
            host, port = server.get_host_and_port()
            for name, value in {**names, "AWS_ENDPOINT_URL": f"http://{host}:{port}"}.items():
                environment.setenv(name, value)
            environment.setenv("AWS_EC2_METADATA_DISABLED", "true")
            fsspec.filesystem("s3").mkdir("corpus")
            yield "s3://corpus"
        finally:
            fsspec.filesystem("s3").clear_instance_cache()
            server.stop()


@pytest.fixture(params=STORAGES)
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A folder that is not there yet, in each storage."""
    name = f"new {secrets.token_hex(4)}/below"
    if request.param == "s3":
        return f"{request.getfixturevalue('s3')}/{name}"
    return {"plain": f"{tmp_path}/{name}", "file": f"file://{tmp_path}/{name}", "memory": f"memory://{name}"}[
        request.param
    ]


def main(input_url: str) -> int:
    """An application that does not care where its input is."""
    with runtime.open(input_url, "rb") as file:
        return len(file.read().split())


def test_an_application_reads_from_any_storage(folder: str) -> None:
    with runtime.open(f"{folder}/text.txt", "w") as file:
        file.write("grüß dich\nWelt\n")
    assert main(f"{folder}/text.txt") == 3
    with runtime.open(f"{folder}/text.txt") as file:
        assert file.read() == "grüß dich\nWelt\n"


def test_files_are_listed_and_known(folder: str) -> None:
    assert not runtime.exists(folder)
    for name in ("b.txt", "a.txt", "sub/c.txt"):
        runtime.touch(f"{folder}/{name}")
    assert runtime.listdir(folder) == ["a.txt", "b.txt", "sub"]
    assert runtime.exists(f"{folder}/sub/c.txt") and runtime.exists(folder)
    assert not runtime.exists(f"{folder}/a")
    with pytest.raises(NotADirectoryError, match="is a file"):
        runtime.listdir(f"{folder}/a.txt")
    with pytest.raises(FileNotFoundError):
        runtime.listdir(f"{folder}/none")
    with pytest.raises(FileNotFoundError):
        runtime.open(f"{folder}/none")


def test_what_others_wrote_meanwhile_is_seen(s3: str) -> None:
    folder = f"{s3}/{secrets.token_hex(4)}"
    runtime.touch(f"{folder}/a")
    assert runtime.listdir(folder) == ["a"]
    script = f"import orepass.runtime as runtime; runtime.touch({folder + '/b'!r})"
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)
    assert runtime.listdir(folder) == ["a", "b"]
    assert runtime.exists(f"{folder}/b")


def test_touch_leaves_what_is_there(folder: str) -> None:
    with runtime.open(f"{folder}/text.txt", "w") as file:
        file.write("kept")
    runtime.touch(f"{folder}/text.txt")
    assert main(f"{folder}/text.txt") == 1


@pytest.mark.parametrize("to", ["s3", "memory", "plain"])
def test_files_and_folders_are_copied_between_storages(folder: str, to: str, s3: str, tmp_path: Path) -> None:
    places = {"s3": s3, "memory": "memory://copies", "plain": str(tmp_path / "copies")}
    target = f"{places[to]}/{secrets.token_hex(4)}"
    for name in ("a.txt", "sub/b.txt"):
        with runtime.open(f"{folder}/{name}", "w") as file:
            file.write(name)
    runtime.copy(folder, target)
    runtime.copy(folder, f"{target}/")  # the same once more
    assert runtime.listdir(target) == ["a.txt", "sub"]
    with runtime.open(f"{target}/sub/b.txt") as file:
        assert file.read() == "sub/b.txt"
    runtime.copy(f"{folder}/a.txt", f"{target}/sub")
    runtime.copy(f"{folder}/a.txt", f"{target}/more/")
    runtime.copy(f"{folder}/a.txt", f"{target}/named.txt")
    assert runtime.listdir(f"{target}/sub") == ["a.txt", "b.txt"]
    assert runtime.listdir(f"{target}/more") == ["a.txt"]
    assert runtime.listdir(target) == ["a.txt", "more", "named.txt", "sub"]


def test_what_cannot_be_copied_leaves_all_as_it_was(folder: str, tmp_path: Path) -> None:
    with runtime.open(f"{folder}/a.txt", "w") as file:
        file.write("kept")
    with pytest.raises(ConfigError, match="onto itself"):
        runtime.copy(f"{folder}/a.txt", f"{folder}/a.txt")
    with pytest.raises(ConfigError, match="onto itself"):
        runtime.copy(f"{folder}/a.txt", folder)
    with pytest.raises(FileNotFoundError, match="There is no"):
        runtime.copy(f"{folder}/none", f"{folder}/a.txt")
    with pytest.raises(NotADirectoryError, match="is a folder"):
        runtime.copy(folder, f"{folder}/a.txt")
    assert main(f"{folder}/a.txt") == 1


def test_a_link_to_itself_is_itself(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("kept")
    (tmp_path / "link").symlink_to("a")
    with pytest.raises(ConfigError, match="onto itself"):
        runtime.copy(tmp_path / "a", tmp_path / "link")
    assert (tmp_path / "a").read_text() == "kept"


def test_half_a_copy_is_removed(tmp_path: Path) -> None:
    content = bytes(6_000_000)
    with zipfile.ZipFile(tmp_path / "archive.zip", "w") as archive:
        archive.writestr("text.txt", content)
    runtime.copy(f"zip://text.txt::{tmp_path}/archive.zip", tmp_path / "whole.txt")
    assert (tmp_path / "whole.txt").read_bytes() == content
    with (tmp_path / "archive.zip").open("r+b") as damaged:  # seen at the end of what is in it
        damaged.seek(5_000_000)
        damaged.write(b"x")
    with pytest.raises(zipfile.BadZipFile):
        runtime.copy(f"zip://text.txt::{tmp_path}/archive.zip", tmp_path / "half.txt")
    assert runtime.listdir(tmp_path) == ["archive.zip", "whole.txt"]


def test_paths_are_what_a_shell_takes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    runtime.touch("~/a::b.txt")
    assert (tmp_path / "a::b.txt").exists()
    runtime.touch("file://foo/bar")  # as the seed has it: a path from here
    assert runtime.listdir(tmp_path / "foo") == ["bar"]


def test_compressed_files_are_read_as_they_were(folder: str) -> None:
    with runtime.open(f"{folder}/text.gz", "w", compression="infer") as file:
        file.write("hello\n")
    with runtime.open(f"{folder}/text.gz", "rb") as raw:
        assert raw.read(2) == b"\x1f\x8b"
    with runtime.open(f"{folder}/text.gz", compression="infer") as file:
        assert list(file) == ["hello\n"]


@pytest.mark.parametrize(
    ("url", "said"), [("s33://a/b", "Did you mean 's3'"), ("gs://a/b", "Install gcsfs|install gcsfs"), ("", "empty")]
)
def test_a_url_of_no_storage_says_what_to_do(url: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        runtime.open(url)


def test_the_import_loads_nothing_heavy_and_a_missing_package_is_named() -> None:
    script = """
import json, sys
import orepass.runtime
orepass.runtime.replica()
loaded = sorted({name.partition(".")[0] for name in sys.modules})
sys.modules["s3fs"] = None
try:
    orepass.runtime.open("s3://bucket/file")
except ValueError as error:
    print(json.dumps([loaded, str(error)]))
"""
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    loaded, said = json.loads(answer.stdout)
    heavy = {"boto3", "botocore", "dask", "distributed", "fsspec", "hydra", "numpy", "omegaconf", "prefect", "pydantic"}
    assert not heavy & set(loaded)
    assert "s3fs" in said and "orepass[s3]" in said


def test_outside_of_any_app_a_process_is_the_only_replica() -> None:
    alone = runtime.replica()
    assert (alone.replica_id, alone.num_replicas, alone.rank0_host, alone.attempt) == (0, 1, "localhost", 0)
    assert (alone.handle, alone.scheduler, alone.session, alone.app_id, alone.role) == ("", "", "", "", "")


def test_a_replica_knows_what_its_scheduler_said(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in replica_environment("slurm://team/train-1", "worker", 2, 3, "node7", 1).items():
        monkeypatch.setenv(name, value)
    replica = runtime.replica()
    assert replica == runtime.Replica("slurm://team/train-1", "worker", 2, 3, "node7", 1)
    assert (replica.scheduler, replica.session, replica.app_id) == ("slurm", "team", "train-1")
    monkeypatch.delenv(ATTEMPT)
    assert runtime.replica().attempt == 0
    monkeypatch.setenv(REPLICA, "first")
    with pytest.raises(ConfigError, match=r"\$OREPASS_REPLICA is 'first'"):
        runtime.replica()


def test_the_command_copies_touches_lists_and_prints(
    folder: str, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    (tmp_path / "a.bin").write_bytes(b"\xff\n")
    assert command(["copy", str(tmp_path / "a.bin"), f"{folder}/b.bin"]) == 0
    assert command(["touch", f"{folder}/c"]) == 0
    assert command(["ls", folder]) == 0
    assert command(["cat", f"{folder}/b.bin"]) == 0
    assert capfdbinary.readouterr().out == b"b.bin\nc\n\xff\n"


def test_the_command_says_what_went_wrong(s3: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(["cat", str(tmp_path / "none")]) == 1
    assert command(["touch", "s3://no-such-bucket/a"]) == 1
    assert command(["ls", "s33://a"]) == 2
    said = capsys.readouterr().err
    assert [line[:7] for line in said.splitlines()] == ["Error: "] * 3 and "Did you mean 's3'" in said
    with pytest.raises(SystemExit, match="2"):
        command(["move", "a", "b"])
