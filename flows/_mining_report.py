"""What a mining run tells people: files in `output_dir`, artifacts in the UI, a table in the terminal."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from prefect.artifacts import acreate_markdown_artifact, acreate_table_artifact
from prefect.context import FlowRunContext
from rich.console import Console
from rich.table import Table

from orepass.flows._mining_page import report_page
from orepass.flows._steps_table import print_steps
from orepass.publish import publish, publish_text
from orepass.report import RunReport, StepReport
from orepass.store import current_store
from orepass.tasks.bitext.evaluate import Evaluation
from orepass.tasks.bitext.mine_pairs import MinedPairs
from orepass.tasks.bitext.threshold import usual_threshold
from orepass.tasks.bitext.write_pairs import WrittenPairs

if TYPE_CHECKING:
    from orepass.flows._neighbours import Side
    from orepass.flows.mining import MiningConfig

_BAR = 40


@dataclass(frozen=True)
class MiningResult:
    """What came of a mining run.

    Attributes:
        files: the mined pairs, best first, in all formats.
        columns: what stands in a TSV file of pairs, see docs/formats.md.
        report: the same facts as here, as JSON; beside it `report.html`, with examples.
        corpus: what was mined.
        languages: source and target.
        counts: how many sentences of either language were left after each step of reading and filtering.
        sentences: how many were embedded and searched.
        threshold: the lowest margin of a pair.
        mined: how many pairs.
        histogram: all candidates by score, counts and edges of equal bins.
        evaluation: the comparison with known pairs; None if none are known.
        steps: what was in the store and what was computed.
    """

    files: tuple[Path, ...]
    columns: tuple[str, ...]
    report: Path
    corpus: str
    languages: tuple[str, str]
    counts: tuple[dict[str, int], dict[str, int]]
    sentences: tuple[int, int]
    threshold: float
    mined: int
    histogram: tuple[tuple[int, ...], tuple[float, ...]]
    evaluation: Evaluation | None
    steps: tuple[StepReport, ...]

    @property
    def pairs(self) -> Path:
        """The first of the files."""
        return self.files[0]


def threshold_of(config: MiningConfig) -> float:
    """The threshold that is set, else the encoder's own for the way of mining it was measured with, else 1.06."""
    if config.threshold is not None:
        return config.threshold
    encoded = config.data is None or config.data.embeddings is None
    encoder = config.encoder if encoded else None
    return usual_threshold(encoder, config.src_lang, config.tgt_lang, config.margin, config.retrieval, config.k)


async def publish_result(
    config: MiningConfig,
    corpus: str,
    sides: tuple[Side, Side],
    mined: MinedPairs,
    written: WrittenPairs,
    evaluation: Evaluation | None,
    run: RunReport,
) -> MiningResult:
    """Put the result where people look for it: in the output folder and among the run's artifacts."""
    folder = Path(config.output_dir) / f"{corpus}.{config.src_lang}-{config.tgt_lang}"
    files = tuple(publish(file, folder) for file in written.files)
    src, tgt = sides
    result = MiningResult(
        files=files,
        columns=written.columns,
        report=folder / "report.json",
        corpus=corpus,
        languages=(config.src_lang, config.tgt_lang),
        counts=(src.text.counts, tgt.text.counts),
        sentences=(src.sentences, tgt.sentences),
        threshold=threshold_of(config),
        mined=mined.count,
        histogram=(mined.histogram_counts, mined.histogram_edges),
        evaluation=evaluation,
        steps=tuple(run.steps),
    )
    publish_text(json.dumps(asdict(result), default=str, indent=2), result.report)
    publish_text(report_page(result, facts(result), written), result.report.with_suffix(".html"))
    if FlowRunContext.get() is not None:
        await acreate_table_artifact(
            table=[{"what": name, "value": value} for name, value in facts(result)],
            key="mining-result",
            description=f"Mined {result.pairs}",
        )
        await acreate_markdown_artifact(_drawn(*result.histogram), key="mining-scores", description="Scores")
    return result


def print_result(result: MiningResult) -> None:
    """Print the table that a run ends with, and where its files are."""
    console = Console(highlight=False, emoji=False, soft_wrap=True)
    table = Table(title=f"{result.corpus} {'-'.join(result.languages)}", title_justify="left")
    table.add_column("result")
    table.add_column("", justify="right")
    for name, value in facts(result):
        table.add_row(name, value)
    console.print(table)
    print_steps(console, result.steps)
    console.print(f"Pairs:  {' '.join(map(str, result.files))}", markup=False)
    console.print(f"Report: {result.report.with_suffix('.html')}", markup=False)
    console.print(f"Store:  {current_store().root}", markup=False)


def facts(result: MiningResult) -> list[tuple[str, str]]:
    """What a run tells of its result, by name."""
    found: list[tuple[str, str]] = [
        ("sentences", " + ".join(f"{count:,}" for count in result.sentences)),
        ("threshold", f"{result.threshold:.4g}"),
        ("pairs mined", f"{result.mined:,}"),
    ]
    known = result.evaluation
    if known is not None:
        found += [
            ("known pairs", f"{known.gold:,}"),
            ("precision", f"{known.precision:.3f}"),
            ("recall", f"{known.recall:.3f}"),
            ("F1", f"{known.f1:.3f}"),
        ]
        if known.best_threshold is not None:
            found.append(("best F1", f"{known.best_f1:.3f} at {known.best_threshold:.4g}"))
        for name, error in (("->", known.xsim_error_forward), ("<-", known.xsim_error_backward)):
            if error is not None:
                found.append((f"xsim error {name}", f"{error:.3f}"))
    return found


def _drawn(counts: tuple[int, ...], edges: tuple[float, ...]) -> str:
    """A histogram as text in Markdown."""
    highest = max(counts, default=0)
    rows = [
        f"{low:8.3f} {count:>12,} {'█' * round(_BAR * count / highest)}"
        for low, count in zip(edges, counts, strict=False)
    ]
    return "\n".join(["Candidate pairs by score:", "", "```", *rows, "```"]) if highest else "There are no candidates."
