"""Active places to active regions: merge what is close, keep repeats whole, cut what is too long."""

import numpy as np

from genomehub.kernels._jit import inline, kernel
from genomehub.kernels.repeats import MAX_PERIOD

#: Score of a base that differs from its copy, where an equal one counts 1: copies differ in one base of ten.
_COPY_MISMATCH = -3


@kernel
def grow_over_tracts(first, last, tract_start, tract_end, max_growth):
    """Widen spans in place over the tandem repeats they touch, and by one base on both sides.

    Parameters
    ----------
    first, last : (n,) int64, rows, half-open; changed in place
    tract_start, tract_end : (n_rows,) int32, as kernels.repeats.tracts gives them
    max_growth : rows a span may grow on each side
    """
    n = tract_start.size
    for i in range(first.size):
        low, high = first[i], last[i]
        for row in range(max(0, first[i]), min(n, last[i] + 1)):
            low = min(low, tract_start[row])
            high = max(high, tract_end[row])
        first[i] = max(0, max(low, first[i] - max_growth) - 1)
        last[i] = min(n, min(high, last[i] + max_growth) + 1)


@kernel
def grow_over_copies(spans, reference, tract_end, longest, least, max_growth, max_span, copied):
    """Widen spans in place over the copies of longer texts that they touch.

    Units of more than MAX_PERIOD bp repeat with differences, so ``tract_end`` lacks them. Aligners put
    reads of one copy more or less on another copy, a few mismatches off, and the indel is nowhere to be seen.

    Parameters
    ----------
    spans : (n, 2) int64, rows, half-open; changed in place
    reference : (n_rows,) uint8, codes
    tract_end : (n_rows,) int32, as kernels.repeats.tracts gives it; a repeat of a short unit is none here
    longest : bp, greatest distance of a copy
    least : matching bases, less three times the differing ones, of copies that count
    max_growth : rows a span may grow on each side
    max_span : a span that would be longer stays as it is
    copied : (n_rows,) bool, set where copies touch a span

    Notes
    -----
    Cost        O(longest * (longest + max_growth)) a span
    Plain twin  tests/plain/regions.py
    """
    n = reference.size
    for s in range(spans.shape[0]):
        first, last = spans[s, 0], spans[s, 1]
        begin, end = max(0, first - max_growth), min(n, last + max_growth)
        low, high = first, last
        for lag in range(MAX_PERIOD + 1, longest + 1):
            score, best, start, stop = 0, 0, begin, begin
            for i in range(begin, end - lag + 1):
                if score == 0:
                    start, best = i, 0
                alike = i + lag < end and reference[i] == reference[i + lag] and reference[i] <= 3
                score = max(0, score + (1 if alike else _COPY_MISMATCH)) if i + lag < end else 0
                if score > best:
                    best, stop = score, i + 1
                if score > 0 or best < least or tract_end[start] >= stop + lag:
                    continue
                if start <= last and stop + lag >= first:
                    low, high = min(low, start), max(high, stop + lag)
                    copied[start : stop + lag] = True
        if high - low <= max_span:
            spans[s, 0], spans[s, 1] = low, high


@kernel
def merge_spans(first, last, distance):
    """Join spans that lie less than ``distance`` rows apart.

    Parameters
    ----------
    first, last : (n,) int64, rows, half-open, ascending by first

    Returns
    -------
    (m, 2) int64, rows
    """
    out = np.empty((first.size, 2), dtype=np.int64)
    n = 0
    for i in range(first.size):
        if n and first[i] < out[n - 1, 1] + distance:
            out[n - 1, 1] = max(out[n - 1, 1], last[i])
        else:
            out[n, 0], out[n, 1] = first[i], last[i]
            n += 1
    return out[:n].copy()


@kernel
def cut_long(spans, quiet, window_start, longest):
    """Cut spans that are longer than ``longest`` at quiet rows near multiples of it in the contig.

    Parameters
    ----------
    spans : (n, 2) int64, rows
    quiet : (n_rows,) int32, how good each row is to cut at
    window_start : 0-based bp of row 0
    longest : bp

    Returns
    -------
    (m, 2) int64, rows

    Notes
    -----
    Where a span is cut depends on the contig's coordinates and on what lies within ``longest`` of the cut,
    not on where the window begins: neighbouring windows agree.
    """
    total = 0
    for i in range(spans.shape[0]):
        total += 2 + (spans[i, 1] - spans[i, 0]) // longest
    out = np.empty((total, 2), dtype=np.int64)
    n = 0
    for i in range(spans.shape[0]):
        begin, end = spans[i, 0], spans[i, 1]
        if end - begin > longest:
            mark = ((window_start + begin) // longest + 1) * longest - window_start
            while mark - longest // 4 < end:
                cut = _quietest(quiet, mark - longest // 4, mark + longest // 4, longest // 4)
                if begin < cut < end:
                    out[n, 0], out[n, 1] = begin, cut
                    begin = cut
                    n += 1
                mark += longest
        out[n, 0], out[n, 1] = begin, end
        n += 1
    return out[:n].copy()


@inline
def _quietest(quiet, low, high, enough):
    best = max(0, low)
    for row in range(max(0, low), min(quiet.size, high)):
        if min(quiet[row], enough) > min(quiet[best], enough):  # what lies further has no say
            best = row
    return best


@kernel
def distance_to(active):
    """Return (n_rows,) int32: rows from each row to the nearest True of ``active`` ((n_rows,) bool)."""
    n = active.size
    out = np.full(n, n, dtype=np.int32)
    for row in range(n):
        out[row] = 0 if active[row] else (out[row - 1] + 1 if row else n)
    for row in range(n - 2, -1, -1):
        out[row] = min(out[row], out[row + 1] + 1)
    return out
