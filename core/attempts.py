"""Starting a step again that was killed: as it was, or with more time or memory."""

from __future__ import annotations

from dataclasses import dataclass, replace

from orepass.errors import StepError, StepKilled, StepOutOfMemory, StepPreempted, StepTimeout
from orepass.requirements import Requirements


@dataclass(frozen=True)
class RetryPolicy:
    """When a launcher's steps are started again after they were killed; one that raises an error is not.

    Attributes:
        retries: how often after its process, worker or job died. A preempted job does not count.
        growths: how often, with more than before, after it ran out of time or memory.
        growth: the factor by which `timeout_min` or `mem_gb` then grows.
        max_timeout_min: never more minutes than this; None for no cap.
        max_mem_gb: never more GiB than this; None for no cap.
        timeout_min: the limit that steps run under if they have no `timeout_min` of their own; None if there is none.
    """

    retries: int = 0
    growths: int = 0
    growth: float = 2.0
    max_timeout_min: float | None = None
    max_mem_gb: float | None = None
    timeout_min: float | None = None


@dataclass
class Attempts:
    """The attempts at one step.

    Attributes:
        policy: that of the launcher.
        needs: what the next attempt is to have.
    """

    policy: RetryPolicy
    needs: Requirements
    _deaths: int = 0
    _growths: int = 0

    def again(self, error: StepError) -> str | None:
        """Decide what follows after an attempt ended.

        Args:
            error: how it ended.

        Returns:
            How the next attempt is made, for the log; None if there is to be none.
        """
        if isinstance(error, StepTimeout):
            now = self.needs.timeout_min or self.policy.timeout_min
            more = self._grown(now, self.policy.max_timeout_min)
            if more is None:
                return None
            self.needs = replace(self.needs, timeout_min=more)
            return f"again with timeout_min={more:g} instead of {now:g}"
        if isinstance(error, StepOutOfMemory):
            less = self.needs.mem_gb
            more = self._grown(less, self.policy.max_mem_gb)
            if more is None:
                return None
            self.needs = replace(self.needs, mem_gb=more)
            return f"again with mem_gb={more:g} instead of {less:g}"
        if isinstance(error, StepPreempted):
            return "again as it was"
        if isinstance(error, StepKilled) and self._deaths < self.policy.retries:
            self._deaths += 1
            return f"again as it was ({self._deaths} of {self.policy.retries})"
        return None

    def _grown(self, now: float | None, cap: float | None) -> float | None:
        if now is None or self._growths >= self.policy.growths:
            return None
        more = now * self.policy.growth if cap is None else min(now * self.policy.growth, cap)
        if more <= now:
            return None
        self._growths += 1
        return more

    def last_words(self, error: StepError) -> StepError:
        """The error with what has been tried in vain."""
        tried = self._deaths + self._growths
        if not tried:
            return error
        needs = f"mem_gb={self.needs.mem_gb:g}"
        if self.needs.timeout_min is not None:
            needs += f", timeout_min={self.needs.timeout_min:g}"
        return type(error)(f"{error}\nIt was started {tried + 1} times, the last time with {needs}.")
