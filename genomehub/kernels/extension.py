"""Extension: candidates become scored alignments.

Most reads lie on one diagonal with a mismatch or none, and no gap can better that: 64 bases
a vector are compared and the best clipped stretch is read off the mismatches. What a gap could better is
laid out as problems of banded alignment (kernels.banded), whose answers are taken back here.
"""

from typing import NamedTuple

import numpy as np

from genomehub.kernels import vectors as v
from genomehub.kernels._jit import borrowing, kernel
from genomehub.kernels.encode import COMPLEMENT, unpack_at
from genomehub.types import Base

_LANES = 64
#: Candidates whose reference is asked for before it is read.
_AHEAD = 8
_OTHER = np.uint8(Base.OTHER)
_START = np.int64(0)


class Alignments(NamedTuple):
    """Scored candidates; arrays run parallel to those of Candidates (same offsets).

    offsets : (n_reads + 1,) int64
    strand : (n,) uint8, 1 if the reverse complement of the read is aligned
    contig_index : (n,) int32
    score : (n,) int32, of the best part, as if the ends might be clipped: without end bonuses and without a
        mismatch in the last bases that they outweigh; 0 if nothing aligns
    query_start, query_end : (n,) int32, aligned part of the read as aligned
    ref_start, ref_end : (n,) int64, aligned part of the reference, global
    problem : (n,) int32, the answer of banded alignment that holds the CIGAR, -1 if there is no gap
    """

    offsets: np.ndarray
    strand: np.ndarray
    contig_index: np.ndarray
    score: np.ndarray
    query_start: np.ndarray
    query_end: np.ndarray
    ref_start: np.ndarray
    ref_end: np.ndarray
    problem: np.ndarray


@kernel
def orient(bases, offsets, out):
    """Write all reads, then their reverse complements, to ``out``: read r of strand t begins at
    ``offsets[r] + t * bases.size``. ``out`` is (2 * bases.size + 64,) uint8: vectors may load past the end.
    """
    n = bases.size
    out[:n] = bases
    for read in range(offsets.size - 1):
        begin, end = offsets[read], offsets[read + 1]
        for i in range(end - begin):
            out[n + begin + i] = COMPLEMENT[bases[end - 1 - i]]
    out[2 * n :] = Base.N


@borrowing
def contig_at(bases, position):
    """Index of the contig whose bases or preceding padding hold a global position."""
    contig, n = np.int64(0), np.int64(bases.contig_offsets.size)
    while n > 1:
        half = n >> 1
        contig += half * np.int64(bases.contig_offsets[contig + half] <= position)  # no branch to mispredict
        n -= half
    return contig


@borrowing
def _fill_other(out, begin, end):
    for i in range(begin, end):
        out[i] = _OTHER


@borrowing
def read_window(bases, contig, start, end, out, at):
    """Codes of ``start..end`` (global) to ``out`` from ``at`` on; what lies outside the contig is OTHER."""
    first = bases.contig_offsets[contig]
    last = first + bases.contig_lengths[contig]
    inner_start, inner_end = min(max(start, first), end), max(min(end, last), start)
    if inner_start >= inner_end:
        inner_start, inner_end = end, end
    _fill_other(out, at, at + inner_start - start)
    unpack_at(bases.packed, inner_start, inner_end, out, at + inner_start - start)
    _fill_other(out, at + inner_end - start, at + end - start)


@borrowing
def prefetch_window(bases, start, length):
    """Ask for ``length`` bp of the reference from global position ``start`` on."""
    v.prefetch_lines(bases.packed, start >> 1, (start + length + 1) >> 1)  # two bases a byte


@borrowing
def best_stretch(strands, begin, window, length, scoring):
    """Best alignment without gaps of ``strands[begin : begin + length]`` against ``window``.

    Returns
    -------
    total : score of the stretch with the bonus for each end of the read that is reached
    score : of the best part of the stretch, without bonuses
    start, end : the stretch of the read
        all 0 if the stretch with the best total has no positive score without bonuses

    Notes
    -----
    Both arrays are loaded in vectors of 64 past ``length``. Ties go for the later start and the longer
    stretch that reaches the end of the read, else the earlier end.
    """
    total, best_start, best_end = np.int64(0), np.int64(0), np.int64(0)
    current, current_start, last = np.int64(scoring.end_bonus), np.int64(0), np.int64(0)
    score, best_part, part = np.int64(0), np.int64(0), np.int64(0)  # part: the best that ends here
    for block in range(0, length, _LANES):
        same = v.equal(v.load(strands, begin + block, _LANES), v.load(window, block, _LANES))
        bits = ~v.mask_bits(same)
        if length - block < _LANES:
            bits &= (np.uint64(1) << np.uint64(length - block)) - np.uint64(1)
        while bits != np.uint64(0):
            mismatch = block + np.int64(v.trailing_zeros(bits))
            bits &= bits - np.uint64(1)
            gain = (mismatch - last) * scoring.match
            current += gain
            part += gain
            best_part = max(best_part, part)
            if current > total and mismatch > current_start:
                total, best_start, best_end, score = current, current_start, mismatch, best_part
            current -= scoring.mismatch
            part = max(part - scoring.mismatch, np.int64(0))
            last = mismatch + 1
            if current <= 0:
                current, current_start = np.int64(0), last
                best_part, part = np.int64(0), np.int64(0)
    gain = (length - last) * scoring.match
    current += gain + scoring.end_bonus
    if current >= total and length > current_start:
        total, best_start, best_end = current, current_start, np.int64(length)
        score = max(best_part, part + gain)
    if total <= scoring.end_bonus * ((best_start == 0) + (best_end == length)):
        return np.int64(0), np.int64(0), np.int64(0), np.int64(0)
    return total, score, best_start, best_end


@borrowing
def _cannot_gain(total, length, scoring):
    """Whether no alignment with a gap can score more than ``total`` (with bonuses)."""
    perfect = length * scoring.match + 2 * scoring.end_bonus
    return total >= perfect - scoring.gap_open - scoring.gap_extend


@kernel
def extend_ungapped(candidates, strands, offsets, bases, scoring, longest, out, exact):
    """Score every candidate along its diagonal.

    Parameters
    ----------
    candidates : Candidates
    strands : (2 * n_bases + 64,) uint8, from orient
    offsets : (n_reads + 1,) int64, of the reads
    bases : PackedReference
    scoring : AlignmentScoring
    longest : bp, longest read
    out : Alignments with as many rows as candidates
    exact : (n,) bool, receives whether no gap can better the score
    """
    window = np.empty(longest + _LANES, dtype=np.uint8)
    n_bases = offsets[offsets.size - 1]
    last = candidates.diagonal.size - 1
    for read in range(offsets.size - 1):
        length = offsets[read + 1] - offsets[read]
        out.offsets[read] = candidates.offsets[read]
        for c in range(candidates.offsets[read], candidates.offsets[read + 1]):
            diagonal = candidates.diagonal[c]
            prefetch_window(bases, candidates.diagonal[min(c + _AHEAD, last)], length)
            contig = contig_at(bases, diagonal + candidates.anchor[c])
            read_window(bases, contig, diagonal, diagonal + length, window, _START)
            begin = offsets[read] + candidates.strand[c] * n_bases
            total, score, start, end = best_stretch(strands, begin, window, length, scoring)
            exact[c] = _cannot_gain(total, length, scoring)
            out.strand[c] = candidates.strand[c]
            out.contig_index[c] = contig
            out.score[c] = score
            out.query_start[c], out.query_end[c] = start, end
            out.ref_start[c], out.ref_end[c] = diagonal + start, diagonal + end
            out.problem[c] = -1
    out.offsets[offsets.size - 1] = candidates.offsets[offsets.size - 1]


@borrowing
def _n_before(candidates, exact, first, last, c):
    """How many inexact candidates, ``first`` to ``last``, cover more than ``c``, or as much before it."""
    n, covered = 0, candidates.covered[c]
    for other in range(first, last):
        if not exact[other]:
            theirs = candidates.covered[other]
            n += theirs > covered or (theirs == covered and other < c)
    return n


@kernel
def choose_gapped(candidates, alignments, exact, max_gapped, ratio, exact_ratio, chosen):
    """Choose the candidates that are worth banded alignment.

    Of the inexact candidates of a read the ``max_gapped`` that cover most (the score without gaps says
    nothing of gaps), if they come near the read's best in covered bases or ungapped score: within
    ``ratio`` of it, or ``exact_ratio`` if an exact candidate stands and only the runner-up is sought.

    Returns
    -------
    n_chosen : rows written to ``chosen`` (int32, indices of candidates)
    """
    n_chosen = 0
    for read in range(candidates.offsets.size - 1):
        first, last = candidates.offsets[read], candidates.offsets[read + 1]
        best_covered, best_score, any_exact = 0, 0, False
        for c in range(first, last):
            best_covered = max(best_covered, candidates.covered[c])
            best_score = max(best_score, alignments.score[c])
            any_exact = any_exact or exact[c]
        part = exact_ratio if any_exact else ratio
        for c in range(first, last):
            near = candidates.covered[c] >= part * best_covered or alignments.score[c] >= part * best_score
            if not near or exact[c]:
                continue
            if last - first <= max_gapped or _n_before(candidates, exact, first, last, c) < max_gapped:
                chosen[n_chosen] = c
                n_chosen += 1
    return n_chosen


@borrowing
def _read_of(offsets, c, read):
    """The read that candidate ``c`` belongs to, at or after ``read``."""
    while offsets[read + 1] <= c:
        read += 1
    return read


@kernel
def lay_out_problems(
    candidates,
    contigs,
    chosen,
    strands,
    offsets,
    bases,
    band,
    queries,
    query_offsets,
    targets,
    target_offsets,
):
    """Copy the reads and reference windows of the ``chosen`` candidates, ascending, for align_banded.

    Parameters
    ----------
    contigs : (n_candidates,) int32
    queries, targets : uint8, sized by the caller from the reads' lengths and ``band``
    query_offsets, target_offsets : (n_chosen + 1,) int64, filled
    """
    n_bases = offsets[offsets.size - 1]
    query_offsets[0], target_offsets[0] = 0, 0
    read = np.int64(0)
    for p in range(chosen.size):
        c = chosen[p]
        read = _read_of(candidates.offsets, c, read)
        length = offsets[read + 1] - offsets[read]
        ahead = chosen[min(p + _AHEAD, chosen.size - 1)]
        prefetch_window(bases, problem_start(candidates, ahead, band), length + 2 * band)
        begin = offsets[read] + candidates.strand[c] * n_bases
        queries[query_offsets[p] : query_offsets[p] + length] = strands[begin : begin + length]
        query_offsets[p + 1] = query_offsets[p] + length
        start = problem_start(candidates, c, band)
        end = start + length + 2 * band
        read_window(bases, np.int64(contigs[c]), start, end, targets, target_offsets[p])
        target_offsets[p + 1] = target_offsets[p] + length + 2 * band


@borrowing
def problem_start(candidates, c, band):
    """Global position of a candidate's window: the middle of its diagonals less the band."""
    return candidates.diagonal[c] + ((candidates.low[c] + candidates.high[c]) >> 1) - band


@kernel
def take_answers(candidates, chosen, band, first_problem, spans, out):
    """Write the answers of banded alignment into the rows of their candidates.

    Parameters
    ----------
    spans : score, query_start, query_end, target_start, target_end of align_banded, each (n_chosen,) int32
    first_problem : number of the first answer among all answers kept
    """
    score, query_start, query_end, target_start, target_end = spans
    for p in range(chosen.size):
        c = chosen[p]
        if score[p] <= 0:
            continue
        start = problem_start(candidates, c, band)
        out.score[c] = score[p]
        out.query_start[c], out.query_end[c] = query_start[p], query_end[p]
        out.ref_start[c], out.ref_end[c] = start + target_start[p], start + target_end[p]
        out.problem[c] = first_problem + p
