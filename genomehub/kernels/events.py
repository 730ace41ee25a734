"""Haplotypes to the differences from the reference that spell them: the alleles to genotype.

Each haplotype is aligned to its window of the reference; what differs is cut into events in VCF's spelling
(the base before an indel belongs to it), left-aligned as far as the haplotype's own other events allow. The
same function serves haplotypes from reads and from assembly, so equal sequences give equal events.
"""

from typing import NamedTuple

import numpy as np

from genomehub.kernels._jit import inline, kernel
from genomehub.kernels.pairwise import align_global
from genomehub.kernels.pileup import D, I
from genomehub.kernels.region_reads import mixed

#: GATK's haplotype-to-reference scores: match, mismatch, first base of a gap, each further one.
MATCH, MISMATCH, GAP_OPEN, GAP_EXTEND = 200, -150, -260, -11
#: Matching bases kept on both sides of what differs, so that the alignment may place gaps freely.
MARGIN = 12
#: Two substitutions score better than a pair of gaps (700 against 720 lost), three do not.
MAX_PLAIN_SUBSTITUTIONS = 2


class Events(NamedTuple):
    """Distinct events by region, and which haplotype has which.

    row : (n,) int64, row of VCF's POS, ascending within a region (then by lengths, then by a hash of ALT)
    ref_length : (n,) int64, bases of REF
    alt_begin, alt_end : (n,) int64, ALT as a span of ``Haplotypes.sequences``
    region_offsets : (n_regions + 1,) int64
    of_haplotype : (m,) int64, numbers of events; haplotype_offsets : (n_haplotypes + 1,) int64
    """

    row: np.ndarray
    ref_length: np.ndarray
    alt_begin: np.ndarray
    alt_end: np.ndarray
    region_offsets: np.ndarray
    of_haplotype: np.ndarray
    haplotype_offsets: np.ndarray


@kernel
def haplotype_events(sequences, offsets, low, high, reference):
    """Find the events of every haplotype.

    Parameters
    ----------
    sequences : (n_bases,) uint8; offsets : (n_haplotypes + 1,) int64
    low, high : (n_haplotypes,) int64, rows that the haplotype stands for
    reference : (n_rows,) uint8

    Returns
    -------
    found : (n, 4) int64, row of POS, bases of REF, begin and end of ALT in ``sequences``
    key : (n,) uint64, hash of ALT
    found_offsets : (n_haplotypes + 1,) int64, ascending by row within a haplotype
    """
    found = np.empty((256, 4), dtype=np.int64)
    found_offsets = np.zeros(offsets.size, dtype=np.int64)
    n = 0
    for h in range(offsets.size - 1):
        pieces = _pieces(sequences[offsets[h] : offsets[h + 1]], reference[low[h] : high[h]])
        if n + pieces.shape[0] > found.shape[0]:
            larger = np.empty((2 * (n + pieces.shape[0]), 4), dtype=np.int64)
            larger[:n] = found[:n]
            found = larger
        for p in range(pieces.shape[0]):
            found[n, 0], found[n, 1] = low[h] + pieces[p, 0], pieces[p, 1] - pieces[p, 0]
            found[n, 2], found[n, 3] = offsets[h] + pieces[p, 2], offsets[h] + pieces[p, 3]
            n += 1
        found_offsets[h + 1] = n
    key = np.zeros(n, dtype=np.uint64)
    for e in range(n):
        for k in range(found[e, 2], found[e, 3]):
            key[e] = mixed(key[e] * np.uint64(7) + np.uint64(sequences[k]) + np.uint64(1))
    return found[:n], key, found_offsets


@kernel
def _pieces(query, target):
    """Spans (target begin, end, query begin, end) that differ, in VCF's spelling, ascending."""
    suffix = 0
    while (
        suffix < min(query.size, target.size)
        and query[query.size - 1 - suffix] == target[target.size - 1 - suffix]
    ):
        suffix += 1
    prefix = 0
    while prefix < min(query.size, target.size) - suffix and query[prefix] == target[prefix]:
        prefix += 1
    query_end, target_end = query.size - suffix, target.size - suffix
    if prefix in (query_end, target_end):
        raw = np.empty((1 if query_end != target_end else 0, 4), dtype=np.int64)
        if raw.shape[0]:
            raw[0, 0], raw[0, 1], raw[0, 2], raw[0, 3] = prefix, target_end, prefix, query_end
        return _spelled(raw, query, target)
    if query_end == target_end:
        mismatches = 0
        for i in range(prefix, query_end):
            mismatches += query[i] != target[i]
        if mismatches <= MAX_PLAIN_SUBSTITUTIONS:
            paired = np.full(1, (query_end - prefix) << 4, dtype=np.uint32)
            return _spelled(_from_cigar(query, target, prefix, paired), query, target)
    begin = max(0, prefix - MARGIN)
    more = min(suffix, MARGIN)
    one, two = query[begin : query_end + more], target[begin : target_end + more]
    _score, cigar = align_global(one, two, MATCH, MISMATCH, GAP_OPEN, GAP_EXTEND)
    return _spelled(_from_cigar(query, target, begin, cigar), query, target)


@inline
def _from_cigar(query, target, begin, cigar):
    raw = np.empty((query.size + target.size, 4), dtype=np.int64)
    n, q, t = 0, begin, begin
    for c in range(cigar.size):
        op, length = cigar[c] & 15, np.int64(cigar[c] >> 4)
        if op == I:
            raw[n, 0], raw[n, 1], raw[n, 2], raw[n, 3] = t, t, q, q + length
            n, q = n + 1, q + length
        elif op == D:
            raw[n, 0], raw[n, 1], raw[n, 2], raw[n, 3] = t, t + length, q, q
            n, t = n + 1, t + length
        else:
            for k in range(length):
                if query[q + k] != target[t + k]:
                    raw[n, 0], raw[n, 1], raw[n, 2], raw[n, 3] = t + k, t + k + 1, q + k, q + k + 1
                    n += 1
            q, t = q + length, t + length
    return raw[:n]


@inline
def _shift_left(piece, query, target, before):
    """Move a gap left while that spells the same, but leave a base between it and what ends at ``before``.

    The alignment began somewhere: a gap at its beginning may still move through a repeat on its left.
    """
    while piece[0] - 1 > before and (
        target[piece[0] - 1] == target[piece[1] - 1]
        if piece[0] < piece[1]
        else query[piece[2] - 1] == query[piece[3] - 1]
    ):
        for k in range(4):
            piece[k] -= 1


@inline
def _spelled(raw, query, target):
    """Join a gap with what it touches on its left, give lone gaps the base before, trim shared ends."""
    n = 0
    for i in range(raw.shape[0]):
        gap = raw[i, 0] == raw[i, 1] or raw[i, 2] == raw[i, 3]
        if gap:
            _shift_left(raw[i], query, target, raw[n - 1, 1] if n else 0)
        if gap and n and raw[n - 1, 1] == raw[i, 0] and raw[n - 1, 3] == raw[i, 2]:
            raw[n - 1, 1], raw[n - 1, 3] = raw[i, 1], raw[i, 3]
        else:
            raw[n] = raw[i]
            n += 1
    kept = 0
    for i in range(n):
        a, b, c, d = raw[i, 0], raw[i, 1], raw[i, 2], raw[i, 3]
        while b - a > 1 and d - c > 1 and target[b - 1] == query[d - 1]:
            b, d = b - 1, d - 1
        if a == b or c == d:
            a, c = a - 1, c - 1
        while b - a > 1 and d - c > 1 and target[a] == query[c]:
            a, c = a + 1, c + 1
        if a >= 0 and c >= 0:
            raw[kept, 0], raw[kept, 1], raw[kept, 2], raw[kept, 3] = a, b, c, d
            kept += 1
    return raw[:kept]
