"""The reads of each active region, cut to its surroundings: what is compared with haplotypes.

Soft-clipped bases take part: they are where an aligner gave up on a variant.
"""

from typing import NamedTuple

import numpy as np

from genomehub.kernels._jit import inline, kernel
from genomehub.kernels.pileup import I, S, is_aligned, uses_query, uses_reference


class RegionReads(NamedTuple):
    """Reads by active region, region after region, in file order within one.

    region_offsets : (n_regions + 1,) int64, starts into the arrays below
    record : (n,) int64, number of the record
    begin, end : (n,) int64, span in Records.bases that is compared
    first_row, last_row : (n,) int64, rows of the window that this span covers (half-open; clipped bases
        stand where they would be aligned without a gap)
    fragment : (n,) int64, number of the template within the region, from 0 in order of appearance
    n_fragments : (n_regions,) int64
    """

    region_offsets: np.ndarray
    record: np.ndarray
    begin: np.ndarray
    end: np.ndarray
    first_row: np.ndarray
    last_row: np.ndarray
    fragment: np.ndarray
    n_fragments: np.ndarray


class ReadChoice(NamedTuple):
    """Which reads take part in which region.

    first, last : (n_regions,) int64, records that may reach the region
    clip_low, clip_high : (n_records,) int64, rows outside of which a clipped base cannot be of the template
    draw : (n_records,) uint64, mixed name hash; largest : (n_regions,) uint64, greatest draw that takes part
    """

    first: np.ndarray
    last: np.ndarray
    clip_low: np.ndarray
    clip_high: np.ndarray
    draw: np.ndarray
    largest: np.ndarray


@inline
def mixed(value):
    """Finaliser of a 64-bit hash (SplitMix64's), so that its bits may serve as a random draw."""
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return value ^ (value >> np.uint64(31))


@inline
def _cut(alignments, read, window_start, low, high, clip_low, clip_high):
    """Span of bases of a read whose (virtual) rows lie in low:high, and these rows; begin -1 if none."""
    query, row = alignments.offsets[read], np.int64(alignments.start[read]) - window_start
    begin, end, first, last = np.int64(-1), np.int64(-1), np.int64(0), np.int64(0)
    leading = True
    for c in range(alignments.cigar_offsets[read], alignments.cigar_offsets[read + 1]):
        op, length = alignments.cigars[c] & 15, np.int64(alignments.cigars[c] >> 4)
        if is_aligned(op) or op == S:
            at = row - length if op == S and leading else row
            skip, stop = max(0, low - at), min(length, high - at)
            if op == S:
                skip, stop = max(skip, clip_low - at), min(stop, clip_high - at)
            if skip < stop:
                if begin < 0:
                    begin, first = query + skip, at + skip
                end, last = query + stop, at + stop
        if is_aligned(op) or op == I:
            leading = False
        if uses_query(op):
            query += length
        if uses_reference(op):
            row += length
    return begin, end, first, last


@kernel
def select_reads(alignments, usable, window_start, regions, flank, least_quality, least_length, choice):
    """Find the reads of each region and where to cut them.

    Parameters
    ----------
    alignments : Alignments of one contig, sorted by start
    usable : (n_records,) bool
    window_start : 0-based bp of row 0
    regions : (n_regions, 2) int64, rows, ascending
    flank : rows around a region that still take part
    least_quality : bases at the ends of a cut read are dropped while their quality is below
    least_length : shorter cuts, and reads that do not reach the region itself, take no part
    choice : ReadChoice

    Returns
    -------
    offsets : (n_regions + 1,) int64
    spans : (n, 5) int64, record, begin, end, first_row, last_row as in RegionReads
    """
    capacity = np.int64(0)
    for r in range(regions.shape[0]):
        capacity += choice.last[r] - choice.first[r]
    spans = np.empty((capacity, 5), dtype=np.int64)
    offsets = np.zeros(regions.shape[0] + 1, dtype=np.int64)
    n = 0
    for r in range(regions.shape[0]):
        low, high = regions[r, 0], regions[r, 1]
        for read in range(choice.first[r], choice.last[r]):
            if not usable[read] or choice.draw[read] > choice.largest[r]:
                continue
            begin, end, first, last = _cut(
                alignments,
                read,
                window_start,
                low - flank,
                high + flank,
                choice.clip_low[read],
                choice.clip_high[read],
            )
            while begin < end and alignments.quals[begin] < least_quality:
                begin, first = begin + 1, first + 1
            while begin < end and alignments.quals[end - 1] < least_quality:
                end, last = end - 1, last - 1
            if end - begin >= least_length and first < high and last > low:
                spans[n, 0], spans[n, 1], spans[n, 2] = read, begin, end
                spans[n, 3], spans[n, 4] = first, last
                n += 1
        offsets[r + 1] = n
    return offsets, spans[:n]


@kernel
def cut_reads(values, begin, end, offsets, out):
    """Copy ``values[begin[i]:end[i]]`` to ``out[offsets[i]:offsets[i + 1]]`` for every i."""
    for i in range(begin.size):
        for k in range(end[i] - begin[i]):
            out[offsets[i] + k] = values[begin[i] + k]
