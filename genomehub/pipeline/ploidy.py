"""The ploidy of a sample's genome: from its sex, told or read off the alignments, or from a BED.

Joins ``variants.ploidy``, which knows builds and rules, with files. Used by ``pipeline.call_scope``.
"""

import logging
import os
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from genomehub.config import CallConfig
from genomehub.errors import ConfigError
from genomehub.formats.alignment_reader import AlignmentReader
from genomehub.formats.bed import read_ploidy_bed
from genomehub.store.reference import Reference
from genomehub.types import Interval
from genomehub.variants.pileup import usable_reads
from genomehub.variants.ploidy import (
    DIPLOID,
    MAX_PLOIDY,
    PloidyMap,
    Sex,
    Span,
    ploidy_of_sex,
    sex_contig,
    sex_of_depths,
    unknown_builds,
)

_log = logging.getLogger("genomehub.call")
#: Values of ``--sex``; "auto" reads it off the alignments.
SEXES = ("auto", *(sex.value for sex in Sex))
#: Spans of autosomes, of X and of Y that are looked at, and bp of each.
_N_WINDOWS, _WINDOW_BP = 60, 10_000
#: Median depth of autosomes below which nothing is said.
_LEAST_DEPTH = 1.0


class Ploidies(NamedTuple):
    """What was decided: the map, the sex, and whether it was "given", from "coverage", or is "not asked"."""

    map: PloidyMap
    sex: Sex
    sex_from: str


def plan_ploidy(
    reference: Reference, reader: AlignmentReader, read_groups: tuple[int, ...] | None,
    intervals: Sequence[Interval], targets: Sequence[Interval] | None, config: CallConfig, sex: str,
    ploidy_regions: str | os.PathLike[str] | None,
) -> Ploidies:  # fmt: skip
    """Decide the ploidy of every base.

    Parameters
    ----------
    read_groups : those of the sample, None for all
    intervals : what will be called; targets : where reads were enriched, None if nowhere
    config : its ``ploidy`` holds where nothing else is said; only if it is 2 is the sex asked for
    sex : one of SEXES; ploidy_regions : BED with the ploidy in its fourth column, in place of the sex

    Raises
    ------
    ConfigError
        The ploidy is out of range, or the sex is told where it has no say.
    """
    if not 1 <= config.ploidy <= MAX_PLOIDY:
        raise ConfigError(f"ploidy {config.ploidy}: is not in 1 to {MAX_PLOIDY}. Name one of these.")
    without_sex = ploidy_regions is not None or config.ploidy != DIPLOID
    if without_sex and sex in (Sex.MALE.value, Sex.FEMALE.value):
        told_by = "the BED of ploidies" if ploidy_regions is not None else f"ploidy {config.ploidy}"
        raise ConfigError(
            f'sex "{sex}": has no say beside {told_by}, which settles the ploidy of all bases. Leave one out.'
        )
    if ploidy_regions is not None:
        spans = [Span(*row) for row in read_ploidy_bed(ploidy_regions, reference, MAX_PLOIDY)]
        return Ploidies(PloidyMap(config.ploidy, spans), Sex.UNKNOWN, "not asked")
    if without_sex:
        return Ploidies(PloidyMap(config.ploidy), Sex.UNKNOWN, "not asked")
    found, source = _sex(reference, reader, read_groups, intervals, targets, config, sex)
    spans = ploidy_of_sex(reference.contigs, found)
    return Ploidies(PloidyMap(DIPLOID, spans), found, source)


def _sex(
    reference: Reference, reader: AlignmentReader, read_groups: tuple[int, ...] | None,
    intervals: Sequence[Interval], targets: Sequence[Interval] | None, config: CallConfig, sex: str,
) -> tuple[Sex, str]:  # fmt: skip
    called = {interval.contig_index for interval in intervals}
    strange = [contig for contig in unknown_builds(reference.contigs) if sex != Sex.UNKNOWN.value]
    if strange and called & {reference.contigs.index(contig) for contig in strange}:
        _log.warning(
            "%s: contig %s of %s bp is of neither GRCh37 nor GRCh38, so it is called as diploid; say its "
            "ploidy with --ploidy-regions", reference.path, strange[0].name, f"{strange[0].length:,}",
        )  # fmt: skip
    if sex != "auto":
        return Sex(sex), "given"
    if not any(sex_contig(reference.contigs[index]) for index in called):
        return Sex.UNKNOWN, "not asked"
    depths = sex_depths(reference, reader, read_groups, targets, config)
    if depths["autosomes"] < _LEAST_DEPTH:
        _log.warning("sex: too few reads on autosomes to tell; X and Y are called as diploid")
        return Sex.UNKNOWN, "coverage"
    x, y = depths["X"] / depths["autosomes"], depths["Y"] / depths["autosomes"]
    found = sex_of_depths(x, y)
    level = logging.WARNING if found is Sex.UNKNOWN else logging.INFO
    _log.log(level, "sex: %s (depth of X %.2f, of Y %.2f of autosomes')", found.value, x, y)
    return found, "coverage"


def sex_depths(
    reference: Reference, reader: AlignmentReader, read_groups: tuple[int, ...] | None,
    targets: Sequence[Interval] | None, config: CallConfig,
) -> dict[str, float]:  # fmt: skip
    """Return the depths of "autosomes" and "X" (medians of windows) and of "Y" (their mean), PARs apart."""
    groups: dict[str, list[Interval]] = {"autosomes": [], "X": [], "Y": []}
    for index, contig in enumerate(reference.contigs):
        known = sex_contig(contig)
        if known is not None:
            edges = [0, *(edge for par in known.pars for edge in par), contig.length]
            groups[known.name] += [Interval(index, *s) for s in zip(edges[::2], edges[1::2], strict=True)]
        elif contig.length >= 50 * _WINDOW_BP:
            groups["autosomes"].append(Interval(index, 0, contig.length))
    depths = {}
    for name, spans in groups.items():
        within = spans if targets is None else _intersection(spans, targets)
        each = [
            _depth(reader, window, read_groups, config)
            for window in spread(within, _N_WINDOWS, _WINDOW_BP)
            if (reference.sequence(*window) <= 3).mean() > 0.9
        ]
        depths[name] = float((np.mean if name == "Y" else np.median)(each)) if each else 0.0
    return depths


def _intersection(spans: Sequence[Interval], targets: Sequence[Interval]) -> list[Interval]:
    pairs = ((a, b) for a in spans for b in targets if a.contig_index == b.contig_index)
    cut = (Interval(a.contig_index, max(a.start, b.start), min(a.end, b.end)) for a, b in pairs)
    return [interval for interval in cut if interval.start < interval.end]


def spread(spans: Sequence[Interval], n: int, size: int) -> list[Interval]:
    """Return about ``n`` windows of at most ``size`` bp, spread evenly over spans.

    Examples
    --------
    >>> spread([Interval(0, 0, 100)], 2, 10)
    [Interval(contig_index=0, start=20, end=30), Interval(contig_index=0, start=70, end=80)]
    """
    ends = np.cumsum([span.end - span.start for span in spans])
    total = int(ends[-1]) if spans else 0
    windows = []
    for i in range(n if total else 0):
        middle = total * (2 * i + 1) // (2 * n)
        which = int(np.searchsorted(ends, middle, side="right"))
        span = spans[which]
        at = span.end - int(ends[which]) + middle
        start = max(span.start, min(at - size // 2, span.end - size))
        windows.append(Interval(span.contig_index, start, min(span.end, start + size)))
    return list(dict.fromkeys(windows))


def _depth(
    reader: AlignmentReader, window: Interval, read_groups: tuple[int, ...] | None, config: CallConfig
) -> float:
    records = reader.fetch(window)
    keep = usable_reads(records, config)
    if read_groups is not None:
        keep &= np.isin(records.read_group, np.array(read_groups, dtype=np.int16))
    covered = np.minimum(records.end, window.end) - np.maximum(records.start, window.start)
    return float(covered[keep].sum() / (window.end - window.start))
