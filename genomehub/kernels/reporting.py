"""Reporting: which alignments of a read become rows, beside the one that was chosen for it.

Between pairing and placement. As bwa mem reports them: other parts of a split read are supplementary, no
surer than the primary row; so is an alignment on an ALT contig that is better than all over the same part;
other places of a part are listed behind its row, for the XA tag, if they are few.
"""

from typing import NamedTuple

import numpy as np

from genomehub.kernels._jit import borrowing, inline
from genomehub.kernels.pairing import judge_alone

#: What a row is: the read's own, another part of it, or another place of the part in the row before.
PRIMARY, SUPPLEMENTARY, OTHER_PLACE = np.uint8(0), np.uint8(1), np.uint8(2)


class ReportLimits(NamedTuple):
    """What is reported; AlignConfig explains it."""

    min_score: int
    soft_clip: bool
    max_other_places: int
    max_alt_places: int
    other_place_ratio: float


class Rows(NamedTuple):
    """Rows of a batch: of each read the primary one, the others behind.

    read : (n,) int32
    alignment : (n,) int32, row of Alignments, -1 if the read is unmapped
    kind : (n,) uint8, PRIMARY, SUPPLEMENTARY or OTHER_PLACE
    hard_clip : (n,) bool, whether the row leaves out the bases that it does not align
    mapping_quality : (n,) uint8
    second_score : (n,) int32, best score of a rival, 0 if none
    alt_score : (n,) int32, score of the better ALT alignment over the same part, 0 if none
    """

    read: np.ndarray
    alignment: np.ndarray
    kind: np.ndarray
    hard_clip: np.ndarray
    mapping_quality: np.ndarray
    second_score: np.ndarray
    alt_score: np.ndarray


@inline
def _add(out, n, read, alignment, kind, hard_clip, quality, second):
    out.read[n] = read
    out.alignment[n] = alignment
    out.kind[n] = kind
    out.hard_clip[n] = hard_clip
    out.mapping_quality[n] = quality
    out.second_score[n] = second
    out.alt_score[n] = 0
    return n + 1


@inline
def _alt_score(alignments, ranking, parts, i, alt_start):
    """Score of the ALT alignment that ranked row ``i``, on the primary assembly, is another place of."""
    master = parts.whole[i]
    if i < alt_start <= master:
        return alignments.score[ranking.rows[master]]
    return np.int32(0)


@inline
def _place_of(parts, i, chosen, alt_start):
    """The part that ranked row ``i`` is another place of, once ``chosen`` stands for its part."""
    displaced = parts.whole[chosen]
    if 0 <= displaced < alt_start:
        if i == chosen:
            return np.int32(-1)
        if i == displaced or parts.whole[i] == displaced:
            return np.int32(chosen)
    return parts.whole[i]


@inline
def _is_listed(alignments, ranking, parts, i, part, chosen, alt_start, ratio):
    if _place_of(parts, i, chosen, alt_start) != part:
        return False
    return alignments.score[ranking.rows[i]] >= ratio * alignments.score[ranking.rows[part]]


@inline
def _add_other_places(alignments, ranking, parts, read, part, chosen, limits, out, n):
    """Add the other places of the ranked row ``part``, all or, if they are too many, none."""
    alt_start, last = ranking.alt_starts[read], ranking.offsets[read + 1]
    found, on_alt = 0, False
    for i in range(ranking.offsets[read], last):
        if _is_listed(alignments, ranking, parts, i, part, chosen, alt_start, limits.other_place_ratio):
            found += 1
            on_alt = on_alt or i >= alt_start
    if found > (limits.max_alt_places if on_alt else limits.max_other_places):
        return n
    for i in range(ranking.offsets[read], last):
        if _is_listed(alignments, ranking, parts, i, part, chosen, alt_start, limits.other_place_ratio):
            n = _add(out, n, read, ranking.rows[i], OTHER_PLACE, False, 0, 0)
    return n


@inline
def _is_supplementary(alignments, ranking, parts, i, chosen, alt_start, min_score):
    """Whether ranked row ``i`` is a part of its own, and ``chosen`` does not stand for that."""
    if i == chosen or alignments.score[ranking.rows[i]] < min_score:
        return False
    if i < alt_start:
        return parts.assembly[i] < 0 and parts.assembly[chosen] != i
    return parts.whole[i] < 0


@borrowing
def list_rows(alignments, ranking, parts, choice, offsets, unused, scoring, limits, out):
    """List the rows of every read.

    Parameters
    ----------
    alignments, ranking, parts, choice : Alignments, Ranking, Parts, Choice
    offsets : (n_reads + 1,) int64, of the reads
    unused : (n_reads,) float32, part of each read in seeds too frequent to be used
    scoring : AlignmentScoring
    limits : ReportLimits
    out : Rows, room for n_reads + all ranked alignments

    Returns
    -------
    n_rows : rows written

    Notes
    -----
    Plain twin  tests/plain/reporting.py
    """
    n = 0
    for read in range(offsets.size - 1):
        first, alt_start, last = ranking.offsets[read], ranking.alt_starts[read], ranking.offsets[read + 1]
        row = choice.row[read]
        primary_quality = choice.mapping_quality[read]
        n = _add(out, n, read, row, PRIMARY, False, primary_quality, choice.second_score[read])
        if row < 0 or last - first < 2:
            continue
        chosen = first
        while ranking.rows[chosen] != row:
            chosen += 1
        out.alt_score[n - 1] = _alt_score(alignments, ranking, parts, chosen, alt_start)
        if limits.max_other_places > 0:
            n = _add_other_places(alignments, ranking, parts, read, chosen, chosen, limits, out, n)
        length = offsets[read + 1] - offsets[read]
        for i in range(first, last):
            if not _is_supplementary(alignments, ranking, parts, i, chosen, alt_start, limits.min_score):
                continue
            row, rivals_end = ranking.rows[i], alt_start if i < alt_start else last
            quality, second = judge_alone(
                alignments, ranking, read, row, rivals_end, length, unused[read], scoring
            )
            if i < alt_start:
                quality = min(quality, np.int64(primary_quality))
            clip = i < alt_start and not limits.soft_clip
            n = _add(out, n, read, row, SUPPLEMENTARY, clip, quality, second)
            out.alt_score[n - 1] = _alt_score(alignments, ranking, parts, i, alt_start)
            if limits.max_other_places > 0:
                n = _add_other_places(alignments, ranking, parts, read, i, chosen, limits, out, n)
    return n
