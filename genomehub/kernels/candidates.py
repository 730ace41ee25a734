"""Seeds of a batch of reads are looked up in the index and chained: reads to candidates.

Look-ups wait for memory, so they are made for a tile of reads at a time: all seeds of the tile are
found and their buckets asked for, then the entries of all, and only then are they read.
"""

from typing import NamedTuple

import numpy as np

from genomehub.kernels import vectors as v
from genomehub.kernels._jit import inline, kernel
from genomehub.kernels.chaining import Runs, chain_hits, pack_hit
from genomehub.kernels.seeds import (
    DOWNSTREAM,
    PARTNER_BITS,
    POSITION_BITS,
    UPSTREAM,
    ZERO,
    extract_syncmers,
    partner,
    rest_of_hash,
    seed_scratch,
)

#: Reads whose seeds are looked up together.
TILE = 64
_REST_SHIFT = np.uint64(PARTNER_BITS + POSITION_BITS + 1)
_PARTNER_SHIFT = np.uint64(POSITION_BITS + 1)
_PARTNER_MASK = np.uint64((1 << PARTNER_BITS) - 1)
_POSITION_MASK = np.uint64((1 << POSITION_BITS) - 1)
_SCAN_LIMIT = 16
_FORWARD, _REVERSE, _EITHER = np.int64(0), np.int64(1), np.int64(2)  # strands of hits that are wanted
#: Mismatches that make a place no rival: 3 x 5 points of score are a mapping quality of 60 and more.
_SURE_SEEDS = 3.0


class SeedLimits(NamedTuple):
    """Which seeds are used; AlignConfig explains them."""

    max_frequency: int
    max_pair_frequency: int
    rescue_frequency: int
    rescue_fraction: float
    max_hits: int


class Seeds(NamedTuple):
    """Seeds of a tile of reads.

    hashes, places : as extract_syncmers fills them
    begin, end : (n,) int64, entries of the index with the seed's hash (first of the bucket, then of the seed)
    frequency : (n,) int64, places the seed has if it was left for the second look; 0 if it was used with its
        partner or has none; -1 if all its places were used
    """

    hashes: np.ndarray
    places: np.ndarray
    begin: np.ndarray
    end: np.ndarray
    frequency: np.ndarray


@inline
def _lower_bound(entries, begin, end, word, shift):
    """First index of ``begin..end`` whose entry, shifted right, is not below ``word``."""
    while begin < end:
        middle = (begin + end) >> 1
        if entries[middle] >> shift < word:
            begin = middle + 1
        else:
            end = middle
    return begin


@inline
def _narrow(entries, begin, end, word, shift):
    """The part of the sorted ``entries[begin:end]`` that, shifted right, equals ``word``."""
    if end - begin > _SCAN_LIMIT:
        begin = _lower_bound(entries, begin, end, word, shift)
        return begin, _lower_bound(entries, begin, end, word + np.uint64(1), shift)
    while begin < end and entries[begin] >> shift < word:
        begin += 1
    stop = begin
    while stop < end and entries[stop] >> shift == word:
        stop += 1
    return begin, stop


@inline
def _with_partner(entries, seeds, first, n, i, step, shape):
    """Entries of seed ``i`` that have the partner it has downstream (step 1) or upstream (-1) on the read."""
    begin, end = seeds.begin[i], seeds.end[i]
    bits = partner(seeds.hashes, seeds.places, first, n, i, step, shape)
    if bits == np.uint64(0):
        return begin, begin
    word = ((entries[begin] >> _REST_SHIFT) << np.uint64(PARTNER_BITS)) | bits
    return _narrow(entries, begin, end, word, _PARTNER_SHIFT)


@inline
def _place(entry, place, k, length):
    """The hit of a seed at ``place`` of a read of ``length`` bases with an entry of the index."""
    reverse = (np.int64(entry >> np.uint64(POSITION_BITS)) ^ place) & 1
    position = place >> 1
    if reverse:
        position = length - k - position
    return pack_hit(reverse, np.int64(entry & _POSITION_MASK) - position, position), reverse


@inline
def _emit(entries, begin, end, place, k, length, wanted, hits, n_hits):
    """Append the hits of entries on the ``wanted`` strand."""
    for e in range(begin, end):
        hit, reverse = _place(entries[e], place, k, length)
        if wanted == _EITHER or reverse == wanted:
            hits[n_hits] = hit
            n_hits += 1
    return n_hits


@inline
def _first_look(index, shape, seeds, first, last, length, limits, hits):
    """Hits of a read's seeds that are rare enough, alone or with their partners.

    Seeds that are not get their frequency noted. Returns the number of hits and of seeds without.
    """
    n_hits, skipped = ZERO, ZERO
    for i in range(first, last):
        seeds.frequency[i] = 0
        n = seeds.end[i] - seeds.begin[i]
        if n == 0:
            continue
        if n_hits + n_limit(limits) > limits.max_hits:
            seeds.frequency[i] = n
            skipped += 1
            continue
        if n <= limits.max_frequency:
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
            continue
        down, down_end = _with_partner(index.entries, seeds, first, last, i, DOWNSTREAM, shape)
        up, up_end = _with_partner(index.entries, seeds, first, last, i, UPSTREAM, shape)
        paired = down_end - down + up_end - up
        if 0 < paired <= limits.max_pair_frequency:
            n_hits = _emit(
                index.entries, down, down_end, seeds.places[i], shape.k, length, _FORWARD, hits, n_hits
            )
            n_hits = _emit(
                index.entries, up, up_end, seeds.places[i], shape.k, length, _REVERSE, hits, n_hits
            )
        else:
            seeds.frequency[i] = paired if paired > 0 else n
            skipped += 1
    return n_hits, skipped


@inline
def n_limit(limits):
    """Most hits that one seed can add at the first look."""
    return max(limits.max_frequency, limits.max_pair_frequency)


@inline
def _second_look(index, shape, seeds, first, last, length, limits, hits, n_hits):
    """Add the hits of skipped seeds, rarest first, up to rescue_frequency and max_hits."""
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
        down, down_end = _with_partner(index.entries, seeds, first, last, rarest, DOWNSTREAM, shape)
        up, up_end = _with_partner(index.entries, seeds, first, last, rarest, UPSTREAM, shape)
        if down_end - down + up_end - up > 0:
            n_hits = _emit(index.entries, down, down_end, place, shape.k, length, _FORWARD, hits, n_hits)
            n_hits = _emit(index.entries, up, up_end, place, shape.k, length, _REVERSE, hits, n_hits)
        else:
            begin, end = seeds.begin[rarest], seeds.end[rarest]
            n_hits = _emit(index.entries, begin, end, place, shape.k, length, _EITHER, hits, n_hits)
            seeds.frequency[rarest] = -1
            continue
        seeds.frequency[rarest] = 0


@inline
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


@inline
def _look_up_tile(bases, offsets, first_read, last_read, index, shape, scratch, seeds, seed_offsets):
    """Find the seeds of a tile's reads and their entries in the index."""
    n = 0
    shift = np.uint64(64 - index.bucket_bits)
    for read in range(first_read, last_read):
        seed_offsets[read - first_read] = n
        hashes, places = seeds.hashes[n:], seeds.places[n:]
        found = extract_syncmers(bases, offsets[read], offsets[read + 1], shape, scratch, hashes, places)
        for i in range(n, n + found):
            v.prefetch(index.buckets, np.int64(seeds.hashes[i] >> shift))
        n += found
    seed_offsets[last_read - first_read] = n
    for i in range(n):
        bucket = np.int64(seeds.hashes[i] >> shift)
        seeds.begin[i] = index.buckets[bucket]
        seeds.end[i] = index.buckets[bucket + 1]
        v.prefetch(index.entries, seeds.begin[i])
    for i in range(n):
        word = rest_of_hash(seeds.hashes[i], index.bucket_bits)
        begin, end = _narrow(index.entries, seeds.begin[i], seeds.end[i], word, _REST_SHIFT)
        seeds.begin[i], seeds.end[i] = begin, end


@kernel
def find_candidates(bases, offsets, index, shape, seed_limits, chain_limits, longest, out, unused):
    """Look up and chain the seeds of every read of a batch.

    Parameters
    ----------
    bases : uint8, codes of the reads; offsets : (n_reads + 1,) int64
    index : SeedIndex
    shape : SeedShape of the index
    seed_limits, chain_limits : SeedLimits, ChainLimits
    longest : bp, longest read
    out : Candidates with room for n_reads * max_candidates
    unused : (n_reads,) float32, receives the part of the read in seeds too frequent to be used

    Returns
    -------
    n_candidates : in all
    """
    n_reads = offsets.size - 1
    room = TILE * longest
    seeds = Seeds(
        np.empty(room, dtype=np.uint64),
        np.empty(room, dtype=np.int64),
        np.empty(room, dtype=np.int64),
        np.empty(room, dtype=np.int64),
        np.empty(room, dtype=np.int64),
    )
    most = seed_limits.max_hits
    runs = Runs(
        np.empty(most, dtype=np.int64),
        np.empty(most, dtype=np.int32),
        np.empty(most, dtype=np.int32),
        np.empty(most, dtype=np.int32),
    )
    hits = np.empty(most, dtype=np.uint64)
    scratch = seed_scratch(longest)
    seed_offsets = np.empty(TILE + 1, dtype=np.int64)
    slot = ZERO
    for tile in range(0, n_reads, TILE):
        tile_end = min(tile + TILE, n_reads)
        _look_up_tile(bases, offsets, tile, tile_end, index, shape, scratch, seeds, seed_offsets)
        for read in range(tile, tile_end):
            first, last = seed_offsets[read - tile], seed_offsets[read - tile + 1]
            length = offsets[read + 1] - offsets[read]
            out.offsets[read] = slot
            n_hits, skipped = _first_look(index, shape, seeds, first, last, length, seed_limits, hits)
            if skipped > 0 and (last - first - skipped) < seed_limits.rescue_fraction * (last - first):
                n_hits = _second_look(index, shape, seeds, first, last, length, seed_limits, hits, n_hits)
            unused[read] = _unused_fraction(seeds, first, last, shape.k, length) if skipped > 0 else 0.0
            slot += chain_hits(hits, n_hits, shape.k, length, chain_limits, runs, out, slot)
    out.offsets[n_reads] = slot
    return slot
