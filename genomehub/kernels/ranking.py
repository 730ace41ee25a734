"""Ranking: the distinct alignments of each read, best first, and which of them compete over one part of it.

Between extension and pairing. Taken from the best downwards, an alignment that shares half of the read, or
more, with a better one is another place of that part; one that does not is a part of its own: a split read
has several. Parts are told apart twice: among the alignments on the primary assembly, which are placed as if
there were no ALT contigs, and among all.
"""

from typing import NamedTuple

import numpy as np

from genomehub.kernels._jit import borrowing, inline, kernel
from genomehub.kernels.seeds import mix

#: Two alignments of a read that share more than this of their read and reference spans are one.
_SAME = 0.95
#: Another alignment is a rival, not another part of the read, if it shares this part of the read.
_RIVAL = 0.5


class Ranking(NamedTuple):
    """Distinct alignments of each read, best first, those on ALT contigs behind the primary assembly's.

    offsets : (n_reads + 1,) int64, starts in rows
    alt_starts : (n_reads,) int64, where the read's rows on ALT contigs start
    rows : (n,) int32, rows of Alignments
    ties : (n_alignments,) uint64, the hash that breaks ties, by row of Alignments
    """

    offsets: np.ndarray
    alt_starts: np.ndarray
    rows: np.ndarray
    ties: np.ndarray


class Parts(NamedTuple):
    """What each ranked alignment is another place of; arrays run parallel to Ranking.rows.

    assembly : (n,) int32, among alignments on the primary assembly: index in Ranking.rows of the part that it
        is another place of, -1 if it is a part itself; -1 on ALT contigs
    whole : (n,) int32, the same among all alignments of the read
    """

    assembly: np.ndarray
    whole: np.ndarray


@inline
def _overlap(start_1, end_1, start_2, end_2, part):
    """Whether two spans share more than ``part`` of the shorter one."""
    shared = min(end_1, end_2) - max(start_1, start_2)
    return shared > part * min(end_1 - start_1, end_2 - start_2)


@inline
def _same_place(alignments, a, b):
    """Whether two alignments of a read are one, by their spans of the reference and of the read."""
    if alignments.ref_start[a] >= alignments.ref_end[b] or alignments.ref_start[b] >= alignments.ref_end[a]:
        return False  # as nearly all
    if alignments.strand[a] != alignments.strand[b]:
        return False
    if not _overlap(
        alignments.ref_start[a], alignments.ref_end[a], alignments.ref_start[b], alignments.ref_end[b], _SAME
    ):
        return False
    start_a, end_a = np.int64(alignments.query_start[a]), np.int64(alignments.query_end[a])
    start_b, end_b = np.int64(alignments.query_start[b]), np.int64(alignments.query_end[b])
    return _overlap(start_a, end_a, start_b, end_b, _SAME)


@inline
def _span_on_read(alignments, row, length):
    """The aligned part on the read as sequenced."""
    start, end = np.int64(alignments.query_start[row]), np.int64(alignments.query_end[row])
    if alignments.strand[row]:
        return length - end, length - start
    return start, end


@inline
def share_the_read(alignments, a, b, length):
    """Whether two alignments of a read lie over one part of it, so that one explains it or the other."""
    start_a, end_a = _span_on_read(alignments, a, length)
    start_b, end_b = _span_on_read(alignments, b, length)
    shared = min(end_a, end_b) - max(start_a, start_b)
    return shared > 0 and shared >= _RIVAL * min(end_a - start_a, end_b - start_b)


@inline
def _precedes(alignments, ties, is_alt, has_alt, a, b):
    if has_alt:
        alt_a, alt_b = is_alt[alignments.contig_index[a]], is_alt[alignments.contig_index[b]]
        if alt_a != alt_b:
            return alt_b
    if alignments.score[a] != alignments.score[b]:
        return alignments.score[a] > alignments.score[b]
    return ties[a] < ties[b]


@borrowing
def rank_alignments(alignments, n_ends, first_template, is_alt, out):
    """Sort the alignments of each read and leave out what is the same place again.

    Parameters
    ----------
    alignments : Alignments
    n_ends : reads per template
    first_template : ordinal of the first template
    is_alt : (n_contigs,) bool
    out : Ranking, room for all alignments

    Returns
    -------
    n_ranked : rows written
    """
    total = np.int64(0)
    has_alt = is_alt.any()
    for read in range(alignments.offsets.size - 1):
        out.offsets[read] = total
        seed = mix(np.uint64(first_template + read // n_ends + 1))
        for row in range(alignments.offsets[read], alignments.offsets[read + 1]):
            place = (np.uint64(alignments.ref_start[row]) << np.uint64(1)) | np.uint64(alignments.strand[row])
            out.ties[row] = mix(place ^ seed)
            if alignments.score[row] <= 0:
                continue
            at = total
            while at > out.offsets[read] and _precedes(
                alignments, out.ties, is_alt, has_alt, row, out.rows[at - 1]
            ):
                out.rows[at] = out.rows[at - 1]
                at -= 1
            out.rows[at] = row
            total += 1
        total = _drop_repeats(alignments, out.rows, out.offsets[read], total)
        alt_start = total
        if has_alt:
            while alt_start > out.offsets[read] and is_alt[alignments.contig_index[out.rows[alt_start - 1]]]:
                alt_start -= 1
        out.alt_starts[read] = alt_start
    out.offsets[alignments.offsets.size - 1] = total
    return total


@inline
def _drop_repeats(alignments, rows, first, last):
    kept = first
    for i in range(first, last):
        row = rows[i]
        for j in range(first, kept):
            if _same_place(alignments, row, rows[j]):
                break
        else:
            rows[kept] = row
            kept += 1
    return kept


@inline
def _other_place_of(alignments, ranking, order, n, i, length, masters):
    """The first part among ``order[:n]`` that ranked row ``i`` is another place of, -1 if none."""
    for k in range(n):
        j = order[k]
        if masters[j] < 0 and share_the_read(alignments, ranking.rows[i], ranking.rows[j], length):
            return j
    return np.int32(-1)


@inline
def _order_by_score(alignments, ranking, first, last, order):
    """List the ranked rows ``first`` to ``last`` by score; of equals the primary assembly comes first."""
    for i in range(first, last):
        at = i - first
        score = alignments.score[ranking.rows[i]]
        while at > 0 and alignments.score[ranking.rows[order[at - 1]]] < score:
            order[at] = order[at - 1]
            at -= 1
        order[at] = i


@kernel
def mark_parts(alignments, ranking, offsets, out):
    """Find the parts of every read.

    Parameters
    ----------
    alignments, ranking : Alignments, Ranking
    offsets : (n_reads + 1,) int64, of the reads
    out : Parts, as long as ranking.rows

    Notes
    -----
    Plain twin  tests/plain/ranking.py
    """
    most = 0
    for read in range(offsets.size - 1):
        most = max(most, ranking.offsets[read + 1] - ranking.offsets[read])
    order = np.empty(most, dtype=np.int32)
    for read in range(offsets.size - 1):
        first, alt_start, last = ranking.offsets[read], ranking.alt_starts[read], ranking.offsets[read + 1]
        length = offsets[read + 1] - offsets[read]
        for i in range(first, last):
            order[i - first] = i
            out.assembly[i] = -1
        for i in range(first + 1, alt_start):
            out.assembly[i] = _other_place_of(alignments, ranking, order, i - first, i, length, out.assembly)
        if alt_start == last:
            for i in range(first, last):
                out.whole[i] = out.assembly[i]
            continue
        _order_by_score(alignments, ranking, first, last, order)
        for k in range(last - first):
            i = order[k]
            out.whole[i] = _other_place_of(alignments, ranking, order, k, i, length, out.whole)
