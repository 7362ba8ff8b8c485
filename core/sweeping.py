"""Removing from a store what killed runs left."""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Callable
from pathlib import Path

from orepass.claims import remove_if_dead
from orepass.layout import Layout
from orepass.notices import author_of

logger = logging.getLogger(__name__)

_SWEEP_AFTER_S = 7 * 24 * 3600.0
_CHECKPOINTS_STAY_S = 90 * 24 * 3600.0


def sweep(layout: Layout, remove_partial: Callable[[Path], None]) -> None:
    """Remove what killed runs left: at once where the process is known to be dead, else after a week.

    Checkpoints, from which another run can go on, stay for 90 days without a change, or until the result is there.

    Args:
        layout: of the store.
        remove_partial: removes the folder of a run that was in progress.
    """
    for owner_file in layout.partials.glob("*.owner"):
        _sweep(owner_file, owner_file.with_suffix(""), remove_partial)
    for notice in (*layout.in_use.glob("*"), *layout.pruning.glob("*")):
        _sweep(notice, notice, Path.unlink)
    for pruned in layout.partials.glob("*.pruned"):
        shutil.rmtree(pruned, ignore_errors=True)
    for exchange in layout.partials.glob("*.call"):  # between a flow and its runs in a work pool
        if _untouched(exchange, _SWEEP_AFTER_S):
            shutil.rmtree(exchange, ignore_errors=True)
    for checkpoints in layout.checkpoints.glob("*/*"):
        done = layout.entry(checkpoints.parent.name, checkpoints.name).record.exists()
        if done or _untouched(checkpoints, _CHECKPOINTS_STAY_S):
            shutil.rmtree(checkpoints, ignore_errors=True)
    for claim in layout.claims.glob("*/*"):
        remove_if_dead(claim)


def _sweep(owner_file: Path, thing: Path, remove: Callable[[Path], None]) -> None:
    try:
        owner = author_of(owner_file)
        alive = owner.alive() if owner else None
        if alive is False or (alive is None and _untouched(thing, _SWEEP_AFTER_S)):
            remove(thing)
            logger.info("Removed %s, which %s left behind.", thing, owner or "a killed run")
    except OSError as error:
        logger.debug("Could not sweep %s: %s", thing, error)


def _untouched(folder: Path, seconds: float) -> bool:
    newest = max((file.stat().st_mtime for file in (folder, *folder.rglob("*")) if file.exists()), default=0.0)
    return time.time() - newest > seconds
