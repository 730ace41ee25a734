"""Plain twin of kernels/local.py: one problem after the other, whole matrices of Python integers."""

import numpy as np


def local_scores(queries, query_offsets, targets, target_offsets, scoring):
    """Same arguments and results as the kernel."""
    rows = []
    for p in range(len(query_offsets) - 1):
        query = [int(base) for base in queries[query_offsets[p] : query_offsets[p + 1]]]
        target = [int(base) for base in targets[target_offsets[p] : target_offsets[p + 1]]]
        rows.append(score_one(query, target, scoring))
    return tuple(np.array(rows, np.int32).reshape(-1, 3).T)


def score_one(query, target, scoring):
    """Smith-Waterman-Gotoh; gaps stand between pairs of bases."""
    m, n, opening = len(query), len(target), scoring.gap_open + scoring.gap_extend
    score = [[0] * (n + 1) for _ in range(m + 1)]
    paired, deletion, insertion = ([row[:] for row in score] for _ in range(3))
    best = (0, 0, 0)
    for j in range(1, n + 1):
        for i in range(1, m + 1):
            equal = query[i - 1] == target[j - 1] and query[i - 1] < 4
            gain = scoring.match if equal else -scoring.mismatch
            paired[i][j] = max(0, score[i - 1][j - 1] + gain)
            deletion[i][j] = max(0, paired[i][j - 1] - opening, deletion[i][j - 1] - scoring.gap_extend)
            insertion[i][j] = max(0, paired[i - 1][j] - opening, insertion[i - 1][j] - scoring.gap_extend)
            score[i][j] = max(paired[i][j], deletion[i][j], insertion[i][j])
            if paired[i][j] > best[0]:
                best = (paired[i][j], i, j)
    return best
