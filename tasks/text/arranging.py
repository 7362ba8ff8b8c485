"""What stands between the steps that read and filter text, in pipelines."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from orepass.pipelines import Input, adapter
from orepass.tasks.text.duplicates import CountedText
from orepass.tasks.text.prepared import PreparedText
from orepass.tasks.text.read_text import TextFile
from orepass.tasks.text.shards import ShardSpec, resolve_shards
from orepass.tasks.text.tables import guess_format


@adapter
def text_files(shards: ShardSpec, lang: str) -> list[Path]:
    """The files of one language.

    Args:
        shards: files, folders or globs, see `resolve_shards`.
        lang: the language, which stands for `{lang}` in them.
    """
    return resolve_shards(shards, lang)


@adapter
def files_to_read(files: Input[Sequence[Path]], format: str | None = None) -> list[TextFile]:
    """Files with their formats, for `read_text`.

    Args:
        files: plain or compressed.
        format: of all of them; None to go by each file's name.
    """
    return [TextFile(path, format or guess_format(path)) for path in files]


@adapter
def read_parts(read: Input[Sequence[tuple[PreparedText, ...]]]) -> list[PreparedText]:
    """What `read_text` made of all files, one after the other.

    Args:
        read: the shards of each file.
    """
    return [part for parts in read for part in parts]


@adapter
def counted_text(parts: Input[Sequence[PreparedText]], counts: Input[Sequence[Path]]) -> list[CountedText]:
    """Prepared text with what `count_duplicates` found in it, for `drop_duplicates`.

    Args:
        parts: the text.
        counts: a file for each of them.
    """
    return [CountedText(part, count) for part, count in zip(parts, counts, strict=True)]
