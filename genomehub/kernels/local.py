"""Local alignment scores of many reads at once, without the alignments: for mate rescue.

Where a mate is missing, its read is held against the whole window in which the insert sizes let it lie; the
few windows with a good score are then aligned by `align_banded` around the diagonal found here. Unsigned
saturating arithmetic floors scores at 0 as local alignment asks: 64 lanes of 8 bits while scores and rows
fit, else 32 lanes of 16 (half as many where registers have 256 bits).
"""

from typing import Any, NamedTuple

import numpy as np

from genomehub.kernels._jit import inline, kernel
from genomehub.kernels.lanes import by_length, longest
from genomehub.kernels.vectors import (
    REGISTER_BYTES,
    add_saturated,
    equal,
    greater,
    load,
    maximum,
    select,
    splat,
    store,
    subtract_saturated,
)
from genomehub.types import AlignmentScoring

LANES_8, LANES_16 = REGISTER_BYTES, REGISTER_BYTES // 2
_N, _NEVER = 4, 5  # codes of a query base and of a target base that equal nothing


class _Group(NamedTuple):
    """Working arrays of as many problems as there are lanes, lane beside lane, all of one unsigned type."""

    query: np.ndarray  # (max_m * lanes,) base codes
    target: np.ndarray  # (max_n * lanes,) base codes
    scores: np.ndarray  # (max_m * lanes,) best score of each row in the column before
    deletions: np.ndarray  # (max_m * lanes,) score of a deletion that enters each row from the column before
    best: np.ndarray  # (4 * lanes,) best score, its row, its column's low half, its column's high half


def check_local(query_offsets: np.ndarray, scoring: AlignmentScoring) -> None:
    """Check at the stage's door what `local_scores` trusts.

    Raises
    ------
    ValueError
        A score is negative, or 16 bits cannot hold the scores.
    """
    if min(scoring) < 0 or scoring.match < 1:
        raise ValueError(f"{scoring}: match must be at least 1 and the rest not negative")
    length = int(np.diff(query_offsets).max(initial=0))
    if not _fits(length, scoring, 65535):
        raise ValueError(f"queries of up to {length} bases with {scoring} leave the range of 16-bit scores")


@inline
def _fits(length, scoring, largest):
    """Whether scores of queries of this length, and what is subtracted from them, are at most `largest`."""
    highest = (length + 1) * scoring.match + scoring.mismatch
    return max(highest, length, scoring.gap_open + scoring.gap_extend) <= largest


@kernel
def local_scores(queries, query_offsets, targets, target_offsets, scoring):
    """Score the best local alignment of each query in its target, and say where it ends.

    The alignments that compete are those of `align_banded` without a band and without end bonus. Of equal
    scores the least target end wins, then the least query end.

    Parameters
    ----------
    queries : (n_query_bases,) uint8, codes of Base; N never matches
    query_offsets : (n + 1,) int64, starts into queries
    targets : (n_target_bases,) uint8, codes of Base; codes over 3 never match
    target_offsets : (n + 1,) int64, starts into targets
    scoring : AlignmentScoring; end_bonus is not used

    Returns
    -------
    score : (n,) int32, 0 if nothing matches
    query_end, target_end : (n,) int32, exclusive; 0, 0 if nothing matches

    Notes
    -----
    Raises      nothing: `check_local` has checked the bounds
    Cost        O(m * n) a problem, in 64 lanes (8 bits) or 32 (16 bits) with AVX-512
    Lanes       problems are grouped by the length of their targets; a result depends on its problem only
    Reference   Smith and Waterman 1981, Gotoh 1982; plain twin: tests/plain/local.py
    """
    n = query_offsets.size - 1
    out = np.zeros((3, n), np.int32)
    order = by_length(target_offsets, 0, n)
    rows, columns = longest(query_offsets), longest(target_offsets)
    if _fits(rows, scoring, 255) and columns < 65536:
        group = _allocate(rows, columns, LANES_8, np.uint8)
        for first in range(0, n, LANES_8):
            problems = order[first : first + LANES_8]
            shape = _fill(group, problems, queries, query_offsets, targets, target_offsets, LANES_8)
            _sweep_8(group, shape[0], shape[1], scoring)
            _collect(group, problems, LANES_8, 256, out)
    else:
        wide_group = _allocate(rows, columns, LANES_16, np.uint16)
        for first in range(0, n, LANES_16):
            problems = order[first : first + LANES_16]
            shape = _fill(wide_group, problems, queries, query_offsets, targets, target_offsets, LANES_16)
            _sweep_16(wide_group, shape[0], shape[1], scoring)
            _collect(wide_group, problems, LANES_16, 65536, out)
    return out[0], out[1], out[2]


@inline
def _allocate(rows, columns, lanes, dtype):
    return _Group(
        np.empty(rows * lanes, dtype),
        np.empty(columns * lanes, dtype),
        np.empty(rows * lanes, dtype),
        np.empty(rows * lanes, dtype),
        np.empty(4 * lanes, dtype),
    )


@inline
def _fill(group, problems, queries, query_offsets, targets, target_offsets, lanes):
    """Put the problems into lanes, padded with bases that never match; return rows and columns."""
    rows, columns = 0, 0
    for p in problems:
        rows = max(rows, query_offsets[p + 1] - query_offsets[p])
        columns = max(columns, target_offsets[p + 1] - target_offsets[p])
    group.query[: rows * lanes] = _N
    group.target[: columns * lanes] = _NEVER
    for lane in range(problems.size):
        p = problems[lane]
        for i in range(query_offsets[p + 1] - query_offsets[p]):
            group.query[i * lanes + lane] = min(queries[query_offsets[p] + i], _N)
        for j in range(target_offsets[p + 1] - target_offsets[p]):
            code = targets[target_offsets[p] + j]
            group.target[j * lanes + lane] = code if code < _N else _NEVER
    return rows, columns


def _sweep_of(elem: str, bits: int, lanes: int) -> Any:
    """Make the sweep for vectors of one kind; both are this one source."""

    @kernel
    def sweep(group, n_rows, n_columns, scoring):
        """Fill the matrices of all lanes column by column; leave best scores and their places in best."""
        zero = splat(0, elem, lanes)
        gain, loss = (
            splat(scoring.match + scoring.mismatch, elem, lanes),
            splat(scoring.mismatch, elem, lanes),
        )
        opening = splat(scoring.gap_open + scoring.gap_extend, elem, lanes)
        extension = splat(scoring.gap_extend, elem, lanes)
        for i in range(n_rows):
            store(group.scores, i * lanes, zero)
            store(group.deletions, i * lanes, zero)
        best, best_row, best_low, best_high = zero, zero, zero, zero
        for j in range(n_columns):
            target = load(group.target, j * lanes, lanes)
            above_left, insertion, column_best, column_row = zero, zero, zero, zero
            for i in range(n_rows):
                deletion = load(group.deletions, i * lanes, lanes)
                gained = select(equal(load(group.query, i * lanes, lanes), target), gain, zero)
                paired = subtract_saturated(add_saturated(above_left, gained), loss)
                above_left = load(group.scores, i * lanes, lanes)
                store(group.scores, i * lanes, maximum(paired, maximum(deletion, insertion)))
                opened = subtract_saturated(paired, opening)
                store(group.deletions, i * lanes, maximum(opened, subtract_saturated(deletion, extension)))
                insertion = maximum(opened, subtract_saturated(insertion, extension))
                better = greater(paired, column_best)
                column_row = select(better, splat(i, elem, lanes), column_row)
                column_best = maximum(column_best, paired)
            better = greater(column_best, best)
            best = maximum(best, column_best)
            best_row = select(better, column_row, best_row)
            best_low = select(better, splat(j, elem, lanes), best_low)
            best_high = select(better, splat(j >> bits, elem, lanes), best_high)
        store(group.best, 0, best)
        store(group.best, lanes, best_row)
        store(group.best, 2 * lanes, best_low)
        store(group.best, 3 * lanes, best_high)

    return sweep


_sweep_8 = _sweep_of("u8", 8, LANES_8)
_sweep_16 = _sweep_of("u16", 16, LANES_16)


@inline
def _collect(group, problems, lanes, base, out):
    """Copy scores and places out of the lanes; columns are numbers of two digits to `base`."""
    for lane in range(problems.size):
        score = np.int64(group.best[lane])
        if score > 0:
            column = np.int64(group.best[2 * lanes + lane]) + base * np.int64(group.best[3 * lanes + lane])
            out[0, problems[lane]] = score
            out[1, problems[lane]] = np.int64(group.best[lanes + lane]) + 1
            out[2, problems[lane]] = column + 1
