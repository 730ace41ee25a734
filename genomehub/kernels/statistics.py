"""Tests on small tables and samples that annotate variants: strand bias and rank sums."""

import math

import numpy as np

from genomehub.kernels._jit import inline, kernel


@kernel
def fisher_strand(tables):
    """Return (n,) float64: two-sided p-value of Fisher's exact test for each row of ``tables``.

    Parameters
    ----------
    tables : (n, 4) int64, counts a, b, c, d of the table [[a, b], [c, d]]

    Notes
    -----
    Sums the probability of all tables with the same margins that are at most as likely as the one seen.
    """
    out = np.ones(tables.shape[0], dtype=np.float64)
    for i in range(tables.shape[0]):
        a, b, c, d = tables[i, 0], tables[i, 1], tables[i, 2], tables[i, 3]
        row, column, total = a + b, a + c, a + b + c + d
        low, high = max(0, row + column - total), min(row, column)
        if low == high:
            continue
        seen = _log_table(a, row, column, total)
        p = 0.0
        for k in range(low, high + 1):
            value = _log_table(k, row, column, total)
            if value <= seen + 1e-7:
                p += math.exp(value)
        out[i] = min(p, 1.0)
    return out


@inline
def _log_choose(n, k):
    return math.lgamma(n + 1.0) - math.lgamma(k + 1.0) - math.lgamma(n - k + 1.0)


@inline
def _log_table(a, row, column, total):
    return _log_choose(column, a) + _log_choose(total - column, row - a) - _log_choose(total, row)


@kernel
def rank_sum(offsets, order, group, values):
    """Return (n,) float64: Mann-Whitney z of the values of group 1 against group 0, NaN if one is empty.

    Parameters
    ----------
    offsets : (n + 1,) int64, starts of each sample in the arrays below
    order : (m,) int64, indices that sort each sample by value
    group : (m,) int8, 0, 1, or anything else for values that do not count
    values : (m,) int64

    Notes
    -----
    Normal approximation with the correction for ties, without that for continuity; 0 if all values tie.
    """
    out = np.full(offsets.size - 1, np.nan)
    for i in range(offsets.size - 1):
        out[i] = _z_of(order[offsets[i] : offsets[i + 1]], group, values)
    return out


@inline
def _z_of(order, group, values):
    n0, n1 = 0, 0
    for k in range(order.size):
        n0 += group[order[k]] == 0
        n1 += group[order[k]] == 1
    if n0 == 0 or n1 == 0:
        return np.nan
    total, ranks, ties, below, k = n0 + n1, 0.0, 0.0, 0, 0
    while k < order.size:
        same0, same1 = 0, 0
        value = values[order[k]]
        while k < order.size and values[order[k]] == value:
            same0 += group[order[k]] == 0
            same1 += group[order[k]] == 1
            k += 1
        same = same0 + same1
        ranks += same1 * (below + 0.5 * (same + 1))
        ties += same**3 - same
        below += same
    u = ranks - n1 * (n1 + 1) / 2.0
    variance = n0 * n1 / 12.0 * (total + 1 - ties / (total * (total - 1.0))) if total > 1 else 0.0
    return (u - n0 * n1 / 2.0) / math.sqrt(variance) if variance > 0 else 0.0


@kernel
def medians(values, begin, end):
    """Return (n_spans,) int64: the median of ``values[begin:end]`` of each span, halves up.

    Parameters
    ----------
    values : (n,) int64, not negative
    begin, end : (n_spans,) int64, spans of at least one value

    Notes
    -----
    Counts values, so that memory grows with the largest of them.
    Cost        O(values in the spans, and the range of the values of each)
    Plain twin  tests/plain/genotype.py
    """
    out = np.zeros(begin.size, dtype=np.int64)
    counts = np.zeros(values.max() + 1 if values.size else 1, dtype=np.int64)
    for s in range(begin.size):
        low, high = values[begin[s]], values[begin[s]]
        for i in range(begin[s], end[s]):
            counts[values[i]] += 1
            low, high = min(low, values[i]), max(high, values[i])
        first, second = (end[s] - begin[s] - 1) // 2, (end[s] - begin[s]) // 2
        before, one = 0, -1
        for value in range(low, high + 1):
            before += counts[value]
            if one < 0 and before > first:
                one = value
            if before > second:
                out[s] = (one + value + 1) // 2
                break
        counts[low : high + 1] = 0
    return out
