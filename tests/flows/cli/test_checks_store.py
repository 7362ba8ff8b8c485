from __future__ import annotations

import os
from pathlib import Path

import pytest

from orepass import Store
from orepass.flows.cli._checks import Finding
from orepass.flows.cli._checks_store import check_store, clock, disk, probe
from orepass.flows.cli._file_system import FileSystem, file_system_of


def test_a_store_that_is_there_is_written_and_left_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    found = check_store(tmp_path / "store")
    assert found[0] == Finding("store", "ok", f"{tmp_path}/store (--store) can be written")
    assert [one.check for one in found] == ["store", "disk of the store", "clock of the store"]
    assert not list((tmp_path / "store").iterdir())


def test_where_the_store_is_said(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    assert check_store()[0].found == f"{store.root} ($OREPASS_STORE) can be made when it is first used"
    monkeypatch.delenv("OREPASS_STORE")
    assert "(the default)" in check_store()[0].found


def test_a_store_that_cannot_be_written_or_lies_in_memory() -> None:
    found = check_store(Path("/proc/self/store"))
    assert (found[0].state, found[0].found) == (
        "trouble",
        f"/proc/{os.getpid()}/store (--store) cannot be made: No such file or directory",
    )
    assert "proc on /proc" in found[1].found and len(found) == 2


def test_the_clock_of_a_disk_of_this_machine_is_its_own(tmp_path: Path) -> None:
    assert clock(probe(tmp_path)).state == "ok"
    assert (clock(-7.2).state, clock(-7.2).found) == ("warning", "7 s behind this machine's")
    assert clock(61).found == "61 s ahead of this machine's"


def test_what_is_said_of_a_disk() -> None:
    assert disk(FileSystem("ext4", "/"), 100) == Finding(
        "disk of the store", "ok", "ext4 on /: only this machine sees it; 100.0 GiB free"
    )
    assert disk(FileSystem("lustre", "/scratch"), 100).found.startswith("lustre on /scratch: other machines may see it")
    assert (disk(FileSystem("ext4", "/"), 1).state, disk(None, 100).state) == ("warning", "ok")
    for kind in ("tmpfs", "overlay"):
        assert disk(FileSystem(kind, "/tmp"), 100).state == "warning"


_MOUNTINFO = r"""
22 27 0:21 / /proc rw,relatime - proc proc rw
27 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw,discard
40 27 0:50 / /data rw shared:5 master:2 - ext4 /dev/vdb rw
41 40 0:51 / /data rw - nfs4 server:/export rw,vers=4.2
42 40 0:52 / /data/my\040files rw - fuse.sshfs me@there:/ rw
43 27 0:53 / /scratch rw - lustre 10.0.0.1@tcp:/fs rw
half a line
"""


@pytest.mark.parametrize(
    ("folder", "kind", "mounted", "shared"),
    [
        ("/home/me/store", "ext4", "/", False),
        ("/database", "ext4", "/", False),
        ("/data", "nfs4", "/data", True),
        ("/data/my files/store", "fuse.sshfs", "/data/my files", True),
        ("/scratch/a/b", "lustre", "/scratch", True),
    ],
)
def test_the_file_system_of_a_folder(folder: str, kind: str, mounted: str, shared: bool) -> None:
    found = file_system_of(Path(folder), _MOUNTINFO)
    assert found == FileSystem(kind, mounted) and found.shared is shared


def test_no_file_system_is_known() -> None:
    assert file_system_of(Path("/data"), "") is None
