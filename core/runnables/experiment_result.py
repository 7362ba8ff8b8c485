"""What came of an experiment: all variants of all stages."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from orepass.runnables.experiment_plan import Stage
from orepass.runnables.experiment_variants import COMPLETE, DROPPED, FAILED, PRUNED, Variant, best


@dataclass(frozen=True)
class ExperimentResult:
    """What came of an experiment.

    Attributes:
        stages: each after those that it links to.
        variants: of all stages, in their order.
    """

    stages: tuple[Stage, ...]
    variants: tuple[Variant, ...]

    def of(self, stage: str) -> list[Variant]:
        """The variants of a stage."""
        return [variant for variant in self.variants if variant.stage == stage]

    def ranked(self, stage: str) -> list[Variant]:
        """Those of a stage that have a metric, best first."""
        (direction,) = (one.direction for one in self.stages if one.name == stage)
        return best(self.of(stage), len(self.variants), direction)

    @property
    def failed(self) -> list[Variant]:
        """Those that failed, and not only because others did."""
        return [variant for variant in self.variants if variant.state == FAILED]

    def rows(self) -> list[dict[str, Any]]:
        """A row for each variant."""
        return [_row(variant) for variant in self.variants]

    def lines(self) -> list[str]:
        """A line for each stage and for each variant that failed; in the end all of the first error."""
        lines = [self.line(stage) for stage in self.stages]
        lines += [f"{one.name} failed: {str(one.error).partition(chr(10))[0]}" for one in self.failed[1:]]
        return lines + [f"{one.name} failed: {one.error}" for one in self.failed[:1]]

    def line(self, stage: Stage) -> str:
        """What came of a stage, in a line."""
        line = f"{stage.name}: {self.counts(stage)}"
        ranked = self.ranked(stage.name)
        if not ranked:
            return line
        told = ranked[0].told()
        return f"{line}; best {ranked[0].metric:g}{f' with {told}' if told else ''} ({ranked[0].name})"

    def counts(self, stage: Stage) -> str:
        """How many of the variants of a stage are in which state."""
        found = self.of(stage.name)
        if not stage.runs:
            return f"{len(found)} {'variant' if len(found) == 1 else 'variants'}, not run"
        states = Counter(variant.state for variant in found)
        counts = [f"{states[state]} {state}" for state in (COMPLETE, PRUNED, FAILED, DROPPED) if states[state]]
        if stage.reduce is not None and found:
            counts.append(f"{sum(variant.kept for variant in found)} kept")
        return ", ".join(counts) or "nothing to run"


def _row(variant: Variant) -> dict[str, Any]:
    return {
        "variant": variant.name,
        "stage": variant.stage,
        "params": dict(variant.params),
        "builds_on": sorted(one.name for one in variant.ancestors.values()),
        "state": variant.state,
        "kept": variant.kept and variant.state == COMPLETE,
        "metric": variant.metric,
        "error": variant.error,
        "folder": str(variant.result.folder) if variant.result else None,
    }
