"""Ranking: the distinct alignments of each read, best first, and which of them compete over one part of it.

Between extension and pairing. Taken from the best downwards, an alignment that shares half of the read, or
more, with a better one is another place of that part; one that does not is a part of its own: a split read
has several. Parts are told apart twice: among the alignments on the primary assembly, which are placed as if
there were no ALT contigs, and among all.
"""

from typing import NamedTuple

import numpy as np

from genomehub.kernels._jit import borrowing, kernel
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
    ends : (n,) int64, the fragment's end (fragment_end) at each of them, negative on the forward strand: the
        sum of two mates' is their outer distance if they face each other
    ties : (n_alignments,) uint64, the hash that breaks ties, by row of Alignments; only ranked ones have it
    """

    offsets: np.ndarray
    alt_starts: np.ndarray
    rows: np.ndarray
    ends: np.ndarray
    ties: np.ndarray


class Parts(NamedTuple):
    """What each ranked alignment is another place of; arrays run parallel to Ranking.rows.

    assembly : (n,) int32, among alignments on the primary assembly: index in Ranking.rows of the part that it
        is another place of, -1 if it is a part itself; -1 on ALT contigs
    whole : (n,) int32, the same among all alignments of the read
    """

    assembly: np.ndarray
    whole: np.ndarray


@borrowing
def fragment_end(alignments, row, length):
    """Global position of the read's 5' end, clips counted: start of a forward read, end of a reverse one."""
    if alignments.strand[row]:
        return alignments.ref_end[row] + (length - alignments.query_end[row])
    return alignments.ref_start[row] - alignments.query_start[row]


@borrowing
def _overlap(start_1, end_1, start_2, end_2, part):
    """Whether two spans share more than ``part`` of the shorter one."""
    shared = min(end_1, end_2) - max(start_1, start_2)
    return shared > part * min(end_1 - start_1, end_2 - start_2)


@borrowing
def _same_place(alignments, a, b):
    """Whether two alignments of a read are one, by their spans of the reference and of the read."""
    if alignments.strand[a] != alignments.strand[b]:
        return False
    if not _overlap(
        alignments.ref_start[a], alignments.ref_end[a], alignments.ref_start[b], alignments.ref_end[b], _SAME
    ):
        return False
    start_a, end_a = np.int64(alignments.query_start[a]), np.int64(alignments.query_end[a])
    start_b, end_b = np.int64(alignments.query_start[b]), np.int64(alignments.query_end[b])
    return _overlap(start_a, end_a, start_b, end_b, _SAME)


@borrowing
def _span_on_read(alignments, row, length):
    """The aligned part on the read as sequenced."""
    start, end = np.int64(alignments.query_start[row]), np.int64(alignments.query_end[row])
    if alignments.strand[row]:
        return length - end, length - start
    return start, end


@borrowing
def share_the_read(alignments, a, b, length):
    """Whether two alignments of a read lie over one part of it, so that one explains it or the other."""
    start_a, end_a = _span_on_read(alignments, a, length)
    start_b, end_b = _span_on_read(alignments, b, length)
    shared = min(end_a, end_b) - max(start_a, start_b)
    return shared > 0 and shared >= _RIVAL * min(end_a - start_a, end_b - start_b)


@borrowing
def _precedes(alignments, ties, is_alt, has_alt, a, b):
    if has_alt:
        alt_a, alt_b = is_alt[alignments.contig_index[a]], is_alt[alignments.contig_index[b]]
        if alt_a != alt_b:
            return alt_b
    if alignments.score[a] != alignments.score[b]:
        return alignments.score[a] > alignments.score[b]
    return ties[a] < ties[b]


@borrowing
def _rank_read(alignments, read, length, seed, is_alt, has_alt, first, out):
    """Rank the alignments of one read from ``first`` of the ranked rows on; returns where they end."""
    total = first
    for row in range(alignments.offsets[read], alignments.offsets[read + 1]):
        place = (np.uint64(alignments.ref_start[row]) << np.uint64(1)) | np.uint64(alignments.strand[row])
        out.ties[row] = mix(place ^ seed)
        if alignments.score[row] <= 0:
            continue
        at = total
        while at > first and _precedes(alignments, out.ties, is_alt, has_alt, row, out.rows[at - 1]):
            out.rows[at] = out.rows[at - 1]
            at -= 1
        out.rows[at] = row
        total += 1
    reach = length
    for i in range(first, total):
        row = out.rows[i]
        end = np.int64(fragment_end(alignments, row, length))
        out.ends[i] = end if alignments.strand[row] else -end
        reach = max(reach, length + alignments.ref_end[row] - alignments.ref_start[row])
    total = _drop_repeats(alignments, out, first, total, reach)
    alt_start = total
    if has_alt:
        while alt_start > first and is_alt[alignments.contig_index[out.rows[alt_start - 1]]]:
            alt_start -= 1
    out.alt_starts[read] = alt_start
    return total


@borrowing
def _take_over(before, read, shift, first, out):
    """Copy what was ranked of a read whose alignments only moved by ``shift`` rows; returns where it ends."""
    begin, end = before.offsets[read], before.offsets[read + 1]
    for i in range(begin, end):
        row = before.rows[i]
        out.rows[first + i - begin] = row + shift
        out.ends[first + i - begin] = before.ends[i]
        out.ties[row + shift] = before.ties[row]
    out.alt_starts[read] = first + before.alt_starts[read] - begin
    return first + end - begin


@borrowing
def rank_alignments(alignments, offsets, n_ends, first_template, is_alt, old_offsets, before, out):
    """Sort the alignments of each read and leave out what is the same place again.

    Parameters
    ----------
    alignments : Alignments
    offsets : (n_reads + 1,) int64, of the reads
    n_ends : reads per template
    first_template : ordinal of the first template
    is_alt : (n_contigs,) bool
    old_offsets, before : (n_reads + 1,) int64 and Ranking, of the same reads when some had fewer alignments,
        none other; empty ``old_offsets`` if there is no such ranking
    out : Ranking, room for all alignments

    Returns
    -------
    n_ranked : rows written
    """
    total = np.int64(0)
    has_alt = is_alt.any()
    for read in range(offsets.size - 1):
        out.offsets[read] = total
        begin, end = alignments.offsets[read], alignments.offsets[read + 1]
        if old_offsets.size > 0 and old_offsets[read + 1] - old_offsets[read] == end - begin:
            total = _take_over(before, read, begin - old_offsets[read], total, out)
            continue
        seed = mix(np.uint64(first_template + read // n_ends + 1))
        length = offsets[read + 1] - offsets[read]
        total = _rank_read(alignments, read, length, seed, is_alt, has_alt, total, out)
    out.offsets[offsets.size - 1] = total
    return total


@borrowing
def _drop_repeats(alignments, ranking, first, last, reach):
    """Keep the first of the ranked rows ``first`` to ``last`` at each place; returns where those kept end.

    reach : bp; alignments of one strand whose fragment ends lie further apart share no base of the reference
    """
    rows, ends = ranking.rows, ranking.ends
    kept = first
    for i in range(first, last):
        row, end = rows[i], ends[i]
        for j in range(first, kept):
            if abs(ends[j] - end) <= reach and _same_place(alignments, row, rows[j]):
                break
        else:
            rows[kept], ends[kept] = row, end
            kept += 1
    return kept


@borrowing
def _other_place_of(alignments, ranking, order, n, i, length, masters):
    """The first part among ``order[:n]`` that ranked row ``i`` is another place of, -1 if none."""
    for k in range(n):
        j = order[k]
        if masters[j] < 0 and share_the_read(alignments, ranking.rows[i], ranking.rows[j], length):
            return j
    return np.int32(-1)


@borrowing
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
