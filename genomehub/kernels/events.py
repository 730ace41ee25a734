"""Haplotypes to the differences from the reference that spell them: the alleles to genotype.

Each haplotype is aligned to its window of the reference; what differs is cut into events in VCF's spelling
(the base before an indel belongs to it), left-aligned as far as the haplotype's own other events allow. The
same function serves haplotypes from reads and from assembly, so equal sequences give equal events.
"""

from typing import NamedTuple

import numpy as np

from genomehub.kernels._jit import inline, kernel
from genomehub.kernels.haplotypes import _grown
from genomehub.kernels.pairwise import align_global
from genomehub.kernels.pileup import D, I

#: GATK's haplotype-to-reference scores: match, mismatch, first base of a gap, each further one.
MATCH, MISMATCH, GAP_OPEN, GAP_EXTEND = 200, -150, -260, -11
#: Matching bases kept on both sides of what differs, so that the alignment may place gaps freely.
MARGIN = 12
#: Two substitutions score better than a pair of gaps (700 against 720 lost), three do not.
MAX_PLAIN_SUBSTITUTIONS = 2


class Events(NamedTuple):
    """Distinct events by region, and which haplotype has which.

    row : (n,) int64, row of VCF's POS, ascending within a region (then by ref_length, then by ALT)
    ref_length : (n,) int64, bases of REF
    alt_begin, alt_end : (n,) int64, ALT as a span of ``Haplotypes.sequences``
    region_offsets : (n_regions + 1,) int64
    of_haplotype : (m,) int64, numbers of events counted from the region's first; haplotype_offsets :
        (n_haplotypes + 1,) int64
    """

    row: np.ndarray
    ref_length: np.ndarray
    alt_begin: np.ndarray
    alt_end: np.ndarray
    region_offsets: np.ndarray
    of_haplotype: np.ndarray
    haplotype_offsets: np.ndarray


@kernel
def haplotype_events(sequences, offsets, region_haplotypes, low, high, regions, reference):
    """Find the events of every haplotype and make one list per region.

    Parameters
    ----------
    sequences : (n_bases,) uint8; offsets : (n_haplotypes + 1,) int64
    region_haplotypes : (n_regions + 1,) int64; the first haplotype of a region is the reference
    low, high : (n_regions,) int64, rows that the region's haplotypes span
    regions : (n_regions, 2) int64, rows; only events whose POS lies inside are listed
    reference : (n_rows,) uint8

    Returns
    -------
    Events
    """
    n_regions, n_haplotypes = regions.shape[0], offsets.size - 1
    table = np.empty((256, 4), dtype=np.int64)
    region_offsets, haplotype_offsets = (
        np.zeros(n_regions + 1, dtype=np.int64),
        np.zeros(n_haplotypes + 1, dtype=np.int64),
    )
    of_haplotype = np.empty(256, dtype=np.int64)
    for r in range(n_regions):
        first, last = region_haplotypes[r], region_haplotypes[r + 1]
        begin = region_offsets[r]
        found, found_offsets = _events_of_region(
            sequences, offsets, first, last, reference[low[r] : high[r]], low[r], regions[r]
        )
        distinct, number = _distinct(sequences, found)
        table = _grown_rows(table, begin + distinct.shape[0])
        table[begin : begin + distinct.shape[0]] = distinct
        region_offsets[r + 1] = begin + distinct.shape[0]
        of_haplotype = _grown(of_haplotype, haplotype_offsets[first] + number.size)
        of_haplotype[haplotype_offsets[first] : haplotype_offsets[first] + number.size] = number
        for h in range(first, last):
            haplotype_offsets[h + 1] = haplotype_offsets[first] + found_offsets[h - first + 1]
    n = region_offsets[-1]
    return Events(
        table[:n, 0].copy(), table[:n, 1].copy(), table[:n, 2].copy(), table[:n, 3].copy(),
        region_offsets, of_haplotype[: haplotype_offsets[-1]], haplotype_offsets,
    )  # fmt: skip


@inline
def _grown_rows(values, needed):
    if needed <= values.shape[0]:
        return values
    larger = np.empty((max(needed, 2 * values.shape[0]), values.shape[1]), dtype=values.dtype)
    larger[: values.shape[0]] = values
    return larger


@inline
def _events_of_region(sequences, offsets, first, last, target, low, region):
    found = np.empty((64, 4), dtype=np.int64)
    found_offsets = np.zeros(last - first + 1, dtype=np.int64)
    n = 0
    for h in range(first, last):
        pieces = _pieces(sequences[offsets[h] : offsets[h + 1]], target)
        found = _grown_rows(found, n + pieces.shape[0])
        for p in range(pieces.shape[0]):
            if region[0] <= low + pieces[p, 0] < region[1]:
                found[n, 0] = low + pieces[p, 0]
                found[n, 1] = pieces[p, 1] - pieces[p, 0]
                found[n, 2] = offsets[h] + pieces[p, 2]
                found[n, 3] = offsets[h] + pieces[p, 3]
                n += 1
        found_offsets[h - first + 1] = n
    return found[:n], found_offsets


@kernel
def _pieces(query, target):
    """Spans (target begin, end, query begin, end) that differ, in VCF's spelling, ascending."""
    suffix = 0
    while (
        suffix < min(query.size, target.size)
        and query[query.size - 1 - suffix] == target[target.size - 1 - suffix]
    ):
        suffix += 1
    prefix = 0
    while prefix < min(query.size, target.size) - suffix and query[prefix] == target[prefix]:
        prefix += 1
    query_end, target_end = query.size - suffix, target.size - suffix
    if prefix == query_end or prefix == target_end:
        raw = np.empty((1 if query_end != target_end else 0, 4), dtype=np.int64)
        if raw.shape[0]:
            raw[0, 0], raw[0, 1], raw[0, 2], raw[0, 3] = prefix, target_end, prefix, query_end
        return _spelled(raw, query, target)
    if query_end == target_end and _mismatches(query, target, prefix, query_end) <= MAX_PLAIN_SUBSTITUTIONS:
        return _spelled(_substitutions(query, target, prefix, query_end), query, target)
    begin = max(0, prefix - MARGIN)
    more = min(suffix, MARGIN)
    score, cigar = align_global(
        query[begin : query_end + more],
        target[begin : target_end + more],
        MATCH,
        MISMATCH,
        GAP_OPEN,
        GAP_EXTEND,
    )
    return _spelled(_from_cigar(query, target, begin, cigar), query, target)


@inline
def _mismatches(query, target, begin, end):
    n = 0
    for i in range(begin, end):
        n += query[i] != target[i]
    return n


@inline
def _substitutions(query, target, begin, end):
    raw = np.empty((_mismatches(query, target, begin, end), 4), dtype=np.int64)
    n = 0
    for i in range(begin, end):
        if query[i] != target[i]:
            raw[n, 0], raw[n, 1], raw[n, 2], raw[n, 3] = i, i + 1, i, i + 1
            n += 1
    return raw


@inline
def _from_cigar(query, target, begin, cigar):
    raw = np.empty((query.size + target.size, 4), dtype=np.int64)
    n, q, t = 0, begin, begin
    for c in range(cigar.size):
        op, length = cigar[c] & 15, np.int64(cigar[c] >> 4)
        if op == I:
            raw[n, 0], raw[n, 1], raw[n, 2], raw[n, 3] = t, t, q, q + length
            n, q = n + 1, q + length
        elif op == D:
            raw[n, 0], raw[n, 1], raw[n, 2], raw[n, 3] = t, t + length, q, q
            n, t = n + 1, t + length
        else:
            for k in range(length):
                if query[q + k] != target[t + k]:
                    raw[n, 0], raw[n, 1], raw[n, 2], raw[n, 3] = t + k, t + k + 1, q + k, q + k + 1
                    n += 1
            q, t = q + length, t + length
    return raw[:n]


@inline
def _spelled(raw, query, target):
    """Join a gap with what it touches on its left, give lone gaps the base before, trim shared ends."""
    n = 0
    for i in range(raw.shape[0]):
        gap = raw[i, 0] == raw[i, 1] or raw[i, 2] == raw[i, 3]
        if gap and n and raw[n - 1, 1] == raw[i, 0] and raw[n - 1, 3] == raw[i, 2]:
            raw[n - 1, 1], raw[n - 1, 3] = raw[i, 1], raw[i, 3]
        else:
            raw[n] = raw[i]
            n += 1
    kept = 0
    for i in range(n):
        a, b, c, d = raw[i, 0], raw[i, 1], raw[i, 2], raw[i, 3]
        while b - a > 1 and d - c > 1 and target[b - 1] == query[d - 1]:
            b, d = b - 1, d - 1
        if a == b or c == d:
            a, c = a - 1, c - 1
        while b - a > 1 and d - c > 1 and target[a] == query[c]:
            a, c = a + 1, c + 1
        if a >= 0 and c >= 0:
            raw[kept, 0], raw[kept, 1], raw[kept, 2], raw[kept, 3] = a, b, c, d
            kept += 1
    return raw[:kept]


@inline
def _distinct(sequences, found):
    """Distinct rows of ``found`` in order, and for each row of ``found`` its number among them."""
    order = np.arange(found.shape[0])
    for i in range(1, order.size):  # insertion sort: a handful of short rows, nearly sorted
        value, j = order[i], i - 1
        while j >= 0 and _compare(sequences, found[value], found[order[j]]) < 0:
            order[j + 1] = order[j]
            j -= 1
        order[j + 1] = value
    number = np.empty(order.size, dtype=np.int64)
    distinct = np.empty(found.shape, dtype=np.int64)
    n = 0
    for k in range(order.size):
        if k == 0 or _compare(sequences, found[order[k]], found[order[k - 1]]) != 0:
            distinct[n] = found[order[k]]
            n += 1
        number[order[k]] = n - 1
    return distinct[:n], number


@inline
def _compare(sequences, a, b):
    if a[0] != b[0]:
        return a[0] - b[0]
    if a[1] != b[1]:
        return a[1] - b[1]
    length = min(a[3] - a[2], b[3] - b[2])
    for k in range(length):
        one, two = np.int64(sequences[a[2] + k]), np.int64(sequences[b[2] + k])
        if one != two:
            return one - two
    return (a[3] - a[2]) - (b[3] - b[2])
