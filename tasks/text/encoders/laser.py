"""LASER2 and LASER3, from the files that were published: https://dl.fbaipublicfiles.com/nllb/laser/ ."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

from orepass.errors import ConfigError, InputError, did_you_mean
from orepass.tasks.text.encoders._base import EncoderConfig
from orepass.tasks.text.encoders.neural import NeuralEncoder, pick_device

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class LaserFiles:
    """What encodes one language.

    Attributes:
        checkpoint: `.pt`, the network.
        pieces: `.spm`, the SentencePiece model.
        vocabulary: `.cvocab`, the pieces in the order of their ids; None where the checkpoint holds them (LASER2).
    """

    checkpoint: Path
    pieces: Path
    vocabulary: Path | None


def load(config: EncoderConfig, lang: str) -> NeuralEncoder:
    """See `Kind`."""
    files = find_files(config, lang)
    _log.info("%s is encoded with %s", lang, files.checkpoint)
    students = _students(files.checkpoint.parent)
    if config.name == "laser3" and files.checkpoint not in students:
        known = did_you_mean(lang, students.values()) if students else "There is no student at all."
        _log.warning("No student of LASER3 is called %r, so LASER2 encodes it. %s", lang, known)
    device = pick_device(config)
    from orepass.tasks.text.encoders.laser_model import LaserModel  # imports torch, which `weights` does without

    model = LaserModel(files, config, device)
    return NeuralEncoder(model, model.dim, config.dtype)


def weights(config: EncoderConfig, lang: str) -> tuple[Path | str, ...]:
    """See `Kind`."""
    files = find_files(config, lang)
    kept = [path for path in (files.checkpoint, files.pieces, files.vocabulary) if path is not None]
    return (*kept, config.dtype)


def find_files(config: EncoderConfig, lang: str) -> LaserFiles:
    """The files for a language, under the names that they were published with.

    For `laser3` that is `laser3-LANG.v1.pt`, with `.spm` and `.cvocab` of the same name or else LASER2's; a language
    without such a file is encoded by LASER2, the teacher, whose space is the students' too.

    Args:
        config: `name` is laser2 or laser3, `model` the folder.
        lang: as in the files' names, `ben_Beng`, or without the script, `ben`; in upper or lower case.

    Raises:
        ConfigError: `model` is missing, or an option that this encoder does not have; the language fits two files.
        InputError: a file is missing.
    """
    if config.model is None:
        raise ConfigError(f"the encoder {config.name!r} needs model=<the folder of its files>; see docs/encoders.md.")
    if config.processes != 1:
        raise ConfigError(f"the encoder {config.name!r} works in one process; num_cpu gives it more cores.")
    folder = Path(config.model)
    known = {} if config.name == "laser2" else _students(folder)
    students = [path for path, name in known.items() if f"{name}_".lower().startswith(f"{lang}_".lower())]
    if len(students) > 1:
        raise ConfigError(
            f"In {str(folder)!r} several students know {lang!r}: {', '.join(path.name for path in students)}. Name the "
            "language as one of them does."
        )
    checkpoint = students[0] if students else folder / "laser2.pt"
    pieces = _first(checkpoint.with_suffix(".spm"), folder / "laser2.spm")
    vocabulary = _first(checkpoint.with_suffix(".cvocab"), folder / "laser2.cvocab") if students else None
    for path in (checkpoint, pieces, vocabulary):
        if path is not None and not path.is_file():
            there = ", ".join(sorted(path.name for path in folder.glob("laser*"))) or "no file of LASER"
            raise InputError(
                f"There is no {path.name} for {lang!r} in {str(folder)!r} (there: {there}). Get it from "
                "https://dl.fbaipublicfiles.com/nllb/laser/ ."
            )
    return LaserFiles(checkpoint, pieces, vocabulary)


def _students(folder: Path) -> dict[Path, str]:
    """The checkpoints of LASER3 in a folder, with their languages."""
    paths = sorted(folder.glob("laser3-*.v*.pt"))
    return {path: path.name.removeprefix("laser3-").partition(".v")[0] for path in paths}


def _first(path: Path, other: Path) -> Path:
    return path if path.is_file() else other
