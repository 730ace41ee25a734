"""Plots of mapping qualities: what they promise against what happens, and placed reads against errors."""

import math
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

_TOP = 60


def plot(rows: dict[str, dict[str, Any]], path: Path) -> None:
    """Write a PNG with two panels.

    Left, for each aligner and bin of qualities the observed error rate (with its 95 % interval) as a Phred
    number over the promised one: on the diagonal qualities are honest, above it cautious, below it too bold.
    A bin without an error is an open mark at the lower end of its interval. Right, reads that are placed at
    or above each quality over the errors among them: up and to the left is better.

    Parameters
    ----------
    rows : by aligner, what ``placement.summary`` returns
    path : of the PNG
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(12, 5.5), layout="constrained")
    for number, (name, row) in enumerate(rows.items()):
        colour = f"C{number}"
        _reliability(left, row["calibration"], colour, name)
        _placed_and_wrong(right, row, colour, name)
    left.plot([0, _TOP], [0, _TOP], color="grey", linewidth=1)
    left.text(0.98, 0.02, "open: no error seen, so at least this", ha="right", transform=left.transAxes)
    left.set(
        xlabel="mapping quality (mean promise of the bin)", ylabel="observed error, -10 log10", xlim=(-1, 62)
    )
    right.set(xlabel="wrong among those placed", ylabel="placed, % of reads", xscale="log")
    for axes in (left, right):
        axes.legend(frameon=False)
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=120)
    plt.close(figure)


def plot_reliability(rows: dict[str, list[dict[str, Any]]], path: Path) -> None:
    """Write a PNG of observed over promised errors alone.

    Parameters
    ----------
    rows : by name, bins as ``placement.calibration`` returns them
    path : of the PNG
    """
    figure, axes = plt.subplots(figsize=(6.5, 5.5), layout="constrained")
    for number, (name, bins) in enumerate(rows.items()):
        _reliability(axes, bins, f"C{number}", name)
    axes.plot([0, _TOP], [0, _TOP], color="grey", linewidth=1)
    axes.set(xlabel="quality (mean promise of the bin)", ylabel="observed error, -10 log10", xlim=(-1, 100))
    axes.legend(frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=120)
    plt.close(figure)


def _phred(share: float) -> float:
    return -10 * math.log10(max(share, 1e-9))


def _reliability(axes: Any, bins: list[dict[str, Any]], colour: str, name: str) -> None:
    seen = [row for row in bins if row["wrong"]]
    expected = [_phred(row["expected"]) for row in seen]
    observed = [_phred(row["observed"]) for row in seen]
    below = [y - _phred(row["observed_high"]) for y, row in zip(observed, seen, strict=True)]
    above = [_phred(row["observed_low"]) - y for y, row in zip(observed, seen, strict=True)]
    axes.errorbar(
        expected, observed, [below, above], fmt="o-", color=colour, markersize=4, linewidth=1, label=name
    )
    clean = [row for row in bins if not row["wrong"]]
    places = [_phred(row["expected"]) for row in clean], [_phred(row["observed_high"]) for row in clean]
    axes.plot(*places, "^", color=colour, markersize=5, fillstyle="none")


def _placed_and_wrong(axes: Any, row: dict[str, Any], colour: str, name: str) -> None:
    placed = wrong = 0
    xs, ys = [], []
    for step in reversed(row["calibration"]):
        placed, wrong = placed + step["placed"], wrong + step["wrong"]
        if wrong:
            xs.append(wrong / placed)
            ys.append(100 * placed / row["reads"])
    axes.plot(xs, ys, "o-", color=colour, markersize=4, linewidth=1, label=name)
