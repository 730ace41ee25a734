"""Counters to metrics: reads, base qualities, GC content, insert sizes, coverage, errors.

Definitions, and the tool each agrees with, stand in docs/qc.md. Shares are fractions of 1; what cannot be
computed (no pairs, no coverage) is None.
"""

from typing import Any

import numpy as np

from genomehub.config import QcConfig
from genomehub.kernels.read_metrics import FLAGSTAT, ORIENTATIONS, SUMS, ReadTally
from genomehub.quality.metrics import CONTIG_SUMS, Layout, Tally
from genomehub.types import Contig

#: Depths whose share of bases is told.
DEPTHS = (1, 5, 10, 15, 20, 30, 50, 100)
#: An orientation with a smaller share of the pairs is left out (picard's MINIMUM_PCT).
MIN_ORIENTATION = 0.05
#: Insert sizes beyond the median plus so many median absolute deviations do not enter the mean (picard).
INSERT_DEVIATIONS = 10
_MAX_LISTED_CONTIGS = 200


def ratio(part: float, whole: float, digits: int = 6) -> float | None:
    """Return ``part / whole`` rounded, None if there is nothing to divide by."""
    return round(float(part) / float(whole), digits) if whole else None


def alignment_sections(
    tally: Tally, layout: Layout, contigs: tuple[Contig, ...], config: QcConfig
) -> dict[str, Any]:
    """Return all sections of qc.json that come from alignments."""
    return {
        "reads": reads_section(tally.reads),
        "base_quality": base_quality_section(tally.reads),
        "gc_content": gc_section(tally),
        "insert_size": insert_size_section(tally.reads),
        "errors": errors_section(tally.reads),
        "coverage": coverage_section(tally, layout, contigs, config),
        "sex": sex_section(tally, contigs),
    }


def reads_section(reads: ReadTally) -> dict[str, Any]:
    """Counts of samtools flagstat (QC-passed and failed together), shares, lengths, mapping qualities."""
    counts = dict(zip(FLAGSTAT, reads.flagstat.sum(axis=1).tolist(), strict=True))
    lengths = np.flatnonzero(reads.read_length)
    quality = reads.mapping_quality
    return {
        **counts,
        "mapped_fraction": ratio(counts["primary_mapped"], counts["primary"]),
        "properly_paired_fraction": ratio(counts["properly_paired"], counts["paired"]),
        "duplicate_fraction": ratio(counts["primary_duplicates"], counts["primary_mapped"]),
        "qc_failed": int(reads.flagstat[0, 1]),
        "mean_length": ratio(reads.sums[SUMS.index("n_bases")], counts["primary"], 2),
        "max_length": int(lengths[-1]) if lengths.size else None,
        "n_bases": int(reads.sums[SUMS.index("n_bases")]),
        "mapq0_fraction": ratio(quality[0], quality.sum()),
        "mapq30_fraction": ratio(quality[30:].sum(), quality.sum()),
        "flagstat": reads.flagstat.tolist(),
        "mapping_quality_histogram": _trimmed(quality),
        "length_histogram": _trimmed(reads.read_length),
    }


def _trimmed(counts: np.ndarray) -> list[int]:
    """A histogram from 0 to its last value that is not zero."""
    used = np.flatnonzero(counts)
    return [int(n) for n in counts[: used[-1] + 1]] if used.size else []


def base_quality_section(reads: ReadTally) -> dict[str, Any]:
    """Mean, Q20 and Q30 of all bases, and quality and bases by cycle."""
    quality = reads.cycle_quality.sum(axis=(0, 1))
    phred = np.arange(quality.size)
    ends = {}
    for name, counts in zip(("read1", "read2"), reads.cycle_quality, strict=True):
        used = np.flatnonzero(counts.any(axis=1))
        if used.size:
            counts = counts[: used[-1] + 1]
            ends[name] = {
                "mean_by_cycle": _rounded(counts @ phred / np.maximum(counts.sum(axis=1), 1), 2),
                "p10_by_cycle": _quantile(counts, 0.1),
                "median_by_cycle": _quantile(counts, 0.5),
                "p90_by_cycle": _quantile(counts, 0.9),
            }
    bases = (
        reads.cycle_base[: np.flatnonzero(reads.cycle_base.any(axis=1))[-1] + 1] if ends else np.empty((0, 5))
    )
    return {
        "mean": ratio(float(quality @ phred), quality.sum(), 3),
        "q20_fraction": ratio(quality[20:].sum(), quality.sum()),
        "q30_fraction": ratio(quality[30:].sum(), quality.sum()),
        "histogram": _trimmed(quality),
        **ends,
        "base_fraction_by_cycle": {
            letter: _rounded(column / np.maximum(bases.sum(axis=1), 1), 5)
            for letter, column in zip("ACGTN", bases.T, strict=True)
        },
    }


def _rounded(values: np.ndarray, digits: int) -> list[float]:
    return [round(float(value), digits) for value in values]


def _quantile(counts: np.ndarray, share: float) -> list[int]:
    """Per row, the smallest value that at least ``share`` of the row's counts do not exceed."""
    cumulative = counts.cumsum(axis=1)
    return [int(i) for i in (cumulative >= share * cumulative[:, -1:]).argmax(axis=1)]


def gc_section(tally: Tally) -> dict[str, Any]:
    """GC content of reads, and depth by GC content of the reference."""
    reads = tally.reads.read_gc
    windows, depth = tally.gc.T
    mean_depth = depth.sum() / max(windows.sum(), 1)
    relative = [
        round(float(d / n / mean_depth), 4) if n and mean_depth else None
        for n, d in zip(windows, depth, strict=True)
    ]
    lacking = windows / max(windows.sum(), 1) - depth / max(depth.sum(), 1)
    return {
        "mean_percent": ratio(float(reads @ np.arange(101)), reads.sum(), 3),
        "read_histogram": reads.tolist(),
        "at_dropout": round(100 * float(lacking[:51].clip(min=0).sum()), 3) if depth.sum() else None,
        "gc_dropout": round(100 * float(lacking[51:].clip(min=0).sum()), 3) if depth.sum() else None,
        "reference_windows": windows.tolist(),
        "relative_depth": relative,
    }


def insert_size_section(reads: ReadTally) -> dict[str, Any]:
    """Insert sizes by orientation, as picard CollectInsertSizeMetrics defines them."""
    n_pairs = reads.insert_size.sum()
    orientations = {}
    for name, counts, longest in zip(ORIENTATIONS, reads.insert_size, reads.longest_insert, strict=True):
        if counts.sum() and counts.sum() >= n_pairs * MIN_ORIENTATION:
            orientations[name] = _insert_sizes(counts, int(longest))
    return {"n_pairs": int(n_pairs), "orientations": orientations}


def _insert_sizes(counts: np.ndarray, longest: int) -> dict[str, Any]:
    beyond = int(counts[0])
    sizes = np.arange(counts.size)
    within = counts.copy()
    within[0] = 0
    # Longer inserts than the table holds stand behind its end: right for the median, left out of the mean.
    ordered = np.append(within, beyond)
    median = _median(ordered)
    deviation = _median_deviation(ordered, median)
    kept = np.where(sizes <= int(median + INSERT_DEVIATIONS * deviation), within, 0)
    n_kept = int(kept.sum())
    mean = float(kept @ sizes) / max(n_kept, 1)
    variance = float(kept @ (sizes - mean) ** 2) / (n_kept - 1) if n_kept > 1 else 0.0
    return {
        "n_pairs": int(counts.sum()),
        "median": median,
        "median_absolute_deviation": deviation,
        "mode": int(within.argmax()),
        "min": int(np.flatnonzero(ordered)[0]),
        "max": longest,
        "mean": round(mean, 6),
        "standard_deviation": round(variance**0.5, 6),
        "widths": _widths(ordered, median),
        "n_longer": beyond,
        "histogram": _trimmed(kept),
    }


def _median(counts: np.ndarray) -> float:
    """Median of values 0, 1, ... with these counts; the mean of the middle two if their number is even."""
    cumulative = counts.cumsum()
    low, high = np.searchsorted(cumulative, [(cumulative[-1] - 1) // 2, cumulative[-1] // 2], side="right")
    return float(low + high) / 2


def _median_deviation(counts: np.ndarray, median: float) -> float:
    doubled = np.abs(2 * np.arange(counts.size) - int(2 * median))  # the median may lie between two values
    return _median(np.bincount(doubled, weights=counts).astype(np.int64)) / 2


def _widths(counts: np.ndarray, median: float) -> list[int]:
    """Widths around the median that hold 10, 20, ... 90, 95 and 99 % of the pairs (picard's WIDTH_OF_)."""
    middle = int(median)
    reach = max(middle, counts.size - middle) + 2
    padded = np.zeros(2 * reach + 1, np.int64)
    padded[reach - middle : reach - middle + counts.size] = counts
    inside = padded[reach] + np.append(0, padded[:reach][::-1].cumsum() + padded[reach + 1 :].cumsum())
    return [
        int(2 * np.argmax(inside / counts.sum() >= percent / 100) + 1)
        for percent in (10, 20, 30, 40, 50, 60, 70, 80, 90, 95, 99)
    ]


def errors_section(reads: ReadTally) -> dict[str, Any]:
    """Mismatches and gaps per aligned base of primary reads."""
    sums = dict(zip(SUMS, reads.sums.tolist(), strict=True))
    gaps = sums["nm_inserted_bases"] + sums["nm_deleted_bases"]
    cigar_bases = sums["nm_aligned_bases"] + sums["nm_inserted_bases"]
    return {
        **sums,
        "error_rate": ratio(sums["edit_distance"], cigar_bases, 9),
        "mismatch_rate": ratio(sums["edit_distance"] - gaps, sums["nm_aligned_bases"], 9),
        "insertion_rate": ratio(sums["insertions"], sums["aligned_bases"], 9),
        "deletion_rate": ratio(sums["deletions"], sums["aligned_bases"], 9),
        "soft_clipped_fraction": ratio(sums["soft_clipped_bases"], sums["mapped_bases"]),
    }


def coverage_section(
    tally: Tally, layout: Layout, contigs: tuple[Contig, ...], config: QcConfig
) -> dict[str, Any]:
    """Depth over the target bases: mean, spread, evenness, shares, histogram, profile, contigs."""
    histogram = tally.depth_histogram
    n_bases, depths = int(histogram.sum()), np.arange(histogram.size)
    total, squares = (int(value) for value in tally.depth_sums)
    mean = total / n_bases if n_bases else 0.0
    at_least = histogram[::-1].cumsum()[::-1]
    p20 = _percentile(histogram, 0.2)
    return {
        "target_bases": n_bases,
        "depth_sum": total,
        "mean": ratio(total, n_bases, 4),
        "median": _percentile(histogram, 0.5),
        "standard_deviation": round(max(squares / n_bases - mean**2, 0.0) ** 0.5, 4) if n_bases else None,
        "p20": p20,
        "fold_80": round(mean / p20, 4) if p20 else None,
        "evenness": ratio(float(histogram @ np.minimum(depths, mean)), total) if total else None,
        "at_least": {f"{depth}x": ratio(at_least[depth], n_bases) for depth in DEPTHS},
        "histogram": _trimmed(histogram),
        "histogram_ends_at": config.max_depth,
        "window_bp": layout.window,
        "contigs": _contig_rows(tally, layout, contigs),
    }


def _percentile(histogram: np.ndarray, share: float) -> int | None:
    """The smallest depth that at least ``share`` of the bases do not exceed."""
    cumulative = histogram.cumsum()
    return int(np.argmax(cumulative >= share * cumulative[-1])) if cumulative[-1] else None


def _contig_rows(tally: Tally, layout: Layout, contigs: tuple[Contig, ...]) -> list[dict[str, Any]]:
    """Columns of samtools coverage and the profile, for contigs with reads or targets (the longest 200)."""
    listed = sorted(range(len(contigs)), key=lambda i: (-contigs[i].length, i))[:_MAX_LISTED_CONTIGS]
    rows = []
    for index in sorted(listed):
        contig, windows = contigs[index], slice(*layout.first_window[index : index + 2])
        sums = dict(zip(CONTIG_SUMS, tally.contigs[index].tolist(), strict=True))
        depth, targets = tally.window_depth[windows], tally.window_targets[windows]
        if not sums["n_reads"] and not targets.any():
            continue
        rows.append(
            {
                "name": contig.name,
                "length": contig.length,
                **sums,
                "target_bases": int(targets.sum()),
                "mean": ratio(depth.sum(), targets.sum(), 4),
                "profile": [
                    round(float(d / n), 2) if n * 10 >= layout.window else None
                    for d, n in zip(depth, targets, strict=True)
                ],
            }
        )
    return rows


def sex_section(tally: Tally, contigs: tuple[Contig, ...]) -> dict[str, Any]:
    """Depth of X and Y relative to the autosomes, where the reference has them, and what it suggests."""
    plain = [contig.name.removeprefix("chr") for contig in contigs]
    depth = {
        name: row[-1] / contig.length for name, row, contig in zip(plain, tally.contigs, contigs, strict=True)
    }
    lengths = {name: contig.length for name, contig in zip(plain, contigs, strict=True)}
    autosomes = [name for name in plain if name.isdigit()]
    bases = sum(lengths[name] for name in autosomes)
    mean = sum(depth[name] * lengths[name] for name in autosomes) / bases if bases else 0.0
    if not mean or "X" not in depth or "Y" not in depth:
        return {"x_ratio": None, "y_ratio": None, "suggested": None}
    x, y = depth["X"] / mean, depth["Y"] / mean
    # Half of Y is unknown or repeated, so a male's ratio stays below 0.5.
    suggested = "female" if x > 0.75 and y < 0.1 else "male" if x < 0.75 and y > 0.1 else "unclear"
    return {"x_ratio": round(float(x), 4), "y_ratio": round(float(y), 4), "suggested": suggested}
