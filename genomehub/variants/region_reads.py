"""Active regions to the reads that say something about them, thinned where there are too many."""

import numpy as np

from genomehub.config import CallConfig
from genomehub.kernels import region_reads as kernels
from genomehub.kernels.pileup import Alignments
from genomehub.kernels.region_reads import ReadChoice, RegionReads
from genomehub.types import Flag, Records
from genomehub.variants.pileup import Window

_FAR = np.int64(1) << 40


def select_reads(
    records: Records, alignments: Alignments, usable: np.ndarray, regions: np.ndarray, flank: int,
    window: Window, config: CallConfig,
) -> RegionReads:  # fmt: skip
    """List the reads of each region ((n, 2) int64, rows), cut ``flank`` bp beyond it."""
    choice = _choose(records, usable, regions, window, config)
    offsets, spans = kernels.select_reads(
        alignments, usable, window.start, regions, flank, config.min_base_quality,
        config.min_read_length, choice,
    )  # fmt: skip
    region = np.repeat(np.arange(regions.shape[0]), np.diff(offsets))
    fragment, n_fragments = number_fragments(region, records.name_hash[spans[:, 0]], regions.shape[0])
    record, begin, end, first, last = (np.ascontiguousarray(column) for column in spans.T)
    return RegionReads(offsets, record, begin, end, first, last, fragment, n_fragments)


def _choose(
    records: Records, usable: np.ndarray, regions: np.ndarray, window: Window, config: CallConfig
) -> ReadChoice:
    lengths = np.diff(records.offsets)
    spans = records.end - records.start
    reach = int((lengths + spans)[usable].max(initial=0))
    low, high = window.start + regions[:, 0], window.start + regions[:, 1]
    first = np.searchsorted(records.start, low - reach, side="left")
    last = np.searchsorted(records.start, high + int(lengths[usable].max(initial=0)), side="left")
    draw = _mixed(records.name_hash)
    return ReadChoice(
        first,
        last,
        *_template_ends(records, window),
        draw,
        _largest_draws(records, usable, low, high, config),
    )


def _mixed(values: np.ndarray) -> np.ndarray:
    """kernels.region_reads.mixed over an array."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def _largest_draws(
    records: Records, usable: np.ndarray, low: np.ndarray, high: np.ndarray, config: CallConfig
) -> np.ndarray:
    """Greatest draw that takes part, so that about ``max_reads`` of a region do; mates stay together."""
    starts, ends = np.sort(records.start[usable]), np.sort(records.end[usable])
    n_reads = np.searchsorted(starts, high) - np.searchsorted(ends, low, side="right")
    share = config.max_reads / np.maximum(n_reads, config.max_reads)
    return np.where(
        share < 1, np.floor(share * 2.0**63).astype(np.uint64) * np.uint64(2), np.uint64(2**64 - 1)
    )


def _template_ends(records: Records, window: Window) -> tuple[np.ndarray, np.ndarray]:
    """Rows outside of which a clipped base is adapter: a proper pair's template ends at its mate's start."""
    flag, reverse = records.flag, (records.flag & Flag.REVERSE) != 0
    facing = ((flag & Flag.PROPER_PAIR) != 0) & (reverse != ((flag & Flag.MATE_REVERSE) != 0))
    low = np.where(facing & reverse, records.mate_start.astype(np.int64) - window.start, -_FAR)
    ahead = facing & ~reverse & (records.template_length > 0)
    high = np.where(ahead, records.start.astype(np.int64) + records.template_length - window.start, _FAR)
    return low, high


def number_fragments(region: np.ndarray, name: np.ndarray, n_regions: int) -> tuple[np.ndarray, np.ndarray]:
    """Number the templates of each region in order of their first read.

    Parameters
    ----------
    region : (n,) int64, ascending; name : (n,) uint64, equal for reads of one template

    Returns
    -------
    fragment : (n,) int64; n_fragments : (n_regions,) int64
    """
    n = region.size
    order = np.lexsort((name, region))
    new = np.ones(n, dtype=bool)
    new[1:] = (np.diff(region[order]) != 0) | (name[order][1:] != name[order][:-1])
    # lexsort is stable: a group begins with its earliest read
    earliest = np.empty(n, dtype=np.int64)
    earliest[order] = np.repeat(order[new], np.diff(np.append(np.flatnonzero(new), n)))
    is_first = earliest == np.arange(n)
    n_fragments = np.bincount(region[is_first], minlength=n_regions).astype(np.int64)
    before = np.concatenate([[0], np.cumsum(n_fragments)])
    number = np.cumsum(is_first) - 1
    return number[earliest] - before[region], n_fragments
