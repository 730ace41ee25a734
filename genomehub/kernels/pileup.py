"""Counters over the reads of a window: what each base of the reference is covered by.

First step of calling. ``mate_overlaps`` makes sure that a template counts once where its mates overlap,
``tally`` walks every read once. Nothing is decided here: ``variants.active_regions`` and
``variants.pileup`` read the counters.
"""

from typing import NamedTuple

import numpy as np

from genomehub.kernels._jit import borrowing, kernel
from genomehub.kernels.vectors import add, load, store
from genomehub.types import CigarOp

M, I, D, N, S = int(CigarOp.M), int(CigarOp.I), int(CigarOp.D), int(CigarOp.N), int(CigarOp.S)  # noqa: E741
EQ, X = int(CigarOp.EQ), int(CigarOp.X)
#: Base qualities above this add nothing to a likelihood (and keep tables short).
MAX_QUALITY = 60


class Alignments(NamedTuple):
    """What calling needs of Records: few arrays, because each one costs compile time in every kernel.

    start, end : (n,) int32; reverse : (n,) bool; cigars, cigar_offsets, bases, quals, offsets : as in Records
    """

    start: np.ndarray
    end: np.ndarray
    reverse: np.ndarray
    cigars: np.ndarray
    cigar_offsets: np.ndarray
    bases: np.ndarray
    quals: np.ndarray
    offsets: np.ndarray


#: Rows of ``counts``, all about bases of the window:
#: reads with a deletion over the base
DELETED = 0
#: reads with an insertion or a deletion behind the base (VCF's anchor), left-aligned
INSERTIONS, DELETIONS = 1, 2
#: row behind the longest deletion counted in DELETIONS, 0 if none
DELETION_END = 3
#: reads whose aligned part ends (last base) or begins here, at a soft clip
CLIPS = 4
#: reads whose last aligned base is one before this, of any quality
ENDS = 5
#: reads whose aligned part holds the base, of any quality, deletions included
SPANS = 6
N_COUNTS = 7


class Pileup(NamedTuple):
    """Counters per base of a window of the reference; index i is window start + i.

    bases : (n, 2, 4) int32, bases by strand (0 forward, 1 reverse) and code, of sufficient quality
    log10_likelihood : (n, 4) float64, of these bases given 0/0, 0/1 and 1/1, any other base being "1"; the
        last is 0 and makes a row one vector
    counts : (N_COUNTS, n + 1) int32, see above; column n is used by ENDS only
    """

    bases: np.ndarray
    log10_likelihood: np.ndarray
    counts: np.ndarray


@borrowing
def is_aligned(op):
    """Whether a CIGAR operation pairs bases of the read with bases of the reference."""
    return op in (M, EQ, X)


@borrowing
def uses_query(op):
    """Whether a CIGAR operation consumes bases of the read."""
    return op in (M, I, S, EQ, X)


@borrowing
def uses_reference(op):
    """Whether a CIGAR operation consumes bases of the reference."""
    return op in (M, D, N, EQ, X)


@borrowing
def shift_deletion(reference, first, last, limit):
    """Return how far the deletion of rows ``first:last`` can move left, not beyond row ``limit``."""
    shift = 0
    while first - shift > limit and reference[first - shift - 1] == reference[last - shift - 1]:
        shift += 1
    return shift


@borrowing
def shift_insertion(reference, bases, begin, length, row, limit):
    """Return how far the insertion of ``bases[begin:begin + length]`` before ``row`` can move left."""
    shift = 0
    while row - shift > limit:
        # The inserted text rotates as it moves: its last base is taken from what it moved over.
        last = length - 1 - shift % length
        if reference[row - shift - 1] != bases[begin + last]:
            break
        shift += 1
    return shift


@kernel
def mate_overlaps(alignments, pairs, longest, quals):
    """Lower base qualities so that mates of one template count once where they overlap.

    Parameters
    ----------
    alignments : Alignments
    pairs : (n_pairs, 2) int64, mates that may overlap, the one that starts first in front
    longest : at least 1 and the longest span of a read on the reference, bp
    quals : (n_bases,) uint8, copy of alignments.quals, changed in place

    Notes
    -----
    Where both mates show the same base, the better keeps its quality and the other gets 0; where they
    differ, the better keeps the difference and the other gets 0.
    Cost        O(bases of the pairs)
    Plain twin  tests/plain/pileup.py
    """
    where = np.empty((2, longest), dtype=np.int64)
    for p in range(pairs.shape[0]):
        first, second = pairs[p, 0], pairs[p, 1]
        begin = np.int64(alignments.start[second])
        end = np.int64(min(alignments.end[first], alignments.end[second]))
        for side in range(2):
            _locate(alignments, pairs[p, side], begin, end, where[side])
        for i in range(end - begin):
            one, two = where[0, i], where[1, i]
            if one < 0 or two < 0:
                continue
            keep, drop = (one, two) if quals[one] >= quals[two] else (two, one)
            if alignments.bases[one] != alignments.bases[two]:
                quals[keep] -= quals[drop]
            quals[drop] = 0


@borrowing
def _locate(alignments, read, begin, end, where):
    """Write to ``where`` the place in ``bases`` of the read's base at begin, begin + 1 ..., -1 if none."""
    for i in range(end - begin):
        where[i] = -1
    query, at = alignments.offsets[read], np.int64(alignments.start[read])
    for c in range(alignments.cigar_offsets[read], alignments.cigar_offsets[read + 1]):
        op, length = alignments.cigars[c] & 15, np.int64(alignments.cigars[c] >> 4)
        if is_aligned(op):
            for k in range(max(0, begin - at), min(length, end - at)):
                where[at + k - begin] = query + k
        if uses_query(op):
            query += length
        if uses_reference(op):
            at += length


@borrowing
def tally(alignments, usable, quals, reference, window_start, settings, tables, pileup):
    """Count every usable read into the counters of a window.

    Parameters
    ----------
    alignments : Alignments of one contig
    usable : (n,) bool, reads that count
    quals : (n_bases,) uint8, base qualities to use (after mate_overlaps)
    reference : (n_rows,) uint8, codes of the window
    window_start : 0-based bp of row 0
    settings : (2,) int64, least base quality that counts, fewest clipped bp that count
    tables : (8 * (MAX_QUALITY + 1),) float64, by quality what a row of log10_likelihood grows by: four values
        for a base that matches, four for one that does not
    pileup : Pileup of n_rows, changed in place

    Notes
    -----
    Reads may stick out of the window on both sides. SPANS is counted by its first and last rows, and summed
    up in the end.
    Cost        O(bases), about 300 Mb/s
    Plain twin  tests/plain/pileup.py
    """
    n = reference.size
    for read in range(alignments.start.size):
        if usable[read]:
            _tally_read(alignments, read, quals, reference, window_start, n, settings, tables, pileup)
    spanning = 0
    for row in range(n):
        spanning += pileup.counts[SPANS, row]
        pileup.counts[SPANS, row] = spanning
    pileup.counts[SPANS, n] = 0


@borrowing
def _count_span(pileup, first, last, n):
    first, last = max(0, first), min(last, n)
    if first < last:
        pileup.counts[SPANS, first] += 1
        pileup.counts[SPANS, last] -= 1


@borrowing
def _tally_read(alignments, read, quals, reference, window_start, n, settings, tables, pileup):
    query, row = alignments.offsets[read], np.int64(alignments.start[read]) - window_start
    strand = np.int64(alignments.reverse[read])
    last_end = np.int64(alignments.end[read]) - window_start
    if 0 <= last_end <= n:
        pileup.counts[ENDS, last_end] += 1
    previous = row  # first row of the aligned stretch that an indel may move through
    for c in range(alignments.cigar_offsets[read], alignments.cigar_offsets[read + 1]):
        op, length = alignments.cigars[c] & 15, np.int64(alignments.cigars[c] >> 4)
        if is_aligned(op):
            _tally_bases(
                alignments.bases, quals, query, row, length, strand, reference, n, settings[0], tables, pileup
            )
            previous = row
        elif op == D:
            _tally_deletion(row, length, previous, reference, n, pileup)
        elif op == I:
            _tally_insertion(alignments.bases, query, length, row, previous, reference, n, pileup)
        elif op == S and length >= settings[1]:
            edge = row if query == alignments.offsets[read] else row - 1
            if 0 <= edge < n:
                pileup.counts[CLIPS, edge] += 1
        if uses_query(op):
            query += length
        if uses_reference(op):
            row += length


@borrowing
def _tally_bases(bases, quals, query, row, length, strand, reference, n, min_quality, tables, pileup):
    _count_span(pileup, row, row + length, n)
    for k in range(max(0, -row), min(length, n - row)):
        i = row + k
        base, quality = bases[query + k], min(quals[query + k], MAX_QUALITY)
        if base > 3 or quality < min_quality:
            continue
        pileup.bases[i, strand, base] += 1
        gain = load(tables, 8 * np.int64(quality) + (0 if base == reference[i] else 4), 4)
        store(pileup.log10_likelihood, 4 * i, add(load(pileup.log10_likelihood, 4 * i, 4), gain))


@borrowing
def _tally_deletion(row, length, previous, reference, n, pileup):
    _count_span(pileup, row, row + length, n)
    for i in range(max(0, row), min(row + length, n)):
        pileup.counts[DELETED, i] += 1
    if row < 1 or row + length > n:
        return
    shift = shift_deletion(reference, row, row + length, max(previous, 1))
    anchor = row - shift - 1
    pileup.counts[DELETIONS, anchor] += 1
    pileup.counts[DELETION_END, anchor] = max(pileup.counts[DELETION_END, anchor], anchor + 1 + length)


@borrowing
def _tally_insertion(bases, query, length, row, previous, reference, n, pileup):
    if row < 1 or row > n:
        return
    shift = shift_insertion(reference, bases, query, length, row, max(previous, 1))
    pileup.counts[INSERTIONS, row - shift - 1] += 1
