"""How exact search is cut into tiles, and what the tiles found is put together again."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, groupby

from orepass.pipelines import Input, adapter
from orepass.tasks.bitext.embed_text import EmbeddedShard
from orepass.tasks.bitext.exact_tile import Tile, TileNeighbours
from orepass.tasks.bitext.merge_neighbours import Strip
from orepass.tasks.bitext.neighbours import Neighbours
from orepass.tasks.bitext.slices import Slice, cut


@adapter
def tiles(src: Input[Sequence[EmbeddedShard]], tgt: Input[Sequence[EmbeddedShard]]) -> list[Tile]:
    """Each slice of one language with each of the other, the source's slices one after the other.

    Args:
        src: the source side.
        tgt: the target side.
    """
    return [Tile(row, column) for row in _slices(src) for column in _slices(tgt)]


@adapter
def forward_strips(tiles: Input[Sequence[Tile]], found: Input[Sequence[TileNeighbours]]) -> list[Strip]:
    """What each slice of the source found in all slices of the target.

    Args:
        tiles: what was searched.
        found: what was found there.
    """
    rows = [list(row) for _, row in groupby(zip(tiles, found, strict=True), key=lambda pair: pair[0].src)]
    return [_strip([tile.tgt for tile, _ in row], [there.forward for _, there in row]) for row in rows]


@adapter
def backward_strips(tiles: Input[Sequence[Tile]], found: Input[Sequence[TileNeighbours]]) -> list[Strip]:
    """What each slice of the target found in all slices of the source.

    Args:
        tiles: what was searched.
        found: what was found there.
    """
    by_column: dict[Slice, list[tuple[Tile, TileNeighbours]]] = {}
    for tile, there in zip(tiles, found, strict=True):
        by_column.setdefault(tile.tgt, []).append((tile, there))
    return [
        _strip([tile.src for tile, _ in column], [there.backward for _, there in column])
        for column in by_column.values()
    ]


def _slices(shards: Sequence[EmbeddedShard]) -> list[Slice]:
    return cut([shard.embeddings for shard in shards], [shard.sentences for shard in shards])


def _strip(searched: Sequence[Slice], found: Sequence[Neighbours]) -> Strip:
    offsets = accumulate((piece.rows for piece in searched[:-1]), initial=0)
    return Strip(tuple(found), tuple(offsets))
