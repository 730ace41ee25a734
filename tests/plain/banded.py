"""Plain twin of kernels/banded.py: the same answer by lists and tuples, one problem after the other."""

import numpy as np

NOTHING = (-(10**9), 0)  # (score + bonuses, unclipped ends): tuples compare in the order of the rules


def align_banded(queries, query_offsets, targets, target_offsets, band, scoring):
    """Same arguments and results as the kernel."""
    rows, cigars, offsets = [], [], [0]
    for p in range(len(query_offsets) - 1):
        query = [int(base) for base in queries[query_offsets[p] : query_offsets[p + 1]]]
        target = [int(base) for base in targets[target_offsets[p] : target_offsets[p + 1]]]
        row, cigar = align_one(query, target, band, scoring)
        rows.append(row)
        cigars += cigar
        offsets.append(len(cigars))
    columns = np.array(rows, np.int32).reshape(-1, 5).T
    return (*columns, np.array(cigars, np.uint32), np.array(offsets, np.int64))


def plus(value, points, ends=0):
    return (value[0] + points, value[1] + ends)


def align_one(query, target, band, scoring):
    """Gotoh's three matrices, each cell a pair (score + bonuses, unclipped ends)."""
    m, width = len(query), 2 * band + 1
    paired = [[NOTHING] * len(target) for _ in query]  # ends with query base i on target base j
    deletion = [[NOTHING] * len(target) for _ in query]  # ends with target base j deleted
    insertion = [[NOTHING] * len(target) for _ in query]  # ends with query base i inserted
    begins = [[False] * len(target) for _ in query]

    def best(i, j):
        if i < 0 or j < 0:
            return NOTHING
        return max(paired[i][j], deletion[i][j], insertion[i][j])

    def inside(i, j):
        return i >= 0 and 0 <= j - i < width

    opening = scoring.gap_open + scoring.gap_extend
    for i in range(m):
        for j in range(i, i + width):
            start = (scoring.end_bonus, 1) if i == 0 else (0, 0)
            before = best(i - 1, j - 1) if inside(i - 1, j - 1) else NOTHING
            begins[i][j] = start >= before
            equal = query[i] == target[j] and query[i] < 4
            paired[i][j] = plus(max(start, before), scoring.match if equal else -scoring.mismatch)
            if inside(i, j - 1):
                opened = plus(paired[i][j - 1], -opening)
                deletion[i][j] = max(opened, plus(deletion[i][j - 1], -scoring.gap_extend))
            if inside(i - 1, j):
                opened = plus(paired[i - 1][j], -opening)
                insertion[i][j] = max(opened, plus(insertion[i - 1][j], -scoring.gap_extend))

    ends = []
    for i in range(m):
        for k in range(width):
            value = plus(paired[i][i + k], scoring.end_bonus, 1) if i == m - 1 else paired[i][i + k]
            preference = (1, k) if k <= band else (0, -k)
            ends.append((value, -i, preference, i + k))
    if not ends:
        return (0, 0, 0, 0, 0), []
    value, i, _, j = max(ends)
    score = value[0] - value[1] * scoring.end_bonus
    if score <= 0:
        return (0, 0, 0, 0, 0), []
    i = -i
    query_end, target_end = i + 1, j + 1

    steps, state = [], "M"
    while True:
        steps.append(state)
        if state == "M":
            if begins[i][j]:
                break
            i, j = i - 1, j - 1
            if paired[i][j] == best(i, j):
                state = "M"
            else:
                state = "D" if deletion[i][j] == best(i, j) else "I"
        elif state == "D":
            opened = plus(paired[i][j - 1], -opening)
            state = "M" if opened == deletion[i][j] else "D"
            j -= 1
        else:
            opened = plus(paired[i - 1][j], -opening)
            state = "M" if opened == insertion[i][j] else "I"
            i -= 1
    cigar = packed(steps[::-1])
    best = max(parts(query, target, i, j, cigar, scoring))
    return (best, i, query_end, j, target_end), cigar


def parts(query, target, i, j, cigar, scoring):
    """Score of the best part that ends with each pair of bases of an alignment."""
    score = 0
    for word in cigar:
        length, op = word >> 4, "MID"[word & 15]
        if op == "M":
            for _ in range(length):
                equal = query[i] == target[j] and query[i] < 4
                score = max(score, 0) + (scoring.match if equal else -scoring.mismatch)
                yield score
                i, j = i + 1, j + 1
        else:
            score -= scoring.gap_open + length * scoring.gap_extend
            i, j = (i + length, j) if op == "I" else (i, j + length)


def packed(steps):
    """BAM's CIGAR words of a string of M, I and D."""
    cigar = []
    for k, step in enumerate(steps):
        if k and step == steps[k - 1]:
            cigar[-1] += 1 << 4
        else:
            cigar.append((1 << 4) | "MID".index(step))
    return cigar
