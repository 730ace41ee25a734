"""Pairing: of the alignments of two mates, the combination that explains the template best.

Combinations of ranked alignments (kernels/ranking.py) with mates facing each other at a plausible distance
compete, by their scores and the likelihood of the distance, with the best placement of each end alone. Ties
are broken by a hash of the template's ordinal and the place, so a true multi-mapper goes to one of its
places as if by chance, but always to the same one.

Alignments on ALT contigs stand behind all on the primary assembly: they neither pair nor compete. If an end
has none on the primary assembly, or is a split read, each end is settled by itself, as bwa mem does.
"""

import math
from typing import NamedTuple

import numpy as np

from genomehub.kernels._jit import borrowing
from genomehub.kernels.mapq import pair_quality, single_quality, with_pair
from genomehub.kernels.ranking import fragment_end, share_the_read
from genomehub.kernels.seeds import mix


class PairLimits(NamedTuple):
    """Bounds of pairing: AlignConfig and InsertSizeModel explain them.

    low, high : bp, outer distances of a proper pair
    """

    mean: float
    standard_deviation: float
    low: int
    high: int
    unpaired_penalty: int
    min_score: int
    min_mate_score: int


class Choice(NamedTuple):
    """What was decided for each read.

    row : (n_reads,) int32, row of Alignments, -1 if unmapped
    mapping_quality : (n_reads,) uint8
    second_score : (n_reads,) int32, best score of a rival, 0 if none
    proper : (n_reads,) uint8, 1 if the read and its mate are placed as a proper pair
    """

    row: np.ndarray
    mapping_quality: np.ndarray
    second_score: np.ndarray
    proper: np.ndarray


@borrowing
def outer_distance(alignments, row_1, length_1, row_2, length_2):
    """bp from the forward mate's 5' end to the reverse mate's, -1 if the mates do not face each other."""
    if alignments.contig_index[row_1] != alignments.contig_index[row_2]:
        return np.int64(-1)
    if alignments.strand[row_1] == alignments.strand[row_2]:
        return np.int64(-1)
    end_1, end_2 = fragment_end(alignments, row_1, length_1), fragment_end(alignments, row_2, length_2)
    return end_1 - end_2 if alignments.strand[row_1] else end_2 - end_1


@borrowing
def distance_score(distance, limits, match):
    """Points of score a distance is worth: the log-likelihood of one as far from the mean, at most 0.5."""
    away = abs(distance - limits.mean) / limits.standard_deviation
    likelihood = 2.0 * math.erfc(away * 0.7071067811865476)
    return 0.721 * math.log(max(likelihood, 1e-300)) * match


@borrowing
def _rivals(alignments, ranking, read, chosen, last, length, near):
    """Best score of another place for a read, and how many come within ``near`` of the chosen one's.

    Rivals are the read's ranked alignments before ``last``.
    """
    second, n_near = np.int64(0), 0
    for i in range(ranking.offsets[read], last):
        row = ranking.rows[i]
        if row == chosen or not share_the_read(alignments, chosen, row, length):
            continue
        second = max(second, np.int64(alignments.score[row]))
        if alignments.score[chosen] - alignments.score[row] <= near:
            n_near += 1
    return second, n_near


@borrowing
def _near(scoring):
    """Points that one difference costs: rivals no further behind are counted."""
    return max(scoring.match + scoring.mismatch, scoring.gap_open + scoring.gap_extend)


@borrowing
def judge_alone(alignments, ranking, read, row, last, length, unused, scoring):
    """Quality and second score of an alignment of a read by itself; ``last`` as _rivals takes it."""
    second, n_near = _rivals(alignments, ranking, read, row, last, length, _near(scoring))
    aligned = max(
        alignments.query_end[row] - alignments.query_start[row],
        alignments.ref_end[row] - alignments.ref_start[row],
    )
    score = np.int64(alignments.score[row])
    return single_quality(score, second, n_near, np.int64(aligned), unused, scoring), second


@borrowing
def may_face(alignments, ranking, i, j, limits):
    """Whether ranked rows ``i`` and ``j`` of two mates face each other within the bounds of a proper pair."""
    if not limits.low <= ranking.ends[i] + ranking.ends[j] <= limits.high:
        return False  # as nearly all
    a, b = ranking.rows[i], ranking.rows[j]
    same_contig = alignments.contig_index[a] == alignments.contig_index[b]
    return same_contig and alignments.strand[a] != alignments.strand[b]


@borrowing
def _points(alignments, ranking, i, j, limits, match):
    """Score of ranked rows ``i`` and ``j`` as a pair, not rounded."""
    distance = ranking.ends[i] + ranking.ends[j]
    a, b = ranking.rows[i], ranking.rows[j]
    return alignments.score[a] + alignments.score[b] + distance_score(distance, limits, match)


@borrowing
def _best_pair(alignments, ranking, read, limits, match):
    """Best and second-best combination of the mates ``read`` and ``read + 1`` on the primary assembly.

    Returns
    -------
    rows : of the best combination, -1 if there is none
    best, second : their scores
    """
    row_1, row_2 = np.int32(-1), np.int32(-1)
    best, second, best_tie = np.int64(-1), np.int64(-1), np.uint64(0)
    for i in range(ranking.offsets[read], ranking.alt_starts[read]):
        for j in range(ranking.offsets[read + 1], ranking.alt_starts[read + 1]):
            if not may_face(alignments, ranking, i, j, limits):
                continue
            points = _points(alignments, ranking, i, j, limits, match)
            points = max(np.int64(math.floor(points + 0.499)), np.int64(0))
            a, b = ranking.rows[i], ranking.rows[j]
            tie = mix(ranking.ties[a] + np.uint64(3) * ranking.ties[b])
            if points > best or (points == best and tie < best_tie):
                second = best
                row_1, row_2, best, best_tie = a, b, points, tie
            elif points > second:
                second = points
    return row_1, row_2, best, second


@borrowing
def _count_near(alignments, ranking, read, limits, match, second, near, best_1, best_2):
    """Combinations, other than the best, that come within ``near`` of the second-best."""
    n = 0
    for i in range(ranking.offsets[read], ranking.alt_starts[read]):
        for j in range(ranking.offsets[read + 1], ranking.alt_starts[read + 1]):
            if not may_face(alignments, ranking, i, j, limits):
                continue
            if ranking.rows[i] == best_1 and ranking.rows[j] == best_2:
                continue
            if second - math.floor(_points(alignments, ranking, i, j, limits, match) + 0.499) <= near:
                n += 1
    return n


@borrowing
def _best_alone(alignments, ranking, read, min_score):
    """The read's best row that scores enough, on an ALT contig only if need be, and where its rivals end.

    The row is -1 if there is none.
    """
    for first, last in (
        (ranking.offsets[read], ranking.alt_starts[read]),
        (ranking.alt_starts[read], ranking.offsets[read + 1]),
    ):
        if first < last and alignments.score[ranking.rows[first]] >= min_score:
            return ranking.rows[first], last
    return np.int32(-1), ranking.offsets[read]


@borrowing
def _settle_alone(alignments, ranking, read, length, unused, scoring, min_score, out):
    row, last = _best_alone(alignments, ranking, read, min_score)
    out.row[read] = row
    out.proper[read] = 0
    out.mapping_quality[read] = 0
    out.second_score[read] = 0
    if row >= 0:
        quality, second = judge_alone(alignments, ranking, read, row, last, length, unused, scoring)
        out.mapping_quality[read] = quality
        out.second_score[read] = second


@borrowing
def _settle_pair(alignments, ranking, read, lengths, rows, quality, unused, scoring, out):
    for end in range(2):
        mate = read + end
        last = ranking.alt_starts[mate]
        single, second = judge_alone(
            alignments, ranking, mate, rows[end], last, lengths[end], unused[mate], scoring
        )
        out.row[mate] = rows[end]
        out.proper[mate] = 1
        out.second_score[mate] = second
        lead = np.int64(alignments.score[rows[end]])
        out.mapping_quality[mate] = with_pair(single, quality, lead, scoring.match)


@borrowing
def _stands_apart(alignments, ranking, parts, read, min_score):
    """Whether pairing must not place a read: it is split, or placed on ALT contigs only."""
    first, last = ranking.offsets[read], ranking.alt_starts[read]
    if first == last:
        return last < ranking.offsets[read + 1]
    for i in range(first + 1, last):
        if alignments.score[ranking.rows[i]] < min_score:
            break
        if parts.assembly[i] < 0:
            return True
    return False


@borrowing
def _mark_proper(alignments, read, lengths, limits, out):
    """Mates settled apart are a proper pair all the same if they face each other within the bounds."""
    row_1, row_2 = out.row[read], out.row[read + 1]
    if row_1 >= 0 and row_2 >= 0:
        distance = outer_distance(alignments, row_1, lengths[0], row_2, lengths[1])
        proper = np.uint8(limits.low <= distance <= limits.high)
        out.proper[read], out.proper[read + 1] = proper, proper


@borrowing
def _settle_together(alignments, ranking, read, lengths, unused, scoring, limits, out):
    """Settle ``read`` and the next as a proper pair, if that scores more than the best of each end alone.

    Alone they lose the penalty for not being a pair; the runner-up that the best combination is measured by
    is the better of that and the second-best combination. Returns whether the pair stands.
    """
    row_1, row_2, best, second = _best_pair(alignments, ranking, read, limits, scoring.match)
    if row_1 < 0:
        return False
    score_1, score_2 = np.int64(alignments.score[row_1]), np.int64(alignments.score[row_2])
    if max(score_1, score_2) < limits.min_score or min(score_1, score_2) < limits.min_mate_score:
        return False
    alone = -np.int64(limits.unpaired_penalty)
    for mate in range(read, read + 2):
        alone += alignments.score[ranking.rows[ranking.offsets[mate]]]
    if best <= alone:
        return False
    n_near = 0
    if second >= 0:
        near = _near(scoring)
        n_near = _count_near(alignments, ranking, read, limits, scoring.match, second, near, row_1, row_2)
    quality = pair_quality(best, max(second, alone), n_near, unused[read], unused[read + 1], scoring.match)
    _settle_pair(alignments, ranking, read, lengths, (row_1, row_2), quality, unused, scoring, out)
    return True


@borrowing
def choose_alignments(alignments, ranking, parts, offsets, unused, scoring, limits, paired, out):
    """Settle the place of every read.

    Parameters
    ----------
    alignments, ranking, parts : Alignments, Ranking, Parts
    offsets : (n_reads + 1,) int64, of the reads
    unused : (n_reads,) float32, part of each read in seeds too frequent to be used
    scoring : AlignmentScoring
    limits : PairLimits
    paired : whether reads 2t and 2t + 1 are mates that may be placed together; else every read is settled by
        itself
    out : Choice
    """
    step = 2 if paired else 1
    for read in range(0, offsets.size - 1, step):
        apart = False
        if paired:
            lengths = (offsets[read + 1] - offsets[read], offsets[read + 2] - offsets[read + 1])
            apart = _stands_apart(alignments, ranking, parts, read, limits.min_score) or _stands_apart(
                alignments, ranking, parts, read + 1, limits.min_score
            )
            if not apart and _settle_together(
                alignments, ranking, read, lengths, unused, scoring, limits, out
            ):
                continue
        for end in range(read, read + step):
            length = offsets[end + 1] - offsets[end]
            _settle_alone(alignments, ranking, end, length, unused[end], scoring, limits.min_score, out)
        if apart:
            lengths = (offsets[read + 1] - offsets[read], offsets[read + 2] - offsets[read + 1])
            _mark_proper(alignments, read, lengths, limits, out)


@borrowing
def confident_distances(alignments, choice, offsets, min_quality, max_distance, out):
    """Outer distances of templates whose mates both are placed surely and face each other.

    Parameters
    ----------
    min_quality : both mates' mapping quality must reach it
    max_distance : bp, greater ones are left out
    out : (n_templates,) int64

    Returns
    -------
    n : distances written
    """
    n = 0
    for read in range(0, offsets.size - 1, 2):
        row_1, row_2 = choice.row[read], choice.row[read + 1]
        if row_1 < 0 or row_2 < 0:
            continue
        if min(choice.mapping_quality[read], choice.mapping_quality[read + 1]) < min_quality:
            continue
        length_1, length_2 = offsets[read + 1] - offsets[read], offsets[read + 2] - offsets[read + 1]
        distance = outer_distance(alignments, row_1, length_1, row_2, length_2)
        if 0 < distance <= max_distance:
            out[n] = distance
            n += 1
    return n
