"""Plain twin of kernels/pairwise.py: the whole matrix, lists, no shortcuts."""

import math

import numpy as np
from plain.banded import packed

GLOBAL, LOCAL, EXTENSION = 0, 1, 2


def align_global(query, target, match, mismatch, gap_open, gap_extend):
    """Same arguments as the kernel; (score, list of BAM's CIGAR words)."""
    m, n = len(query), len(target)
    table = [[-math.inf] * (n + 1) for _ in range(m + 1)]
    best, deletion, insertion, paired = ([row[:] for row in table] for _ in range(4))
    for i in range(m + 1):
        for j in range(n + 1):
            if i and j:
                paired[i][j] = best[i - 1][j - 1] + (match if query[i - 1] == target[j - 1] else mismatch)
            elif i == j == 0:
                paired[i][j] = 0
            if j:
                deletion[i][j] = max(best[i][j - 1] + gap_open, deletion[i][j - 1] + gap_extend)
            if i:
                insertion[i][j] = max(best[i - 1][j] + gap_open, insertion[i - 1][j] + gap_extend)
            best[i][j] = max(paired[i][j], deletion[i][j], insertion[i][j])

    i, j, state, steps = m, n, None, []
    while i or j:
        if state is None:
            state = "M" if paired[i][j] == best[i][j] else "D" if deletion[i][j] == best[i][j] else "I"
        steps.append(state)
        if state == "M":
            i, j, state = i - 1, j - 1, None
        elif state == "D":
            opened = best[i][j - 1] + gap_open == deletion[i][j]
            j, state = j - 1, None if opened else "D"
        else:
            opened = best[i - 1][j] + gap_open == insertion[i][j]
            i, state = i - 1, None if opened else "I"
    return best[m][n], packed(steps[::-1])


def align_pairs(queries, query_offsets, targets, target_offsets, mode, scoring):
    """Same arguments and results as the kernel."""
    rows, cigars, offsets = [], [], [0]
    for p in range(len(query_offsets) - 1):
        query = [int(base) for base in queries[query_offsets[p] : query_offsets[p + 1]]]
        target = [int(base) for base in targets[target_offsets[p] : target_offsets[p + 1]]]
        row, cigar = align_pair(query, target, mode, scoring)
        rows.append(row)
        cigars += cigar
        offsets.append(len(cigars))
    columns = np.array(rows, np.int64).reshape(-1, 5).T
    return (*columns, np.array(cigars, np.uint32), np.array(offsets, np.int64))


def align_pair(query, target, mode, scoring):
    """One pair: fill the matrices, choose the end, walk back."""
    m, n = len(query), len(target)
    table = [[-math.inf] * (n + 1) for _ in range(m + 1)]
    best, deletion, insertion, paired = ([row[:] for row in table] for _ in range(4))
    opening = scoring.gap_open + scoring.gap_extend
    for i in range(m + 1):
        for j in range(n + 1):
            if i and j:
                before = max(best[i - 1][j - 1], 0) if mode == LOCAL else best[i - 1][j - 1]
                equal = query[i - 1] == target[j - 1]
                paired[i][j] = before + (scoring.match if equal else -scoring.mismatch)
            elif i == j == 0 and mode != LOCAL:
                paired[i][j] = 0
            if j:
                deletion[i][j] = max(best[i][j - 1] - opening, deletion[i][j - 1] - scoring.gap_extend)
            if i:
                insertion[i][j] = max(best[i - 1][j] - opening, insertion[i - 1][j] - scoring.gap_extend)
            best[i][j] = max(paired[i][j], deletion[i][j], insertion[i][j])

    ends = [(best[m][n], 0, 0, 0, m, n)]
    if mode != GLOBAL:
        ends = [(0, 0, 0, 0, 0, 0)]
        for i in range(m + 1):
            for j in range(n + 1):
                is_whole = mode == EXTENSION and i == m
                total = best[i][j] + (scoring.end_bonus if is_whole else 0)
                ends.append((total, is_whole, -j, -i, i, j))
    *_, i, j = max(ends)
    score = 0 if i == j == 0 and mode == LOCAL else best[i][j]
    query_end, target_end = i, j

    state, steps = None, []
    while i or j:
        if state is None:
            state = "M" if paired[i][j] == best[i][j] else "D" if deletion[i][j] == best[i][j] else "I"
        steps.append(state)
        if state == "M":
            i, j, state = i - 1, j - 1, None
            if mode == LOCAL and best[i][j] <= 0:
                break
        elif state == "D":
            opened = best[i][j - 1] - opening == deletion[i][j]
            j, state = j - 1, None if opened else "D"
        else:
            opened = best[i - 1][j] - opening == insertion[i][j]
            i, state = i - 1, None if opened else "I"
    return (score, i, query_end, j, target_end), packed(steps[::-1])
