"""The steps of global bitext mining: embed, index, nearest neighbours, margin, pairs, text, evaluation.

Each step is a module in a file of its own name, beside its configuration and what it returns:

    from orepass.tasks.bitext import train_index
    from orepass.tasks.bitext.train_index import TrainIndexConfig
"""

from orepass.tasks.bitext.embed_text import embed_text
from orepass.tasks.bitext.evaluate import evaluate
from orepass.tasks.bitext.merge_indexes import merge_indexes
from orepass.tasks.bitext.mine_pairs import mine_pairs
from orepass.tasks.bitext.neighbours import neighbours
from orepass.tasks.bitext.populate_index import populate_index
from orepass.tasks.bitext.train_index import train_index
from orepass.tasks.bitext.write_pairs import write_pairs

__all__ = [
    "embed_text",
    "evaluate",
    "merge_indexes",
    "mine_pairs",
    "neighbours",
    "populate_index",
    "train_index",
    "write_pairs",
]
