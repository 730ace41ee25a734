"""Plain twin of kernels/pairwise.py: the whole matrix, lists, no shortcuts."""

import math

from plain.banded import packed


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
