"""The page of a whole run: one row a sample, curves of all samples together, and what each step cost."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from genomehub.quality import plots
from genomehub.quality.report import verdict
from genomehub.quality.report_summary import LOOK, POOR
from genomehub.quality.report_text import count, data_size, percent, plain, render, seconds, with_unit

#: Samples with a colour and a name of their own in plots; more than these are drawn alike.
_NAMED = len(plots.SERIES)
_MAX_BARS = 40
#: Steps in the data's way; others come behind.
_STAGES = ("reference", "align", "call", "qc", "evaluate", "register", "report")


def stage_order(stage: str) -> tuple[int, str]:
    """Key that sorts steps by the data's way."""
    return (_STAGES.index(stage) if stage in _STAGES else len(_STAGES), stage)


def run_page(run: Mapping[str, Any], curves: Mapping[str, Mapping[str, list[int]]]) -> str:
    """Return the page.

    Parameters
    ----------
    run : what pipeline.report.report returns
    curves : sample -> "coverage" and "insert_size" -> histogram
    """
    pictures = [
        plot
        for plot in (
            _cost_plot(run["stages"]),
            _curves(
                "Bases covered at least so deep", "depth, at least", "share of bases", _cumulative(curves)
            ),
            _curves("Insert sizes", "insert size, bp", "share of pairs", _densities(curves)),
        )
        if plot is not None
    ]
    return render(
        "run.html", run=run, tiles=_tiles(run), plots=pictures,
        rows=[_row(sample) for sample in run["samples"]],
        stages=_stage_table(run["stages"]), verdict=_verdict(run["samples"]),
        has_scores=any("snv_f1" in sample["summary"] for sample in run["samples"]),
        has_entries=any(sample["entry"] for sample in run["samples"]),
    )  # fmt: skip


def _verdict(samples: list[dict[str, Any]]) -> dict[str, str]:
    levels = {sample["sample"]: verdict(sample["checks"])["level"] for sample in samples}
    for level, words in ((POOR, "Outside of what is expected"), (LOOK, "Worth a look")):
        names = [name for name, found in levels.items() if found == level]
        if names:
            shown = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
            return {"level": level, "text": f"{words}: {shown}."}
    return {"level": "good", "text": "Every sample is as expected."}


def _tiles(run: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    summaries = [sample["summary"] for sample in run["samples"]]
    tiles: list[tuple[str, str, str]] = []
    depths = [s["coverage_mean"] for s in summaries if s.get("coverage_mean") is not None]
    if depths:
        tiles.append(
            (
                "Mean coverage",
                with_unit(float(np.median(depths)), "x"),
                "median sample" if len(depths) > 1 else "",
            )
        )
    for key, label in (("snv_f1", "SNV F1"), ("indel_f1", "Indel F1")):
        scores = [s[key] for s in summaries if s.get(key) is not None]
        if scores:
            tiles.append((label, plain(min(scores), 4), "lowest" if len(scores) > 1 else ""))
    if run["stages"]:
        tiles += [
            ("Core time", seconds(run["core_seconds"]), ""),
            ("Cost", f"{run['price']:.4f}" if run["price"] < 0.1 else plain(run["price"]),
             f"at {run['price_per_core_hour']:g} a core-hour"),
            ("Peak memory", data_size(max(stage["peak_rss_bytes"] for stage in run["stages"])), ""),
        ]  # fmt: skip
    return tiles


def _row(sample: Mapping[str, Any]) -> dict[str, Any]:
    summary = sample["summary"]
    judged = verdict(sample["checks"])
    return {
        "sample": sample["sample"],
        "page": sample["page"],
        "level": judged["level"],
        "reads": count(summary.get("reads")),
        "coverage": with_unit(summary.get("coverage_mean"), "x"),
        "at_10x": percent(summary.get("coverage_at_10x"), 1),
        "duplicates": percent(summary.get("duplicate_fraction"), 1),
        "insert_size": plain(summary.get("insert_size_median"), 0),
        "snvs": count(summary.get("snvs")),
        "indels": count(summary.get("indels")),
        "ti_tv": plain(summary.get("ti_tv")),
        "snv_f1": plain(summary.get("snv_f1"), 4),
        "indel_f1": plain(summary.get("indel_f1"), 4),
        "core_time": seconds(sample["core_seconds"]),
        "memory": data_size(sample["peak_rss_bytes"]),
        "entry": sample["entry"],
    }


def _stage_table(stages: list[dict[str, Any]]) -> list[tuple[str, str, str, str, str]]:
    """Steps over all samples: jobs, core time in all and per job, longest wall time, peak memory."""
    names = sorted({stage["stage"] for stage in stages}, key=stage_order)
    rows = []
    for name in names:
        mine = [stage for stage in stages if stage["stage"] == name]
        core = sum(stage["core_seconds"] for stage in mine)
        rows.append(
            (name, count(len(mine)), seconds(core), seconds(max(stage["wall_seconds"] for stage in mine)),
             data_size(max(stage["peak_rss_bytes"] for stage in mine)))
        )  # fmt: skip
    return rows


def _cost_plot(stages: list[dict[str, Any]]) -> plots.Plot | None:
    """Core-seconds by sample, steps stacked."""
    if not stages:
        return None
    samples = list(dict.fromkeys(stage["sample"] or "whole run" for stage in stages))[:_MAX_BARS]
    steps, shown = _shown_steps(stages)
    table = np.zeros((len(steps), len(samples)))
    for stage in stages:
        sample = stage["sample"] or "whole run"
        if sample in samples:
            table[steps.index(shown[stage["stage"]]), samples.index(sample)] += stage["core_seconds"]

    height = 0.32 * len(samples) + 0.1
    frame = plots.Frame(10.0, height + 0.92, left=0.25 + 0.085 * max(map(len, samples)), bottom=0.8)

    def paint(axes: Axes) -> None:
        left = np.zeros(len(samples))
        for i, (step, values) in enumerate(zip(steps, table, strict=True)):
            colour = plots.SERIES[i % len(plots.SERIES)]
            axes.barh(np.arange(len(samples)), values, 0.7, left, color=colour, linewidth=0, label=step)
            left += values
        axes.set_yticks(np.arange(len(samples)), samples)
        axes.set(xlabel="core-seconds", ylim=(len(samples) - 0.4, -0.6))
        axes.grid(axis="x")
        axes.grid(visible=False, axis="y")
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.42 / height), ncols=min(len(steps), 7))

    told = ", ".join(f"{step} {seconds(float(v.sum()))}" for step, v in zip(steps, table, strict=True))
    return plots.draw("Core time by step", f"{told}.", paint, frame)


def _shown_steps(stages: list[dict[str, Any]]) -> tuple[list[str], dict[str, str]]:
    """Steps that have a colour, in order, and as which of them each step is shown: cheap ones as "other"."""
    costs: dict[str, float] = {}
    for stage in stages:
        costs[stage["stage"]] = costs.get(stage["stage"], 0.0) + stage["core_seconds"]
    dearest = sorted(costs, key=lambda step: -costs[step])
    kept = dearest if len(dearest) <= _NAMED else dearest[: _NAMED - 1]
    steps = sorted(kept, key=stage_order)
    if len(kept) < len(costs):
        steps.append("other")
    return steps, {step: step if step in kept else "other" for step in costs}


def _cumulative(curves: Mapping[str, Mapping[str, list[int]]]) -> dict[str, np.ndarray]:
    found = {}
    for name, histograms in curves.items():
        counts = np.asarray(histograms["coverage"], float)
        if counts.sum():
            shares = counts[::-1].cumsum()[::-1] / counts.sum()
            found[name] = shares[: int(np.argmax(shares < 0.005)) or shares.size]
    return found


def _densities(curves: Mapping[str, Mapping[str, list[int]]]) -> dict[str, np.ndarray]:
    found = {}
    for name, histograms in curves.items():
        counts = np.asarray(histograms["insert_size"], float)
        if counts.sum():
            smooth = np.convolve(counts, np.full(11, 1 / 11), mode="same")  # 11 bp: noise of small samples
            end = int(np.argmax(counts.cumsum() >= 0.998 * counts.sum())) + 1
            found[name] = smooth[:end] / counts.sum()
    return found


def _curves(title: str, x: str, y: str, lines: Mapping[str, np.ndarray]) -> plots.Plot | None:
    """One line a sample: coloured and named if they are few."""
    if not lines:
        return None

    def paint(axes: Axes) -> None:
        few = len(lines) <= _NAMED
        for i, (name, values) in enumerate(lines.items()):
            style = {"label": name} if few else {"alpha": 0.35, "linewidth": 1.0}
            axes.plot(np.arange(len(values)), values, color=plots.SERIES[i if few else 0], **style)
        axes.set(xlabel=x, ylabel=y, xlim=(0, None), ylim=(0, None))
        axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:g} %")
        if few:
            axes.legend(loc="upper right")

    return plots.draw(title, f"{len(lines)} sample{'s' if len(lines) > 1 else ''}, one line each.", paint)
