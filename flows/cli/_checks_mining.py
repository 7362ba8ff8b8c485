"""Exact mining: which product this machine is fit for, and whether its compiled loops can be kept."""

from __future__ import annotations

from orepass.flows.cli._checks import Finding


def check_mining() -> list[Finding]:
    """Look at what `product=auto` stands for here, and for the place of the compiled loops."""
    # Here, so that other checks are made where this import fails, and other commands need not wait for it.
    from orepass.tasks.bitext.product_choice import has_bfloat16, has_torch

    return [product(has_bfloat16(), has_torch()), _loops()]


def product(bfloat16: bool, torch: bool) -> Finding:
    """What numbers exact mining multiplies with `product=auto`.

    Args:
        bfloat16: whether the processor has an instruction for them.
        torch: whether torch is installed.
    """
    if not bfloat16:
        return Finding("exact mining", "ok", "in float32: the processor has no instruction for bfloat16")
    if not torch:
        found = "in float32: the processor has an instruction for bfloat16, but there is no torch"
        return Finding("exact mining", "ok", found, "To mine large corpora faster: pip install torch")
    return Finding("exact mining", "ok", "in bfloat16 where it is large; the result is that of float32")


def _loops() -> Finding:
    try:
        from orepass.tasks.bitext.kernels import select
    except RuntimeError as error:  # numba looks for a folder that it can write to when it sees the functions
        remedy = "Set NUMBA_CACHE_DIR to a folder that you may write to."
        return Finding("compiled loops", "trouble", f"there is no place to keep them: {error}", remedy)
    return Finding("compiled loops", "ok", f"kept in {select.stats.cache_path}")
