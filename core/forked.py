"""Processes that are forked from one in which flows have run, such as those in which torch's DataLoader reads."""

from __future__ import annotations

import asyncio
import os

from prefect._internal.concurrency import services


def let_forked_processes_end() -> None:
    """Let what is forked from this process end with the exit code that it earned.

    In a forked process Prefect 3.8 forgets the event for which it waits at the end, and so every one ended with 1.
    """
    os.register_at_fork(after_in_child=_nothing_to_wait_for)


def _nothing_to_wait_for() -> None:
    done = asyncio.Event()
    done.set()
    for service in list(services._active_services):
        service._done_event = done
