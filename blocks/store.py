"""The store as a Prefect block: saved once, named in flows and deployments, and usable as their result storage."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from orepass.persistence import StoreFileSystem
from orepass.store import Store, use_store


class StoreBlock(StoreFileSystem):
    """Results by module and key under one folder.

        StoreBlock(root="/data/store").save("team")
        StoreBlock.load("team").use()

    Attributes:
        root: a folder on a local or shared POSIX file system; `$OREPASS_STORE` or `~/.orepass/store`, if not given.
    """

    _block_type_name = "orepass store"

    root: Path | None = Field(default=None, description="The store's folder; $OREPASS_STORE, if not given.")

    def store(self) -> Store:
        """The store that the block stands for."""
        return super().store() if self.root is None else Store(self.root)

    def use(self) -> None:
        """Use this store from here on."""
        use_store(self.store())
