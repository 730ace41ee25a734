"""A picture of an evaluation: precision against recall as the threshold of QUAL or GQ goes down.

One panel for SNVs and one for indels, from the report's ``roc`` alone. The page with all pictures of a run is
the business of ``report.py``.
"""

from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

#: What matplotlib writes that people look at.
FORMATS = ("png", "svg", "pdf")

_PANELS = (("snv", "SNV"), ("indel", "indel"))
#: Thresholds that are written beside the curve.
_MARKED = (10, 20, 30, 60)


def draw_roc(report: dict[str, Any], title: str) -> Figure:
    """Draw the curves of a report of ``genomehub evaluate``; the caller saves the figure."""
    figure = Figure(figsize=(10.0, 4.6), layout="constrained")
    figure.suptitle(title)
    for axes, (kind, label) in zip(figure.subplots(1, 2), _PANELS, strict=True):
        for number, (field, columns) in enumerate(report["roc"][kind].items()):
            _curve(axes, columns, field, f"C{number}")
        f1 = report[kind]["f1"]
        axes.set(title=label if f1 is None else f"{label}, F1 {f1:.4f}", xlabel="recall", ylabel="precision")
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(visible=True, color="0.9")
        if axes.lines:
            axes.legend(frameon=False, loc="lower left")
        else:
            axes.text(0.5, 0.5, "no calls", ha="center", transform=axes.transAxes)
    return figure


def _curve(axes: Axes, columns: dict[str, list[Any]], field: str, colour: str) -> None:
    points = [
        point
        for point in zip(columns["recall"], columns["precision"], columns["threshold"], strict=True)
        if point[0] is not None and point[1] is not None
    ]
    if not points:
        return
    recall, precision, thresholds = zip(*points, strict=True)
    axes.plot(recall, precision, ".-", color=colour, linewidth=1, markersize=4, label=f"by {field}")
    for mark in _MARKED:
        # The calls of at least ``mark`` are those of the last row whose threshold is not below it.
        row = max(
            (i for i, value in enumerate(thresholds) if value is not None and value >= mark), default=None
        )
        if row is not None:
            axes.annotate(
                f"{mark}", (recall[row], precision[row]), color=colour, fontsize=8, xytext=(3, 4),
                textcoords="offset points",
            )  # fmt: skip
