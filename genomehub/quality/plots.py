"""Numbers of qc.json to pictures: SVG text for a page, the same bytes for the same numbers.

Colours are CSS variables of the page (light and dark), text stays text, nothing is loaded from elsewhere.
Each function returns a ``Plot`` with a sentence that says what is seen, for those who cannot see it.
"""

import io
import itertools
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from genomehub.quality.metrics_variants import MAX_INDEL

#: Colours while drawing -> CSS of the page.
_INK, _FAINT, _GRID = "#010101", "#020202", "#030303"
SERIES = ("#0a0a01", "#0a0a02", "#0a0a03", "#0a0a04", "#0a0a05", "#0a0a06")
_CSS = {_INK: "var(--ink)", _FAINT: "var(--faint)", _GRID: "var(--grid)"} | {
    colour: f"var(--series-{i})" for i, colour in enumerate(SERIES, start=1)
}
_STYLE: dict[str, Any] = {
    "svg.fonttype": "none", "font.family": "DejaVu Sans", "font.size": 10.5, "axes.edgecolor": _FAINT,
    "axes.labelcolor": _INK, "text.color": _INK, "xtick.color": _FAINT, "ytick.color": _FAINT,
    "xtick.labelcolor": _INK, "ytick.labelcolor": _INK, "axes.spines.top": False, "axes.spines.right": False,
    "axes.grid": True, "axes.grid.axis": "y", "grid.color": _GRID, "grid.linewidth": 0.8,
    "axes.axisbelow": True, "figure.facecolor": "none", "axes.facecolor": "none", "legend.frameon": False,
    "legend.fontsize": 9.5, "lines.linewidth": 1.8, "path.simplify": False, "xtick.major.width": 0.8,
    "ytick.major.width": 0.0, "axes.linewidth": 0.8,
}  # fmt: skip


class Plot(NamedTuple):
    """A picture for a page.

    title : heading; svg : markup; alt : what is seen, in a sentence; wide : whether it takes the whole width
    """

    title: str
    svg: str
    alt: str
    wide: bool = False


class Frame(NamedTuple):
    """Size of a picture and its margins, inches. Fixed, because matplotlib's layout engines draw everything
    twice to find them."""

    width: float
    height: float
    left: float = 0.72
    bottom: float = 0.5
    right: float = 0.17
    top: float = 0.12


NARROW, WIDE = Frame(4.7, 2.9), Frame(10.0, 2.6)
_LABEL_AT = 0.19  # inches from the left edge to the foot of the y axis' label


def draw(title: str, alt: str, paint: Callable[[Axes], None], frame: Frame = NARROW) -> Plot:
    """Let ``paint`` draw on axes and return the picture."""
    width = frame.width - frame.left - frame.right
    height = frame.height - frame.bottom - frame.top
    with matplotlib.rc_context({**_STYLE, "svg.hashsalt": title}):
        figure = Figure(figsize=(frame.width, frame.height))
        axes = figure.add_axes(
            (
                frame.left / frame.width,
                frame.bottom / frame.height,
                width / frame.width,
                height / frame.height,
            )
        )
        axes.yaxis.set_major_formatter(_compact)
        paint(axes)
        axes.yaxis.set_label_coords((_LABEL_AT - frame.left) / width, 0.5)
        text = io.StringIO()
        nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        figure.savefig(text, format="svg", metadata=nothing)
    return Plot(title, _for_page(text.getvalue(), title, alt), alt, frame.width > NARROW.width)


def _compact(value: float, _: float) -> str:
    """Ticks of counts: 1,500 and 2.5 M fit beside the axis, 2,500,000 does not."""
    for factor, unit in ((1e9, " G"), (1e6, " M"), (1e4, " k")):
        if abs(value) >= factor:
            return f"{value / (1e3 if unit == ' k' else factor):g}{unit}"
    return f"{value:,g}"


def _for_page(svg: str, title: str, alt: str) -> str:
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>\s*", "", svg, flags=re.DOTALL)
    svg = re.sub(r' id="[a-z0-9]+_[0-9_]+"', "", svg)  # names of groups, the same in every figure
    svg = re.sub(r'(<svg [^>]*?) (?:width|height)="[^"]*"', r"\1", svg)
    svg = re.sub(r'(<svg [^>]*?) (?:width|height)="[^"]*"', r"\1", svg)
    svg = re.sub(r"font: ([0-9.]+px) 'DejaVu Sans'[^;\"]*", r"font-size: \1", svg)
    svg = re.sub(r"(font-size: [0-9.]+px); font-family: [^;\"]*", r"\1", svg)
    for colour, css in _CSS.items():
        svg = svg.replace(colour, css)
    svg = re.sub(r"[ \t]*\n[ \t]*", "\n", svg)
    return svg.replace("<svg ", f'<svg role="img" aria-label="{_escape(title)}: {_escape(alt)}" ', 1).strip()


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")


def _percent(axes: Axes, digits: int = 0) -> None:
    axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.{digits}f} %")


def _whole(axes: Axes) -> None:
    """Ticks at whole numbers only: there is no half a variant."""
    axes.yaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))


def _bars(axes: Axes, x: Any, heights: Any, colour: str = SERIES[0], width: float = 1.0) -> None:
    axes.bar(x, heights, width=width, color=colour, linewidth=0)


def _steps(axes: Axes, heights: Any, first: float = 0, step: float = 1, **style: Any) -> None:
    """A histogram as one filled outline: a tenth of the bytes of bars."""
    edges = first + step * np.arange(len(heights) + 1)
    axes.stairs(heights, edges, fill=True, **style)


def _shares(counts: Sequence[float]) -> np.ndarray:
    total = sum(counts)
    return np.asarray(counts, float) / total if total else np.zeros(len(counts))


def _until(counts: Sequence[float], share: float) -> int:
    """How many values from 0 on hold ``share`` of the counts."""
    cumulative = np.cumsum(counts)
    if cumulative.size == 0 or cumulative[-1] == 0:
        return 1
    return int(np.argmax(cumulative >= share * cumulative[-1])) + 1


def coverage_histogram(coverage: Mapping[str, Any]) -> Plot:
    """Share of bases at each depth."""
    counts = coverage["histogram"]
    end = max(_until(counts, 0.995), 10)
    mean = coverage["mean"] or 0

    def paint(axes: Axes) -> None:
        _steps(axes, _shares(counts)[:end], -0.5, color=SERIES[0])
        axes.axvline(mean, color=SERIES[1], linewidth=1.5)
        axes.annotate(f"mean {mean:.1f}x", (mean, 1), (4, -10), xycoords=("data", "axes fraction"),
                      textcoords="offset points", color=SERIES[1])  # fmt: skip
        axes.set(xlabel="depth", ylabel="share of bases", xlim=(-0.5, end - 0.5))
        _percent(axes, 1 if max(_shares(counts)[:end], default=0) < 0.1 else 0)

    spread = coverage["standard_deviation"]
    alt = f"mean depth {mean:.1f}x, median {coverage['median']}x, standard deviation {spread}."
    return draw("Depth of coverage", alt, paint)


def coverage_cumulative(coverage: Mapping[str, Any]) -> Plot:
    """Share of bases with at least a depth."""
    histogram = np.asarray(coverage["histogram"] or [0], float)
    shares = histogram[::-1].cumsum()[::-1] / max(histogram.sum(), 1)
    end = max(_until(coverage["histogram"], 0.995), 10)

    def paint(axes: Axes) -> None:
        axes.plot(np.arange(min(end, shares.size)), shares[:end], color=SERIES[0])
        for depth in (10, 20, 30):
            if depth < min(end, shares.size):
                axes.plot([depth], [shares[depth]], "o", color=SERIES[1], markersize=4.5)
                axes.annotate(f"{depth}x", (depth, shares[depth]), (0, 6), textcoords="offset points",
                              fontsize=9.5, ha="center")  # fmt: skip
        axes.set(xlabel="depth, at least", ylabel="share of bases", xlim=(0, end), ylim=(0, 1.1))
        _percent(axes)

    told = ", ".join(
        f"{100 * (coverage['at_least'][k] or 0):.1f} % at {k}" for k in ("1x", "10x", "20x", "30x")
    )
    return draw("Bases covered at least so deep", f"{told}.", paint)


def coverage_profile(coverage: Mapping[str, Any]) -> Plot:
    """Mean depth of windows along the contigs, one after the other."""
    contigs, window = coverage["contigs"], coverage["window_bp"]
    starts = np.cumsum([0, *(len(contig["profile"]) for contig in contigs)])
    depth = np.array([np.nan if v is None else v for c in contigs for v in c["profile"]], float)
    known = depth[~np.isnan(depth)]
    top = max(1.0, 1.15 * float(np.quantile(known, 0.99))) if known.size else 1.0

    def paint(axes: Axes) -> None:
        for i, (start, end) in enumerate(itertools.pairwise(starts)):
            edges = np.arange(start, end + 1)
            axes.stairs(np.minimum(depth[start:end], top), edges, fill=True, color=SERIES[i % 2])
        shown = [i for i in range(len(contigs)) if starts[i + 1] - starts[i] > starts[-1] / 60]
        if len(contigs) == 1:
            axes.xaxis.set_major_formatter(lambda value, _: f"{value * window / 1e6:g}")
            axes.set_xlabel(f"{contigs[0]['name']}, Mbp")
        else:
            axes.set_xticks([(starts[i] + starts[i + 1]) / 2 for i in shown],
                            [contigs[i]["name"].removeprefix("chr") for i in shown])  # fmt: skip
            axes.set_xlabel("contig")
        if coverage["mean"]:
            axes.axhline(coverage["mean"], color=_INK, linewidth=0.9, linestyle=(0, (4, 3)))
        axes.set(ylabel="mean depth", ylim=(0, top), xlim=_used(depth))

    alt = (
        f"mean depth in {known.size} windows of {window:,} bp, from {known.min():.1f}x to {known.max():.1f}x."
        if known.size
        else "no window with target bases."
    )
    return draw(f"Coverage along the genome, windows of {_bp(window)}", alt, paint, WIDE)


def _used(depth: np.ndarray) -> tuple[float, float]:
    """The part of the axis that has values: most of a slice's contig may be unknown."""
    known = np.flatnonzero(~np.isnan(depth))
    if not known.size:
        return 0, max(1, depth.size)
    return max(0, int(known[0]) - 0.01 * known.size), min(depth.size, int(known[-1]) + 1 + 0.01 * known.size)


def _bp(length: int) -> str:
    for unit, name in ((1_000_000, "Mbp"), (1_000, "kbp")):
        if length >= unit:
            return f"{length / unit:g} {name}"
    return f"{length} bp"


def insert_sizes(section: Mapping[str, Any]) -> Plot:
    """Pairs by insert size and orientation."""
    orientations = section["orientations"]
    told = [f"{name}: median {o['median']:g} bp, mean {o['mean']:.0f}" for name, o in orientations.items()]

    def paint(axes: Axes) -> None:
        for colour, (name, values) in zip(SERIES, orientations.items(), strict=False):
            _steps(axes, values["histogram"], -0.5, color=colour, alpha=0.85, label=name)
        end = max((_until(o["histogram"], 0.998) for o in orientations.values()), default=1)
        axes.set(xlabel="insert size, bp", ylabel="pairs", xlim=(0, end * 1.02))
        _whole(axes)
        if orientations:
            axes.legend(loc="upper right")

    return draw("Insert sizes", f"{'; '.join(told) or 'no pairs'}.", paint)


def quality_by_cycle(section: Mapping[str, Any]) -> Plot:
    """Mean base quality along the reads, with the range of the middle 80 %."""

    def paint(axes: Axes) -> None:
        for colour, name in zip(SERIES, ("read1", "read2"), strict=False):
            if name in section:
                values = section[name]
                cycles = np.arange(1, len(values["mean_by_cycle"]) + 1)
                axes.fill_between(cycles, values["p10_by_cycle"], values["p90_by_cycle"], color=colour,
                                  alpha=0.16, linewidth=0)  # fmt: skip
                axes.plot(cycles, values["mean_by_cycle"], color=colour, label=f"{name[:-1]} {name[-1]}")
        axes.set(xlabel="cycle", ylabel="base quality, Phred", ylim=(0, 45))
        if "read1" in section or "read2" in section:
            axes.set_xlim(1, None)
            axes.legend(loc="lower left", ncols=2)

    good = f"{100 * (section['q30_fraction'] or 0):.1f} % of bases at Q30 or better"
    alt = f"mean base quality {section['mean']}; {good}. Band: middle 80 %."
    return draw("Base quality by cycle", alt, paint)


def bases_by_cycle(section: Mapping[str, Any]) -> Plot:
    """Composition of reads along the cycles."""
    fractions = section["base_fraction_by_cycle"]

    def paint(axes: Axes) -> None:
        for colour, letter in zip((SERIES[0], SERIES[1], SERIES[2], SERIES[3], _FAINT), "ACGTN", strict=True):
            cycles = np.arange(1, len(fractions[letter]) + 1)
            axes.plot(cycles, fractions[letter], color=colour, label=letter, linewidth=1.5)
        axes.set(
            xlabel="cycle", ylabel="share of bases", xlim=(1, max(2, len(fractions["A"]))), ylim=(0, 0.5)
        )
        axes.legend(loc="upper right", ncols=5)
        _percent(axes)

    means = ", ".join(f"{k} {100 * float(np.mean(v or [0])):.1f} %" for k, v in fractions.items())
    return draw("Bases by cycle", f"on average {means}.", paint)


def mapping_quality(reads: Mapping[str, Any]) -> Plot:
    """Primary mapped reads by MAPQ."""
    shares = _shares(reads["mapping_quality_histogram"])

    def paint(axes: Axes) -> None:
        _bars(axes, np.arange(len(shares)), shares, width=0.9)
        axes.set(xlabel="mapping quality, Phred", ylabel="share of reads", xlim=(-1, max(61, len(shares))))
        _percent(axes)

    high, zero = (100 * (reads[key] or 0) for key in ("mapq30_fraction", "mapq0_fraction"))
    alt = f"{high:.1f} % of reads at 30 or more, {zero:.1f} % at 0."
    return draw("Mapping quality", alt, paint)


def base_quality(section: Mapping[str, Any]) -> Plot:
    """Bases by quality."""
    shares = _shares(section["histogram"])

    def paint(axes: Axes) -> None:
        _bars(axes, np.arange(len(shares)), shares, width=0.9)
        axes.axvline(29.5, color=SERIES[1], linewidth=1.2, linestyle=(0, (4, 3)))
        axes.set(xlabel="base quality, Phred", ylabel="share of bases", xlim=(-1, max(42, len(shares))))
        _percent(axes)

    low, high = (100 * (section[key] or 0) for key in ("q20_fraction", "q30_fraction"))
    return draw("Base quality", f"{low:.1f} % of bases at Q20 or better, {high:.1f} % at Q30.", paint)


def gc_content(section: Mapping[str, Any], read_length: float) -> Plot:
    """Depth relative to the mean by GC content, over the GC content of reads."""
    windows = np.asarray(section["reference_windows"])
    relative = np.array([np.nan if v is None else v for v in section["relative_depth"]], float)
    relative[windows < max(20, windows.sum() / 100_000)] = np.nan  # a few windows say little

    def paint(axes: Axes) -> None:
        # Reads of 101 bases have 102 possible contents for 101 bins: undo the beat.
        possible = np.rint(100 * np.arange(round(read_length) + 1) / max(round(read_length), 1)).astype(int)
        shares = _shares(section["read_histogram"] / np.maximum(np.bincount(possible, minlength=101), 1))
        scaled = shares / max(shares.max(initial=0), 1e-9)
        _steps(axes, scaled, -0.5, color=SERIES[2], alpha=0.35, label="reads (scaled)")
        axes.plot(np.arange(101), relative, color=SERIES[0], label="relative depth")
        axes.axhline(1, color=_FAINT, linewidth=0.8)
        axes.set(xlabel="G and C, %", ylabel="depth / mean depth", xlim=(0, 100), ylim=(0, 2))
        axes.legend(loc="upper right")

    lost = f"AT dropout {section['at_dropout']}, GC dropout {section['gc_dropout']}"
    alt = f"reads have {section['mean_percent']} % G and C on average; {lost}."
    return draw("GC content", alt, paint)


def indel_lengths(variants: Mapping[str, Any]) -> Plot:
    """Indels by length; negative lengths are deletions."""
    counts = np.asarray(variants["passing"]["indel_lengths"])
    lengths = np.arange(counts.size) - MAX_INDEL
    reach = max(10, int(np.abs(lengths[counts > 0]).max(initial=0)))

    def paint(axes: Axes) -> None:
        inside = np.abs(lengths) <= reach
        is_insertion = lengths > 0
        for colour, chosen, label in (
            (SERIES[1], ~is_insertion, "deletions"),
            (SERIES[0], is_insertion, "insertions"),
        ):
            _bars(axes, lengths[inside & chosen], counts[inside & chosen], colour, 0.85)
            axes.plot([], [], "s", color=colour, label=label)
        axes.set(xlabel="length, bp", ylabel="indels")
        _whole(axes)
        axes.legend(loc="upper right")

    passing = variants["passing"]
    alt = f"{passing['insertion']} insertions and {passing['deletion']} deletions that pass."
    return draw("Indel lengths", alt, paint)


def substitutions(variants: Mapping[str, Any]) -> Plot:
    """SNVs by the six kinds of substitution, strands together."""
    changes = np.asarray(variants["passing"]["substitutions"])
    changes = changes + changes[::-1, ::-1]  # the complement of code b is 3 - b
    kinds = [("C>T", 1, 3), ("A>G", 0, 2), ("C>A", 1, 0), ("C>G", 1, 2), ("A>C", 0, 1), ("A>T", 0, 3)]
    counts = [int(changes[ref, alt]) for _, ref, alt in kinds]

    def paint(axes: Axes) -> None:
        _bars(axes, np.arange(2), counts[:2], SERIES[0], 0.8)
        _bars(axes, np.arange(2, 6), counts[2:], SERIES[1], 0.8)
        axes.set_xticks(np.arange(6), [name for name, *_ in kinds])
        for colour, label in ((SERIES[0], "transitions"), (SERIES[1], "transversions")):
            axes.plot([], [], "s", color=colour, label=label)
        axes.set(ylabel="SNVs")
        _whole(axes)
        axes.legend(loc="upper right")

    told = ", ".join(f"{name} {count}" for (name, *_), count in zip(kinds, counts, strict=True))
    return draw("Substitutions", f"{told}; Ti/Tv {variants['passing']['ti_tv']}.", paint)


def allele_balance(variants: Mapping[str, Any]) -> Plot:
    """Share of ALT reads at heterozygous SNVs."""
    counts = variants["passing"]["allele_balance_histogram"]

    def paint(axes: Axes) -> None:
        _steps(axes, counts, 0, 1 / len(counts), color=SERIES[0])
        axes.axvline(0.5, color=SERIES[1], linewidth=1.2, linestyle=(0, (4, 3)))
        axes.set(xlabel="share of reads with ALT", ylabel="heterozygous SNVs", xlim=(0, 1))
        _whole(axes)

    middle = ((np.arange(len(counts)) + 0.5) / len(counts)) @ np.asarray(counts) / max(sum(counts), 1)
    return draw("Allele balance", f"{sum(counts)} heterozygous SNVs, mean share {middle:.3f}.", paint)


def genotype_quality(variants: Mapping[str, Any]) -> Plot:
    """Sites by GQ; those that do not pass on top."""
    everything = np.asarray(variants["genotype_quality_histogram"])
    passing = np.asarray(variants["passing"]["genotype_quality_histogram"])

    def paint(axes: Axes) -> None:
        _steps(axes, everything, -0.5, color=SERIES[1], label="filtered")
        _steps(axes, passing, -0.5, color=SERIES[0], label="passing")
        axes.set(xlabel="genotype quality, Phred", ylabel="sites", xlim=(-1, 100))
        _whole(axes)
        axes.legend(loc="upper left")

    low = int(passing[:20].sum())
    return draw(
        "Genotype quality", f"{int(passing.sum())} sites pass, {low} of them with GQ below 20.", paint
    )


def site_quality(variants: Mapping[str, Any]) -> Plot:
    """Sites by QUAL; those that do not pass on top."""
    everything, passing = (np.asarray(v["quality_histogram"]) for v in (variants, variants["passing"]))

    def paint(axes: Axes) -> None:
        _steps(axes, everything, 0, 10, color=SERIES[1], label="filtered")
        _steps(axes, passing, 0, 10, color=SERIES[0], label="passing")
        end = 10 * max(10, _until(everything.tolist(), 1.0))
        axes.set(xlabel="QUAL, Phred (1000 and more together)", ylabel="sites", xlim=(0, end))
        _whole(axes)
        axes.legend(loc="upper right")

    alt = f"{int(passing[:3].sum())} of {int(passing.sum())} passing sites have QUAL below 30."
    return draw("Variant quality", alt, paint)


def site_depth(variants: Mapping[str, Any]) -> Plot:
    """Sites by depth."""
    counts = variants["passing"]["depth_histogram"]
    end = max(_until(counts, 0.998), 20)

    def paint(axes: Axes) -> None:
        _steps(axes, counts[:end], -0.5, color=SERIES[0])
        axes.set(xlabel="depth at the site", ylabel="passing sites", xlim=(0, end))
        _whole(axes)

    middle = _until(counts, 0.5) - 1
    return draw("Depth at variants", f"median depth {middle}.", paint)
