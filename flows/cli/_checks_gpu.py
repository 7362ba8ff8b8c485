"""GPUs: what the driver, torch and FAISS see of them."""

from __future__ import annotations

import shutil
import sys

from orepass.blocks.launchers.slots import count_gpus
from orepass.flows.cli._checks import Finding, ask
from orepass.flows.cli._checks_versions import installed

_TORCH = "import torch; print(torch.version.cuda or '', torch.cuda.device_count(), sep=';')"
_TORCH_WITHIN_S = 25.0  # its import takes seconds, more from a file server


def check_gpu() -> list[Finding]:
    """Look for NVIDIA GPUs, and whether what computes on them sees them."""
    gpus = count_gpus()
    return [_driver(gpus), _torch(gpus), _faiss(gpus)]


def _driver(gpus: int) -> Finding:
    if shutil.which("nvidia-smi") is None:
        if gpus == 0:
            return Finding("GPU", "ok", "none")
        found = f"{gpus} may be used, but there is no nvidia-smi"
        return Finding("GPU", "warning", found, "See whether NVIDIA's driver is installed.")
    said = ask("nvidia-smi", "--query-gpu=name,memory.total,driver_version", "--format=csv,noheader")
    if said.code != 0:
        found = f"nvidia-smi fails: {said.err or said.out.strip()}"
        return Finding("GPU", "warning" if gpus else "ok", found, "See whether NVIDIA's driver runs.")
    listed = "; ".join(line.strip() for line in said.out.splitlines())
    return Finding("GPU", "ok", f"{gpus} may be used, of: {listed}")


def _torch(gpus: int) -> Finding:
    version = installed("torch")
    if version is None:
        hint = "To mine and embed on the GPU: pip install torch" if gpus else None
        return Finding("torch", "ok", "not installed", hint)
    if gpus == 0:
        return Finding("torch", "ok", f"{version}; no GPU to use")
    # In a process of its own, which can be given up.
    said = ask(sys.executable, "-c", _TORCH, within_s=_TORCH_WITHIN_S)
    if said.code != 0:
        found = f"{version} cannot be imported: {said.err.rpartition(chr(10))[2]}"
        return Finding("torch", "trouble", found, "Install it again.")
    cuda, _, seen = said.out.strip().rpartition(";")
    if not cuda:
        found = f"{version} is a build without CUDA, so it does not use the GPU"
        return Finding("torch", "warning", found, "Install a build for CUDA: https://pytorch.org/get-started/locally")
    if int(seen) < gpus:
        found = f"{version} (CUDA {cuda}) sees {seen} of {gpus} GPUs"
        return Finding("torch", "warning", found, "See whether NVIDIA's driver is recent enough for this CUDA.")
    return Finding("torch", "ok", f"{version} (CUDA {cuda}) sees {seen} GPUs")


def _faiss(gpus: int) -> Finding:
    try:
        import faiss
    except ImportError as error:
        return Finding("FAISS", "trouble", f"cannot be imported: {error}", "Install it again.")
    seen = faiss.get_num_gpus()
    hint = "To train indexes on the GPU, install a build of FAISS for it." if gpus and not seen else None
    return Finding("FAISS", "ok", f"{faiss.__version__} sees {seen} GPUs", hint)
