"""Shows the progress of steps: bars in a terminal, lines in a log file, artifacts in Prefect's UI."""

from __future__ import annotations

import asyncio
import logging
import time
from uuid import UUID

from prefect.artifacts import acreate_progress_artifact, aupdate_progress_artifact
from prefect.context import FlowRunContext
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars
from rich.progress import TaskID as BarID
from rich.theme import Theme

from orepass.prefect_log import prefect_console
from orepass.progress_reports import Progress

logger = logging.getLogger(__name__)

# A step that is done sooner needs no artifact, and lines in a file no more often than this.
_ARTIFACT_AFTER_S = 5.0
_ARTIFACT_EVERY_S = 5.0
_LINE_EVERY_S = 10.0


class Board:
    """The progress of the steps that run in this process; one for all of them."""

    def __init__(self) -> None:
        self._bars: Bars | None = None
        self._showing = 0

    def enter(self) -> None:
        """One more step has something to show."""
        self._showing += 1
        # Prefect's own, so that its lines go above the bars.
        console = prefect_console() or Console(stderr=True, emoji=False)
        if self._bars is None and console.is_terminal:
            console.push_theme(Theme())  # Prefect's has no styles for bars
            columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
            self._bars = Bars(*columns, console=console, transient=True)
            self._bars.start()

    def leave(self) -> None:
        """One step fewer has something to show."""
        self._showing -= 1
        if self._bars is not None and not self._showing:
            self._bars.stop()
            self._bars.console.pop_theme()
            self._bars = None

    def bar(self, label: str) -> BarID | None:
        """A new bar; None where there is no terminal to draw it in."""
        return None if self._bars is None else self._bars.add_task(label, total=None)

    def draw(self, bar: BarID, state: Progress) -> None:
        """Move a bar."""
        if self._bars is not None:
            self._bars.update(bar, completed=state.done, total=state.total)

    def erase(self, bar: BarID) -> None:
        """Remove a bar."""
        if self._bars is not None:
            self._bars.remove_task(bar)


_board = Board()


class StepProgress:
    """The progress of one step, shown while it is used as a context manager."""

    def __init__(self, label: str, log: logging.LoggerAdapter[logging.Logger] | logging.Logger) -> None:
        self._label = label
        self._log = log
        self._bar: BarID | None = None
        self._begun = self._line = self._sent = time.monotonic()
        self._artifact: UUID | None = None
        self._sending: asyncio.Task[None] | None = None
        self._entered = False
        self._closed = False

    def show(self, state: Progress) -> None:
        """Show how far the step is."""
        if self._closed:
            return
        if not self._entered:
            self._entered = True
            _board.enter()
            self._bar = _board.bar(self._label)
        now = time.monotonic()
        if self._bar is not None:
            _board.draw(self._bar, state)
        elif now - self._line > _LINE_EVERY_S:
            self._line = now
            self._log.info("%s: %s", state.what, _in_words(state))
        idle = self._sending is None or self._sending.done()
        if idle and now - self._begun > _ARTIFACT_AFTER_S and now - self._sent > _ARTIFACT_EVERY_S:
            try:
                loop = asyncio.get_running_loop()
            except RuntimeError:
                return  # a thread of a step that runs in the flow's own, which can send nothing in the meantime
            self._sent = now
            self._sending = loop.create_task(self._send(state))

    async def close(self) -> None:
        """Stop showing it."""
        self._closed = True
        if self._entered:
            if self._bar is not None:
                _board.erase(self._bar)
            _board.leave()
        if self._sending is not None:
            await self._sending
        if self._artifact is not None:
            await self._send(Progress(self._label, 1, 1, ""))

    async def _send(self, state: Progress) -> None:
        if FlowRunContext.get() is None:
            return
        percent = 100.0 * state.done / max(state.total, 1)
        try:
            if self._artifact is None:
                self._artifact = await acreate_progress_artifact(percent, description=f"{self._label}: {state.what}")
            else:
                await aupdate_progress_artifact(self._artifact, percent)
        except Exception as error:  # progress is a courtesy: a server in trouble must not fail the step
            logger.debug("Progress of %s could not be sent: %s", self._label, error)


def _in_words(state: Progress) -> str:
    return f"{state.done:,} of {state.total:,} {state.unit} ({state.done / max(state.total, 1):.0%})"
