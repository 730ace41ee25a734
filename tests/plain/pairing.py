"""Plain twin of the choice of pairs in kernels/pairing.py.

An alignment is (contig, strand, start, end, score) of an unclipped read.
"""

import math


def distance(a, b):
    """Outer distance of mates that face each other on one contig, else None."""
    if a[0] != b[0] or a[1] == b[1]:
        return None
    forward, reverse = (a, b) if a[1] == 0 else (b, a)
    return reverse[3] - forward[2]


def points(a, b, limits, match):
    """Score of a combination, None if it is no proper pair."""
    gap = distance(a, b)
    if gap is None or not limits.low <= gap <= limits.high:
        return None
    tail = 2 * math.erfc(abs(gap - limits.mean) / limits.standard_deviation / math.sqrt(2))
    return max(0, math.floor(a[4] + b[4] + 0.721 * math.log(max(tail, 1e-300)) * match + 0.499))


def best_two(first, second, limits, match):
    """The two best scores of combinations (-1 if there are fewer) and the combinations with the best."""
    scored = [(points(a, b, limits, match), i, j) for i, a in enumerate(first) for j, b in enumerate(second)]
    scored = sorted((p for p in scored if p[0] is not None), reverse=True)
    totals = [p[0] for p in scored] + [-1, -1]
    return totals[0], totals[1], {(i, j) for p, i, j in scored if p == totals[0]}
