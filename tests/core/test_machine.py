from __future__ import annotations

from pathlib import Path

import pytest

from orepass.machine import count_cpus, machine_memory_gb

_MIB = 2**20


def test_this_machine_has_cores_and_memory() -> None:
    assert count_cpus() >= 1
    assert 0.1 < machine_memory_gb() < 1e5


def write(folder: Path, files: dict[str, object]) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"{content}\n")
    return folder


@pytest.mark.parametrize(
    ("groups", "files", "mib"),
    [
        ("0::/user.slice/job", {"user.slice/job/memory.max": 64 * _MIB, "memory.max": 96 * _MIB}, 64),
        ("0::/slurm/job/step", {"slurm/job/memory.max": 32 * _MIB, "slurm/job/step/memory.max": "max"}, 32),
        ("0::/", {"memory.max": 48 * _MIB}, 48),
        (
            "5:cpu,cpuacct:/a\n4:memory:/a/b\n0::/",
            {"memory/a/b/memory.limit_in_bytes": 2**63 - 4096, "memory/a/memory.limit_in_bytes": 16 * _MIB},
            16,
        ),
        ("4:memory:/docker/0123", {"memory/memory.limit_in_bytes": 80 * _MIB}, 80),
    ],
)
def test_the_lowest_limit_of_all_groups_around_the_process(
    tmp_path: Path, groups: str, files: dict[str, object], mib: int
) -> None:
    write(tmp_path, {"groups": groups})
    mounted = write(tmp_path / "mounted", files)
    assert machine_memory_gb(tmp_path / "groups", mounted) == mib / 1024


def test_without_limits_or_groups_it_is_the_machine(tmp_path: Path) -> None:
    write(tmp_path, {"groups": "0::/job", "job/memory.max": "max"})
    everything = machine_memory_gb(tmp_path / "no groups", tmp_path)
    assert everything == machine_memory_gb(tmp_path / "groups", tmp_path) >= machine_memory_gb()
