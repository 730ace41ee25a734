"""Plain twin of kernels/lookup.py: reads that few seeds settle, entries that a partner leaves."""

from plain.extension import best_stretch
from plain.mapq import single_quality
from plain.seeds import partner, syncmers

OPEN = 30


def probes_needed(length, scoring):
    """Least number of mismatches that leave a perfect read a quality of 35 beside a rival."""
    score = length * scoring.match
    for n in range(1, length):
        rival = score - n * (scoring.match + scoring.mismatch)
        if single_quality(score, rival, 1, length, 0.0, scoring) >= 35:
            return n
    return max(length, 1)


def places_of(contigs, offsets, k, s):
    """Hash of a seed -> its (global start, strand) in lists of codes."""
    places = {}
    for codes, offset in zip(contigs, offsets, strict=True):
        for word, start, strand in syncmers(codes, k, s):
            places.setdefault(word, []).append((offset + start, strand))
    return places


def probes(seeds, k):
    """Of a read's seeds the first, the next that does not overlap it, and so on."""
    chosen, reached = [], 0
    for seed in seeds:
        if seed[1] >= reached:
            chosen.append(seed)
            reached = seed[1] + k
    return chosen


def settle(read, places, genome, k, s, scoring):
    """(strand, diagonal, first position, agreeing probes) of a read that its probes settle, else None.

    ``genome`` is a list of codes by global position, 5 between contigs (one contig only is enough here).
    """
    found = []
    for word, start, strand in probes(syncmers(read, k, s), k):
        hits = places.get(word, [])
        if len(hits) == 1:
            reverse = hits[0][1] ^ strand
            position = len(read) - k - start if reverse else start
            found.append((reverse, hits[0][0] - position, position))
    if len({hit[:2] for hit in found}) != 1 or len(found) < probes_needed(len(read), scoring):
        return None
    strand, diagonal, low = min(found)
    high = max(found)[2]
    if low > OPEN or len(read) - (high + k) > OPEN:
        aligned = [3 - c if c < 4 else c for c in reversed(read)] if strand else read
        _, score, start, end = best_stretch(aligned, genome[diagonal : diagonal + len(read)], scoring)
        if score <= 0 or start > OPEN or len(read) - end > OPEN:
            return None
    return strand, diagonal, low, len(found)


def links(seeds, i, step, entries, first, last):
    """Indices of the entries of seed i, (index, partner bits) each, that have its partner on the read."""
    bits = partner(seeds, i, step, first, last)
    return [index for index, linked in entries if bits and linked == bits]
