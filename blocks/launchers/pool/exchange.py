"""What a flow and a run in a work pool that performs one of its steps tell each other: files beside the step's folder.

    <store>/.partial/<uuid>.call/    readable by their owner alone
        order                        what to perform; the run gets its SHA-256 through Prefect
        driver                       touched by the flow while it waits; removed when it waits no more
        performer                    says where the run is; touched by it
        events                       progress and log lines as they come, a line of JSON each
        answer                       signed; written last

Both unpickle what the other one wrote, so both check first that it is the other one's: who can write to the store, but
neither to Prefect nor read the files of this user, cannot make them run anything.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import hmac
import json
import os
import pickle
import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path

from orepass.atomic import write_atomically
from orepass.blocks.launchers.orders import Ended, Order
from orepass.call import LogLine, Outcome
from orepass.errors import OrepassError, StoreError
from orepass.progress_reports import Progress

_SIGNATURE = hashlib.sha256().digest_size
_EVENTS = {kind.__name__: kind for kind in (Progress, LogLine)}

Answer = Outcome | Ended | OrepassError


@dataclass(frozen=True)
class PoolOrder:
    """An order to a run in a work pool.

    Attributes:
        order: what to run.
        label: the step's name.
        gpus: how many GPUs it is to see.
        gpus_are_shared: whether other runs on the same machine see the same GPUs, so that they have to be locked.
        key: signs the answer.
    """

    order: Order
    label: str
    gpus: int
    gpus_are_shared: bool
    key: bytes = dataclasses.field(default_factory=lambda: secrets.token_bytes(32), repr=False)


@dataclass(frozen=True)
class Exchange:
    """The folder of one order."""

    folder: Path

    @classmethod
    def of(cls, partial: Path) -> Exchange:
        """That of the step which works in a folder."""
        return cls(partial.with_suffix(".call"))

    @property
    def driver(self) -> Path:
        """The flow's sign of life."""
        return self.folder / "driver"

    @property
    def performer(self) -> Path:
        """The sign of life of the run in the pool, and where it is."""
        return self.folder / "performer"

    # The flow's side -----------------------------------------------------------------------------------------------

    def open(self, order: PoolOrder) -> str:
        """Make the folder and write the order; its digest.

        Raises:
            OSError: the store cannot be written.
        """
        content = pickle.dumps(order)
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        self.folder.mkdir(mode=0o700)
        with open(os.open(self.folder / "order", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
        self.driver.touch(0o600)
        return hashlib.sha256(content).hexdigest()

    def events(self, offset: int) -> tuple[list[Progress | LogLine], int]:
        """What has been told since, and the offset to ask from next time."""
        try:
            with open(self.folder / "events", "rb") as file:
                file.seek(offset)
                whole = file.read().rpartition(b"\n")[0]
        except OSError:
            return [], offset
        if not whole:
            return [], offset
        told = [json.loads(line) for line in whole.splitlines()]
        return [_EVENTS[kind](**fields) for kind, fields in told], offset + len(whole) + 1

    def answer(self, key: bytes) -> Answer | None:
        """What came of the order; None as long as that is not known.

        Raises:
            StoreError: the answer was not written by the run in the pool.
        """
        try:
            content = (self.folder / "answer").read_bytes()
        except OSError:
            return None
        signature, pickled = content[:_SIGNATURE], content[_SIGNATURE:]
        if not hmac.compare_digest(signature, hmac.digest(key, pickled, "sha256")):
            raise StoreError(f"{self.folder}/answer was not written by the run that had to. Who can write there?")
        answer: Answer = pickle.loads(pickled)
        return answer

    def place(self) -> tuple[str, str | None] | None:
        """The performer's host and cluster job, if it has begun."""
        with contextlib.suppress(OSError, ValueError):
            host, job = json.loads(self.performer.read_bytes())
            return host, job
        return None

    def remove(self) -> None:
        """Wait no more: a run that still performs the order ends."""
        self.driver.unlink(missing_ok=True)
        shutil.rmtree(self.folder, ignore_errors=True)

    # The side of the run in the pool -------------------------------------------------------------------------------

    def take(self, digest: str) -> PoolOrder | None:
        """The order; None if nobody waits for it any more.

        Raises:
            StoreError: it is not the one that was given.
        """
        try:
            content = (self.folder / "order").read_bytes()
        except FileNotFoundError:
            return None
        if not hmac.compare_digest(hashlib.sha256(content).hexdigest(), digest):
            raise StoreError(f"{self.folder}/order is not the order that was given. Who can write there?")
        order: PoolOrder = pickle.loads(content)
        return order

    def begin(self, host: str, job: str | None) -> None:
        """Say where the order is being performed."""
        write_atomically(self.performer, json.dumps([host, job]).encode(), durable=False)

    def tell(self, event: Progress | LogLine) -> None:
        """Pass an event on."""
        line = json.dumps([type(event).__name__, dataclasses.asdict(event)]) + "\n"
        with open(self.folder / "events", "a") as file:  # opened anew, so that readers on other hosts see it
            file.write(line)

    def reply(self, answer: Answer, key: bytes) -> None:
        """Say what came of the order."""
        pickled = pickle.dumps(answer)
        write_atomically(self.folder / "answer", hmac.digest(key, pickled, "sha256") + pickled)
