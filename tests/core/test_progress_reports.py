from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

import orepass.progress_reports
from orepass import progress as progress_of_a_step
from orepass.progress_reports import Progress, listening


def test_threads_tell_one_after_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(orepass.progress_reports, "_REPORT_EVERY_S", 0)
    told: list[int] = []
    speaking = 0

    def listen(one: Progress) -> None:
        nonlocal speaking
        speaking += 1
        time.sleep(0.0005)  # lets other threads come in between, if they may
        assert speaking == 1
        speaking -= 1
        told.append(one.done)

    with listening(listen), progress_of_a_step(400, "counting") as advance, ThreadPoolExecutor(4) as pool:
        list(pool.map(advance, [1] * 400))
    assert told == [*range(1, 401), 400]


def test_nobody_has_to_listen() -> None:
    with progress_of_a_step(2, "counting") as advance:
        advance(2)
