"""The quality panel of a data set: what ``genomehub qc`` measured, as judged figures and as plots."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from markupsafe import Markup

from genomehub.hub.pages import charts
from genomehub.hub.pages.texts import N_, Words

#: name in the summary, what people call it, how it is written
FIGURES: tuple[tuple[str, str, str], ...] = (
    ("coverage_mean", N_("Mean depth"), "x"),
    ("coverage_at_10x", N_("Bases at 10x or more"), "%"),
    ("mapped_fraction", N_("Reads mapped"), "%"),
    ("duplicate_fraction", N_("Duplicates"), "%"),
    ("q30_fraction", N_("Bases of Q30 or better"), "%"),
    ("error_rate", N_("Errors per aligned base"), "%"),
    ("insert_size_median", N_("Median insert size"), "bp"),
    ("variants", N_("Variants"), ""),
    ("ti_tv", N_("Transitions to transversions"), ""),
    ("het_hom", N_("Heterozygous to homozygous"), ""),
    ("contamination", N_("Contamination"), "%"),
    ("snv_f1", N_("SNV F1 against a truth set"), "%"),
    ("indel_f1", N_("Indel F1 against a truth set"), "%"),
)
LEVELS = {
    "good": N_("as expected"),
    "look": N_("worth a look"),
    "poor": N_("poor"),
    "unjudged": N_("too few to judge"),
}


class Figure(NamedTuple):
    """A number in words; ``level`` is that of the QC's own check, "" where it has none."""

    label: str
    value: str
    level: str


class Plot(NamedTuple):
    """A plot with its title."""

    title: str
    svg: Markup


def figures(qc: Mapping[str, Any], words: Words) -> list[Figure]:
    """Return the figures that people ask for first, those that were measured."""
    summary = _mapping(qc, "summary")
    checks = qc.get("checks")
    levels = {
        check.get("name"): check.get("level", "")
        for check in (checks if isinstance(checks, list) else [])
        if isinstance(check, dict)
    }
    if "coverage_mean" not in summary:
        summary = {"coverage_mean": _mapping(qc, "coverage").get("mean"), **summary}
    return [
        Figure(label, _written(summary[name], unit, words), str(levels.get(name, "")))
        for name, label, unit in FIGURES
        if isinstance(summary.get(name), int | float)
    ]


def _written(value: float, unit: str, words: Words) -> str:
    if unit == "%":
        return words.share(value, 2)
    text = words.number(value, 2 if value < 100 else 0)
    return text + {"x": "×", "bp": "\u00a0bp"}.get(unit, "")


def plots(qc: Mapping[str, Any], words: Words) -> list[Plot]:
    """Return the plots for which there are numbers."""
    drawn = (_depth(qc, words), _insert_size(qc, words), _base_quality(qc, words), _indels(qc, words))
    return [plot for plot in drawn if plot is not None]


def _depth(qc: Mapping[str, Any], words: Words) -> Plot | None:
    coverage = _mapping(qc, "coverage")
    counts, mean = _numbers(coverage.get("histogram")), coverage.get("mean")
    if not any(counts):
        return None
    title = words.say(N_("Depth of coverage"))
    told = words.say(N_("Depth of coverage: mean %(mean)s"), mean=words.number(mean, 1))
    axis = words.say(N_("reads over a base"))
    return Plot(title, charts.histogram(counts, title=told, axis=axis, mark=mean))


def _insert_size(qc: Mapping[str, Any], words: Words) -> Plot | None:
    orientations = _mapping(_mapping(qc, "insert_size"), "orientations")
    many: Any = max(
        (one for one in orientations.values() if isinstance(one, dict)),
        key=lambda one: one.get("n_pairs") or 0,
        default={},
    )
    counts, median = _numbers(many.get("histogram")), many.get("median")
    if not any(counts):
        return None
    title = words.say(N_("Insert size"))
    told = words.say(N_("Insert size: median %(median)s bp"), median=words.number(median))
    axis = words.say(N_("insert size in bp"))
    return Plot(title, charts.histogram(counts, title=told, axis=axis, mark=median))


def _base_quality(qc: Mapping[str, Any], words: Words) -> Plot | None:
    quality = _mapping(qc, "base_quality")
    series = [_numbers(_mapping(quality, read).get("mean_by_cycle")) for read in ("read1", "read2")]
    series = [values for values in series if any(values)]
    if not series:
        return None
    title = words.say(N_("Base quality by cycle"))
    told = words.say(N_("Base quality by cycle: mean %(mean)s"), mean=words.number(quality.get("mean"), 1))
    axis = words.say(N_("cycle (mean Phred quality; both mates)"))
    return Plot(title, charts.lines(series, title=told, axis=axis, first=1, top=42))


def _indels(qc: Mapping[str, Any], words: Words) -> Plot | None:
    counts = _numbers(_mapping(qc, "variants").get("indel_lengths"))
    if not any(counts):
        return None
    middle, shown = len(counts) // 2, min(len(counts) // 2, 20)
    title = words.say(N_("Length of insertions and deletions"))
    axis = words.say(N_("bp; deletions to the left"))
    within = counts[middle - shown : middle + shown + 1]
    return Plot(title, charts.histogram(within, title=title, axis=axis, first=-shown))


def _mapping(value: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = value.get(name)
    return found if isinstance(found, Mapping) else {}


def _numbers(value: Any) -> list[float]:
    """Return a list of numbers; of anything else, which results made elsewhere may bring, none."""
    if not isinstance(value, list) or len(value) > 100_000:
        return []
    return [float(one) if isinstance(one, int | float) else 0.0 for one in value]
