"""What follows when a step was killed."""

from __future__ import annotations

import pytest

from orepass import Requirements
from orepass.attempts import Attempts, RetryPolicy
from orepass.errors import StepError, StepKilled, StepOutOfMemory, StepPreempted, StepTimeout

POLICY = RetryPolicy(retries=2, growths=2, growth=2.0, max_timeout_min=25, max_mem_gb=100)


def attempts(policy: RetryPolicy = POLICY, **needs: float) -> Attempts:
    return Attempts(policy, Requirements(**needs))  # type: ignore[arg-type]


def test_out_of_memory_is_answered_with_more_memory() -> None:
    tried = attempts(mem_gb=4)
    assert tried.again(StepOutOfMemory("")) == "again with mem_gb=8 instead of 4"
    assert tried.needs == Requirements(mem_gb=8)
    tried.again(StepOutOfMemory(""))
    assert tried.needs.mem_gb == 16
    assert tried.again(StepOutOfMemory("")) is None


def test_a_timeout_is_answered_with_more_time_below_the_cap() -> None:
    tried = attempts(timeout_min=10)
    assert tried.again(StepTimeout("")) == "again with timeout_min=20 instead of 10"
    assert tried.again(StepTimeout("")) == "again with timeout_min=25 instead of 20"
    assert tried.again(StepTimeout("")) is None


def test_a_step_at_the_cap_is_not_tried_again() -> None:
    assert attempts(mem_gb=100).again(StepOutOfMemory("")) is None
    assert attempts(timeout_min=30).again(StepTimeout("")) is None


def test_time_grows_from_the_limit_that_was_in_force() -> None:
    policy = RetryPolicy(growths=1, timeout_min=60)
    assert attempts(policy).again(StepTimeout("")) == "again with timeout_min=120 instead of 60"
    assert attempts(RetryPolicy(growths=1)).again(StepTimeout("")) is None


def test_a_death_is_tried_again_as_it_was_and_preemption_does_not_count() -> None:
    tried = attempts()
    for _ in range(5):
        assert tried.again(StepPreempted("")) == "again as it was"
    assert tried.again(StepKilled("")) == "again as it was (1 of 2)"
    assert tried.again(StepKilled("")) == "again as it was (2 of 2)"
    assert tried.again(StepKilled("")) is None
    assert tried.needs == Requirements()


def test_an_error_of_the_step_itself_is_final() -> None:
    assert attempts().again(StepError("")) is None


@pytest.mark.parametrize("error", [StepKilled(""), StepTimeout(""), StepOutOfMemory("")])
def test_nothing_is_tried_again_by_default(error: StepError) -> None:
    assert attempts(RetryPolicy(), timeout_min=1).again(error) is None


def test_the_last_error_tells_what_was_tried() -> None:
    tried = attempts(timeout_min=10, mem_gb=4)
    first = StepTimeout("too long")
    assert tried.last_words(first) is first
    tried.again(first)
    last = tried.last_words(StepTimeout("too long again"))
    assert isinstance(last, StepTimeout)
    assert str(last) == "too long again\nIt was started 2 times, the last time with mem_gb=4, timeout_min=20."
