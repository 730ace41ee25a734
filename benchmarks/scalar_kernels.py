"""What the vector kernels would be without vectors: the same recursions, one cell after the other, compiled.

They give scores only (no bytes for a trace, no CIGAR), so they do less than what they are compared with.
"""

import numpy as np

from genomehub.kernels._jit import kernel
from genomehub.kernels.pairhmm import Reads, log10_likelihood

_FAR = -(10**6)


@kernel
def banded_totals(queries, query_offsets, targets, target_offsets, band, scoring):
    """Return score + end bonuses of the best alignment of each problem of `align_banded`."""
    totals = np.zeros(query_offsets.size - 1, np.int64)
    opening, width = scoring.gap_open + scoring.gap_extend, 2 * band + 1
    scores, insertions = np.empty(width + 1, np.int64), np.empty(width + 1, np.int64)
    for p in range(totals.size):
        query = queries[query_offsets[p] : query_offsets[p + 1]]
        target = targets[target_offsets[p] : target_offsets[p + 1]]
        scores[:], insertions[:] = _FAR, _FAR
        for i in range(query.size):
            start = scoring.end_bonus if i == 0 else 0
            end = scoring.end_bonus if i == query.size - 1 else 0
            deletion = _FAR
            for k in range(width):
                equal = query[i] == target[i + k] and query[i] < 4
                paired = max(scores[k], start) + (scoring.match if equal else -scoring.mismatch)
                insertion = insertions[k + 1]
                scores[k] = max(paired, deletion, insertion)
                deletion = max(paired - opening, deletion - scoring.gap_extend)
                insertions[k] = max(paired - opening, insertion - scoring.gap_extend)
                totals[p] = max(totals[p], paired + end)
    return totals


@kernel
def local_scores(queries, query_offsets, targets, target_offsets, scoring):
    """Return the scores of `genomehub.kernels.local.local_scores`."""
    out = np.zeros(query_offsets.size - 1, np.int64)
    opening = scoring.gap_open + scoring.gap_extend
    for p in range(out.size):
        query = queries[query_offsets[p] : query_offsets[p + 1]]
        target = targets[target_offsets[p] : target_offsets[p + 1]]
        scores, deletions = np.zeros(query.size, np.int64), np.zeros(query.size, np.int64)
        for j in range(target.size):
            corner, insertion = 0, 0
            for i in range(query.size):
                equal = query[i] == target[j] and query[i] < 4
                paired = max(0, corner + (scoring.match if equal else -scoring.mismatch))
                corner = scores[i]
                scores[i] = max(paired, deletions[i], insertion)
                deletions[i] = max(paired - opening, deletions[i] - scoring.gap_extend)
                insertion = max(paired - opening, insertion - scoring.gap_extend)
                out[p] = max(out[p], paired)
    return out


@kernel
def global_score(query, target, match, mismatch, gap_open, gap_extend):
    """Return the score of `align_global`."""
    n = target.size
    scores, insertions = np.empty(n + 1, np.int64), np.full(n + 1, _FAR)
    scores[0] = 0
    for j in range(1, n + 1):
        scores[j] = gap_open + (j - 1) * gap_extend
    for i in range(1, query.size + 1):
        corner, deletion = scores[0], _FAR
        scores[0] = gap_open + (i - 1) * gap_extend
        for j in range(1, n + 1):
            insertions[j] = max(scores[j] + gap_open, insertions[j] + gap_extend)
            deletion = max(scores[j - 1] + gap_open, deletion + gap_extend)
            paired = corner + (match if query[i - 1] == target[j - 1] else mismatch)
            corner = scores[j]
            scores[j] = max(paired, deletion, insertions[j])
    return scores[n]


@kernel
def log10_likelihoods(
    bases,
    base_quals,
    insertion_quals,
    deletion_quals,
    gap_quals,
    read_offsets,
    haplotypes,
    haplotype_offsets,
    region_reads,
    region_haplotypes,
):
    """Return what the vector PairHMM returns, by its float64 path alone."""
    reads = Reads(bases, base_quals, insertion_quals, deletion_quals, gap_quals, read_offsets)
    errors = 10.0 ** (-0.1 * np.arange(256))
    out = []
    for region in range(region_reads.size - 1):
        for r in range(region_reads[region], region_reads[region + 1]):
            for h in range(region_haplotypes[region], region_haplotypes[region + 1]):
                start, end = haplotype_offsets[h], haplotype_offsets[h + 1]
                out.append(log10_likelihood(reads, r, haplotypes, start, end, errors))
    return np.array(out)
