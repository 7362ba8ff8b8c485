from __future__ import annotations

import os
from pathlib import Path

import pytest

from orepass.flows.cli._checks import Finding
from orepass.flows.cli._checks_gpu import check_gpu
from orepass.flows.cli._checks_machine import features
from orepass.flows.cli._checks_mining import check_mining, product
from orepass.flows.cli._checks_slurm import check_slurm


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder on the PATH: no Slurm, no GPU's tools, but what a test puts there."""
    folder = tmp_path / "programs"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    return folder


def _program(path: Path, text: str) -> None:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def _by_check(findings: list[Finding]) -> dict[str, Finding]:
    return {finding.check: finding for finding in findings}


def test_features_of_a_processor() -> None:
    text = "processor\t: 0\nmodel name\t: Some\nflags\t\t: fpu avx2 avx512f avx512_bf16 amx_bf16\nbugs\t: x\n"
    assert features(text) == ["AVX2", "AVX-512", "AVX512-BF16", "AMX-BF16"]
    assert features(text.replace("avx512f", "avx")) == ["AVX2", "AVX512-BF16", "AMX-BF16"]
    assert features("Features\t: asimd\n") == features("") == []


def test_the_product_of_exact_mining() -> None:
    assert product(bfloat16=True, torch=True).found.startswith("in bfloat16")
    assert product(bfloat16=False, torch=True).found.startswith("in float32")
    assert "pip install torch" in str(product(bfloat16=True, torch=False).do)


def test_compiled_loops_are_kept_where_it_says() -> None:
    loops = _by_check(check_mining())["compiled loops"]
    assert loops.state == "ok" and os.access(loops.found.removeprefix("kept in "), os.W_OK)


def test_a_gpu_that_nothing_can_use(programs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _program(programs / "nvidia-smi", 'echo "NVIDIA H100, 81559 MiB, 570.1"; echo "NVIDIA H100, 81559 MiB, 570.1"')
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    _torch(tmp_path / "site", monkeypatch, cuda=None, seen=0)
    found = _by_check(check_gpu())
    listed = "NVIDIA H100, 81559 MiB, 570.1; NVIDIA H100, 81559 MiB, 570.1"
    assert found["GPU"] == Finding("GPU", "ok", f"1 may be used, of: {listed}")
    assert (found["torch"].state, found["torch"].found) == (
        "warning", "9.9 is a build without CUDA, so it does not use the GPU",
    )  # fmt: skip
    assert found["FAISS"].state == "ok"
    (programs / "nvidia-smi").unlink()
    assert _by_check(check_gpu())["GPU"].found == "1 may be used, but there is no nvidia-smi"


@pytest.mark.parametrize(("seen", "state"), [(0, "warning"), (1, "ok")])
def test_a_torch_with_cuda(
    programs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seen: int, state: str
) -> None:
    _program(programs / "nvidia-smi", "echo no devices were found; exit 6")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    _torch(tmp_path / "site", monkeypatch, cuda="12.8", seen=seen)
    found = _by_check(check_gpu())
    assert (found["GPU"].state, found["GPU"].found) == ("warning", "nvidia-smi fails: no devices were found")
    assert (found["torch"].state, found["torch"].found.split()[:3]) == (state, ["9.9", "(CUDA", "12.8)"])


def _torch(site: Path, monkeypatch: pytest.MonkeyPatch, cuda: str | None, seen: int) -> None:
    """A library of that name which sees so many GPUs; the real one would need them."""
    (site / "torch-9.9.dist-info").mkdir(parents=True)
    (site / "torch-9.9.dist-info/METADATA").write_text("Metadata-Version: 2.1\nName: torch\nVersion: 9.9\n")
    text = f"class version: cuda = {cuda!r}\nclass cuda: device_count = staticmethod(lambda: {seen})\n"
    (site / "torch.py").write_text(text)
    monkeypatch.syspath_prepend(site)
    monkeypatch.setenv("PYTHONPATH", str(site))


@pytest.mark.usefixtures("programs")
def test_no_gpu() -> None:
    found = _by_check(check_gpu())
    assert found["GPU"] == Finding("GPU", "ok", "none")
    assert {found["torch"].state, found["FAISS"].state} == {"ok"}


# A real Slurm is asked in tests/slurm/test_cluster.py.


@pytest.mark.usefixtures("programs")
def test_no_slurm() -> None:
    assert check_slurm() == [Finding("Slurm", "ok", "none here, so launcher=slurm cannot be used")]


def test_half_a_slurm_and_one_without_a_cluster(programs: Path) -> None:
    _program(programs / "sbatch", "")
    assert [(one.state, one.found) for one in check_slurm()] == [("warning", "no squeue, scancel on the PATH")]
    for name in ("squeue", "scancel"):
        _program(programs / name, "")
    assert check_slurm()[0].found == "no scontrol on the PATH"
    _program(programs / "scontrol", "echo 'fatal: Could not establish a configuration source' >&2; exit 1")
    assert check_slurm()[0].state == "warning"
