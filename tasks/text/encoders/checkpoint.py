"""Checkpoints of PyTorch, read without running anything that is in them."""

from __future__ import annotations

import argparse
import pickle
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from orepass.errors import InputError


class Ignored:
    """Stands for an object of a class that is neither known nor needed, such as one of the training framework's."""

    def __init__(self, *arguments: Any, **options: Any) -> None: ...

    def __setstate__(self, state: Any) -> None: ...


def load_checkpoint(path: Path) -> Mapping[str, Any]:
    """The dictionary in a checkpoint.

    Training frameworks put objects of their own beside the weights. `argparse.Namespace` is read as it is; any other
    class that `torch.load(weights_only=True)` does not know becomes `Ignored`, and what it blocks (functions of the
    operating system, say) is an error: no code of the file or of its framework runs.

    Args:
        path: what `torch.save` wrote.

    Raises:
        InputError: the file is missing or damaged, or holds something else.
    """
    try:
        known: list[Any] = [argparse.Namespace]
        if zipfile.is_zipfile(path):  # files from before torch 1.6 are not, and cannot be looked into
            names = torch.serialization.get_unsafe_globals_in_checkpoint(path)
            known += [(Ignored, name) for name in names if name != "argparse.Namespace"]
        with torch.serialization.safe_globals(known):
            checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise InputError(f"No checkpoint at {str(path)!r}. Check the path.") from None
    except (pickle.UnpicklingError, RuntimeError, ValueError, EOFError, OSError, KeyError) as error:
        lines = str(error).splitlines() or [type(error).__name__]
        # What torch did not like stands in the middle of its advice to load the file unsafely.
        why = next((line.strip() for line in lines if "WeightsUnpickler" in line or "GLOBAL" in line), lines[0])
        raise InputError(
            f"{str(path)!r} cannot be read as a checkpoint of PyTorch: {why} Copy or download it again, from where it "
            "was published."
        ) from error
    if not isinstance(checkpoint, Mapping):
        raise InputError(f"{str(path)!r} holds a {type(checkpoint).__name__}, not the dictionary of a checkpoint.")
    return checkpoint
