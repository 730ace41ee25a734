"""Chaining: places of one read's seeds become chains, the candidates for its alignment.

A hit is one word, so that sorting words sorts hits by strand, diagonal and position on the read. Hits on one
diagonal make a run; the run that covers most of the read anchors a chain and takes up the runs beside it
that continue it across a gap. What is left anchors the next chain. The greedy choice costs less than dynamic
programming over hits and loses nothing that alignment with gaps would not find again: alignment looks at a
whole band round the anchor. Chains compete over the part of the read that they cover: what the best ones
leave free at an end may hold the other part of a split read, whose chains compete among themselves.
"""

from typing import NamedTuple

import numpy as np

from genomehub.kernels._jit import borrowing, inline
from genomehub.kernels.sorting import insertion_sort, sort_spread
from genomehub.types import AlignmentScoring

#: Bits of a hit: strand above, diagonal + BIAS, position of the seed on the read as aligned (lowest).
POSITION_BITS, STRAND_SHIFT = 12, 50
#: Added to diagonals, which are negative for a read that hangs over the start of all.
BIAS = 1 << 20
_BELOW, _ABOVE = np.int64(-1), np.int64(1)
#: More hits than this are sorted as words spread over the genome.
_MANY = 32


class ChainLimits(NamedTuple):
    """Bounds of chaining; AlignConfig explains them.

    min_part : bp; what better chains leave free at an end of the read is a part of its own from this length
    """

    max_gap: int
    max_candidates: int
    min_ratio: float
    min_part: int
    scoring: AlignmentScoring


class Runs(NamedTuple):
    """Seeds of a read on one diagonal, in the order of their words.

    diagonal : (n,) int64, global position of the first base of the read as aligned, strand << 38 added
    begin, end : (n,) int32, from the first seed's start to the last seed's end on the read as aligned
    covered : (n,) int32, bases of the read in seeds; 0 once the run is taken
    spare : (n,) uint64, and starts : (4 * n + 1,) int32, for sorting
    order : (n,) int32, runs that cover most first
    counts : (length of the read + 2,) int32, for sorting
    """

    diagonal: np.ndarray
    begin: np.ndarray
    end: np.ndarray
    covered: np.ndarray
    spare: np.ndarray
    starts: np.ndarray
    order: np.ndarray
    counts: np.ndarray


@inline
def room_for_runs(n, longest):
    """Runs with room for ``n`` hits of a read of ``longest`` bp."""
    return Runs(
        np.empty(n, dtype=np.int64),
        np.empty(n, dtype=np.int32),
        np.empty(n, dtype=np.int32),
        np.empty(n, dtype=np.int32),
        np.empty(n, dtype=np.uint64),
        np.empty(4 * n + 1, dtype=np.int32),
        np.empty(n, dtype=np.int32),
        np.empty(longest + 2, dtype=np.int32),
    )


class Candidates(NamedTuple):
    """Chains of the reads of a batch, for each read those of its best part first, best first in each part.

    offsets : (n_reads + 1,) int64, starts of the reads' candidates in the other arrays
    strand : (n,) uint8, 1 if the reverse complement of the read is aligned
    diagonal : (n,) int64, global position of the aligned read's first base along the chain's longest run
    low, high : (n,) int32, lowest and highest diagonal of the chain, relative to ``diagonal``
    anchor : (n,) int32, position on the aligned read of the first seed of that run
    covered : (n,) int32, bases of the read in the chain's seeds, less what its gaps cost
    """

    offsets: np.ndarray
    strand: np.ndarray
    diagonal: np.ndarray
    low: np.ndarray
    high: np.ndarray
    anchor: np.ndarray
    covered: np.ndarray


@borrowing
def pack_hit(strand, diagonal, position):
    """One word of strand (0, 1), diagonal and position on the read as aligned."""
    word = (strand << STRAND_SHIFT) | ((diagonal + BIAS) << POSITION_BITS) | position
    return np.uint64(word)


@borrowing
def hit_diagonal(hit):
    """Strand and diagonal of a hit, as Runs hold them."""
    return np.int64(hit) >> POSITION_BITS


@borrowing
def hit_position(hit):
    """Position on the read as aligned."""
    return np.int64(hit) & ((1 << POSITION_BITS) - 1)


@borrowing
def find_runs(hits, n, k, runs):
    """Sort ``hits[:n]`` and join those on one diagonal to runs; returns the number of runs."""
    if n > _MANY:
        sort_spread(hits, n, STRAND_SHIFT, runs.spare, runs.starts)
    else:
        if n > 1 and hits[0] > hits[n - 1]:
            # Seeds of a reverse read come last first: the worst case of insertion sort, and easily mended.
            for i in range(n // 2):
                hits[i], hits[n - 1 - i] = hits[n - 1 - i], hits[i]
        insertion_sort(hits, np.int64(0), n)
    n_runs = 0
    last = np.int64(-1)
    for i in range(n):
        word = np.int64(hits[i])
        diagonal = hit_diagonal(word)
        position = hit_position(word)
        if diagonal != last:
            runs.diagonal[n_runs] = diagonal
            runs.begin[n_runs] = position
            runs.end[n_runs] = position
            runs.covered[n_runs] = 0
            n_runs += 1
            last = diagonal
        run = n_runs - 1
        runs.covered[run] += position + k - max(position, np.int64(runs.end[run]))
        runs.end[run] = position + k
    return n_runs


@borrowing
def _order_runs(runs, n_runs, length):
    """Put the runs in the order of their coverage, most first, ties as they stand (a counting sort)."""
    counts = runs.counts
    for i in range(length + 2):
        counts[i] = 0
    for run in range(n_runs):
        counts[length - runs.covered[run] + 1] += 1
    for i in range(length + 1):
        counts[i + 1] += counts[i]
    for run in range(n_runs):
        free = length - runs.covered[run]
        runs.order[counts[free]] = run
        counts[free] += 1


@borrowing
def _gap_cost(gap):
    """Bases that a gap takes from a chain; it grows slowly: seeds show only part of what follows a gap."""
    cost = 1
    while gap > 1:
        gap >>= 1
        cost += 1
    return cost


@borrowing
def _pays(free, gap, scoring):
    """Whether an alignment may cross a gap to reach ``free`` bases between a chain and an end of the read."""
    return free * scoring.match + scoring.end_bonus > scoring.gap_open + gap * scoring.gap_extend


@borrowing
def _join(runs, anchor, run, begin, end, length, scoring):
    """Bases that ``run`` adds to a chain on ``anchor`` that spans ``begin`` to ``end``, and the new span.

    To the right the run counts from where both read and reference have passed the chain's end, to the left
    likewise; nothing is added if the gap costs more than that, or more than all bases beyond it can earn:
    alignment would clip there, and the run may be the other part of a split read. The last value says whether
    the run, reaching no further than its seeds, would be crossed to all the same.
    """
    shift = runs.diagonal[run] - runs.diagonal[anchor]
    cost = _gap_cost(abs(shift))
    if runs.end[run] > end and _pays(length - end, abs(shift), scoring):
        start = max(np.int64(runs.begin[run]), end + max(0, -shift))
        gain = min(np.int64(runs.covered[run]), runs.end[run] - start) - cost
        if gain > 0:
            return gain, begin, np.int64(runs.end[run]), _pays(length - start, abs(shift), scoring)
    if runs.begin[run] < begin and _pays(begin, abs(shift), scoring):
        stop = min(np.int64(runs.end[run]), begin - max(0, shift))
        gain = min(np.int64(runs.covered[run]), stop - runs.begin[run]) - cost
        if gain > 0:
            return gain, np.int64(runs.begin[run]), end, _pays(stop, abs(shift), scoring)
    return np.int64(0), begin, end, False


@borrowing
def _grow(runs, n_runs, anchor, step, length, limits, begin, end):
    """Take runs on diagonals below (step -1) or above (1) the anchor's into its chain.

    Returns bases gained, the reach in diagonals and the new span. Runs near by that add nothing are taken
    all the same: alignment round the anchor covers them. Runs that alignment may clip after all also stay
    for a chain of their own.
    """
    near = length // 20
    gained, reach = np.int64(0), np.int64(0)
    run = anchor + step
    while 0 <= run < n_runs and abs(runs.diagonal[run] - runs.diagonal[anchor]) <= limits.max_gap:
        shift = runs.diagonal[run] - runs.diagonal[anchor]
        if runs.covered[run] > 0:
            gain, begin, end, surely = _join(runs, anchor, run, begin, end, length, limits.scoring)
            if gain > 0:
                gained += gain
                reach = shift
            if surely or abs(shift) <= near:
                runs.covered[run] = 0
        run += step
    return gained, reach, begin, end


@borrowing
def place_of_diagonal(diagonal):
    """Strand, and global position of the aligned read's first base, of a diagonal as Runs hold it."""
    shift = STRAND_SHIFT - POSITION_BITS
    return diagonal >> shift, (diagonal & ((1 << shift) - 1)) - BIAS


@borrowing
def put_candidate(hit, covered, out, slot):
    """Write a candidate on the diagonal of one hit, its leftmost, to ``slot`` of Candidates."""
    out.strand[slot], out.diagonal[slot] = place_of_diagonal(hit_diagonal(hit))
    out.low[slot], out.high[slot] = 0, 0
    out.anchor[slot] = hit_position(hit)
    out.covered[slot] = covered


@borrowing
def _on_read(strand, begin, end, length):
    """A span of the read as aligned on the read as sequenced."""
    if strand:
        return length - end, length - begin
    return begin, end


@borrowing
def _strand_of(runs, run):
    return runs.diagonal[run] >> (STRAND_SHIFT - POSITION_BITS)


@borrowing
def _drop_covered(runs, n_runs, first, last, length):
    """Drop the runs of which more than half lies within ``first`` to ``last`` of the read as sequenced."""
    for run in range(n_runs):
        begin, end = _on_read(
            _strand_of(runs, run), np.int64(runs.begin[run]), np.int64(runs.end[run]), length
        )
        if 2 * (min(end, last) - max(begin, first)) > end - begin:
            runs.covered[run] = 0


@borrowing
def chain_hits(hits, n, k, length, limits, runs, out, slot):
    """Chain the hits of one read into candidates.

    Parameters
    ----------
    hits : uint64, words of pack_hit; ``hits[:n]`` is sorted in place
    k : bp, length of a seed
    length : bp, of the read
    limits : ChainLimits
    runs : Runs, room for n
    out : Candidates; filled from index ``slot`` on

    Returns
    -------
    n_candidates : at most limits.max_candidates

    Notes
    -----
    Cost        O(n log n), and what lies within max_gap of each candidate
    Plain twin  tests/plain/chaining.py
    """
    n_runs = find_runs(hits, n, k, runs)
    _order_runs(runs, n_runs, length)
    found, rank = 0, 0
    floor = np.float64(0)
    first, last = np.int64(length), np.int64(0)  # span of the chains' anchors on the read as sequenced
    while found < limits.max_candidates:
        while rank < n_runs and runs.covered[runs.order[rank]] == 0:
            rank += 1
        if rank == n_runs:
            break
        anchor = np.int64(runs.order[rank])
        covered = np.int64(runs.covered[anchor])
        if covered < floor:
            if max(first, length - last) < limits.min_part:
                break
            _drop_covered(runs, n_runs, first, last, length)
            floor = np.float64(0)
            continue
        runs.covered[anchor] = 0
        begin, end = np.int64(runs.begin[anchor]), np.int64(runs.end[anchor])
        gain_low, low, begin, end = _grow(runs, n_runs, anchor, _BELOW, length, limits, begin, end)
        gain_high, high, begin, end = _grow(runs, n_runs, anchor, _ABOVE, length, limits, begin, end)
        covered += gain_low + gain_high
        floor = max(floor, limits.min_ratio * covered)
        strand = _strand_of(runs, anchor)
        begin, end = _on_read(strand, np.int64(runs.begin[anchor]), np.int64(runs.end[anchor]), length)
        first, last = min(first, begin), max(last, end)
        place = slot + found
        out.strand[place], out.diagonal[place] = place_of_diagonal(runs.diagonal[anchor])
        out.low[place] = low
        out.high[place] = high
        out.anchor[place] = runs.begin[anchor]
        out.covered[place] = covered
        found += 1
    return found
