"""Global alignment of one pair of sequences: a haplotype against the reference it replaces.

Between assembly and the variants that a haplotype stands for. The matrix is worked along its anti-diagonals,
whose cells do not depend on each other: 16 of them at once in 32-bit lanes.
"""

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
_FAR = -(2**30)

# The byte of a cell: where its best score comes from, and whether the gap that ends here continues one.
_FROM_DELETION, _FROM_INSERTION, _DELETION_GOES_ON, _INSERTION_GOES_ON = 1, 2, 4, 8
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
        score = _sweep(query[:m], target[:n], match, mismatch, gap_open, gap_extend, directions)
    return score + suffix * match, _trace(directions, m, n, suffix)


@kernel
def _sweep(query, target, match, mismatch, gap_open, gap_extend, directions):
    """Fill the matrix; return the score of its last cell.

    Cell (i, j) lies on anti-diagonal d = i + j; its byte is directions[d * (m + 1) + i].
    """
    m, n = query.size, target.size
    across, down = np.zeros(m + LANES, np.int32), np.zeros(n + 2 * LANES, np.int32)
    for i in range(m):
        across[i] = query[i]
    for j in range(n):  # reversed, so that an anti-diagonal reads it forwards
        down[j] = target[n - 1 - j]
    older, old, new = _row(m), _row(m), _row(m)  # best scores on anti-diagonals d - 2, d - 1 and d
    deletion, insertion, next_insertion = _row(m), _row(m), _row(m)
    old[0] = 0
    one, two = splat(_FROM_DELETION, "i32", LANES), splat(_FROM_INSERTION, "i32", LANES)
    four, eight = splat(_DELETION_GOES_ON, "i32", LANES), splat(_INSERTION_GOES_ON, "i32", LANES)
    zero = splat(0, "i32", LANES)
    alike, unlike = splat(match, "i32", LANES), splat(mismatch, "i32", LANES)
    opening, extension = splat(gap_open, "i32", LANES), splat(gap_extend, "i32", LANES)
    for d in range(1, m + n + 1):
        for i in range(max(1, d - n), min(m, d - 1) + 1, LANES):
            pair = equal(load(across, i - 1, LANES), load(down, n - d + i, LANES))
            paired = add(load(older, i - 1, LANES), select(pair, alike, unlike))
            opened = add(load(old, i, LANES), opening)
            longer = add(load(deletion, i, LANES), extension)
            byte = select(greater(longer, opened), four, zero)
            deleted = maximum(opened, longer)
            opened = add(load(old, i - 1, LANES), opening)
            longer = add(load(insertion, i - 1, LANES), extension)
            byte = select(greater(longer, opened), bit_or(byte, eight), byte)
            inserted = maximum(opened, longer)
            byte = select(greater(deleted, paired), bit_or(byte, one), byte)
            best = maximum(paired, deleted)
            byte = select(greater(inserted, best), bit_or(byte, two), byte)
            store(new, i, maximum(best, inserted))
            store(deletion, i, deleted)
            store(next_insertion, i, inserted)
            store(directions, d * (m + 1) + i, convert(byte, "u8"))
        border = gap_open + (d - 1) * gap_extend
        if d <= n:
            new[0], deletion[0], next_insertion[0] = border, border, _FAR
        if d <= m:
            new[d], next_insertion[d], deletion[d] = border, border, _FAR
        older, old, new = old, new, older
        insertion, next_insertion = next_insertion, insertion
    return np.int64(old[m])


@inline
def _row(m):
    return np.full(m + 1 + LANES, _FAR, np.int32)


@kernel
def _trace(directions, m, n, suffix):
    """Walk from the last cell to the first; return the CIGAR with the common suffix."""
    cigar = np.empty(2 * min(m, n) + 3, np.uint32)
    cigar[0] = (suffix << 4) | _MATCH
    count, op = min(suffix, 1), _MATCH
    i, j, goes_on = m, n, False
    while i > 0 or j > 0:
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
    return cigar[:count][::-1].copy()
