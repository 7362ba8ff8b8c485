from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest

from orepass import Store, module
from orepass.capture import let_speak

HELPER = logging.getLogger("orepass.tasks.of_tests")


@dataclass(frozen=True)
class SpeakingConfig:
    word: str


@module
def speaks(config: SpeakingConfig) -> str:
    HELPER.info("%s of a helper", config.word)
    logging.getLogger(__name__).info("%s of a step", config.word)
    return config.word


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    root = logging.getLogger()
    level = root.level
    root.setLevel(logging.WARNING)
    yield
    root.setLevel(level)


async def test_a_step_is_heard_while_it_runs(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    await speaks.schedule(SpeakingConfig("news"))
    logging.getLogger(__name__).info("too late")
    HELPER.info("too late")
    assert [line for line in caplog.messages if " of a " in line or "late" in line] == [
        "news of a helper",
        "news of a step",
    ]


def test_the_last_step_of_a_process_gives_the_level_back() -> None:
    logger, set_by_user = logging.getLogger("steps.of_tests"), logging.getLogger("user.of_tests")
    set_by_user.setLevel(logging.ERROR)
    with ExitStack() as second:
        with let_speak([logger.name, set_by_user.name]):
            second.enter_context(let_speak([logger.name]))
            assert not set_by_user.isEnabledFor(logging.WARNING)
        assert logger.isEnabledFor(logging.INFO)
    assert logger.level == logging.NOTSET
    assert set_by_user.level == logging.ERROR
