"""The machine: the processor's features, and the cores and the memory that steps may use."""

from __future__ import annotations

import os
import platform
import re
from pathlib import Path

from orepass.flows.cli._checks import Finding
from orepass.machine import count_cpus, machine_memory_gb

_CPUINFO = Path("/proc/cpuinfo")
_FEATURES = {"avx2": "AVX2", "avx512f": "AVX-512", "avx512_bf16": "AVX512-BF16", "amx_bf16": "AMX-BF16"}


def check_machine() -> list[Finding]:
    """Look at the processor and at the memory."""
    cpuinfo = _CPUINFO.read_text() if _CPUINFO.exists() else ""
    model = re.search(r"^model name\s*:\s*(.+)$", cpuinfo, re.MULTILINE)
    what = ", ".join([model[1] if model else platform.machine(), *features(cpuinfo)])
    return [
        Finding("processor", "ok", f"{what}; {count_cpus()} of {os.cpu_count()} cores may be used"),
        Finding("memory", "ok", f"{machine_memory_gb():.1f} GiB may be used"),
    ]


def features(cpuinfo: str) -> list[str]:
    """Those features of an x86 processor that FAISS and exact mining make use of.

    Args:
        cpuinfo: the text of `/proc/cpuinfo`.
    """
    flags = re.search(r"^flags\s*:(.*)$", cpuinfo, re.MULTILINE)
    present = set(flags[1].split()) if flags else set()
    return [name for flag, name in _FEATURES.items() if flag in present]
