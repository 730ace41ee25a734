"""Reads that a single gap fits better than the alignment they came with, and what that alignment is.

Where a read ends inside a tandem repeat, an aligner pays less for two mismatches, for several small indels or
for a soft clip than for the gap that a read across the whole repeat would show. So each read of an active
region that differs more than a gap costs is tried again: one part keeps its alignment, the other moves as a
whole. ``variants.haplotypes`` takes candidates from what comes out; likelihoods do not look at it.
"""

from typing import NamedTuple

import numpy as np

from genomehub.kernels._jit import borrowing, kernel
from genomehub.kernels.pileup import D, I, M, S, is_aligned

#: Costs of a mismatch and of a gap as BWA-MEM has them, but less for a gap's length: one more for so many bp.
#: Inserted bases explain themselves, so they cost more than deleted ones.
MISMATCH, GAP, DELETED_STEP, INSERTED_STEP = 4, 6, 8, 2
_H, _P = 5, 6
_ALIGNED, _CLIPPED, _INSERTED = 0, 1, 2  # what a base is
_NOWHERE = -(1 << 40)


class GapLimits(NamedTuple):
    """Scalars of realignment.

    longest : bp, longest gap
    least_part : bases that each of the two parts has
    least_quality : mismatches of bases of lower quality cost nothing
    """

    longest: int
    least_part: int
    least_quality: int


class Realigned(NamedTuple):
    """Alignments of the reads that a gap fits better.

    entry : (n,) int64, which of the reads asked about
    start : (n,) int64, row of the first aligned base
    first_row, last_row : (n,) int64, rows covered, half-open; clipped bases as in RegionReads
    cigars : (n_operations,) uint32, from the read's ``begin`` to its ``end``; cigar_offsets : (n + 1,) int64
    """

    entry: np.ndarray
    start: np.ndarray
    first_row: np.ndarray
    last_row: np.ndarray
    cigars: np.ndarray
    cigar_offsets: np.ndarray


class _Cut(NamedTuple):
    """A cut read, base by base.

    bases, quals : (n,) uint8
    row, kind : (n,) int64, where a base stands (_NOWHERE: inserted; clipped: without a gap), and what it is
    gaps : (n,) int64, cost of the gap before a base
    before : (n + 1,) int64, cost of all bases before one, and of the gaps between them
    """

    bases: np.ndarray
    quals: np.ndarray
    row: np.ndarray
    kind: np.ndarray
    gaps: np.ndarray
    before: np.ndarray


@kernel
def realign(alignments, record, begin, end, reference, window_start, limits):
    """Find the reads that keep one part of their alignment and, with a gap, fit better by the other.

    Parameters
    ----------
    alignments : Alignments
    record, begin, end : (n_reads,) int64, as in RegionReads
    reference : (n_rows,) uint8, codes of the window; window_start : 0-based bp of row 0
    limits : GapLimits

    Returns
    -------
    Realigned, in the order of the reads

    Notes
    -----
    The read's own alignment counts before all, then of equally cheap gaps the shortest. Reads with skipped
    reference (N) stay as they are.
    Cost        O(longest) a read that differs, more inside of repeats: 55 ms per Mbp at 30x (0.64 s when the
                helpers counted references)
    Plain twin  tests/plain/realign.py
    """
    n_reads, most = record.size, 1
    for i in range(n_reads):
        most = max(most, end[i] - begin[i])
    row, kind = np.empty(most, dtype=np.int64), np.empty(most, dtype=np.int64)
    gaps, before = np.empty(most, dtype=np.int64), np.empty(most + 1, dtype=np.int64)
    found = np.empty((n_reads, 4), dtype=np.int64)
    cigars, offsets = np.empty(1024 + 2 * most, dtype=np.uint32), np.zeros(n_reads + 1, dtype=np.int64)
    n = 0
    for i in range(n_reads):
        m = end[i] - begin[i]
        cut = _Cut(
            alignments.bases[begin[i] : end[i]], alignments.quals[begin[i] : end[i]],
            row[:m], kind[:m], gaps[:m], before[: m + 1],
        )  # fmt: skip
        if not _walk(alignments, record[i], begin[i], reference, window_start, limits, cut):
            continue
        if cut.before[m] <= GAP:
            continue
        gap = _best_gap(cut, reference, limits)
        if gap[1] == 0:
            continue
        if cigars.size < offsets[n] + 2 * most:
            larger = np.empty(2 * cigars.size + 2 * most, dtype=np.uint32)
            larger[: offsets[n]] = cigars[: offsets[n]]
            cigars = larger
        offsets[n + 1] = offsets[n] + _spell(gap, cut, cigars[offsets[n] :], found[n])
        found[n, 0] = i
        n += 1
    return Realigned(
        found[:n, 0].copy(), found[:n, 1].copy(), found[:n, 2].copy(), found[:n, 3].copy(),
        cigars[: offsets[n]], offsets[: n + 1],
    )  # fmt: skip


@borrowing
def _gap_cost(length, step):
    return GAP + length // step


@borrowing
def _cost(cut, b, expected, limits):
    base = cut.bases[b]
    return MISMATCH if base != expected and base <= 3 and cut.quals[b] >= limits.least_quality else 0


@borrowing
def _walk(alignments, read, begin, reference, window_start, limits, cut):
    """Fill in a cut read; returns whether all of it lies in the window and can be moved."""
    query, at = alignments.offsets[read], np.int64(alignments.start[read]) - window_start
    leading = True
    cut.before[0] = 0
    gap = 0
    for c in range(alignments.cigar_offsets[read], alignments.cigar_offsets[read + 1]):
        op, length = alignments.cigars[c] & 15, np.int64(alignments.cigars[c] >> 4)
        if op in (_H, _P):
            continue
        if op == D:
            at += length
            gap += _gap_cost(length, DELETED_STEP)
            continue
        if not (is_aligned(op) or op in (S, I)):
            return False
        if op == I:
            gap += _gap_cost(length, INSERTED_STEP)
        first = at - length if op == S and leading else at
        for k in range(max(0, begin - query), min(length, begin + cut.bases.size - query)):
            b, cost = query + k - begin, 0
            cut.gaps[b] = gap if b > 0 else 0
            gap = 0
            if op == I:
                cut.row[b], cut.kind[b] = _NOWHERE, _INSERTED
            else:
                cut.row[b], cut.kind[b] = first + k, _CLIPPED if op == S else _ALIGNED
                if not 0 <= first + k < reference.size:
                    return False
                cost = _cost(cut, b, reference[first + k], limits)
            cut.before[b + 1] = cut.before[b] + cut.gaps[b] + cost
        leading = leading and op == S
        query += length
        if is_aligned(op):
            at += length
    return True


@kernel
def _best_gap(cut, reference, limits):
    """Return the best gap: cost, length (0: none is better), whether the left part stays, its first base,
    bases inserted, and the row of base 0 if all went on along the part that moves."""
    best = np.zeros(6, dtype=np.int64)
    best[0] = cut.before[cut.bases.size]
    low, high, near, far = np.int64(1) << 40, np.int64(_NOWHERE), np.int64(1) << 40, np.int64(_NOWHERE)
    for b in range(cut.bases.size):
        if cut.kind[b] == _ALIGNED:
            low, high = min(low, cut.row[b]), max(high, cut.row[b])
            near, far = min(near, cut.row[b] - b), max(far, cut.row[b] - b)
    if high < low:
        return best
    base_at = np.full(high - low + 1, -1, dtype=np.int64)  # aligned base of each row
    for b in range(cut.bases.size):
        if cut.kind[b] == _ALIGNED:
            base_at[cut.row[b] - low] = b
    _try_diagonals(best, cut, reference, limits, (near, far), base_at, low)
    return best


@borrowing
def _try_diagonals(best, cut, reference, limits, own, base_at, low):
    for diagonal in range(own[0] - limits.longest, own[1] + limits.longest + 1):
        _move_right_part(best, cut, reference, limits, diagonal, base_at, low)
        _move_left_part(best, cut, reference, limits, diagonal, base_at, low)


@borrowing
def _at(base_at, low, row):
    return base_at[row - low] if 0 <= row - low < base_at.size else np.int64(-1)


@borrowing
def _move_right_part(best, cut, reference, limits, diagonal, base_at, low):
    """Try all gaps before a right part of the read that lies on ``diagonal`` without a gap."""
    n, cost = cut.bases.size, 0
    for b in range(n - 1, limits.least_part - 1, -1):
        row = b + diagonal
        if not 0 < row < reference.size:
            break
        cost += _cost(cut, b, reference[row], limits)
        if cost + GAP > best[0]:
            break
        if n - b < limits.least_part:
            continue
        if cut.kind[b - 1] == _ALIGNED:
            _consider(best, limits, cut.before[b] + cost, row - cut.row[b - 1] - 1, True, b, 0, diagonal)
        first = _at(base_at, low, row - 1) + 1
        if first >= limits.least_part:
            _consider(best, limits, cut.before[first] + cost, b - first, True, first, b - first, diagonal)


@borrowing
def _move_left_part(best, cut, reference, limits, diagonal, base_at, low):
    """Try all gaps behind a left part of the read that lies on ``diagonal`` without a gap."""
    n, cost = cut.bases.size, 0
    for b in range(1, n - limits.least_part + 1):
        row = b - 1 + diagonal
        if not 0 <= row < reference.size - 1:
            break
        cost += _cost(cut, b - 1, reference[row], limits)
        if cost + GAP > best[0]:
            break
        if b < limits.least_part:
            continue
        if cut.kind[b] == _ALIGNED:
            rest = cut.before[n] - cut.before[b] - cut.gaps[b]
            _consider(best, limits, cost + rest, cut.row[b] - row - 1, False, b, 0, diagonal)
        last = _at(base_at, low, row + 1)
        if b < last <= n - limits.least_part:
            rest = cut.before[n] - cut.before[last] - cut.gaps[last]
            _consider(best, limits, cost + rest, last - b, False, b, last - b, diagonal)


@borrowing
def _consider(best, limits, cost, length, left_stays, first, inserted, diagonal):
    if not 0 < length <= limits.longest:
        return
    cost += _gap_cost(length, INSERTED_STEP if inserted else DELETED_STEP)
    if cost < best[0] or (cost == best[0] and length < best[1]):
        best[0], best[1], best[2] = cost, length, left_stays
        best[3], best[4], best[5] = first, inserted, diagonal


@borrowing
def _push(cigar, n, op, length):
    """Append an operation, or lengthen the last one if it is the same; the number of operations after."""
    if n and cigar[n - 1] & 15 == op:
        cigar[n - 1] += np.uint32(length << 4)
        return n
    cigar[n] = np.uint32((length << 4) | op)
    return n + 1


@borrowing
def _spell(gap, cut, cigar, found):
    """Write the CIGAR with the gap; ``found`` gets start, first and last row. Returns its operations."""
    left_stays, first, inserted, diagonal = gap[2] != 0, gap[3], gap[4], gap[5]
    n, start, at = 0, np.int64(-1), np.int64(-1)  # at: the row behind the last aligned base
    for b in range(cut.bases.size):
        moves = b >= first if left_stays else b < first
        if first <= b < first + inserted:
            n = _push(cigar, n, I, 1)
        elif not moves and cut.kind[b] != _ALIGNED:
            # what the cut left of an insertion at the read's begin is clipped
            n = _push(cigar, n, I if cut.kind[b] == _INSERTED and start >= 0 else S, 1)
        else:
            row = b + diagonal if moves else cut.row[b]
            if start < 0:
                start = row
            elif row > at:
                n = _push(cigar, n, D, row - at)
            n = _push(cigar, n, M, 1)
            at = row + 1
    last = cut.bases.size - 1
    found[1] = start
    found[2] = cut.row[0] if left_stays and cut.kind[0] == _CLIPPED else start
    found[3] = cut.row[last] + 1 if not left_stays and cut.kind[last] == _CLIPPED else at
    return n
