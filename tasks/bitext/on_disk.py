"""Inverted files whose lists stay on disk while they are merged and searched."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import faiss as typed_faiss
import numpy as np

from orepass.tasks.bitext.faiss_index import LISTS, MAIN, load_index, save_index

faiss: Any = typed_faiss  # its annotations leave out much of what is used here


def merge_on_disk(parts: Sequence[Path], folder: Path) -> Path:
    """Merge inverted files list by list; main memory holds none of them.

    Args:
        parts: filled copies of one trained index, in order, of a type that `streams`.
        folder: is made, and gets the index in two files.

    Returns:
        The folder. It may be moved; `load_index` reads it.

    Raises:
        InputError: a part that cannot be read.
        RuntimeError: FAISS's, if the parts do not fit together.
    """
    folder.mkdir()
    indexes = [load_index(part) for part in parts]
    files = [faiss.extract_index_ivf(index) for index in indexes]
    lists = faiss.OnDiskInvertedLists(files[0].nlist, files[0].code_size, str(folder / LISTS))
    together = faiss.InvertedListsPtrVector()
    for file in files:
        together.push_back(file.invlists)
    # FAISS can move ids itself, but does so by the size of the wrong part (1.15).
    total = lists.merge_from_multiple(together.data(), together.size(), False)
    _move_ids(lists, files)
    return _save(indexes[0], lists, total, folder)


def _move_ids(lists: Any, files: Sequence[Any]) -> None:
    """Make each part's row numbers those over all parts."""
    starts = np.cumsum([0, *(file.ntotal for file in files[:-1])])
    for number in range(lists.nlist):
        sizes = [file.invlists.list_size(number) for file in files]
        if sum(sizes):
            ids = faiss.rev_swig_ptr(lists.get_ids(number), sum(sizes))
            ids += np.repeat(starts, sizes)


def _save(index: Any, lists: Any, total: int, folder: Path) -> Path:
    file = faiss.extract_index_ivf(index)
    own = file.invlists
    file.own_invlists = False
    file.replace_invlists(lists, False)
    index.ntotal = file.ntotal = total
    lists.filename = LISTS  # the name alone, so that the same content has the same bytes wherever it is
    try:
        save_index(index, folder / MAIN)
    finally:
        file.replace_invlists(own, True)
    return folder
