"""Counters over the reads of a window: what each base of the reference is covered by.

First step of calling. ``mate_overlaps`` makes sure that a template counts once where its mates overlap,
``tally`` walks every read once. Nothing is decided here: ``variants.active_regions`` and
``variants.pileup`` read the counters.
"""

from typing import NamedTuple

import numpy as np

from genomehub.kernels._jit import inline, kernel
from genomehub.types import CigarOp

M, I, D, N, S = int(CigarOp.M), int(CigarOp.I), int(CigarOp.D), int(CigarOp.N), int(CigarOp.S)  # noqa: E741
EQ, X = int(CigarOp.EQ), int(CigarOp.X)
#: Base qualities above this add nothing to a likelihood (and keep tables short).
MAX_QUALITY = 60


class Pileup(NamedTuple):
    """Counters per base of a window of the reference; row i is window start + i.

    bases : (n, 2, 4) int32, bases by strand (0 forward, 1 reverse) and code, of sufficient quality
    log10_likelihood : (n, 3) float64, of these bases given 0/0, 0/1 and 1/1, any other base being "1"
    deleted : (n,) int32, reads with a deletion over the base
    insertions, deletions : (n,) int32, reads with an indel behind the base (VCF's anchor), left-aligned
    deletion_end : (n,) int32, row behind the longest deletion counted in ``deletions``, 0 if none
    clips : (n,) int32, reads whose aligned part ends here (last aligned base) or begins here, by a soft clip
    ends : (n + 1,) int32, reads whose last aligned base is row i - 1, any quality
    spans : (n,) int32, reads whose aligned part holds the base, any quality, deletions included
    """

    bases: np.ndarray
    log10_likelihood: np.ndarray
    deleted: np.ndarray
    insertions: np.ndarray
    deletions: np.ndarray
    deletion_end: np.ndarray
    clips: np.ndarray
    ends: np.ndarray
    spans: np.ndarray


@kernel
def new_pileup(n):
    """Return a Pileup of ``n`` rows with every counter at zero."""
    return Pileup(
        np.zeros((n, 2, 4), dtype=np.int32),
        np.zeros((n, 3), dtype=np.float64),
        np.zeros(n, dtype=np.int32),
        np.zeros(n, dtype=np.int32),
        np.zeros(n, dtype=np.int32),
        np.zeros(n, dtype=np.int32),
        np.zeros(n, dtype=np.int32),
        np.zeros(n + 1, dtype=np.int32),
        np.zeros(n, dtype=np.int32),
    )


@inline
def is_aligned(op):
    """Whether a CIGAR operation pairs bases of the read with bases of the reference."""
    return op == M or op == EQ or op == X


@inline
def uses_query(op):
    """Whether a CIGAR operation consumes bases of the read."""
    return op == M or op == I or op == S or op == EQ or op == X


@inline
def uses_reference(op):
    """Whether a CIGAR operation consumes bases of the reference."""
    return op == M or op == D or op == N or op == EQ or op == X


@inline
def shift_deletion(reference, first, last, limit):
    """Return how far the deletion of rows ``first:last`` can move left, not beyond row ``limit``."""
    shift = 0
    while first - shift > limit and reference[first - shift - 1] == reference[last - shift - 1]:
        shift += 1
    return shift


@inline
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
def mate_overlaps(records, order, min_template, quals):
    """Lower base qualities so that mates of one template count once where they overlap.

    Parameters
    ----------
    records : Records, sorted by start
    order : (n_pairs, 2) int64, record numbers of mates that may overlap, the earlier first
    min_template : not used below 1; longest reference span of a read in bp (size of the scratch space)
    quals : (n_bases,) uint8, copy of records.quals, changed in place

    Notes
    -----
    Where both mates show the same base, the stronger keeps the larger quality and the other gets 0; where
    they differ, the stronger keeps the difference and the other gets 0 (two draws of one molecule: the sum
    of qualities would pretend two).
    Cost        O(bases of the pairs)
    """
    where = np.full(min_template, -1, dtype=np.int64)
    for p in range(order.shape[0]):
        first, second = order[p, 0], order[p, 1]
        begin = records.start[second]
        end = min(records.end[first], records.end[second])
        if end <= begin:
            continue
        where[: end - begin] = -1
        _locate(records, first, begin, end, where)
        _settle(records, second, begin, end, where, quals)


@inline
def _locate(records, read, begin, end, where):
    query, row = records.offsets[read], records.start[read]
    for c in range(records.cigar_offsets[read], records.cigar_offsets[read + 1]):
        op, length = records.cigars[c] & 15, np.int64(records.cigars[c] >> 4)
        if is_aligned(op):
            for k in range(max(0, begin - row), min(length, end - row)):
                where[row + k - begin] = query + k
        if uses_query(op):
            query += length
        if uses_reference(op):
            row += length


@inline
def _settle(records, read, begin, end, where, quals):
    query, row = records.offsets[read], records.start[read]
    for c in range(records.cigar_offsets[read], records.cigar_offsets[read + 1]):
        op, length = records.cigars[c] & 15, np.int64(records.cigars[c] >> 4)
        if is_aligned(op):
            for k in range(max(0, begin - row), min(length, end - row)):
                other = where[row + k - begin]
                if other >= 0:
                    _settle_base(records.bases, quals, other, query + k)
        if uses_query(op):
            query += length
        if uses_reference(op):
            row += length


@inline
def _settle_base(bases, quals, one, two):
    keep, drop = (one, two) if quals[one] >= quals[two] else (two, one)
    if bases[one] != bases[two]:
        quals[keep] -= quals[drop]
    quals[drop] = 0


@kernel
def tally(records, usable, quals, reference, window_start, settings, tables, pileup):
    """Count every usable read into the counters of a window.

    Parameters
    ----------
    records : Records of one contig, file order
    usable : (n,) bool, reads that count
    quals : (n_bases,) uint8, base qualities to use (after mate_overlaps)
    reference : (n_rows,) uint8, codes of the window
    window_start : 0-based bp of row 0
    settings : (2,) int64, least base quality that counts, fewest clipped bp that count
    tables : (3, MAX_QUALITY + 1) float64, log10 of P(base matches), P(this mismatch), P(either | het)
    pileup : Pileup of n_rows, changed in place

    Notes
    -----
    Reads may stick out of the window on both sides.
    Cost        O(bases), about 300 Mb/s
    Plain twin  tests/plain/pileup.py
    """
    n = reference.size
    for read in range(records.start.size):
        if usable[read]:
            _tally_read(records, read, quals, reference, window_start, n, settings, tables, pileup)


@inline
def _tally_read(records, read, quals, reference, window_start, n, settings, tables, pileup):
    query, row = records.offsets[read], np.int64(records.start[read]) - window_start
    strand = (records.flag[read] >> 4) & 1
    last_end = np.int64(records.end[read]) - window_start
    if 0 <= last_end <= n:
        pileup.ends[last_end] += 1
    previous = row  # first row of the aligned stretch that an indel may move through
    for c in range(records.cigar_offsets[read], records.cigar_offsets[read + 1]):
        op, length = records.cigars[c] & 15, np.int64(records.cigars[c] >> 4)
        if is_aligned(op):
            _tally_bases(
                records.bases, quals, query, row, length, strand, reference, n, settings[0], tables, pileup
            )
            previous = row
        elif op == D:
            _tally_deletion(row, length, previous, reference, n, pileup)
        elif op == I:
            _tally_insertion(records.bases, query, length, row, previous, reference, n, pileup)
        elif op == S and length >= settings[1]:
            edge = row if query == records.offsets[read] else row - 1
            if 0 <= edge < n:
                pileup.clips[edge] += 1
        if uses_query(op):
            query += length
        if uses_reference(op):
            row += length


@inline
def _tally_bases(bases, quals, query, row, length, strand, reference, n, min_quality, tables, pileup):
    for k in range(max(0, -row), min(length, n - row)):
        i = row + k
        pileup.spans[i] += 1
        base, quality = bases[query + k], min(quals[query + k], MAX_QUALITY)
        if base > 3 or quality < min_quality:
            continue
        pileup.bases[i, strand, base] += 1
        same = base == reference[i]
        pileup.log10_likelihood[i, 0] += tables[0, quality] if same else tables[1, quality]
        pileup.log10_likelihood[i, 1] += tables[2, quality]
        pileup.log10_likelihood[i, 2] += tables[1, quality] if same else tables[0, quality]


@inline
def _tally_deletion(row, length, previous, reference, n, pileup):
    for i in range(max(0, row), min(row + length, n)):
        pileup.deleted[i] += 1
        pileup.spans[i] += 1
    if row < 1 or row + length > n:
        return
    shift = shift_deletion(reference, row, row + length, max(previous, 1))
    anchor = row - shift - 1
    pileup.deletions[anchor] += 1
    pileup.deletion_end[anchor] = max(pileup.deletion_end[anchor], anchor + 1 + length)


@inline
def _tally_insertion(bases, query, length, row, previous, reference, n, pileup):
    if row < 1 or row > n:
        return
    shift = shift_insertion(reference, bases, query, length, row, max(previous, 1))
    pileup.insertions[row - shift - 1] += 1
