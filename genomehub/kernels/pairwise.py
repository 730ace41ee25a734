"""Alignment of one pair of sequences in the whole matrix: global, local, or extended from their starts.

Between assembly and the variants that a haplotype stands for (global), and for users of the library, whose
pairs fit no band. The matrix is worked along its anti-diagonals, whose cells do not depend on each other: 16
of them at once in 32-bit lanes.
"""

from typing import Any

import numpy as np

from genomehub.kernels._jit import inline, kernel
from genomehub.kernels.vectors import (
    add,
    bit_or,
    convert,
    equal,
    greater,
    load,
    maximum,
    select,
    splat,
    store,
)
from genomehub.types import CigarOp

LANES = 16
#: What of the two sequences `align_pairs` aligns: the whole of both, any part of both, a prefix of both.
GLOBAL, LOCAL, EXTENSION = 0, 1, 2
_FAR = -(2**30)

# The byte of a cell: where its best score comes from, whether the gap that ends here continues one, and
# whether its pair of bases begins a local alignment.
_FROM_DELETION, _FROM_INSERTION, _DELETION_GOES_ON, _INSERTION_GOES_ON, _BEGINS = 1, 2, 4, 8, 16
_SOURCE = _FROM_DELETION | _FROM_INSERTION
_MATCH, _INSERTION, _DELETION = int(CigarOp.M), int(CigarOp.I), int(CigarOp.D)


@kernel
def align_global(query, target, match, mismatch, gap_open, gap_extend):
    """Align two whole sequences with affine gaps; a gap that could stand at several places stands leftmost.

    Scores are added as they are: penalties are negative, as in GATK's (200, -150, -260, -11). A gap of k
    bases adds gap_open + (k - 1) * gap_extend. An insertion and a deletion may touch. Among equal scores,
    read from the end: a pair of bases rather than a deletion, that rather than an insertion, and a gap that
    is shorter.

    Parameters
    ----------
    query, target : (m,), (n,) uint8, codes of bases; equal codes match, whatever they stand for
    match, mismatch, gap_open, gap_extend : int, gap_open <= gap_extend <= 0 < match, mismatch <= match, and
        (m + n) * the largest of them within 2 ** 29

    Returns
    -------
    score : int
    cigar : (n_ops,) uint32, BAM packed M, I (in the query only) and D (in the target only)

    Notes
    -----
    Raises      nothing
    Cost        O(m * n) time and bytes, of what is left before the common suffix
    Reference   Gotoh 1982; plain twin: tests/plain/pairwise.py
    """
    m, n = query.size, target.size
    suffix = 0  # equal last bases are a pair in the alignment chosen, so they need no matrix
    while suffix < min(m, n) and query[m - 1 - suffix] == target[n - 1 - suffix]:
        suffix += 1
    m, n = m - suffix, n - suffix
    if m == 0 or n == 0:
        score = 0 if m + n == 0 else gap_open + (m + n - 1) * gap_extend
        directions = np.empty(0, np.uint8)
    else:
        directions = np.empty((m + n + 1) * (m + 1) + LANES, np.uint8)
        unused = np.empty(0, np.int32)
        costs = (match, mismatch, gap_open, gap_extend)
        score = _sweep_global(query[:m], target[:n], costs, directions, unused, unused)
    cigar, _, _ = _trace(directions, m, m, n, suffix)
    return score + suffix * match, cigar


@kernel
def align_pairs(queries, query_offsets, targets, target_offsets, mode, scoring):
    """Align each query to its target, without a band.

    GLOBAL aligns the whole of both, as `align_global`. LOCAL finds the best alignment of any part of the
    query with any part of the target; it begins and ends with a pair of bases. EXTENSION aligns a prefix of
    the query with a prefix of the target, as an aligner goes on from a seed: score + end_bonus if the whole
    query is used competes with the score where it is not. Of equal ends LOCAL and EXTENSION take the whole
    query first (EXTENSION), then the least target end, then the least query end; within an alignment ties
    are broken as in `align_global`, and the start that is later wins.

    Parameters
    ----------
    queries : (n_query_bases,) uint8, query_offsets : (n + 1,) int64; codes, equal codes match
    targets : (n_target_bases,) uint8, target_offsets : (n + 1,) int64
    mode : GLOBAL, LOCAL or EXTENSION
    scoring : AlignmentScoring; end_bonus counts in EXTENSION only and is no part of the score

    Returns
    -------
    score : (n,) int64; 0 if nothing aligns (LOCAL, EXTENSION)
    query_start, query_end, target_start, target_end : (n,) int64, aligned parts; all 0 if nothing aligns
    cigars : (n_ops,) uint32, BAM packed M, I and D of the aligned part
    cigar_offsets : (n + 1,) int64, starts into cigars

    Notes
    -----
    Raises      nothing: `align.pairwise` has checked codes and bounds (as in `align_global`)
    Cost        O(m * n) time and bytes a pair
    Reference   Gotoh 1982; plain twin: tests/plain/pairwise.py
    """
    n = query_offsets.size - 1
    spans = np.zeros((5, n), np.int64)
    offsets = np.zeros(n + 1, np.int64)
    most = 0
    for p in range(n):
        shorter = min(query_offsets[p + 1] - query_offsets[p], target_offsets[p + 1] - target_offsets[p])
        most += 2 * shorter + 3
    cigars = np.empty(most, np.uint32)
    opening = -(scoring.gap_open + scoring.gap_extend)
    costs = (scoring.match, -scoring.mismatch, opening, -scoring.gap_extend)
    for p in range(n):
        query = queries[query_offsets[p] : query_offsets[p + 1]]
        target = targets[target_offsets[p] : target_offsets[p + 1]]
        if mode == GLOBAL:
            spans[0, p], cigar = align_global(query, target, costs[0], costs[1], costs[2], costs[3])
            spans[2, p], spans[4, p] = query.size, target.size
        else:
            cigar = _align_free(query, target, mode, costs, scoring.end_bonus, spans, p)
        for k in range(cigar.size):
            cigars[offsets[p] + k] = cigar[k]
        offsets[p + 1] = offsets[p] + cigar.size
    return spans[0], spans[1], spans[2], spans[3], spans[4], cigars[: offsets[n]].copy(), offsets


@kernel
def _align_free(query, target, mode, costs, end_bonus, spans, p):
    """Align one pair whose ends are free; write column ``p`` of the spans, return the CIGAR."""
    m, n = query.size, target.size
    directions = np.empty((m + n + 1) * (m + 1) + LANES, np.uint8)
    row_best, row_end = np.full(m + 1 + LANES, _FAR, np.int32), np.zeros(m + 1 + LANES, np.int32)
    if mode == LOCAL:
        _sweep_local(query, target, costs, directions, row_best, row_end)
        score, i, j = _local_end(row_best, row_end, m)
    else:
        _sweep_extension(query, target, costs, directions, row_best, row_end)
        score, i, j = _extension_end(row_best, row_end, m, costs, end_bonus)
    spans[0, p], spans[2, p], spans[4, p] = score, i, j
    cigar, spans[1, p], spans[3, p] = _trace(directions, m, i, j, 0)
    return cigar


@inline
def _local_end(row_best, row_end, m):
    """(score, query end, target end) of the best local alignment: rows come in ascending order."""
    score, query_end, target_end = 0, 0, 0
    for i in range(1, m + 1):
        j = np.int64(row_end[i]) - i
        if row_best[i] > score or (row_best[i] == score and score > 0 and j < target_end):
            score, query_end, target_end = np.int64(row_best[i]), i, j
    return score, query_end, target_end


@inline
def _extension_end(row_best, row_end, m, costs, end_bonus):
    """(score, query end, target end) of the best extension; the whole query wins a tie."""
    score, query_end, target_end = 0, 0, 0
    for i in range(1, m):
        j = np.int64(row_end[i]) - i
        if row_best[i] > score or (row_best[i] == score and j < target_end):
            score, query_end, target_end = np.int64(row_best[i]), i, j
    if m > 0:
        all_inserted = costs[2] + (m - 1) * costs[3]
        whole, j = (
            (all_inserted, 0) if all_inserted >= row_best[m] else (np.int64(row_best[m]), row_end[m] - m)
        )
        if whole + end_bonus >= score:
            score, query_end, target_end = whole, m, np.int64(j)
    return score, query_end, target_end


def _sweep_of(mode: int) -> Any:
    """Make the sweep of a mode: all are this one source."""
    is_local, has_free_end = mode == LOCAL, mode != GLOBAL

    @kernel
    def sweep(query, target, costs, directions, row_best, row_end):
        """Fill the matrix; return the score of its last cell.

        Cell (i, j) lies on anti-diagonal d = i + j; its byte is directions[d * (m + 1) + i]. If the end is
        free, row_best has the best score of each row and row_end the first anti-diagonal that has it.
        """
        match, mismatch, gap_open, gap_extend = costs
        m, n = query.size, target.size
        across, down = np.zeros(m + LANES, np.int32), np.zeros(n + 2 * LANES, np.int32)
        for i in range(m):
            across[i] = query[i]
        for j in range(n):  # reversed, so that an anti-diagonal reads it forwards
            down[j] = target[n - 1 - j]
        older, old, new = _row(m), _row(m), _row(m)  # best scores on anti-diagonals d - 2, d - 1 and d
        deletion, insertion, next_insertion = _row(m), _row(m), _row(m)
        numbers = np.empty(m + 1 + LANES if has_free_end else 0, np.int32)
        for i in range(numbers.size):
            numbers[i] = i
        if not is_local:
            old[0] = 0
        far, zero = splat(_FAR, "i32", LANES), splat(0, "i32", LANES)
        one, two = splat(_FROM_DELETION, "i32", LANES), splat(_FROM_INSERTION, "i32", LANES)
        four, eight = splat(_DELETION_GOES_ON, "i32", LANES), splat(_INSERTION_GOES_ON, "i32", LANES)
        sixteen = splat(_BEGINS, "i32", LANES)
        alike, unlike = splat(match, "i32", LANES), splat(mismatch, "i32", LANES)
        opening, extension = splat(gap_open, "i32", LANES), splat(gap_extend, "i32", LANES)
        for d in range(1, m + n + 1):
            last = min(m, d - 1)
            for i in range(max(1, d - n), last + 1, LANES):
                pair = equal(load(across, i - 1, LANES), load(down, n - d + i, LANES))
                above_left = load(older, i - 1, LANES)
                begins = zero
                if is_local:
                    begins = select(greater(above_left, zero), zero, sixteen)
                    above_left = maximum(above_left, zero)
                paired = add(above_left, select(pair, alike, unlike))
                opened = add(load(old, i, LANES), opening)
                longer = add(load(deletion, i, LANES), extension)
                byte = select(greater(longer, opened), bit_or(begins, four), begins)
                deleted = maximum(opened, longer)
                opened = add(load(old, i - 1, LANES), opening)
                longer = add(load(insertion, i - 1, LANES), extension)
                byte = select(greater(longer, opened), bit_or(byte, eight), byte)
                inserted = maximum(opened, longer)
                byte = select(greater(deleted, paired), bit_or(byte, one), byte)
                best = maximum(paired, deleted)
                byte = select(greater(inserted, best), bit_or(byte, two), byte)
                best = maximum(best, inserted)
                store(new, i, best)
                store(deletion, i, deleted)
                store(next_insertion, i, inserted)
                store(directions, d * (m + 1) + i, convert(byte, "u8"))
                if has_free_end:
                    is_cell = greater(splat(last + 1, "i32", LANES), load(numbers, i, LANES))
                    best = select(is_cell, best, far)
                    before = load(row_best, i, LANES)
                    first = select(greater(best, before), splat(d, "i32", LANES), load(row_end, i, LANES))
                    store(row_end, i, first)
                    store(row_best, i, maximum(best, before))
            border = _FAR if is_local else gap_open + (d - 1) * gap_extend
            if d <= n:
                new[0], deletion[0], next_insertion[0] = border, border, _FAR
            if d <= m:
                new[d], next_insertion[d], deletion[d] = border, border, _FAR
            older, old, new = old, new, older
            insertion, next_insertion = next_insertion, insertion
        return np.int64(old[m])

    return sweep


_sweep_global, _sweep_local, _sweep_extension = _sweep_of(GLOBAL), _sweep_of(LOCAL), _sweep_of(EXTENSION)


@inline
def _row(m):
    return np.full(m + 1 + LANES, _FAR, np.int32)


@kernel
def _trace(directions, m, i, j, suffix):
    """Walk from cell (i, j) to where the alignment begins; return the CIGAR with the suffix, and where."""
    cigar = np.empty(2 * min(i, j) + 3, np.uint32)
    cigar[0] = (suffix << 4) | _MATCH
    count, op = min(suffix, 1), _MATCH
    goes_on, begins = False, i == 0 and j == 0
    while not begins:
        byte = directions[(i + j) * (m + 1) + i] if i > 0 and j > 0 else 0
        if i == 0 or j == 0:
            op = _DELETION if i == 0 else _INSERTION
        elif not goes_on:
            source = byte & _SOURCE
            op = _MATCH if source == 0 else (_DELETION if source == _FROM_DELETION else _INSERTION)
        goes_on = (op == _DELETION and byte & _DELETION_GOES_ON) or (
            op == _INSERTION and byte & _INSERTION_GOES_ON
        )
        i -= op != _DELETION
        j -= op != _INSERTION
        if count == 0 or cigar[count - 1] & 15 != op:
            cigar[count] = op
            count += 1
        cigar[count - 1] += 1 << 4
        begins = (op == _MATCH and byte & _BEGINS != 0) or (i == 0 and j == 0)
    return cigar[:count][::-1].copy(), i, j
