"""Mate rescue: where one end is placed, the other is sought in the stretch where its mate must lie.

Only for placements that no alignment of the mate fits. The stretch is searched with short words of every
position, far more sensitive than seeds of the whole genome can be; each shared word votes for its diagonal.
"""

from typing import NamedTuple

import numpy as np

from genomehub.kernels import vectors as v
from genomehub.kernels._jit import borrowing, inline, kernel
from genomehub.kernels.extension import prefetch_window, read_window
from genomehub.kernels.pairing import may_face
from genomehub.kernels.ranking import fragment_end

#: bp of the words that vote.
WORD = 8
#: A diagonal needs so many votes: about 15 equal bases in a row, or more with mismatches between.
_MIN_VOTES = 6
_N_WORDS = 1 << (2 * WORD)
_LANES = 32
_AHEAD = np.int64(4)  # searches whose stretches of the reference are asked for before they are made


class Votes(NamedTuple):
    """Working arrays of the search.

    head : (4 ** WORD,) int16, last position on the read of each word, -1 between searches
    before : (longest,) int16, the position before it that has the same word, -1 if none
    words : (longest,) int32, the word at each position of the read, -1 if it holds an N
    seen : (4 ** WORD / 64,) uint64, a bit for each word that ``head`` knows: small enough to stay near by
    diagonals : (longest + longest stretch + 64,) int16, votes, 0 between searches
    window : (longest stretch + 64,) uint8, codes of the stretch
    """

    head: np.ndarray
    before: np.ndarray
    words: np.ndarray
    seen: np.ndarray
    diagonals: np.ndarray
    window: np.ndarray


@inline
def _room_for_votes(stretch, longest):
    """Votes for stretches of up to ``stretch`` bp and reads of up to ``longest``."""
    return Votes(
        np.full(_N_WORDS, -1, dtype=np.int16),
        np.empty(longest, dtype=np.int16),
        np.empty(longest, dtype=np.int32),
        np.zeros(_N_WORDS // 64, dtype=np.uint64),
        np.zeros(longest + stretch + 64, dtype=np.int16),
        np.empty(stretch + 64, dtype=np.uint8),
    )


@borrowing
def _word_at(codes, begin, i, word, run):
    """Roll the word that ends at base ``i``; returns the word and how many bases without N lead to it."""
    code = np.int64(codes[begin + i])
    if code > 3:
        return np.int64(0), np.int64(0)
    return ((word << 2) | code) & (_N_WORDS - 1), run + 1


@borrowing
def _list_words(strands, begin, length, votes):
    word, run = np.int64(0), np.int64(0)
    for i in range(length):
        word, run = _word_at(strands, begin, i, word, run)
        if i < WORD - 1:
            continue
        start = i - WORD + 1
        votes.words[start] = -1
        if run >= WORD:
            votes.words[start] = word
            votes.before[start] = votes.head[word]
            votes.head[word] = start
            votes.seen[word >> 6] |= np.uint64(1) << np.uint64(word & 63)


@borrowing
def _most_votes(diagonals, n):
    """The first of ``diagonals[:n]`` with most votes, and these; zeros stand behind, a vector of them."""
    best, most = np.int64(0), np.int16(0)
    for d in range(0, n, _LANES):
        votes = v.load(diagonals, d, _LANES)
        more = v.mask_bits(v.greater(votes, v.splat(most, "i16", _LANES)))
        while more != np.uint64(0):
            at = d + np.int64(v.trailing_zeros(more))
            more &= more - np.uint64(1)
            if diagonals[at] > most:
                best, most = at, diagonals[at]
    return best, np.int64(most)


@borrowing
def best_diagonal(strands, begin, length, n_window, votes):
    """The diagonal of a stretch that shares most words with a read, and its votes.

    Parameters
    ----------
    strands : uint8; the read, as aligned, is ``strands[begin : begin + length]``
    n_window : the stretch is ``votes.window[:n_window]``
    votes : Votes, left as they were found

    Returns
    -------
    diagonal : start of the read relative to the stretch; the lowest of equals
    n_votes : 0 if nothing is shared
    """
    _list_words(strands, begin, length, votes)
    word, run = np.int64(0), np.int64(0)
    for i in range(n_window):
        word, run = _word_at(votes.window, np.int64(0), i, word, run)
        if run >= WORD and (votes.seen[word >> 6] >> np.uint64(word & 63)) & np.uint64(1):
            position = np.int64(votes.head[word])
            while position >= 0:
                votes.diagonals[i - WORD + 1 - position + length] += 1
                position = np.int64(votes.before[position])
    best, most = _most_votes(votes.diagonals, length + n_window)
    for d in range(length + n_window):
        votes.diagonals[d] = 0
    for start in range(length - WORD + 1):
        word = np.int64(votes.words[start])
        if word >= 0:
            votes.head[word] = -1
            votes.seen[word >> 6] = 0
    return best - length, most


@borrowing
def _is_answered(alignments, ranking, i, read, limits):
    """Whether some alignment of ``read`` makes a proper pair with ranked row ``i`` of its mate."""
    for j in range(ranking.offsets[read], ranking.offsets[read + 1]):
        if may_face(alignments, ranking, i, j, limits):
            return True
    return False


@borrowing
def _stretch(alignments, row, length, mate_length, bases, limits):
    """Where the mate of a placed read must lie: start and end (global) within the contig."""
    anchor = fragment_end(alignments, row, length)
    contig = np.int64(alignments.contig_index[row])
    if alignments.strand[row]:
        start, end = anchor - limits.high, anchor - limits.low + mate_length
    else:
        start, end = anchor + limits.low - mate_length, anchor + limits.high
    first = bases.contig_offsets[contig]
    return max(start, first), min(end, first + bases.contig_lengths[contig])


class Searches(NamedTuple):
    """What is searched for: ``read``, the mate of ``row`` of Alignments; (n,) int32 each, by read."""

    read: np.ndarray
    row: np.ndarray


@borrowing
def _list_searches(alignments, ranking, offsets, limits, max_rescues, out):
    """List the placements that no alignment of the mate fits; returns how many there are."""
    n = np.int64(0)
    for read in range(offsets.size - 1):
        mate = read ^ 1
        if offsets[read + 1] - offsets[read] < WORD:
            continue
        first = ranking.offsets[mate]
        for i in range(first, min(ranking.offsets[mate + 1], first + max_rescues)):
            score = alignments.score[ranking.rows[i]]
            if score < alignments.score[ranking.rows[first]] - limits.unpaired_penalty:
                break
            if score < limits.min_score:
                break
            if not _is_answered(alignments, ranking, i, read, limits):
                out.read[n], out.row[n] = read, ranking.rows[i]
                n += 1
    return n


@kernel
def rescue_mates(alignments, ranking, strands, offsets, bases, limits, max_rescues, longest, out):
    """Find candidates for reads beside the placements of their mates that nothing answers.

    Parameters
    ----------
    alignments, ranking : of both mates
    strands, offsets : the reads on both strands (extension.orient)
    bases : PackedReference
    limits : PairLimits
    max_rescues : placements of one end that are tried, best first, none that scores less than the best less
        the penalty for not being a pair
    longest : bp, longest read
    out : Candidates with room for n_reads * max_rescues

    Returns
    -------
    n_candidates : in all
    """
    n_reads = offsets.size - 1
    most = n_reads * max_rescues
    searches = Searches(np.empty(most, dtype=np.int32), np.empty(most, dtype=np.int32))
    n = _list_searches(alignments, ranking, offsets, limits, max_rescues, searches)
    votes = _room_for_votes(limits.high - limits.low + 2 * longest, longest)
    slot, done = np.int64(0), np.int64(0)
    for s in range(n):
        ahead = min(s + _AHEAD, n - 1)
        a, b = np.int64(searches.read[ahead]), np.int64(searches.row[ahead])
        length, mate_length = offsets[a + 1] - offsets[a], offsets[(a ^ 1) + 1] - offsets[a ^ 1]
        start, end = _stretch(alignments, b, mate_length, length, bases, limits)
        prefetch_window(bases, start, end - start)
        read, row = np.int64(searches.read[s]), np.int64(searches.row[s])
        while done <= read:
            out.offsets[done] = slot
            done += 1
        length, mate_length = offsets[read + 1] - offsets[read], offsets[(read ^ 1) + 1] - offsets[read ^ 1]
        start, end = _stretch(alignments, row, mate_length, length, bases, limits)
        if end - start < WORD:
            continue
        read_window(bases, np.int64(alignments.contig_index[row]), start, end, votes.window, np.int64(0))
        strand = 1 - np.int64(alignments.strand[row])
        begin = offsets[read] + strand * offsets[n_reads]
        diagonal, n_votes = best_diagonal(strands, begin, length, end - start, votes)
        if n_votes >= _MIN_VOTES:
            contig_start = bases.contig_offsets[alignments.contig_index[row]]
            out.strand[slot] = strand
            out.diagonal[slot] = start + diagonal
            out.low[slot], out.high[slot] = 0, 0
            out.anchor[slot] = max(np.int64(0), contig_start - start - diagonal)
            out.covered[slot] = n_votes + WORD - 1
            slot += 1
    out.offsets[done:] = slot
    return slot


@kernel
def merge_alignments(first, second, shift, out):
    """Join two sets of alignments read by read; ``shift`` is added to the problems of the second."""
    row = 0
    for read in range(first.offsets.size - 1):
        out.offsets[read] = row
        for source, added in ((first, 0), (second, shift)):
            for i in range(source.offsets[read], source.offsets[read + 1]):
                out.strand[row] = source.strand[i]
                out.contig_index[row] = source.contig_index[i]
                out.score[row] = source.score[i]
                out.query_start[row], out.query_end[row] = source.query_start[i], source.query_end[i]
                out.ref_start[row], out.ref_end[row] = source.ref_start[i], source.ref_end[i]
                out.problem[row] = source.problem[i] + added if source.problem[i] >= 0 else -1
                row += 1
    out.offsets[first.offsets.size - 1] = row
