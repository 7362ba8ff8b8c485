from __future__ import annotations

import io
import logging
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from prefect.logging.handlers import PrefectConsoleHandler

from orepass import board
from orepass.board import StepProgress
from orepass.progress_reports import Progress


async def test_threads_of_a_step_in_the_flows_own_process_can_tell_how_far_they_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """On `debug`, where the loop is not theirs; after some seconds a bar would be sent to the server."""
    for name in ("_ARTIFACT_AFTER_S", "_ARTIFACT_EVERY_S"):
        monkeypatch.setattr(board, name, -1.0)
    shown = StepProgress("step", logging.getLogger(__name__))
    with ThreadPoolExecutor() as threads:
        threads.submit(shown.show, Progress("step", 1, 2, "rows")).result()
    await shown.close()


async def test_bars_are_drawn_on_the_console_that_prefect_logs_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    handler = PrefectConsoleHandler()
    handler.console.file = terminal = io.StringIO()
    handler.console._force_terminal = handler.console.is_interactive = True
    monkeypatch.setattr(logging.getLogger(), "handlers", [handler])
    shown = StepProgress("the step", logging.getLogger(__name__))
    shown.show(Progress("step", 1, 2, "rows"))
    shown.show(Progress("step", 2, 2, "rows"))
    until = time.monotonic() + 10
    while "2/2" not in terminal.getvalue() and time.monotonic() < until:
        time.sleep(0.05)
    await shown.close()
    assert "the step" in terminal.getvalue() and "2/2" in terminal.getvalue()
    logging.getLogger().error("a line afterwards")
    assert "a line afterwards" in terminal.getvalue()
