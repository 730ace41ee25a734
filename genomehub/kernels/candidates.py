"""Seeds of a batch of reads are chained: reads to candidates.

What kernels.lookup settles by a few seeds is a candidate as it is. For the other reads rare seeds are used
first; frequent ones only where the rare ones leave a stretch of the read open or are too few to be sure.
"""

from typing import NamedTuple

import numpy as np

from genomehub.kernels import vectors as v
from genomehub.kernels._jit import borrowing, kernel
from genomehub.kernels.chaining import (
    ChainLimits,
    Runs,
    chain_hits,
    hit_diagonal,
    place_of_diagonal,
    put_candidate,
    room_for_runs,
)
from genomehub.kernels.lookup import (
    OPEN,
    TILE,
    Genome,
    Links,
    OrientedReads,
    Seeds,
    Settled,
    Spans,
    find_links,
    follows,
    is_on_alt,
    links_of_read,
    look_up_tile,
    narrow_spans,
    place_hit,
    probes_needed,
    spans_of_read,
    tile_of_seeds,
    want_nothing,
    want_span,
)
from genomehub.kernels.seeds import ZERO, seed_scratch
from genomehub.types import AlignmentScoring

_FORWARD, _REVERSE, _EITHER = np.int64(0), np.int64(1), np.int64(2)  # strands of hits that are wanted
_SLACK = 64  # bp that indels may shift a read beside its mate
#: Mismatches that make a place no rival: 3 x 5 points of score are a mapping quality of 60 and more.
_SURE_SEEDS = 3.0


class SeedLimits(NamedTuple):
    """Which seeds are used; AlignConfig explains them."""

    max_frequency: int
    max_pair_frequency: int
    max_linked_frequency: int
    rescue_frequency: int
    rescue_fraction: float
    max_hits: int


class MateReach(NamedTuple):
    """Outer distances of mates that face each other, bp; ``high`` is 0 where reads have no mates."""

    low: int
    high: int


class Beside(NamedTuple):
    """Where a mate whose place is known wants a read: its strand, and bounds of its diagonal."""

    strand: int
    low: int
    high: int


class Batch(NamedTuple):
    """What all reads of a batch are looked up with.

    reads : OrientedReads; genome : Genome; scoring : AlignmentScoring
    needed : probes that must agree, by length of the read (lookup.probes_needed)
    seed_limits, chain_limits : SeedLimits, ChainLimits
    reach : MateReach
    """

    reads: OrientedReads
    genome: Genome
    scoring: AlignmentScoring
    needed: np.ndarray
    seed_limits: SeedLimits
    chain_limits: ChainLimits
    reach: MateReach


class Tile(NamedTuple):
    """Reads that are looked up together, from read ``first`` on: their seeds, and which are settled."""

    first: int
    seeds: Seeds
    settled: Settled


class Work(NamedTuple):
    """Room for the work on a read: hits, its mate's, runs of them, links, spans, the reference along it."""

    hits: np.ndarray
    mate_hits: np.ndarray
    runs: Runs
    links: Links
    spans: Spans
    window: np.ndarray


@borrowing
def _emit(entries, begin, end, place, k, length, wanted, hits, n_hits):
    """Append the hits of entries on the ``wanted`` strand."""
    for e in range(begin, end):
        hit, reverse = place_hit(entries[e], place, k, length)
        if wanted == _EITHER or reverse == wanted:
            hits[n_hits] = hit
            n_hits += 1
    return n_hits


@borrowing
def _n_linked(links, i):
    return links.end[2 * i] - links.begin[2 * i] + links.end[2 * i + 1] - links.begin[2 * i + 1]


@borrowing
def _emit_linked(entries, links, i, place, k, length, hits, n_hits):
    """Append the hits of a seed with its partner: downstream on forward strands, upstream on reverse ones."""
    down, up = 2 * i, 2 * i + 1
    n_hits = _emit(entries, links.begin[down], links.end[down], place, k, length, _FORWARD, hits, n_hits)
    return _emit(entries, links.begin[up], links.end[up], place, k, length, _REVERSE, hits, n_hits)


@borrowing
def _rare_seeds(index, shape, seeds, first, last, length, limits, hits):
    """Hits of a read's seeds of few places; the others get their frequency noted.

    Returns the number of hits, of seeds left out, of rare seeds that do not overlap, and the longest stretch
    of the read without a rare seed.
    """
    n_hits, skipped, n_sure, sure_end, reached, widest = ZERO, ZERO, ZERO, ZERO, ZERO, ZERO
    for i in range(first, last):
        n = seeds.end[i] - seeds.begin[i]
        seeds.frequency[i] = n
        if n > limits.max_frequency or n_hits + n > limits.max_hits:
            skipped += 1
        elif n > 0:
            position = seeds.places[i] >> 1
            seeds.frequency[i] = -1
            n_hits = _emit(
                index.entries,
                seeds.begin[i],
                seeds.end[i],
                seeds.places[i],
                shape.k,
                length,
                _EITHER,
                hits,
                n_hits,
            )
            widest = max(widest, position - reached)
            reached = position + shape.k
            if position >= sure_end:
                n_sure += 1
                sure_end = reached
    return n_hits, skipped, n_sure, max(widest, length - reached)


@borrowing
def _frequent_seeds(index, shape, seeds, first, last, length, limits, links, hits, n_hits):
    """Add the hits of frequent seeds that are rare enough with their partners.

    Returns the number of hits and of seeds without.
    """
    find_links(index.entries, seeds, first, last, shape, limits.max_linked_frequency, links)
    skipped = ZERO
    for i in range(first, last):
        if seeds.frequency[i] <= 0:
            continue
        if n_hits + limits.max_pair_frequency > limits.max_hits:
            skipped += 1
            continue
        paired = _n_linked(links, i - first)
        if 0 < paired <= limits.max_pair_frequency:
            seeds.frequency[i] = 0
            n_hits = _emit_linked(
                index.entries, links, i - first, seeds.places[i], shape.k, length, hits, n_hits
            )
        else:
            seeds.frequency[i] = paired if paired > 0 else seeds.frequency[i]
            skipped += 1
    return n_hits, skipped


@borrowing
def _ask_for_skipped(index, seeds, first, last, limits, links):
    """Ask for the entries of the skipped seeds that the second look may read."""
    n = ZERO
    for i in range(first, last):
        if not 0 < seeds.frequency[i] <= limits.rescue_frequency or n > limits.max_hits:
            continue
        n += seeds.frequency[i]
        if _n_linked(links, i - first) == 0:
            v.prefetch_lines(index.entries, seeds.begin[i], seeds.end[i])
            continue
        for row in range(2 * (i - first), 2 * (i - first) + 2):
            v.prefetch_lines(index.entries, links.begin[row], links.end[row])


@borrowing
def _second_look(index, shape, seeds, first, last, length, limits, links, hits, n_hits):
    """Add the hits of skipped seeds, rarest first, up to rescue_frequency and max_hits."""
    _ask_for_skipped(index, seeds, first, last, limits, links)
    while True:
        rarest = np.int64(-1)
        for i in range(first, last):
            if seeds.frequency[i] > 0 and (rarest < 0 or seeds.frequency[i] < seeds.frequency[rarest]):
                rarest = i
        if rarest < 0 or seeds.frequency[rarest] > limits.rescue_frequency:
            return n_hits
        if n_hits + seeds.frequency[rarest] > limits.max_hits:
            return n_hits
        place = seeds.places[rarest]
        if _n_linked(links, rarest - first) > 0:
            n_hits = _emit_linked(index.entries, links, rarest - first, place, shape.k, length, hits, n_hits)
            seeds.frequency[rarest] = 0
        else:
            begin, end = seeds.begin[rarest], seeds.end[rarest]
            n_hits = _emit(index.entries, begin, end, place, shape.k, length, _EITHER, hits, n_hits)
            seeds.frequency[rarest] = -1


@borrowing
def _place_of_mate(batch, tile, mate, work, out, scratch):
    """Strand and diagonal of a mate that its probes settle, or whose rare seeds make one sure chain.

    The strand is -1 if its place is not known. What stands in ``out`` from ``scratch`` on is written over.
    """
    slot, seeds, settled, genome = mate - tile.first, tile.seeds, tile.settled, batch.genome
    if settled.n_agreeing[slot] > 0:
        return place_of_diagonal(hit_diagonal(settled.hit[slot]))
    first, last = seeds.offsets[slot], seeds.offsets[slot + 1]
    length = batch.reads.offsets[mate + 1] - batch.reads.offsets[mate]
    k = genome.shape.k
    n_hits, _, n_sure, _ = _rare_seeds(
        genome.index, genome.shape, seeds, first, last, length, batch.seed_limits, work.mate_hits
    )
    if n_sure >= batch.needed[length]:
        found = chain_hits(work.mate_hits, n_hits, k, length, batch.chain_limits, work.runs, out, scratch)
        if found == 1:
            return np.int64(out.strand[scratch]), out.diagonal[scratch]
    return np.int64(-1), ZERO


@borrowing
def _beside(strand, diagonal, mate_length, length, reach):
    """Where a mate wants a read of ``length`` bp."""
    if strand == 0:
        start = diagonal - length
        return Beside(np.int64(1), start + reach.low - _SLACK, start + reach.high + _SLACK)
    end = diagonal + mate_length
    return Beside(np.int64(0), end - reach.high - _SLACK, end - reach.low + _SLACK)


@borrowing
def _look_beside(entries, shape, seeds, first, last, length, limits, work, beside, hits, n_hits):
    """Add the hits of skipped seeds, with their partners, that lie where the mate wants the read."""
    links, spans = work.links, work.spans
    for i in range(first, last):
        row = 2 * (i - first) + beside.strand
        if seeds.frequency[i] <= 0:
            want_nothing(spans, i - first)
            continue
        place = seeds.places[i]
        position = length - shape.k - (place >> 1) if beside.strand else place >> 1
        low, high = max(beside.low + position, ZERO), max(beside.high + position, ZERO)
        want_span(links, row, beside.strand ^ (place & 1), low, high, spans, i - first)
    narrow_spans(entries, spans, last - first, links.active)
    for i in range(first, last):
        begin, end = spans.begin[i - first], spans.end[i - first]
        if n_hits + end - begin <= limits.max_hits:
            n_hits = _emit(entries, begin, end, seeds.places[i], shape.k, length, _EITHER, hits, n_hits)
    return n_hits


@borrowing
def _unused_fraction(seeds, first, last, k, length):
    """How much of the read's bases in seeds too frequent to be used must be feared.

    A place that was not seen holds none of the seeds whose places were all used: it has a mismatch in each;
    with _SURE_SEEDS of them that do not overlap it is no rival, and nothing is feared.
    """
    covered, reached = 0, 0
    n_sure, sure_end = 0, 0
    for i in range(first, last):
        position = seeds.places[i] >> 1
        if seeds.frequency[i] > 0:
            covered += position + k - max(position, reached)
            reached = position + k
        elif seeds.frequency[i] < 0 and position >= sure_end:
            n_sure += 1
            sure_end = position + k
    return covered / length * max(0.0, 1.0 - n_sure / _SURE_SEEDS)


@borrowing
def _chain_read(batch, tile, read, work, out, slot):
    """Candidates of a read that its probes do not settle, and its part in seeds too frequent to be used.

    Frequent seeds say nothing new where the rare ones are enough to make every place that lacks them no
    rival, and leave no part of the read that could lie elsewhere. Where even those with their partners have
    too many places, what lies beside a mate whose place is known is looked for first: the pair will stand
    there, and what is unused of the seeds keeps its quality modest.
    """
    reads, genome, seeds = batch.reads, batch.genome, tile.seeds
    index, shape = genome.index, genome.shape
    length = reads.offsets[read + 1] - reads.offsets[read]
    first, last = seeds.offsets[read - tile.first], seeds.offsets[read - tile.first + 1]
    seed_limits, chain_limits = batch.seed_limits, batch.chain_limits
    hits, runs, links, window = work.hits, work.runs, work.links, work.window
    n_hits, skipped, n_sure, widest = _rare_seeds(index, shape, seeds, first, last, length, seed_limits, hits)
    is_sure = n_sure >= batch.needed[length]
    if skipped == 0 or is_sure:
        found = chain_hits(hits, n_hits, shape.k, length, chain_limits, runs, out, slot)
        strand, diagonal, anchor = np.int64(out.strand[slot]), out.diagonal[slot], np.int64(out.anchor[slot])
        if skipped == 0:
            return found, 0.0
        if not is_on_alt(genome, diagonal, anchor) and (
            widest <= OPEN
            or follows(reads, read, strand, diagonal, anchor, genome.bases, batch.scoring, window)
        ):
            return found, 0.0
    n_hits, skipped = _frequent_seeds(
        index, shape, seeds, first, last, length, seed_limits, links, hits, n_hits
    )
    if last - first - skipped < seed_limits.rescue_fraction * (last - first):
        n_before = n_hits
        if batch.reach.high > 0:
            mate = read ^ 1
            strand, diagonal = _place_of_mate(batch, tile, mate, work, out, slot)
            if strand >= 0:
                mate_length = reads.offsets[mate + 1] - reads.offsets[mate]
                beside = _beside(strand, diagonal, mate_length, length, batch.reach)
                n_hits = _look_beside(
                    index.entries, shape, seeds, first, last, length, seed_limits, work, beside, hits, n_hits
                )
        if n_hits == n_before:
            n_hits = _second_look(index, shape, seeds, first, last, length, seed_limits, links, hits, n_hits)
    found = chain_hits(hits, n_hits, shape.k, length, chain_limits, runs, out, slot)
    return found, _unused_fraction(seeds, first, last, shape.k, length)


@kernel
def find_candidates(reads, genome, scoring, seed_limits, chain_limits, reach, longest, out, unused):
    """Look up and chain the seeds of every read of a batch.

    Parameters
    ----------
    reads : OrientedReads
    genome : Genome
    scoring : AlignmentScoring
    seed_limits, chain_limits : SeedLimits, ChainLimits
    reach : MateReach; reads 2t and 2t + 1 are mates unless it says that there are none
    longest : bp, longest read
    out : Candidates with room for n_reads * max_candidates
    unused : (n_reads,) float32, receives the part of the read in seeds too frequent to be used

    Returns
    -------
    n_candidates : in all
    """
    n_reads = reads.offsets.size - 1
    seeds = tile_of_seeds(longest)
    window = np.empty(longest + 64, dtype=np.uint8)
    settled = Settled(np.empty(TILE, dtype=np.int64), np.empty(TILE, dtype=np.uint64), window)
    most = seed_limits.max_hits
    work = Work(
        np.empty(most, dtype=np.uint64),
        np.empty(most, dtype=np.uint64),
        room_for_runs(most, longest),
        links_of_read(longest),
        spans_of_read(longest),
        window,
    )
    scratch = seed_scratch(longest)
    needed = probes_needed(longest, scoring)
    batch = Batch(reads, genome, scoring, needed, seed_limits, chain_limits, reach)
    slot = ZERO
    for first in range(0, n_reads, TILE):
        last = min(first + TILE, n_reads)
        look_up_tile(reads, first, last, genome, scoring, needed, scratch, seeds, settled)
        tile = Tile(first, seeds, settled)
        for read in range(first, last):
            out.offsets[read] = slot
            n_agreeing = settled.n_agreeing[read - first]
            if n_agreeing > 0:
                put_candidate(settled.hit[read - first], n_agreeing * genome.shape.k, out, slot)
                slot += 1
                unused[read] = 0.0
                continue
            found, unused[read] = _chain_read(batch, tile, read, work, out, slot)
            slot += found
    out.offsets[n_reads] = slot
    return slot
