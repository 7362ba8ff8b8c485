"""The store: where it is, whether it can be written, on which file system, and whose clock that has."""

from __future__ import annotations

import os
import shutil
import time
import uuid
from pathlib import Path

from orepass.atomic import sync
from orepass.flows.cli._checks import Finding
from orepass.flows.cli._file_system import MOUNTINFO, FileSystem, file_system_of
from orepass.store import ENVIRONMENT_VARIABLE, Store, current_store

_LITTLE_GB = 5.0
_APART_S = 5.0
_ELSEWHERE = f"Let ${ENVIRONMENT_VARIABLE} (store.root= of flows) name a folder"


def check_store(given: Path | None = None) -> list[Finding]:
    """Look at the store, and write to it as a step does; nothing of that is left.

    Args:
        given: its root; the one of the environment, if not given.
    """
    store, origin = _store(given)
    there = next(folder for folder in (store.root, *store.root.parents) if folder.exists())
    where, exists = f"{store.root} ({origin})", there == store.root
    try:
        ahead_s = probe(there)
    except OSError as error:
        found = f"{where} cannot be {'written' if exists else 'made'}: {error.strerror or error}"
        remedy = f"{_ELSEWHERE} that you may write to, on a disk with space."
        return [Finding("store", "trouble", found, remedy), *_disk(store.root, there)]
    found = f"{where} can be {'written' if exists else 'made when it is first used'}"
    return [Finding("store", "ok", found), *_disk(store.root, there), clock(ahead_s)]


def probe(folder: Path) -> float:
    """Write, rename and remove a folder with a file in it, each forced to the disk.

    Returns:
        Seconds by which the clock of the file system is ahead of this machine's.

    Raises:
        OSError: one of that does not work.
    """
    made, renamed = (folder / f".doctor.{uuid.uuid4().hex}" for _ in range(2))
    try:
        made.mkdir()
        before = time.time()
        (made / "probe").write_bytes(b"written by orepass doctor")
        after = time.time()
        written = (made / "probe").stat().st_mtime
        sync(made / "probe")
        sync(made)
        os.rename(made, renamed)
        sync(folder)
        shutil.rmtree(renamed)
    finally:
        for left in (made, renamed):
            shutil.rmtree(left, ignore_errors=True)
    return min(0.0, written - before) + max(0.0, written - after)


def disk(system: FileSystem | None, free_gb: float) -> Finding:
    """What there is to say of the file system and of the space on it.

    Args:
        system: None if it is not known.
        free_gb: GiB that this user may still write.
    """
    space = f"{free_gb:.1f} GiB free"
    if system is None:
        return _space("of an unknown kind", free_gb, space)
    seen = "other machines may see it" if system.shared else "only this machine sees it"
    found = f"{system.kind} on {system.mounted}: {seen}"
    if system.transient:
        remedy = f"{_ELSEWHERE} on a disk: this one is empty after the machine or its container has ended."
        return Finding("disk of the store", "warning", f"{found}; {space}", remedy)
    return _space(found, free_gb, space)


def clock(ahead_s: float) -> Finding:
    """What there is to say of the file system's clock, which stamps input files, results and heartbeats.

    Args:
        ahead_s: seconds by which it is ahead of this machine's.
    """
    if abs(ahead_s) <= _APART_S:
        return Finding("clock of the store", "ok", "the same as this machine's")
    found = f"{abs(ahead_s):.0f} s {'ahead of' if ahead_s > 0 else 'behind'} this machine's"
    return Finding("clock of the store", "warning", found, "Let NTP set the clocks of this machine and of the server.")


def _store(given: Path | None) -> tuple[Store, str]:
    if given is not None:
        return Store(given), "--store"
    named = f"${ENVIRONMENT_VARIABLE}" if os.environ.get(ENVIRONMENT_VARIABLE) else "the default"
    return current_store(), named


def _disk(root: Path, there: Path) -> list[Finding]:
    mountinfo = MOUNTINFO.read_text() if MOUNTINFO.exists() else ""
    return [disk(file_system_of(root, mountinfo), shutil.disk_usage(there).free / 2**30)]


def _space(found: str, free_gb: float, space: str) -> Finding:
    if free_gb >= _LITTLE_GB:
        return Finding("disk of the store", "ok", f"{found}; {space}")
    return Finding("disk of the store", "warning", f"{found}; only {space}", "Free some space, or use another disk.")
