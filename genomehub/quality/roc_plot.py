"""A picture of an evaluation: missed variants against false ones as the threshold of QUAL or GQ goes down.

One panel for SNVs and one for indels, from the report's ``roc`` alone. Counts on logarithmic axes show the
few errors of good calls, where precision and recall would all lie in one corner. The page with all pictures
of a run is the business of ``report.py``.
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
        axes.set(title=label if f1 is None else f"{label}, F1 {f1:.4f}", xlabel="false", ylabel="missed")
        for scale in (axes.set_xscale, axes.set_yscale):
            scale("symlog", linthresh=1, linscale=0.5)
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_formatter(lambda value, _: f"{value:,g}")
        axes.set_xlim(left=-0.2)
        axes.set_ylim(bottom=-0.2)
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(visible=True, color="0.9")
        if axes.lines:
            axes.legend(frameon=False, loc="best")
        else:
            axes.text(0.5, 0.5, "no calls", ha="center", transform=axes.transAxes)
    return figure


def _curve(axes: Axes, columns: dict[str, list[Any]], field: str, colour: str) -> None:
    false, missed, thresholds = (columns[name] for name in ("fp", "fn", "threshold"))
    if not thresholds:
        return
    axes.plot(false, missed, ".-", color=colour, linewidth=1, markersize=4, label=f"by {field}")
    marked: dict[int, int] = {}
    for mark in _MARKED:
        # The calls of at least ``mark`` are those of the last row whose threshold is not below it.
        at_least = [i for i, value in enumerate(thresholds) if value is not None and value >= mark]
        if at_least:
            marked.setdefault(at_least[-1], mark)
    for row, mark in marked.items():
        axes.annotate(
            f"{mark}", (false[row], missed[row]), color=colour, fontsize=8, xytext=(4, 4),
            textcoords="offset points",
        )  # fmt: skip
