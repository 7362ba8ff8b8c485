"""Which product of two sets of rows is the fastest on this machine."""

from __future__ import annotations

import importlib.util
import logging
from functools import cache
from pathlib import Path

from orepass.errors import ConfigError, did_you_mean

_log = logging.getLogger(__name__)

PRODUCTS = ("auto", "float32", "bfloat16")

WORTH_TORCH = 10**12
"""Multiply-adds from which on torch's faster product makes up for the seconds that its import takes."""

_WORTH_BFLOAT16 = 10**11
"""The same in bfloat16, much faster. A step asks for its tile alone; of a large corpus each has more than this."""


def choose_product(product: str, work: float, gpu: bool = False) -> str:
    """What the product is made in on this machine: `float32`, `bfloat16` or `cuda`.

    Args:
        product: a name in `PRODUCTS`; `auto` is the fastest on this processor.
        work: how many multiply-adds there are; with few, `auto` does not load torch.
        gpu: whether a CUDA device is used where torch sees one, whatever `product` says of the processor.

    Raises:
        ConfigError: an unknown name, or one that needs what is not here.
    """
    if product not in PRODUCTS:
        raise ConfigError(f"product={product!r} is unknown. {did_you_mean(product, PRODUCTS)}")
    if product == "bfloat16" and not has_torch():
        raise ConfigError("product='bfloat16' needs torch. Install it (pip install torch), or set product=float32.")
    if gpu and has_torch() and _has_cuda():
        return "cuda"
    if gpu:
        _log.warning("use_gpu is set, but torch sees no CUDA device here: the processor multiplies")
    if product != "auto":
        return product
    return "bfloat16" if work >= _WORTH_BFLOAT16 and has_torch() and has_bfloat16() else "float32"


def warning_of(product: str) -> str | None:
    """What is to be said of a product, as `choose_product` names it, before a long run; None for nothing."""
    if product != "bfloat16" or has_bfloat16():
        return None
    return (
        "product=bfloat16: this processor has no instruction for it (AMX or AVX512-BF16), so it takes many times as "
        "long as the plan says. product=float32 is faster, and the result is the same."
    )


@cache
def has_bfloat16() -> bool:
    """Whether this processor multiplies bfloat16 numbers (AMX, or AVX-512 with BF16)."""
    try:
        flags = Path("/proc/cpuinfo").read_text()
    except OSError:
        return False
    return "avx512_bf16" in flags or "amx_bf16" in flags


def has_torch() -> bool:
    """Whether torch is installed."""
    return importlib.util.find_spec("torch") is not None


def _has_cuda() -> bool:
    import torch

    return bool(torch.cuda.is_available())
