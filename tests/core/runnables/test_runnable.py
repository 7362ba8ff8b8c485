from __future__ import annotations

from typing import Any

import pytest

from orepass.errors import ConfigError
from orepass.runnables.runnable import Runnable, run_to_end


class Countdown:
    def __init__(self, steps: int, last: Any = False) -> None:
        self.left, self.last = steps, last

    def run(self) -> Any:
        self.left -= 1
        return True if self.left else self.last


class Coroutine:
    async def run(self) -> None: ...


@pytest.mark.parametrize("last", [False, None, 1, "more"])
def test_run_is_called_again_as_long_as_it_returns_exactly_true(last: Any) -> None:
    seen: list[int] = []
    assert run_to_end(Countdown(3, last), lambda steps: bool(seen.append(steps))) == 3
    assert seen == [1, 2]
    assert run_to_end(Countdown(3, last), lambda steps: steps == 2) == 2
    assert run_to_end(Countdown(1, last)) == 1


def test_any_object_with_run_is_a_runnable() -> None:
    assert isinstance(Countdown(1), Runnable)
    assert not isinstance(object(), Runnable)


@pytest.mark.parametrize(
    ("thing", "said"),
    [
        (3, "type int is no Runnable"),
        (type("Odd", (), {"run": 3})(), "type Odd is no Runnable"),
        (Countdown, "Countdown is a class"),
        (Coroutine(), "Coroutine.run is a coroutine function"),
    ],
)
def test_what_cannot_run_is_told_by_its_type(thing: Any, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        run_to_end(thing)
