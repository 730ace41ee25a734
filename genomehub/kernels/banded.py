"""Banded local alignment of many reads at once: 32 problems stand side by side in the lanes of a vector.

Between chaining (which says where a read probably lies) and pairing. A problem is a query of m bases and
the m + 2 * band bases of the reference around the place where the chain expects it. Scores are 16-bit, four
units a point, so that a unit can count unclipped ends when alignments tie. Every cell leaves one byte that
says where its score came from; a scalar walk over these bytes gives the CIGAR. This module places nothing and
judges nothing.
"""

from typing import NamedTuple

import numpy as np

from genomehub.kernels._jit import inline, kernel
from genomehub.kernels.lanes import by_length
from genomehub.kernels.vectors import (
    add,
    add_saturated,
    bit_or,
    convert,
    equal,
    greater,
    load,
    maximum,
    select,
    splat,
    store,
    subtract_saturated,
)
from genomehub.types import AlignmentScoring, CigarOp

LANES = 32
_POINT = 4  # units of a 16-bit score in one point; the rest counts unclipped ends (0-2)
_FAR = -16384  # below every score that a cell can have, and no gap takes it below -32768
_LARGEST = 16383  # the greatest sum of 16-bit units that leaves room for additions

# The byte of a cell: where its best score comes from, whether its pair of bases begins the alignment, and
# whether the gaps that leave it (to the right: deletion, downwards: insertion) continue older gaps.
_FROM_DELETION, _FROM_INSERTION, _BEGINS, _DELETION_GOES_ON, _INSERTION_GOES_ON = 1, 2, 4, 8, 16
_SOURCE = _FROM_DELETION | _FROM_INSERTION

_MATCH, _INSERTION, _DELETION = int(CigarOp.M), int(CigarOp.I), int(CigarOp.D)
_N, _NEVER = 4, 5  # codes of a query base and of a target base that equal nothing


class _Group(NamedTuple):
    """Working arrays of up to 32 problems, lane beside lane; `width` = 2 * band + 1 cells a row."""

    query: np.ndarray  # (max_m * 32,) int16, base codes
    target: np.ndarray  # ((max_m + 2 * band) * 32,) int16, base codes
    last_row: np.ndarray  # (32,) int16, m - 1
    scores: np.ndarray  # ((width + 1) * 32,) int16, best score of the row above, by diagonal
    insertions: np.ndarray  # ((width + 1) * 32,) int16, score of an insertion that enters from the row above
    directions: np.ndarray  # (max_m * width * 32,) uint8, a byte a cell
    best: np.ndarray  # (3 * 32,) int16: best score in units, its row, its diagonal


def check_banded(
    query_offsets: np.ndarray, target_offsets: np.ndarray, band: int, scoring: AlignmentScoring
) -> None:
    """Check at the stage's door what `align_banded` trusts.

    Parameters
    ----------
    query_offsets, target_offsets, band, scoring : as in `align_banded`

    Raises
    ------
    ValueError
        A target's length is not m + 2 * band, a score is negative, or 16 bits cannot hold the scores.
    """
    lengths = np.diff(query_offsets)
    if band < 0 or not np.array_equal(np.diff(target_offsets), lengths + 2 * band):
        raise ValueError(f"band {band}: every target needs the length of its query + 2 * band (band >= 0)")
    if min(scoring) < 0 or scoring.match < 1:
        raise ValueError(f"{scoring}: match must be at least 1 and the rest not negative")
    longest = int(lengths.max(initial=0))
    largest = _POINT * (max(longest, 1) * scoring.match + 2 * scoring.end_bonus) + 2
    gap = _POINT * (scoring.gap_open + scoring.gap_extend)
    if max(largest, gap, _POINT * scoring.mismatch) > _LARGEST:
        raise ValueError(f"queries of up to {longest} bases with {scoring} leave the range of 16-bit scores")


@kernel
def align_banded(queries, query_offsets, targets, target_offsets, band, scoring):
    """Align each query to its window of the reference, locally, within a band of diagonals.

    Query base i may meet target base j where 0 <= j - i <= 2 * band. An alignment begins and ends with a pair
    of bases, and two gaps never touch. Among all alignments of a problem the one is chosen that has, in this
    order,

    1. the greatest score + end_bonus for each query end that is not clipped;
    2. the most unclipped ends;
    3. the least query end; then the last diagonal j - i that is <= band, or if there is none, the first
       > band;
    4. read from its end to its start: a pair of bases rather than a gap, a deletion rather than an insertion,
       a gap that is shorter, a start that is later. So a gap that could stand at several places stands at
       the leftmost.

    If the score (without bonuses) of that alignment is not positive, nothing aligns. What is returned is the
    score of its best part: bonuses buy a mismatch in the last bases, and do not count.

    Parameters
    ----------
    queries : (n_query_bases,) uint8, codes of Base; N never matches
    query_offsets : (n + 1,) int64, starts into queries; m bases each, m = 0 allowed
    targets : (n_target_bases,) uint8, codes of Base, on the same strand; codes over 3 never match
    target_offsets : (n + 1,) int64, starts into targets; m + 2 * band bases each
    band : int >= 0, how many bp of insertion or deletion the alignment may wander from the middle
    scoring : AlignmentScoring

    Returns
    -------
    score : (n,) int32, the best of any part of the alignment, without bonuses; 0 if nothing aligns
    query_start, query_end : (n,) int32, aligned part of the query; 0, 0 if nothing aligns
    target_start, target_end : (n,) int32, aligned part of the target; 0, 0 if nothing aligns
    cigars : (n_ops,) uint32, BAM packed M, I and D of the aligned part (no clips)
    cigar_offsets : (n + 1,) int64, starts into cigars

    Notes
    -----
    Raises      nothing: `check_banded` has checked lengths and bounds
    Cost        O(m * (2 * band + 1)) time a problem, in 32 lanes; a byte a cell of the 32 at hand
    Lanes       problems are grouped by length; a result depends on its own problem only
    Reference   Gotoh 1982; plain twin: tests/plain/banded.py
    """
    n = query_offsets.size - 1
    spans = np.zeros((5, n), np.int32)
    order = by_length(query_offsets, 0, n)
    n_ops = np.zeros(n, np.int64)
    pool = np.empty(4 * n + 64, np.uint32)
    used = 0
    if n:
        longest = query_offsets[order[n - 1] + 1] - query_offsets[order[n - 1]]
        group = _allocate(longest, band)
        scratch = np.empty(2 * longest + 1, np.uint32)
    for first in range(0, n, LANES):
        problems = order[first : first + LANES]
        n_rows = _fill(group, problems, queries, query_offsets, targets, target_offsets, band)
        _sweep(group, n_rows, band, scoring)
        for lane in range(problems.size):
            problem = problems[lane]
            count = _trace(group, lane, band, scoring, scratch, spans, problem)
            if used + count > pool.size:
                pool = _larger(pool, used, count)
            for k in range(count):  # the walk went from the end to the start
                pool[used + k] = scratch[count - 1 - k]
            used += count
            n_ops[problem] = count
    cigars, cigar_offsets = _in_problem_order(pool, n_ops, order)
    return spans[0], spans[1], spans[2], spans[3], spans[4], cigars, cigar_offsets


@inline
def _allocate(longest, band):
    width = 2 * band + 1
    return _Group(
        np.empty(longest * LANES, np.int16),
        np.empty((longest + 2 * band) * LANES, np.int16),
        np.empty(LANES, np.int16),
        np.empty((width + 1) * LANES, np.int16),
        np.empty((width + 1) * LANES, np.int16),
        np.empty(longest * width * LANES, np.uint8),
        np.empty(3 * LANES, np.int16),
    )


@inline
def _fill(group, problems, queries, query_offsets, targets, target_offsets, band):
    """Put the problems into lanes; return the number of rows of the longest."""
    longest = problems[problems.size - 1]
    n_rows = query_offsets[longest + 1] - query_offsets[longest]
    for lane in range(LANES):
        m = 0
        if lane < problems.size:
            p = problems[lane]
            m = query_offsets[p + 1] - query_offsets[p]
            for i in range(m):
                group.query[i * LANES + lane] = min(queries[query_offsets[p] + i], _N)
            for j in range(m + 2 * band):
                code = targets[target_offsets[p] + j]
                group.target[j * LANES + lane] = code if code < _N else _NEVER
        # Below a lane's last row bases never match: no score there exceeds one above.
        for i in range(m, n_rows):
            group.query[i * LANES + lane] = _N
            group.target[(i + 2 * band) * LANES + lane] = _NEVER
        for j in range(0 if m == 0 else 2 * band, 2 * band):
            group.target[j * LANES + lane] = _NEVER
        group.last_row[lane] = m - 1
    return n_rows


@kernel
def _sweep(group, n_rows, band, scoring):
    """Fill the matrix of 32 problems row by row; leave bytes in directions and the best end in best.

    On diagonal k = j - i the cell above left is the same k of the row above, the cell above is k + 1 of it,
    the cell to the left k - 1 of this row: so a row replaces the one above in place.
    """
    width = 2 * band + 1
    far, zero = splat(_FAR, "i16", LANES), splat(0, "i16", LANES)
    one = splat(1, "i16", LANES)
    bonus = splat(_POINT * scoring.end_bonus + 1, "i16", LANES)
    match, mismatch = (
        splat(_POINT * scoring.match, "i16", LANES),
        splat(-_POINT * scoring.mismatch, "i16", LANES),
    )
    opening = splat(_POINT * (scoring.gap_open + scoring.gap_extend), "i16", LANES)
    extension = splat(_POINT * scoring.gap_extend, "i16", LANES)
    last_row = load(group.last_row, 0, LANES)
    for k in range(width + 1):
        store(group.scores, k * LANES, far)
        store(group.insertions, k * LANES, far)
    best, best_row, best_diagonal = far, zero, zero
    start = bonus
    for i in range(n_rows):
        query = load(group.query, i * LANES, LANES)
        deletion = far
        row_best, row_diagonal = far, zero
        for k in range(width):
            above_left = load(group.scores, k * LANES, LANES)
            insertion = load(group.insertions, (k + 1) * LANES, LANES)
            pair = select(equal(query, load(group.target, (i + k) * LANES, LANES)), match, mismatch)
            paired = add_saturated(maximum(above_left, start), pair)
            byte = select(greater(above_left, start), zero, splat(_BEGINS, "i16", LANES))

            byte = select(greater(deletion, paired), add(byte, splat(_FROM_DELETION, "i16", LANES)), byte)
            without_insertion = maximum(paired, deletion)
            from_insertion = greater(insertion, without_insertion)
            byte = select(from_insertion, bit_or(byte, splat(_SOURCE, "i16", LANES)), byte)
            store(group.scores, k * LANES, maximum(without_insertion, insertion))

            opened = subtract_saturated(paired, opening)
            longer = subtract_saturated(deletion, extension)
            byte = select(greater(longer, opened), bit_or(byte, splat(_DELETION_GOES_ON, "i16", LANES)), byte)
            deletion = maximum(opened, longer)
            longer = subtract_saturated(insertion, extension)
            byte = select(
                greater(longer, opened), bit_or(byte, splat(_INSERTION_GOES_ON, "i16", LANES)), byte
            )
            store(group.insertions, k * LANES, maximum(opened, longer))
            store(group.directions, (i * width + k) * LANES, convert(byte, "u8"))

            preferred = one if k <= band else zero  # on the left of the middle a later tie wins
            row_diagonal = select(
                greater(add(paired, preferred), row_best), splat(k, "i16", LANES), row_diagonal
            )
            row_best = maximum(row_best, paired)
        row = splat(i, "i16", LANES)
        row_best = add_saturated(row_best, select(equal(last_row, row), bonus, zero))
        better = greater(row_best, best)
        best = maximum(best, row_best)
        best_row = select(better, row, best_row)
        best_diagonal = select(better, row_diagonal, best_diagonal)
        start = zero
    store(group.best, 0, best)
    store(group.best, LANES, best_row)
    store(group.best, 2 * LANES, best_diagonal)


@inline
def _trace(group, lane, band, scoring, scratch, spans, problem):
    """Walk one lane from its best end to its start; return how many operations scratch holds, last first."""
    units = np.int64(group.best[lane])
    if units >> 2 <= (units & 3) * scoring.end_bonus:
        return 0
    width = 2 * band + 1
    i, k = np.int64(group.best[LANES + lane]), np.int64(group.best[2 * LANES + lane])
    spans[2, problem], spans[4, problem] = i + 1, i + k + 1
    count, op, length = 0, _MATCH, 0
    score, part = 0, 0  # of the best part so far, of the best one that begins here
    while True:
        cell = (i * width + k) * LANES + lane
        if op == _MATCH:
            length += 1
            same = group.query[i * LANES + lane] == group.target[(i + k) * LANES + lane]
            part = max(part, 0) + (scoring.match if same else -scoring.mismatch)
            score = max(score, part)
            if group.directions[cell] & _BEGINS:
                break
            i -= 1
            source = group.directions[cell - width * LANES] & _SOURCE
            following = _MATCH if source == 0 else (_DELETION if source == _FROM_DELETION else _INSERTION)
        elif op == _DELETION:
            length += 1
            k -= 1
            following = op if group.directions[cell - LANES] & _DELETION_GOES_ON else _MATCH
        else:
            length += 1
            i, k = i - 1, k + 1
            following = op if group.directions[cell - (width - 1) * LANES] & _INSERTION_GOES_ON else _MATCH
        if following != op:
            if op != _MATCH:
                part -= scoring.gap_open + length * scoring.gap_extend
            scratch[count] = (length << 4) | op
            count, op, length = count + 1, following, 0
    scratch[count] = (length << 4) | op
    spans[0, problem], spans[1, problem], spans[3, problem] = score, i, i + k
    return count + 1


@inline
def _larger(pool, used, count):
    """Return a copy of the first `used` elements of a pool with room for at least `count` more."""
    larger = np.empty(2 * pool.size + count, pool.dtype)
    for k in range(used):
        larger[k] = pool[k]
    return larger


@inline
def _in_problem_order(pool, n_ops, order):
    """Return cigars laid out by problem: the pool holds them in the order in which groups were worked."""
    offsets = np.zeros(n_ops.size + 1, np.int64)
    for p in range(n_ops.size):
        offsets[p + 1] = offsets[p] + n_ops[p]
    cigars = np.empty(offsets[n_ops.size], np.uint32)
    used = 0
    for p in order:
        for k in range(n_ops[p]):  # assigning a slice to a slice takes 2.7 s to compile
            cigars[offsets[p] + k] = pool[used + k]
        used += n_ops[p]
    return cigars, offsets
