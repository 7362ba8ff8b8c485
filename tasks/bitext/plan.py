"""The plan of a mining run: which way the neighbours are found, why, and what that will cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from orepass.errors import ConfigError
from orepass.tasks.bitext.cost_model import EXACT, Size, StepCost, Way, exact_way, indexed_way
from orepass.tasks.bitext.costs import Rates
from orepass.tasks.bitext.index_shape import shape_of
from orepass.tasks.bitext.index_ways import indexed_ways, nprobe_for, seconds_of

AUTO = "auto"

_SHARE = 0.5
"""A compressed index, which misses some neighbours, must take at most this share of the exact engine's time."""


@dataclass(frozen=True)
class Plan:
    """How a run will find neighbours.

    Attributes:
        size: what is mined.
        way: how, and what each kind of step costs.
        cores: how many there are.
        limit_gb: GiB that a step may have.
        why: the reason, in a sentence.
        alternatives: what else was considered, cheapest first.
        pairing: what comes after the search, whichever way is taken; of these, only the memory is known.
    """

    size: Size
    way: Way
    cores: int
    limit_gb: float
    why: str
    alternatives: tuple[Way, ...]
    pairing: tuple[StepCost, ...]

    @property
    def exact(self) -> bool:
        """Whether the exact engine does it, without any index."""
        return self.way.index_type == EXACT

    @property
    def index_type(self) -> str:
        """`Flat`, or the factory string of the index."""
        return self.way.index_type

    @property
    def nprobe(self) -> int:
        """How many lists of an inverted file are looked at; 1 if there are none."""
        return self.way.nprobe

    @property
    def seconds(self) -> float | None:
        """About how long it takes, if nothing else uses the cores; None if there is no estimate."""
        return None if self.way.cpu_seconds is None else self.way.cpu_seconds / self.cores

    @property
    def memory_gb(self) -> float:
        """GiB of the largest step."""
        return max(step.memory_gb for step in (*self.way.steps, *self.pairing))

    def memory_of(self, step: str) -> float:
        """GiB of one step of a kind, by its module's name."""
        return next(one.memory_gb for one in (*self.way.steps, *self.pairing) if one.step == step)

    def lines(self) -> list[str]:
        """The plan as text, to be logged."""
        size = self.size
        return [
            f"plan: {self._named(self.way)} for {size.n:,} x {size.m:,} rows of width {size.dim}, k={size.k}: "
            f"{self.way.multiply_adds:.2g} multiply-adds, {_time(self.seconds)} on {self.cores} core(s), "
            f"{self.memory_gb:.1f} of {self.limit_gb:.1f} GiB for the largest step",
            f"why: {self.why}",
            *(f"  {self._step(step)}" for step in self.way.steps if len(self.way.steps) > 1),
            *(
                f"  {step.step}: {step.memory_gb:.1f} GiB"
                for step in self.pairing
                if step.memory_gb > self.way.memory_gb
            ),
            *(f"instead: {self._alternative(way)}" for way in self.alternatives),
        ]

    def _step(self, step: StepCost) -> str:
        seconds = None if step.cpu_seconds is None else step.cpu_seconds / self.cores
        return f"{step.step}: {_time(seconds)}, {step.memory_gb:.1f} GiB"

    def _alternative(self, way: Way) -> str:
        seconds = None if way.cpu_seconds is None else way.cpu_seconds / self.cores
        return f"{self._named(way)}: {_time(seconds)}, {way.memory_gb:.1f} GiB"

    @staticmethod
    def _named(way: Way) -> str:
        if way.index_type == EXACT:
            return "exact (index_type=Flat)"
        return f"index_type={way.index_type} nprobe={way.nprobe}"


def make_plan(
    size: Size,
    *,
    index_type: str = AUTO,
    nprobe: int | None = None,
    recall: float = 0.95,
    product: str = "float32",
    cores: int = 1,
    memory_gb: float,
    rates: Rates,
    pairing: Sequence[StepCost] = (),
) -> Plan:
    """Decide how the neighbours of all rows are found.

    Args:
        size: the number of rows of both languages, their width, and k.
        index_type: `auto`, `Flat` for the exact engine, or any FAISS factory string.
        nprobe: how many lists of an inverted file are looked at; None to have it chosen by
        recall: the share that is to be found of the pairs that the exact engine finds.
        product: what the exact engine multiplies in, as `choose_product` names it for the machine.
        cores: how many cores all steps together may use.
        memory_gb: GiB that one step may have.
        rates: how fast the machine is.
        pairing: the steps after the search, which need their memory whichever way is taken.

    Raises:
        ConfigError: FAISS refuses the type, there are too few rows to train it, the memory cannot suffice, or the
            recall is no share.
    """
    if not 0 < recall <= 1:
        raise ConfigError(f"recall={recall} must be above 0 and at most 1; 1 looks at all lists.")
    exact = exact_way(size, rates, product)
    indexed = indexed_ways(size, rates, lambda lists: nprobe or nprobe_for(lists, recall), memory_gb)
    if index_type == AUTO:
        way, why = _cheapest(exact, indexed, memory_gb)
    elif index_type == EXACT:
        way, why = exact, "index_type=Flat was asked for"
    else:
        shape = shape_of(index_type, size.dim)
        _check_rows(size, index_type, max(shape.lists, shape.centroids))
        lists = nprobe or nprobe_for(shape.lists, recall)
        way, why = indexed_way(size, rates, index_type, lists, memory_gb), f"index_type={index_type} was asked for"
    for step in pairing:
        if step.memory_gb > memory_gb:
            raise ConfigError(
                f"{size.n:,} and {size.m:,} sentences need about {step.memory_gb:.1f} GiB of memory in the step "
                f"{step.step}, and a step may have {memory_gb:.1f} GiB. Set mem_gb, if there is more than that."
            )
    if way.memory_gb > memory_gb:
        raise _too_little(way, [exact, *indexed], size, memory_gb)
    others = [one for one in (exact, *indexed) if one.index_type != way.index_type]
    return Plan(size, way, cores, memory_gb, why, tuple(sorted(others, key=seconds_of)), tuple(pairing))


def _check_rows(size: Size, index_type: str, least: int) -> None:
    if min(size.n, size.m) < least:
        raise ConfigError(
            f"index_type={index_type} learns {least:,} centroids, and the smaller language has only "
            f"{min(size.n, size.m):,} sentences. Set an index type with fewer lists or codes, or index_type=auto."
        )


def _cheapest(exact: Way, indexed: list[Way], memory_gb: float) -> tuple[Way, str]:
    fits = [way for way in indexed if way.memory_gb <= memory_gb]
    best = min(fits, key=seconds_of, default=None)
    if best is None:
        return exact, "no other way fits" if indexed else "too few rows for anything else to be worth its training"
    if exact.memory_gb > memory_gb:
        return best, f"the exact engine would need {exact.memory_gb:.1f} GiB"
    share = seconds_of(best) / seconds_of(exact)
    if share > _SHARE:
        return exact, f"{best.index_type} would take {share:.2g} times as long, and misses neighbours"
    return best, f"it takes {share:.2g} times as long as exact, and up to {_SHARE} is worth the neighbours it misses"


def _too_little(way: Way, others: list[Way], size: Size, memory_gb: float) -> ConfigError:
    fits = [one for one in others if one.memory_gb <= memory_gb]
    instead = f"index_type={min(fits, key=seconds_of).index_type} would fit" if fits else "no other index type fits"
    step = max(way.steps, key=lambda step: step.memory_gb)
    return ConfigError(
        f"{size.n:,} x {size.m:,} rows of width {size.dim} with index_type={way.index_type} need about "
        f"{step.memory_gb:.1f} GiB of memory in the step {step.step}, and a step may have {memory_gb:.1f} GiB. "
        f"Set mem_gb, if there is more than that; {instead}."
    )


def _time(seconds: float | None) -> str:
    if seconds is None:
        return "no estimate of the time"
    if seconds < 100:
        return f"about {seconds:.2g} s"
    return f"about {seconds / 60:.2g} min" if seconds < 6000 else f"about {seconds / 3600:.2g} h"
