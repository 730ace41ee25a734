"""What a run has achieved, in a few lines for the terminal: scores, costs, where to look.

Everything is read from the files that the run left, so a summary can be had at any time after it.
"""

import dataclasses
import json
from pathlib import Path
from typing import Any

from genomehub import cost
from genomehub.pipeline.workflow import Run


@dataclasses.dataclass(frozen=True)
class Score:
    """Calls of one kind (SNV or indel) against the truth.

    Parameters
    ----------
    found, false, missed : variants of the truth that were called, calls that are not in the truth, and
        variants of the truth that were not called
    precision, recall, f1 : from 0 to 1, or None where there is nothing to divide by
    """

    kind: str
    found: int
    false: int
    missed: int
    precision: float | None
    recall: float | None
    f1: float | None


@dataclasses.dataclass(frozen=True)
class SampleSummary:
    """One sample of a run: scores (empty without a truth), step -> cost, catalogue entry or None."""

    name: str
    scores: list[Score]
    costs: dict[str, cost.Cost]
    entry: str | None


@dataclasses.dataclass(frozen=True)
class Summary:
    """A whole run.

    Parameters
    ----------
    report : path of the page
    catalogue : where the entries are, or None
    reference_cost : of building the reference, or None if it was given
    """

    report: str
    catalogue: str | None
    reference_cost: cost.Cost | None
    samples: list[SampleSummary]


def summarise(run: Run, directory: Path) -> Summary:
    """Read what a finished run left below ``directory``; steps that are not done yet are left out."""
    return Summary(
        report=str(directory / run.report),
        catalogue=run.settings["catalogue"],
        reference_cost=_cost(directory / run.reference_cost) if run.genome is not None else None,
        samples=[_sample(run, name, directory) for name in run.samples],
    )


def _sample(run: Run, name: str, directory: Path) -> SampleSummary:
    outputs = run.outputs(name)
    costs = {step: _cost(directory / path) for step, path in run.costs(name).items()}
    return SampleSummary(
        name=name,
        scores=_scores(_json(directory, outputs.get("evaluation"))),
        costs={step: spent for step, spent in costs.items() if spent is not None},
        entry=_json(directory, outputs.get("entry")).get("id"),
    )


def _scores(evaluation: dict[str, Any]) -> list[Score]:
    fields = ("tp_truth", "fp", "fn", "precision", "recall", "f1")
    return [
        Score(name, *(evaluation[kind][field] for field in fields))
        for name, kind in (("SNV", "snv"), ("indel", "indel"))
        if kind in evaluation
    ]


def _cost(path: Path) -> cost.Cost | None:
    return cost.read(path) if path.is_file() else None


def _json(directory: Path, name: str | None) -> dict[str, Any]:
    path = directory / name if name is not None else None
    if path is None or not path.is_file():
        return {}
    answer: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return answer


def as_text(summary: Summary) -> str:
    """Return the summary as lines for a terminal."""
    lines = []
    if summary.reference_cost is not None:
        lines += ["reference", _cost_line("build", summary.reference_cost)]
    for sample in summary.samples:
        lines.append(sample.name)
        lines += [_score_line(score) for score in sample.scores]
        lines += [_cost_line(step, spent) for step, spent in sample.costs.items()]
        if sample.entry is not None:
            lines.append(f"  {'catalogue':10} {sample.entry} in {summary.catalogue}")
    return "\n".join([*lines, f"report       {summary.report}"])


def _score_line(score: Score) -> str:
    ratios = (("precision", score.precision), ("recall", score.recall), ("F1", score.f1))
    shown = "  ".join(f"{name} {'-' if value is None else f'{value:.4f}'}" for name, value in ratios)
    return f"  {score.kind:10} {shown}  ({score.found} found, {score.false} false, {score.missed} missed)"


def _cost_line(step: str, spent: cost.Cost) -> str:
    return (
        f"  {step:10} {spent.core_seconds:.1f} core-seconds  {spent.wall_seconds:.1f} s  "
        f"{spent.peak_rss_bytes / 1e9:.2f} GB"
    )
