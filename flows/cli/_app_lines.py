"""What replicas write, on the terminal."""

from __future__ import annotations

import queue
import threading
from collections.abc import Mapping
from typing import TextIO

from orepass.runner import Runner
from orepass.specs import AppDef

Replica = tuple[str, int]


def replicas_of(app: AppDef) -> list[Replica]:
    """Role and number of every replica."""
    return [(role.name, number) for role in app.roles for number in range(role.num_replicas)]


def print_lines(
    runner: Runner,
    handle: str,
    replicas: list[Replica],
    *,
    follow: bool,
    streams: Mapping[str, TextIO],
    regex: str | None = None,
) -> None:
    """Print the lines of replicas, all at once if they are followed; of several, each line begins with whose it is.

    Args:
        runner: finds the app.
        handle: the app.
        replicas: of which.
        follow: go on until the app has ended.
        streams: where each of their streams goes that is wanted, by name: `stdout`, `stderr` or `combined`.
        regex: only lines in which this is found.
    """
    one_at_a_time, enough = threading.Lock(), threading.Event()

    def show(replica: Replica, stream: str) -> None:
        role, number = replica
        prefix = f"{role}/{number} " if len(replicas) > 1 else ""
        for line in runner.log_lines(handle, role, number, regex, follow, stream):
            with one_at_a_time:
                if enough.is_set():
                    return
                print(f"{prefix}{line}", file=streams[stream], flush=follow)

    wanted = [(replica, stream) for replica in replicas for stream in streams]
    if not follow:
        for one in wanted:
            show(*one)
        return
    ends: queue.SimpleQueue[BaseException | None] = queue.SimpleQueue()

    def follow_one(replica: Replica, stream: str) -> None:
        try:
            show(replica, stream)
            ends.put(None)
        except BaseException as error:
            ends.put(error)

    for one in wanted:  # daemons, because the app may go on for days when nobody reads it any more
        threading.Thread(target=follow_one, args=one, name="log", daemon=True).start()
    try:
        for _ in wanted:
            if error := ends.get():
                raise error
    finally:
        enough.set()
