"""Counts, precision, recall and F1 of a comparison, by kind of variant, class, region and quality threshold.

Regions count as ``vcfeval --evaluation-regions`` has it: a variant outside may still match one inside, but is
not counted itself. Takes what ``compare.py`` and ``strata.py`` decided; nothing here looks at sequences.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from genomehub.quality.compare import Comparison, Kind, TrimmedVariants
from genomehub.quality.strata import GENOTYPES, REPEATS, SIZES, TRACTS, Classes
from genomehub.types import Interval

#: Rows of a table of scores: name -> the kinds it takes together.
ROWS: dict[str, tuple[Kind, ...]] = {**{kind.name: (kind,) for kind in Kind}, "ALL": tuple(Kind)}


class Counted(NamedTuple):
    """Which variants count, and as what.

    truth_found, truth_missed : (n_truth,) bool, TP in the truth's spelling, and FN
    calls_found, calls_false : (n_calls,) bool, TP in the calls' spelling, and FP
    """

    truth_found: np.ndarray
    truth_missed: np.ndarray
    calls_found: np.ndarray
    calls_false: np.ndarray


def inside(variants: TrimmedVariants, intervals: Sequence[Interval]) -> np.ndarray:
    """Return (n,) bool: whether each variant's span meets an interval.

    Parameters
    ----------
    variants : TrimmedVariants; an insertion is inside where the bases on both its sides are
    intervals : sorted, without overlap
    """
    result = np.zeros(len(variants.start), dtype=bool)
    table = np.array([tuple(interval) for interval in intervals], dtype=np.int64).reshape(-1, 3)
    for contig in np.unique(variants.contig_index):
        spans = table[table[:, 0] == contig]
        mine = np.flatnonzero(variants.contig_index == contig)
        # The first interval that ends behind the variant's start is the only candidate that matters.
        candidate = np.searchsorted(spans[:, 2], variants.start[mine], side="right")
        known = candidate < len(spans)
        result[mine[known]] = spans[candidate[known], 1] < variants.end[mine[known]]
    return result


def count(comparison: Comparison, truth_inside: np.ndarray, calls_inside: np.ndarray) -> Counted:
    """Decide what counts, given which variants lie in the regions ((n_truth,) and (n_calls,) bool)."""
    truth_matched = comparison.truth_group >= 0
    calls_matched = comparison.calls_group >= 0
    counted_groups = np.unique(comparison.truth_group[truth_matched & truth_inside])
    return Counted(
        truth_matched & truth_inside,
        ~truth_matched & truth_inside,
        calls_matched & np.isin(comparison.calls_group, counted_groups),
        ~calls_matched & calls_inside,
    )


def score_table(comparison: Comparison, counted: Counted) -> dict[str, dict[str, Any]]:
    """Return, for each row of ``ROWS``: counts, precision, recall, F1, and genotype mismatches.

    ``genotype_mismatches`` counts the missed variants of the truth whose alleles were called in another
    genotype; they are among the false negatives (and their calls among the false positives).
    """
    return {
        name: _scores(
            comparison, counted, np.isin(comparison.truth.kind, kinds), np.isin(comparison.calls.kind, kinds)
        )
        for name, kinds in ROWS.items()
    }


def class_table(
    comparison: Comparison, counted: Counted, truth_classes: Classes, calls_classes: Classes
) -> dict[str, dict[str, dict[str, dict[str, Any]]]]:
    """Return the scores of each class: repeat -> genotype -> kind or size of indel -> as in ``score_table``.

    ``repeat`` is "all", a name of REPEATS or of TRACTS; ``genotype`` "all" or one of GENOTYPES; then come the
    rows of ROWS in lower case and "indel_" with a name of SIZES. A class in which nothing counts is left out.
    Each side is counted by its own class: a heterozygous variant called homozygous is missed as "het" and
    false as "hom".
    """
    sides = (comparison.truth, truth_classes), (comparison.calls, calls_classes)
    by_repeat, by_genotype, by_kind = zip(*(_class_masks(*side) for side in sides), strict=True)
    table: dict[str, dict[str, dict[str, dict[str, Any]]]] = {}
    for repeat in by_repeat[0]:
        for genotype in by_genotype[0]:
            where = [by_repeat[side][repeat] & by_genotype[side][genotype] for side in (0, 1)]
            for kind in by_kind[0]:
                row = _scores(comparison, counted, *(where[side] & by_kind[side][kind] for side in (0, 1)))
                if any(row[name] for name in ("tp_truth", "tp_calls", "fp", "fn")):
                    table.setdefault(repeat, {}).setdefault(genotype, {})[kind] = row
    return table


def _class_masks(variants: TrimmedVariants, classes: Classes) -> tuple[dict[str, np.ndarray], ...]:
    everything = {"all": np.ones(variants.start.size, dtype=bool)}
    repeats = {name: classes.repeat == i for i, name in enumerate(REPEATS)}
    tracts = {name: classes.tract == i for i, name in enumerate(TRACTS)}
    genotypes = {name: classes.genotype == i for i, name in enumerate(GENOTYPES)}
    kinds = {name.lower(): np.isin(variants.kind, kinds) for name, kinds in ROWS.items()}
    sizes = {f"indel_{name}": classes.size == i for i, name in enumerate(SIZES)}
    return everything | repeats | tracts, everything | genotypes, kinds | sizes


def _scores(
    comparison: Comparison, counted: Counted, truth_mask: np.ndarray, calls_mask: np.ndarray
) -> dict[str, Any]:
    missed = counted.truth_missed & truth_mask
    return rates(
        int((counted.truth_found & truth_mask).sum()),
        int((counted.calls_found & calls_mask).sum()),
        int((counted.calls_false & calls_mask).sum()),
        int(missed.sum()),
    ) | {"genotype_mismatches": int((missed & comparison.truth_allele_match).sum())}


def rates(tp_truth: int, tp_calls: int, fp: int, fn: int) -> dict[str, Any]:
    """Return counts with precision, recall and F1 (None where nothing was there to divide by).

    Examples
    --------
    >>> rates(8, 9, 1, 2)["f1"]
    0.847059
    """
    precision = tp_calls / (tp_calls + fp) if tp_calls + fp else None
    recall = tp_truth / (tp_truth + fn) if tp_truth + fn else None
    f1 = None
    if precision is not None and recall is not None:
        f1 = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
    shares = {"precision": precision, "recall": recall, "f1": f1}
    rounded = {name: None if share is None else round(share, 6) for name, share in shares.items()}
    return {"tp_truth": tp_truth, "tp_calls": tp_calls, "fp": fp, "fn": fn, **rounded}


def roc_table(
    comparison: Comparison, counted: Counted, quality: np.ndarray, kinds: Sequence[Kind], n_points: int
) -> dict[str, list[Any]]:
    """Return columns: counts, precision and recall if only calls of at least ``threshold`` were taken.

    Parameters
    ----------
    quality : (n_calls,) float64; NaN counts below every number
    kinds : the variants to count
    n_points : most rows, best threshold first; more thresholds than that are thinned out evenly

    Notes
    -----
    The matching is not done again: a true variant is found as long as every call of its group is taken.
    """
    quality = np.where(np.isnan(quality), -np.inf, quality)
    calls_kind = np.isin(comparison.calls.kind, kinds)
    truth_kind = np.isin(comparison.truth.kind, kinds)
    found = np.sort(quality[counted.calls_found & calls_kind])
    false = np.sort(quality[counted.calls_false & calls_kind])
    truth_quality = _least_in_group(comparison, quality)[comparison.truth_group]
    true = np.sort(truth_quality[counted.truth_found & truth_kind])
    n_truth = len(true) + int((counted.truth_missed & truth_kind).sum())
    thresholds = np.unique(np.concatenate([found, false]))[::-1]
    if len(thresholds) > n_points:
        thresholds = thresholds[np.linspace(0, len(thresholds) - 1, n_points).round().astype(int)]
    rows = []
    for threshold in thresholds.tolist():
        tp_truth, tp_calls, fp = (
            len(values) - int(np.searchsorted(values, threshold, side="left"))
            for values in (true, found, false)
        )
        shown = None if threshold == -np.inf else round(threshold, 3)
        rows.append({"threshold": shown} | rates(tp_truth, tp_calls, fp, n_truth - tp_truth))
    return {name: [row[name] for row in rows] for name in ("threshold", *rates(0, 0, 0, 0))}


def _least_in_group(comparison: Comparison, quality: np.ndarray) -> np.ndarray:
    """Return, by group, the least quality of its calls; a last element for no group."""
    n_groups = int(comparison.calls_group.max(initial=-1)) + 1
    least = np.full(n_groups + 1, np.inf)
    np.minimum.at(least, comparison.calls_group[comparison.calls_group >= 0],
                  quality[comparison.calls_group >= 0])  # fmt: skip
    return least
