"""Seeds: which k-mers of a sequence are looked up, and the table that finds them in the reference.

A seed is a canonical open syncmer (Edgar 2021): a k-mer whose middle s-mer is the smallest of its s-mers
in a fixed pseudo-random order. K-mers and s-mers are taken as the smaller of the two strands, so a sequence
and its reverse complement have the same seeds. A seed that is frequent in the reference is told apart by its
partner, one of the syncmers a little downstream on its own strand (multi-context strobemers, Tolstoganov et
al. 2026): the partner's bits stand below the seed's own in the sort key, so one sorted array answers both.

Only sequences of A, C, G, T have seeds. What is done with the places that are found is chaining's.
"""

from typing import NamedTuple

import numpy as np

from genomehub.kernels import vectors as v
from genomehub.kernels._jit import borrowing, inline, kernel
from genomehub.kernels.encode import unpack_window
from genomehub.kernels.sorting import sort_words

#: Bits of an entry of the index, from the top: rest of the hash, partner, strand, position.
REST_BITS, PARTNER_BITS, POSITION_BITS = 15, 16, 32
#: Seeds further apart than this (bp, from start to start) are not linked.
MAX_LINK = 150
#: Steps to a seed's partner. Numba compiles a function once for each literal number it is called with; these
#: (and ZERO) are int64 and no literals.
DOWNSTREAM, UPSTREAM = np.int64(1), np.int64(-1)
ZERO = np.int64(0)
#: Bases of the reference that are taken at a time when it is indexed.
CHUNK = 1 << 16

_MIX_1 = np.uint64(0xFF51AFD7ED558CCD)
_MIX_2 = np.uint64(0xC4CEB9FE1A85EC53)
_ORDER = np.uint64(0x9E3779B97F4A7C15)
_NO_KMER = np.uint64(0xFFFFFFFFFFFFFFFF)
_LAST = np.uint32(0xFFFFFFFF)
_BYTE = np.uint64(0xFF)
_AHEAD = 16  # seeds whose places in memory are asked for before they are filled
_LANES = 16


class SeedShape(NamedTuple):
    """What makes a seed; see SeedIndex."""

    k: int
    s: int
    partner_first: int
    partner_last: int


class SeedScratch(NamedTuple):
    """Working arrays of extract_syncmers, for sequences of up to n bases.

    order : (n + 64,) uint32, rank of the s-mer that ends at a base
    kmers : (n + 64,) uint64, canonical k-mer that ends at a base; its top bit says that it is the reverse
        complement
    """

    order: np.ndarray
    kmers: np.ndarray


@inline
def seed_scratch(n):
    """Scratch for sequences of up to ``n`` bases."""
    return SeedScratch(np.empty(n + 64, dtype=np.uint32), np.empty(n + 64, dtype=np.uint64))


@borrowing
def mix(word):
    """Bijection of 64-bit words after which every bit depends on every bit (MurmurHash3's finaliser)."""
    word ^= word >> np.uint64(33)
    word *= _MIX_1
    word ^= word >> np.uint64(33)
    word *= _MIX_2
    return word ^ (word >> np.uint64(33))


@borrowing
def _roll(codes, begin, n, k, s, scratch):
    """Fill the scratch for ``codes[begin : begin + n]``: s-mer ranks and k-mers, by their last base."""
    one, two = np.uint64(1), np.uint64(2)
    kmer_mask = (one << np.uint64(2 * k)) - one
    smer_mask = (one << np.uint64(2 * s)) - one
    top = np.uint64(2 * k - 2)
    to_smer = np.uint64(2 * (k - s))
    forward, reverse = np.uint64(0), np.uint64(0)
    run = 0
    for i in range(n):
        code = np.uint64(codes[begin + i])
        run = run + 1 if code < np.uint64(4) else 0
        forward = ((forward << two) | (code & np.uint64(3))) & kmer_mask
        reverse = (reverse >> two) | ((np.uint64(3) - (code & np.uint64(3))) << top)
        smer = min(forward & smer_mask, reverse >> to_smer)
        rank = np.uint32((((smer + one) * _ORDER) >> np.uint64(32)) & np.uint64(0xFFFFFFFF))
        scratch.order[i] = rank if run >= s else _LAST
        canonical = forward if forward < reverse else reverse | (one << np.uint64(63))
        scratch.kmers[i] = canonical if run >= k and forward != reverse else _NO_KMER


@borrowing
def extract_syncmers(codes, begin, end, shape, scratch, hashes, places):
    """Find the syncmers of ``codes[begin:end]``, in order.

    Parameters
    ----------
    codes : uint8, codes of Base; k-mers with a code above 3 are no seeds
    shape : SeedShape
    scratch : SeedScratch for at least end - begin bases
    hashes, places : uint64 and int64, at least end - begin long, receive the mixed canonical k-mer and
        (start relative to begin) << 1 | strand, strand 1 if the canonical one is the reverse complement

    Returns
    -------
    n : number of syncmers

    Notes
    -----
    A palindromic k-mer has no strand and is no seed. Ties of s-mer ranks go for the middle one, so the
    choice is the same on both strands. Plain twin: tests/plain/seeds.py
    """
    k, s = shape.k, shape.s
    n = end - begin
    if n < k:
        return 0
    _roll(codes, begin, n, k, s, scratch)
    span = k - s
    middle = span // 2
    found = 0
    for first in range(k - 1, n, _LANES):
        smallest = v.load(scratch.order, first - span, _LANES)
        for j in range(1, span + 1):
            smallest = v.minimum(smallest, v.load(scratch.order, first - span + j, _LANES))
        bits = v.mask_bits(v.equal(smallest, v.load(scratch.order, first - middle, _LANES)))
        if n - first < _LANES:
            bits &= (np.uint64(1) << np.uint64(n - first)) - np.uint64(1)
        while bits != np.uint64(0):
            last = first + np.int64(v.trailing_zeros(bits))
            bits &= bits - np.uint64(1)
            kmer = scratch.kmers[last]
            if kmer != _NO_KMER:
                strand = np.int64(kmer >> np.uint64(63))
                hashes[found] = mix(kmer & np.uint64(0x7FFFFFFFFFFFFFFF))
                places[found] = ((last - k + 1) << 1) | strand
                found += 1
    return found


@borrowing
def partner(hashes, places, begin, end, i, step, shape):
    """Partner bits of syncmer ``i`` of ``begin <= i < end``, downstream (step 1) or upstream (step -1).

    Of the syncmers partner_first to partner_last away, and within MAX_LINK bp, the one whose hash combines
    with the seed's to the smallest word; 0 if there is none, else 1 to 65535. The distance rides in the
    word's lowest byte, so the smallest is found without a branch.
    """
    smallest = _NO_KMER
    for distance in range(shape.partner_first, shape.partner_last + 1):
        j = i + step * distance
        if j < begin or j >= end or abs((places[j] >> 1) - (places[i] >> 1)) > MAX_LINK:
            break
        word = (hashes[i] ^ hashes[j]) * _ORDER
        smallest = min(smallest, (word & ~_BYTE) | np.uint64(distance))
    if smallest == _NO_KMER:
        return np.uint64(0)
    chosen = hashes[i + step * np.int64(smallest & _BYTE)]
    return max(chosen & np.uint64(0xFFFF), np.uint64(1))


@borrowing
def rest_of_hash(word, bucket_bits):
    """The REST_BITS of a hash below those that name its bucket."""
    return (word >> np.uint64(64 - REST_BITS - bucket_bits)) & np.uint64((1 << REST_BITS) - 1)


@borrowing
def _chunk_seeds(packed, start, stop, end, shape, buffer, scratch, hashes, places):
    """Syncmers that start in ``start <= position < stop`` and, behind them, those that they may be linked to.

    Returns how many there are in all and how many are the chunk's own.
    """
    reach = min(end, stop + shape.k + MAX_LINK)
    unpack_window(packed, start, reach, buffer)
    n = extract_syncmers(buffer, ZERO, reach - start, shape, scratch, hashes, places)
    own = n
    while own > 0 and (places[own - 1] >> 1) >= stop - start:
        own -= 1
    return n, own


@kernel
def fill_buckets(bases, shape, bucket_bits, entries, buckets, fill):
    """Pass over a reference: count the seeds of each bucket, or put each seed into its bucket.

    Parameters
    ----------
    bases : PackedReference
    shape : SeedShape
    bucket_bits : top bits of a hash that name its bucket, 1 to 64 - REST_BITS
    entries : (n_seeds,) uint64, written if ``fill``
    buckets : (2 ** bucket_bits + 1,) uint32; every seed adds 1 to its bucket. To fill, they hold the
        starts of the buckets in ``entries``, and end as the starts of the next ones
    fill : bool

    Notes
    -----
    A pass over 63 Mbp takes 0.3 s to count and 1.1 s to fill on one core; memory is the result's alone.
    """
    n = CHUNK + MAX_LINK + 64
    buffer, scratch = np.empty(n, dtype=np.uint8), seed_scratch(n)
    hashes, places = np.empty(n, dtype=np.uint64), np.empty(n, dtype=np.int64)
    shift = np.uint64(64 - bucket_bits)
    for contig in range(bases.contig_offsets.size):
        begin = bases.contig_offsets[contig]
        end = begin + bases.contig_lengths[contig]
        for start in range(begin, end, CHUNK):
            stop = min(start + CHUNK, end)
            n, own = _chunk_seeds(bases.packed, start, stop, end, shape, buffer, scratch, hashes, places)
            for i in range(own):
                if i + 2 * _AHEAD < own:
                    v.prefetch(buckets, np.int64(hashes[i + 2 * _AHEAD] >> shift))
                if fill and i + _AHEAD < own:
                    v.prefetch(entries, np.int64(buckets[np.int64(hashes[i + _AHEAD] >> shift)]))
                bucket = np.int64(hashes[i] >> shift)
                if fill:
                    entries[buckets[bucket]] = _entry(hashes, places, n, i, start, bucket_bits, shape)
                buckets[bucket] += np.uint32(1)


@kernel
def counts_to_starts(buckets):
    """Replace the counts of buckets by their starts."""
    total = np.uint32(0)
    for i in range(buckets.size):
        count = buckets[i]
        buckets[i] = total
        total += count


@kernel
def sort_buckets(entries, buckets):
    """Move ``buckets`` from ends back to starts, after filling, and sort the entries of each."""
    for i in range(buckets.size - 1, 0, -1):
        buckets[i] = buckets[i - 1]
    buckets[0] = 0
    for i in range(buckets.size - 1):
        sort_words(entries, np.int64(buckets[i]), np.int64(buckets[i + 1]))


@borrowing
def _entry(hashes, places, n, i, start, bucket_bits, shape):
    word = rest_of_hash(hashes[i], bucket_bits)
    word = (word << np.uint64(PARTNER_BITS)) | partner(hashes, places, ZERO, n, i, DOWNSTREAM, shape)
    word = (word << np.uint64(1)) | np.uint64(places[i] & 1)
    return (word << np.uint64(POSITION_BITS)) | np.uint64(start + (places[i] >> 1))
