"""After any sequence of runs, kills, changes and prunes, a run gives what a fresh store would."""

from __future__ import annotations

import asyncio
import os
import pickle
import shutil
import signal
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from orepass import Store, use_store
from orepass.pipelines.document import Pipeline, read_pipeline
from orepass.pipelines.forcing import forget
from orepass.pipelines.running import run_nodes
from orepass.pipelines.states import survey
from orepass.upkeep import plan_prune, prune, results

NAMES = ["corpus", "clean", "cut", "loud", "joined"]
_OPTIONS = {"threshold": st.integers(1, 3), "cutoff": st.integers(2, 4)}
_TEXTS = st.sampled_from(["one\ntwo\n", "one!\ntwo\nthree\n", "four\n"])


class Interruptions(RuleBasedStateMachine):
    """One pipeline, one store, and all that may happen to them."""

    @initialize(text=_TEXTS)
    def begin(self, text: str) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.store = Store(self.folder / "store")
        self.options: dict[str, Any] = {"threshold": 1, "cutoff": 3}
        self.text = self.folder / "text.txt"
        self.text.write_text(text)

    @rule(text=_TEXTS)
    def rewrite(self, text: str) -> None:
        self.text.write_text(text)

    @rule(data=st.data(), name=st.sampled_from(sorted(_OPTIONS)))
    def change(self, data: st.DataObject, name: str) -> None:
        self.options[name] = data.draw(_OPTIONS[name])

    @rule(data=st.data())
    def prune_some(self, data: st.DataObject) -> None:
        there = sorted(result.entry.name for result in results(self.store))
        if there:
            going = data.draw(st.sets(st.sampled_from(there)))
            prune(self.store, plan_prune(self.store, only=going))

    @rule(name=st.sampled_from(NAMES))
    def force(self, name: str) -> None:
        forget(self.pipeline(), [name], self.store)

    @rule(calls=st.integers(1, 120))
    def run_and_be_killed(self, calls: int) -> None:
        """`kill -9` as the process asks the system for the so-manieth time to sync, rename or make something."""
        _in_a_child(lambda: _run(self.pipeline(), self.store, calls))

    @rule()
    def run(self) -> None:
        got = _in_a_child(lambda: _run(self.pipeline(), self.store))
        assert got == _expected(self.text.read_text(), **self.options)
        assert all(one.done for one in survey(self.pipeline().nodes, self.store).standings.values())

    def teardown(self) -> None:
        if hasattr(self, "folder"):
            got = _in_a_child(lambda: _run(self.pipeline(), self.store))
            fresh = _in_a_child(lambda: _run(self.pipeline(), Store(self.folder / "fresh")))
            shutil.rmtree(self.folder)
            assert got == fresh

    def pipeline(self) -> Pipeline:
        return read_pipeline(
            {
                "corpus": {"type": "toy_modules:read", "path": str(self.text)},
                "clean": {
                    "type": "toy_modules:first",
                    "input_raw_data": "corpus",
                    "threshold": self.options["threshold"],
                },
                "cut": {"type": "toy_modules:second", "input_data": "clean", "cutoff": self.options["cutoff"]},
                "lines": {"type": "toy_modules:lines_of", "input_corpus": "cut"},
                "loud": {"type": "toy_modules:shout", "input_element": "lines"},
                "joined": {"type": "toy_modules:join", "input_lines": "loud.line"},
            }
        )


def _expected(text: str, threshold: int, cutoff: int) -> dict[str, Any]:
    clean = [line for line in text.splitlines() if len(line) >= threshold]
    lines = [line[:cutoff] for line in clean]
    return {"lines": lines, "joined": " ".join(line.upper() for line in lines)}


def _run(pipeline: Pipeline, store: Store, kill_at: int | None = None) -> dict[str, Any]:
    use_store(store)
    if kill_at is not None:
        _die_at(kill_at)
    values = asyncio.run(run_nodes(pipeline.nodes, pipeline.nodes))
    return {name: values[name] for name in ("lines", "joined")}


def _die_at(call: int) -> None:
    """Let this process be killed at a call of the system that changes the store."""
    left = call

    def counted(function: Callable[..., Any]) -> Callable[..., Any]:
        def count(*arguments: Any, **options: Any) -> Any:
            nonlocal left
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return function(*arguments, **options)

        return count

    for name in ("fsync", "rename", "mkdir", "open", "unlink", "rmdir"):
        setattr(os, name, counted(getattr(os, name)))


def _in_a_child(work: Callable[[], Any]) -> Any:
    """What a forked process computes; None if it was killed."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            with os.fdopen(writing, "wb") as pipe:
                pipe.write(pickle.dumps(work()))
            os._exit(0)
        finally:
            os._exit(1)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        answer = pipe.read()
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
    return pickle.loads(answer) if answer else None


TestInterruptions = Interruptions.TestCase
TestInterruptions.settings = settings(
    max_examples=12, stateful_step_count=12, deadline=None, suppress_health_check=list(HealthCheck)
)
