"""The file that an Optuna study is kept in, which several processes may read and write."""

from __future__ import annotations

import os
import time
from pathlib import Path

import optuna
from optuna.storages import BaseStorage, JournalStorage
from optuna.storages.journal import JournalFileBackend

from orepass.errors import StoreError

_LOOKS, _LOOK_S = 4, 0.05


def open_journal(path: Path) -> BaseStorage:
    """The journal of all searches over the same thing.

    Raises:
        StoreError: it cannot be read or written.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists():
            _check_end(path)
        return JournalStorage(JournalFileBackend(str(path)))
    except OSError as error:
        raise StoreError(f"The journal {path} cannot be used: {error.strerror or error}. Check the store.") from error
    except (ValueError, KeyError) as error:
        raise StoreError(
            f"The journal {path} is damaged: {error}. Remove it: what was computed stays in the store, and is found "
            "again where the same values are drawn."
        ) from error


def _check_end(path: Path) -> None:
    """See that the last line is whole, or what is written next would go onto it."""
    for _ in range(_LOOKS):
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(size - 1, 0))
            if file.read() in (b"", b"\n"):
                return
        time.sleep(_LOOK_S)  # another process may be writing it right now
    raise ValueError("its last line is not whole")
