"""Seeds of a tile of reads are looked up in the index: few first, the rest only where those leave a doubt.

Look-ups wait for memory, so they are made for a tile of reads at a time: buckets of all are asked for, then
the entries of all, and only then are they read. Most reads need few of them. Seeds that do not overlap are
*probes*. If enough probes have one place each, all on one diagonal, then any other place of the read differs
from it within each of those probes, which is as many mismatches as a mapping quality of 35 takes; and if
the read follows that diagonal from end to end, no part of it lies elsewhere. Such a read is *settled*: its
other seeds are never looked up.
"""

from typing import NamedTuple

import numpy as np

from genomehub.kernels import vectors as v
from genomehub.kernels._jit import borrowing, inline, kernel
from genomehub.kernels.chaining import hit_diagonal, hit_position, pack_hit, place_of_diagonal
from genomehub.kernels.extension import best_stretch, contig_at, read_window
from genomehub.kernels.mapq import single_quality
from genomehub.kernels.seeds import (
    DOWNSTREAM,
    PARTNER_BITS,
    POSITION_BITS,
    UPSTREAM,
    ZERO,
    SeedShape,
    extract_syncmers,
    partner,
    rest_of_hash,
)
from genomehub.types import PackedReference, SeedIndex

#: Reads whose seeds are looked up together.
TILE = 64
#: bp at an end of a read, or between its seeds, that need no seed: too few to be placed on their own.
OPEN = 30
#: A rival that would leave a read this mapping quality, or more, need not be seen.
SURE = 35
_REST_SHIFT = np.uint64(PARTNER_BITS + POSITION_BITS + 1)
_PARTNER_SHIFT = np.uint64(POSITION_BITS + 1)
_WHOLE = np.uint64(0)
_POSITION_MASK = np.uint64((1 << POSITION_BITS) - 1)
_SCAN_LIMIT = 16
_LATER = np.int64(-1)


class Seeds(NamedTuple):
    """Seeds of a tile of reads.

    hashes, places : as extract_syncmers fills them
    begin, end : (n,) int64, entries of the index with the seed's hash; begin is -1 until it is looked up
    frequency : (n,) int64, places the seed has if it was left for the second look; 0 if it was used with its
        partner or has none; -1 if all its places were used
    offsets : (TILE + 1,) int64, starts of the reads' seeds
    waiting : (n,) int64, seeds whose buckets were asked for
    """

    hashes: np.ndarray
    places: np.ndarray
    begin: np.ndarray
    end: np.ndarray
    frequency: np.ndarray
    offsets: np.ndarray
    waiting: np.ndarray


@inline
def tile_of_seeds(longest):
    """Seeds with room for a tile of reads of up to ``longest`` bp."""
    room = TILE * longest
    return Seeds(
        np.empty(room, dtype=np.uint64),
        np.empty(room, dtype=np.int64),
        np.empty(room, dtype=np.int64),
        np.empty(room, dtype=np.int64),
        np.empty(room, dtype=np.int64),
        np.empty(TILE + 1, dtype=np.int64),
        np.empty(room, dtype=np.int64),
    )


class Genome(NamedTuple):
    """A reference as reads are looked up in it; ``has_alt``: some of its contigs are ALT contigs."""

    index: SeedIndex
    shape: SeedShape
    bases: PackedReference
    has_alt: bool


class OrientedReads(NamedTuple):
    """Reads on both strands (extension.orient): read r of strand t begins at offsets[r] + t * offsets[-1].

    strands : uint8, codes, with spare bytes for vectors; offsets : (n_reads + 1,) int64
    """

    strands: np.ndarray
    offsets: np.ndarray


class Settled(NamedTuple):
    """Reads of a tile whose place their probes tell.

    n_agreeing : (TILE,) int64, probes that agree; 0 if the read is not settled
    hit : (TILE,) uint64, word of the leftmost of them on the read as aligned
    window : (longest + 64,) uint8, room for the reference along a read
    """

    n_agreeing: np.ndarray
    hit: np.ndarray
    window: np.ndarray


@borrowing
def _lower_bound(entries, begin, end, word, shift):
    """First index of ``begin..end`` whose entry, shifted right, is not below ``word``."""
    while begin < end:
        middle = (begin + end) >> 1
        if entries[middle] >> shift < word:
            begin = middle + 1
        else:
            end = middle
    return begin


@borrowing
def _narrow(entries, begin, end, word, shift):
    """The part of the sorted ``entries[begin:end]`` that, shifted right, equals ``word``.

    A bucket holds one seed or two, if only one of them with many entries: what does not belong is next to an
    end, and searching by halves would touch memory all over the many.
    """
    near = min(begin + _SCAN_LIMIT, end)
    while begin < near and entries[begin] >> shift < word:
        begin += 1
    if begin == near:
        begin = _lower_bound(entries, begin, end, word, shift)
    near = max(end - _SCAN_LIMIT, begin)
    while end > near and entries[end - 1] >> shift > word:
        end -= 1
    if end == near:
        end = _lower_bound(entries, begin, end, word + np.uint64(1), shift)
    return begin, end


class Links(NamedTuple):
    """Entries of a read's frequent seeds that have the partner which the seed has on the read.

    The read's seed i has two rows, 2 * i for the partner downstream and 2 * i + 1 for the one upstream.

    begin, end : int64, starts and ends in the entries
    word : uint64, what is sought: rest of the hash and partner
    limit : int64, bound of an end that is sought
    active : int64, rows whose search goes on
    """

    begin: np.ndarray
    end: np.ndarray
    word: np.ndarray
    limit: np.ndarray
    active: np.ndarray


@inline
def links_of_read(longest):
    """Links with room for the seeds of a read of ``longest`` bp."""
    n = 2 * longest
    return Links(
        np.empty(n, dtype=np.int64),
        np.empty(n, dtype=np.int64),
        np.empty(n, dtype=np.uint64),
        np.empty(n, dtype=np.int64),
        np.empty(n, dtype=np.int64),
    )


@borrowing
def find_links(entries, seeds, first, last, shape, max_frequency, links):
    """Find the links of seeds of a frequency above 0 and up to ``max_frequency``; the others get none.

    All are searched for in step, so that memory answers many at a time: one after the other, each step of
    each search would wait for it.
    """
    n_active = ZERO
    for i in range(first, last):
        for side in range(2):
            row = 2 * (i - first) + side
            links.begin[row] = links.end[row] = seeds.end[i]
            if seeds.frequency[i] <= 0 or seeds.frequency[i] > max_frequency:
                continue
            step = UPSTREAM if side else DOWNSTREAM
            bits = partner(seeds.hashes, seeds.places, first, last, i, step, shape)
            if bits == np.uint64(0):
                continue
            rest = entries[seeds.begin[i]] >> _REST_SHIFT
            links.word[row] = (rest << np.uint64(PARTNER_BITS)) | bits
            links.begin[row] = seeds.begin[i]
            v.prefetch(entries, (seeds.begin[i] + seeds.end[i]) >> 1)
            links.active[n_active] = row
            n_active += 1
    _lower_bounds(entries, _PARTNER_SHIFT, links.word, links.begin, links.end, links.active, n_active)
    n_active = ZERO
    for row in range(2 * (last - first)):
        limit = seeds.end[first + (row >> 1)]
        if links.begin[row] < limit:  # a row without a link begins there
            links.end[row], links.limit[row] = links.begin[row], limit
            links.active[n_active] = row
            n_active += 1
    _find_ends(entries, links, n_active)


@borrowing
def _lower_bounds(entries, shift, words, begin, end, active, n_active):
    """Lower bounds of the active rows' ``words`` among entries shifted right, in ``begin..end``, by halves.

    Both of them receive the bound. No active row may be empty at first.
    """
    while n_active > 0:
        n_left = ZERO
        for a in range(n_active):
            row = active[a]
            low, high = begin[row], end[row]
            middle = (low + high) >> 1
            if entries[middle] >> shift < words[row]:
                low = middle + 1
            else:
                high = middle
            begin[row], end[row] = low, high
            if low < high:
                v.prefetch(entries, (low + high) >> 1)
                active[n_left] = row
                n_left += 1
        n_active = n_left


@borrowing
def _next_probe(begin, end, limit):
    """What is looked at next of a run from ``begin`` at least to ``end``: twice as far, or half-way."""
    return min(2 * end - begin + 1, (end + limit + 1) >> 1)


@borrowing
def _find_ends(entries, links, n_active):
    """Ends of the runs of the active rows' words from ``begin`` on, at most ``limit``."""
    while n_active > 0:
        n_left = ZERO
        for a in range(n_active):
            row = links.active[a]
            begin, end, limit = links.begin[row], links.end[row], links.limit[row]
            probe = _next_probe(begin, end, limit)
            if entries[probe - 1] >> _PARTNER_SHIFT == links.word[row]:
                end = probe
            else:
                limit = probe - 1
            links.end[row], links.limit[row] = end, limit
            if end < limit:
                v.prefetch(entries, _next_probe(begin, end, limit) - 1)
                links.active[n_left] = row
                n_left += 1
        n_active = n_left


class Spans(NamedTuple):
    """Parts of links that are wanted, one for each seed of a read.

    low, high : uint64, least and greatest entry
    begin, end : int64, starts and ends in the entries
    last : int64, ends of the links; 0 where nothing is wanted
    """

    low: np.ndarray
    high: np.ndarray
    begin: np.ndarray
    end: np.ndarray
    last: np.ndarray


@inline
def spans_of_read(longest):
    """Spans with room for the seeds of a read of ``longest`` bp."""
    return Spans(
        np.empty(longest, dtype=np.uint64),
        np.empty(longest, dtype=np.uint64),
        np.empty(longest, dtype=np.int64),
        np.empty(longest, dtype=np.int64),
        np.empty(longest, dtype=np.int64),
    )


@borrowing
def want_nothing(spans, i):
    """Leave seed ``i`` without a span."""
    spans.begin[i], spans.end[i], spans.last[i] = ZERO, ZERO, ZERO


@borrowing
def want_span(links, row, strand, low, high, spans, i):
    """Want the entries of a link on one ``strand`` of the genome, at positions from ``low`` to ``high``."""
    word = (links.word[row] << _PARTNER_SHIFT) | np.uint64(strand << POSITION_BITS)
    spans.low[i], spans.high[i] = word | np.uint64(low), word | np.uint64(high)
    spans.begin[i], spans.end[i], spans.last[i] = links.begin[row], links.end[row], links.end[row]


@borrowing
def narrow_spans(entries, spans, n, active):
    """Narrow the first ``n`` spans, each ``begin..end`` as wanted, to their entries from ``low`` to ``high``.

    All are searched for in step, as in find_links; ``active`` is (n,) int64 to work with. The ends are then
    walked to: few entries of a link lie within the reach of a fragment.
    """
    n_active = ZERO
    for i in range(n):
        if spans.begin[i] < spans.end[i]:
            v.prefetch(entries, (spans.begin[i] + spans.end[i]) >> 1)
            active[n_active] = i
            n_active += 1
    _lower_bounds(entries, _WHOLE, spans.low, spans.begin, spans.end, active, n_active)
    for i in range(n):
        while spans.end[i] < spans.last[i] and entries[spans.end[i]] <= spans.high[i]:
            spans.end[i] += 1


@borrowing
def place_hit(entry, place, k, length):
    """The hit of a seed at ``place`` of a read of ``length`` bases with an entry of the index."""
    reverse = (np.int64(entry >> np.uint64(POSITION_BITS)) ^ place) & 1
    position = place >> 1
    if reverse:
        position = length - k - position
    return pack_hit(reverse, np.int64(entry & _POSITION_MASK) - position, position), reverse


@kernel
def probes_needed(longest, scoring):
    """Probes that must agree, by the length of the read, (longest + 1,) int64.

    The least number of mismatches that puts a rival so far behind a perfect read that its quality is SURE.
    """
    needed = np.empty(longest + 1, dtype=np.int64)
    for length in range(longest + 1):
        score = np.int64(length * scoring.match)
        n = np.int64(1)
        while n < length:
            rival = score - n * (scoring.match + scoring.mismatch)
            if single_quality(score, rival, np.int64(1), np.int64(length), 0.0, scoring) >= SURE:
                break
            n += 1
        needed[length] = n
    return needed


@borrowing
def _ask(index, seeds, n_waiting, i):
    """Ask for a seed's bucket."""
    v.prefetch(index.buckets, np.int64(seeds.hashes[i] >> np.uint64(64 - index.bucket_bits)))
    seeds.waiting[n_waiting] = i
    return n_waiting + 1


@borrowing
def _resolve(index, seeds, n_waiting):
    """Find the entries of the seeds that wait."""
    shift = np.uint64(64 - index.bucket_bits)
    for w in range(n_waiting):
        i = seeds.waiting[w]
        bucket = np.int64(seeds.hashes[i] >> shift)
        seeds.begin[i] = index.buckets[bucket]
        seeds.end[i] = index.buckets[bucket + 1]
        v.prefetch(index.entries, seeds.begin[i])
        v.prefetch(index.entries, max(seeds.begin[i], seeds.end[i] - 1))
    for w in range(n_waiting):
        i = seeds.waiting[w]
        word = rest_of_hash(seeds.hashes[i], index.bucket_bits)
        begin, end = _narrow(index.entries, seeds.begin[i], seeds.end[i], word, _REST_SHIFT)
        seeds.begin[i], seeds.end[i] = begin, end


@borrowing
def _agreement(index, seeds, first, last, k, length):
    """How many probes of a read have one place, all on one diagonal; the leftmost; whether they span it."""
    n, low, high = np.int64(0), np.uint64(0), np.uint64(0)
    for i in range(first, last):
        if seeds.begin[i] == _LATER or seeds.end[i] - seeds.begin[i] != 1:
            continue
        hit, _ = place_hit(index.entries[seeds.begin[i]], seeds.places[i], k, length)
        if n == 0:
            low, high = hit, hit
        elif hit_diagonal(hit) != hit_diagonal(low):
            return np.int64(0), low, False
        low, high = min(low, hit), max(high, hit)
        n += 1
    return n, low, hit_position(low) <= OPEN and length - (hit_position(high) + k) <= OPEN


@borrowing
def is_on_alt(genome, diagonal, anchor):
    """Whether a candidate lies on an ALT contig: the primary assembly is then searched for the read, too."""
    return genome.has_alt and genome.bases.is_alt[contig_at(genome.bases, diagonal + anchor)]


@borrowing
def follows(reads, read, strand, diagonal, anchor, bases, scoring, window):
    """Whether the alignment without gaps on a diagonal leaves no part of a read that could lie elsewhere.

    strand, diagonal, anchor : as in Candidates
    """
    length = reads.offsets[read + 1] - reads.offsets[read]
    begin = reads.offsets[read] + strand * reads.offsets[reads.offsets.size - 1]
    read_window(bases, contig_at(bases, diagonal + anchor), diagonal, diagonal + length, window, ZERO)
    _, score, start, end = best_stretch(reads.strands, begin, window, length, scoring)
    return score > 0 and start <= OPEN and length - end <= OPEN


@borrowing
def _settles(reads, read, genome, scoring, needed, seeds, first, last, settled, slot):
    """Settle a read by its probes if they agree."""
    length = reads.offsets[read + 1] - reads.offsets[read]
    n, hit, spans = _agreement(genome.index, seeds, first, last, genome.shape.k, length)
    settled.hit[slot] = hit
    settled.n_agreeing[slot] = 0
    if n < needed[length]:
        return False
    strand, diagonal = place_of_diagonal(hit_diagonal(hit))
    anchor = hit_position(hit)
    if is_on_alt(genome, diagonal, anchor):
        return False
    if not spans and not follows(
        reads, read, strand, diagonal, anchor, genome.bases, scoring, settled.window
    ):
        return False
    settled.n_agreeing[slot] = n
    return True


@inline
def look_up_tile(reads, first_read, last_read, genome, scoring, needed, scratch, seeds, settled):
    """Find the seeds of a tile's reads, settle what the probes can, and look up the seeds of the rest.

    Parameters
    ----------
    reads : OrientedReads; genome : Genome; scoring : AlignmentScoring
    needed : from probes_needed
    scratch : SeedScratch of the longest read
    seeds, settled : Seeds and Settled, filled
    """
    bases, offsets = reads.strands, reads.offsets
    index, shape = genome.index, genome.shape
    n, n_waiting = 0, 0
    for read in range(first_read, last_read):
        seeds.offsets[read - first_read] = n
        hashes, places = seeds.hashes[n:], seeds.places[n:]
        found = extract_syncmers(bases, offsets[read], offsets[read + 1], shape, scratch, hashes, places)
        reached = 0
        for i in range(n, n + found):
            seeds.begin[i] = _LATER
            if seeds.places[i] >> 1 >= reached:
                reached = (seeds.places[i] >> 1) + shape.k
                n_waiting = _ask(index, seeds, n_waiting, i)
        n += found
    seeds.offsets[last_read - first_read] = n
    _resolve(index, seeds, n_waiting)
    n_waiting = 0
    for read in range(last_read - first_read):
        first, last = seeds.offsets[read], seeds.offsets[read + 1]
        if not _settles(reads, first_read + read, genome, scoring, needed, seeds, first, last, settled, read):
            for i in range(first, last):
                if seeds.begin[i] == _LATER:
                    n_waiting = _ask(index, seeds, n_waiting, i)
    _resolve(index, seeds, n_waiting)
