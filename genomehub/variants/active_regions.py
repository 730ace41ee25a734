"""Counters to active regions: where reads differ from the reference enough to look closer.

Places are found base by base, widened over tandem repeats, merged, and cut where too long. All of it looks at
most ``padding_bp`` around, so a region does not depend on how the genome was cut into partitions.
"""

import numpy as np

from genomehub.config import CallConfig
from genomehub.kernels import regions as kernels
from genomehub.kernels.confidence import supported_rows
from genomehub.kernels.pileup import CLIPS, DELETION_END, DELETIONS, INSERTIONS, SPANS, Pileup
from genomehub.variants.pileup import Window, substitution_likelihoods


def active_substitutions(pileup: Pileup, window: Window, config: CallConfig) -> np.ndarray:
    """Return (n_rows,) bool: one other base has support, and a heterozygote is as likely as an error."""
    active = supported_rows(pileup.bases, window.reference, config.min_support, config.min_support_fraction)
    rows = np.flatnonzero(active)
    likelihood = pileup.log10_likelihood[rows]
    gain = np.maximum(likelihood[:, 1], likelihood[:, 2]) - likelihood[:, 0]
    if config.ploidy > 2:
        of_pool = substitution_likelihoods(pileup, window, config.ploidy)[rows]
        gain = np.maximum(gain, of_pool.max(axis=1) - of_pool[:, 0])
    active[rows] = gain > config.activity_log10
    return active


def active_indels(pileup: Pileup, config: CallConfig) -> np.ndarray:
    """Return (n_rows,) bool: reads have an indel behind this base."""
    counts = pileup.counts[:, :-1]
    support = counts[INSERTIONS] + counts[DELETIONS]
    return support >= np.maximum(config.min_support, config.min_support_fraction * counts[SPANS])


def active_clips(pileup: Pileup, config: CallConfig) -> np.ndarray:
    """Return (n_rows,) bool: the alignment of several reads ends or begins here by a soft clip."""
    counts = pileup.counts[:, :-1]
    return counts[CLIPS] >= np.maximum(config.min_clips, config.min_clip_fraction * counts[SPANS])


def _quiet(active: np.ndarray, window: Window) -> np.ndarray:
    """How good a row is to cut at: its distance to an active place, 0 in or beside a tandem repeat."""
    repeat = window.period > 0
    beside = repeat.copy()
    beside[1:] |= repeat[:-1]
    beside[:-1] |= repeat[1:]
    return np.where(beside, 0, kernels.distance_to(active)).astype(np.int32)


def find_regions(
    pileup: Pileup, window: Window, config: CallConfig, asked: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Find the active regions of a window; rows where ``asked`` ((n_rows,) bool) are active in any case.

    Returns
    -------
    regions : (n, 2) int64, rows, half-open, ascending, without overlap
    uncertain : (n,) bool, whether soft clips made a place of the region active or the reference holds copies
        of a text there: alignments do not show every haplotype
    """
    substitution = active_substitutions(pileup, window, config)
    indel, clip = active_indels(pileup, config), active_clips(pileup, config)
    active = substitution | indel | clip
    if asked is not None:
        active |= asked
    first = np.flatnonzero(active)
    last = np.where(indel[first], np.maximum(first + 2, pileup.counts[DELETION_END, first]), first + 1)
    reach = np.where(clip[first], config.clip_reach, 0)
    first = np.maximum(first - reach, 0).astype(np.int64)
    last = np.minimum(last + reach, active.size).astype(np.int64)
    kernels.grow_over_tracts(first, last, window.tract_start, window.tract_end, config.max_tract)
    order = np.lexsort((last, first))
    merged = kernels.merge_spans(first[order], last[order], config.merge_distance)
    copied = np.zeros(active.size, dtype=bool)
    kernels.grow_over_copies(
        merged, window.reference, window.tract_end, config.max_unit, config.min_copy, config.max_tract,
        config.max_region, copied,
    )  # fmt: skip
    merged = merged[np.lexsort((merged[:, 1], merged[:, 0]))]
    merged = kernels.merge_spans(merged[:, 0], merged[:, 1], config.merge_distance)
    regions = kernels.cut_long(merged, _quiet(active, window), window.start, config.max_region)
    before = np.concatenate([[0], np.cumsum(clip | copied)])
    return regions, before[regions[:, 1]] > before[regions[:, 0]]
