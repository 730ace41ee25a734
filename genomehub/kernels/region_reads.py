"""The reads of each active region, cut to its surroundings: what is compared with haplotypes.

Between ``kernels.pileup`` and ``kernels.pairhmm``: ``select_reads`` lists who takes part in which region,
``cut_reads`` copies their bases. Soft-clipped bases take part: they are where an aligner gave up on a
variant.
"""

from typing import NamedTuple

import numpy as np

from genomehub.kernels._jit import inline, kernel
from genomehub.kernels.pileup import I, S, is_aligned, uses_query, uses_reference
from genomehub.types import Flag

REVERSE, MATE_REVERSE, PROPER_PAIR = int(Flag.REVERSE), int(Flag.MATE_REVERSE), int(Flag.PROPER_PAIR)


class RegionReads(NamedTuple):
    """Reads by active region, region after region, in file order within one.

    region_offsets : (n_regions + 1,) int64, starts into the arrays below
    record : (n,) int64, number of the record
    begin, end : (n,) int64, span in Records.bases that is compared
    first_row, last_row : (n,) int32, rows of the window that this span covers (half-open; clipped bases
        stand where they would be aligned without a gap)
    fragment : (n,) int32, number of the template within the region, from 0 in order of appearance
    n_fragments : (n_regions,) int32
    """

    region_offsets: np.ndarray
    record: np.ndarray
    begin: np.ndarray
    end: np.ndarray
    first_row: np.ndarray
    last_row: np.ndarray
    fragment: np.ndarray
    n_fragments: np.ndarray


@inline
def mixed(value):
    """Finaliser of a 64-bit hash (SplitMix64's), so that its low bits may serve as a random draw."""
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return value ^ (value >> np.uint64(31))


@inline
def _adapter_rows(records, read, window_start):
    """Rows outside of which a clipped base cannot come from the template (low, high)."""
    flag = records.flag[read]
    low, high = np.int64(-(1 << 40)), np.int64(1 << 40)
    if not flag & PROPER_PAIR or ((flag & REVERSE) != 0) == ((flag & MATE_REVERSE) != 0):
        return low, high
    if flag & REVERSE:
        low = np.int64(records.mate_start[read]) - window_start
    elif records.template_length[read] > 0:
        high = np.int64(records.start[read]) + records.template_length[read] - window_start
    return low, high


@inline
def _cut(records, read, window_start, low, high):
    """Span of bases of a read whose (virtual) rows lie in low:high, and these rows."""
    query, row = records.offsets[read], np.int64(records.start[read]) - window_start
    adapter_low, adapter_high = _adapter_rows(records, read, window_start)
    begin, end, first, last = np.int64(-1), np.int64(-1), np.int64(0), np.int64(0)
    leading = True
    for c in range(records.cigar_offsets[read], records.cigar_offsets[read + 1]):
        op, length = records.cigars[c] & 15, np.int64(records.cigars[c] >> 4)
        if is_aligned(op) or op == S:
            at = row - length if op == S and leading else row
            skip, stop = max(0, low - at), min(length, high - at)
            if op == S:
                skip, stop = max(skip, adapter_low - at), min(stop, adapter_high - at)
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


@inline
def _trim_quality(quals, begin, end, first, last, least):
    while begin < end and quals[begin] < least:
        begin += 1
        first += 1
    while begin < end and quals[end - 1] < least:
        end -= 1
        last -= 1
    return begin, end, first, last


@kernel
def select_reads(records, usable, window_start, regions, flank, least_quality, least_length, max_reads):
    """Find the reads of each region and where to cut them.

    Parameters
    ----------
    records : Records of one contig, sorted by start
    usable : (n_records,) bool
    window_start : 0-based bp of row 0
    regions : (n_regions, 2) int64, rows, ascending
    flank : rows around a region that still take part
    least_quality : bases at the ends of a cut read are dropped while their quality is below
    least_length : shorter cuts, and reads that do not overlap the region itself, take no part
    max_reads : of more reads in a region those with the smallest mixed name hash are kept

    Returns
    -------
    RegionReads
    """
    n_regions = regions.shape[0]
    reach = _longest_reach(records, usable)
    capacity = np.int64(1024)
    record = np.empty(capacity, dtype=np.int64)
    spans = np.empty((capacity, 4), dtype=np.int64)
    offsets = np.zeros(n_regions + 1, dtype=np.int64)
    n = np.int64(0)
    for r in range(n_regions):
        low, high = regions[r, 0], regions[r, 1]
        start = n
        read = np.searchsorted(records.start, window_start + low - reach)
        while read < records.start.size and records.start[read] - window_start < high + reach:
            if usable[read] and _may_touch(records, read, window_start, low, high):
                begin, end, first, last = _cut(records, read, window_start, low - flank, high + flank)
                if begin >= 0:
                    begin, end, first, last = _trim_quality(
                        records.quals, begin, end, first, last, least_quality
                    )
                if begin >= 0 and end - begin >= least_length and first < high and last > low:
                    if n == capacity:
                        capacity *= 2
                        record, spans = _double(record), _double_rows(spans)
                    record[n] = read
                    spans[n, 0], spans[n, 1], spans[n, 2], spans[n, 3] = begin, end, first, last
                    n += 1
            read += 1
        if n - start > max_reads:
            n = _thin(records, record, spans, start, n, max_reads)
        offsets[r + 1] = n
    fragment, n_fragments = _fragments(records, record, offsets)
    return RegionReads(
        offsets, record[:n].copy(), spans[:n, 0].copy(), spans[:n, 1].copy(),
        spans[:n, 2].astype(np.int32), spans[:n, 3].astype(np.int32), fragment, n_fragments,
    )  # fmt: skip


@inline
def _double(values):
    larger = np.empty(values.size * 2, dtype=values.dtype)
    larger[: values.size] = values
    return larger


@inline
def _double_rows(values):
    larger = np.empty((values.shape[0] * 2, values.shape[1]), dtype=values.dtype)
    larger[: values.shape[0]] = values
    return larger


@inline
def _longest_reach(records, usable):
    """Largest distance from a usable read's start to any row it may cover, clips included."""
    reach = np.int64(1)
    for read in range(records.start.size):
        if usable[read]:
            clips = records.offsets[read + 1] - records.offsets[read]
            reach = max(reach, np.int64(records.end[read]) - records.start[read] + clips)
    return reach


@inline
def _may_touch(records, read, window_start, low, high):
    length = records.offsets[read + 1] - records.offsets[read]
    return (
        records.start[read] - window_start - length < high and records.end[read] - window_start + length > low
    )


@inline
def _thin(records, record, spans, start, stop, max_reads):
    """Keep the ``max_reads`` entries of start:stop whose name hash is smallest; mates stay together."""
    draws = np.empty(stop - start, dtype=np.uint64)
    for i in range(start, stop):
        draws[i - start] = mixed(records.name_hash[record[i]])
    limit = np.sort(draws)[max_reads - 1]
    n = start
    for i in range(start, stop):
        if draws[i - start] <= limit:
            record[n] = record[i]
            spans[n] = spans[i]
            n += 1
    return n


@inline
def _fragments(records, record, offsets):
    fragment = np.zeros(offsets[-1], dtype=np.int32)
    n_fragments = np.zeros(offsets.size - 1, dtype=np.int32)
    for r in range(offsets.size - 1):
        begin, end = offsets[r], offsets[r + 1]
        names = np.empty(end - begin, dtype=np.uint64)
        for i in range(begin, end):
            names[i - begin] = records.name_hash[record[i]]
        order = np.argsort(names, kind="mergesort")
        first = np.empty(end - begin, dtype=np.int64)  # entry of the same name that came first
        for k in range(end - begin):
            same = k > 0 and names[order[k]] == names[order[k - 1]]
            first[order[k]] = first[order[k - 1]] if same else order[k]
        for i in range(end - begin):
            if first[i] == i:
                fragment[begin + i] = n_fragments[r]
                n_fragments[r] += 1
            else:
                fragment[begin + i] = fragment[begin + first[i]]
    return fragment, n_fragments


@kernel
def cut_reads(values, begin, end, offsets, out):
    """Copy ``values[begin[i]:end[i]]`` to ``out[offsets[i]:offsets[i + 1]]`` for every i."""
    for i in range(begin.size):
        out[offsets[i] : offsets[i + 1]] = values[begin[i] : end[i]]
