"""Candidate haplotypes of active regions from what the aligned reads show.

The differences of each read from the reference (``events``) that enough templates share are kept; the
sets of kept events that reads carry, and each kept event alone, make the candidates. Sequencing errors, being
rare, fall out before sequences are compared. Where alignments cannot be trusted ``kernels.assembly`` adds more.
"""

from typing import NamedTuple

import numpy as np

from genomehub.kernels._jit import inline, kernel
from genomehub.kernels.pileup import (
    D,
    I,
    is_aligned,
    shift_deletion,
    shift_insertion,
    uses_query,
    uses_reference,
)
from genomehub.kernels.region_reads import mixed

SUBSTITUTION, INSERTION, DELETION = 0, 1, 2
#: Kept events per region: a read's set of them is one 64-bit word.
MAX_EVENTS = 64


class ReadEvents(NamedTuple):
    """Differences of reads from the reference, grouped by read.

    key : (n,) uint64, hash of all that follows: equal for equal differences
    row : (n,) int32, row of the substituted or first deleted base, or of the base behind an insertion
    kind : (n,) uint8, SUBSTITUTION, INSERTION or DELETION
    length : (n,) int32, bp inserted or deleted; 1 for a substitution
    source : (n,) int64, where the substituting or inserted bases stand in Records.bases
    rotation : (n,) int32, bases by which the inserted text turned right as it was moved left
    offsets : (n_reads + 1,) int64
    """

    key: np.ndarray
    row: np.ndarray
    kind: np.ndarray
    length: np.ndarray
    source: np.ndarray
    rotation: np.ndarray
    offsets: np.ndarray


@inline
def inserted_base(bases, source, length, rotation, k):
    """Base ``k`` of an insertion after its text was turned right by ``rotation``."""
    return bases[source + (k - rotation) % length]


@inline
def _event_key(bases, start, kind, length, source, rotation):
    key = mixed(np.uint64(start) * np.uint64(4) + np.uint64(kind) + (np.uint64(length) << np.uint64(40)))
    if kind == DELETION:
        return key
    for k in range(length):
        base = inserted_base(bases, source, length, rotation, k)
        key = mixed(key * np.uint64(7) + np.uint64(base) + np.uint64(1))
    return key


@inline
def _grown(values, needed):
    if needed <= values.size:
        return values
    larger = np.empty(max(needed, values.size * 2), dtype=values.dtype)
    larger[: values.size] = values
    return larger


@kernel
def read_events(records, quals, reads, regions, reference, window_start, least_quality):
    """List the differences of each region's reads from the reference inside the region, indels left-aligned.

    Parameters
    ----------
    records : Records; quals : (n_bases,) uint8
    reads : RegionReads
    regions : (n_regions, 2) int64, rows
    reference : (n_rows,) uint8, codes of the window
    window_start : 0-based bp of row 0
    least_quality : substitutions by a base of lower quality are ignored

    Returns
    -------
    ReadEvents, one group per entry of ``reads``

    Notes
    -----
    An indel moves left through bases that match the reference only, so that the set of a read's events
    still spells the read.
    """
    total = reads.record.size
    size = np.int64(1024)
    row, length = np.empty(size, dtype=np.int32), np.empty(size, dtype=np.int32)
    rotation, kind = np.empty(size, dtype=np.int32), np.empty(size, dtype=np.uint8)
    source, key = np.empty(size, dtype=np.int64), np.empty(size, dtype=np.uint64)
    offsets = np.zeros(total + 1, dtype=np.int64)
    n = np.int64(0)
    found = np.empty((256, 5), dtype=np.int64)
    for r in range(regions.shape[0]):
        for i in range(reads.region_offsets[r], reads.region_offsets[r + 1]):
            count = _events_of_read(
                records, quals, reads.record[i], reads.begin[i], reads.end[i], regions[r], reference, window_start,
                least_quality, found,
            )  # fmt: skip
            needed = n + count
            row, length, rotation = _grown(row, needed), _grown(length, needed), _grown(rotation, needed)
            kind, source, key = _grown(kind, needed), _grown(source, needed), _grown(key, needed)
            for e in range(count):
                row[n], kind[n], length[n] = found[e, 0], found[e, 1], found[e, 2]
                source[n], rotation[n] = found[e, 3], found[e, 4]
                key[n] = _event_key(
                    records.bases, window_start + found[e, 0], kind[n], length[n], source[n], rotation[n]
                )  # the position, not the row: keys must not depend on the window
                n += 1
            offsets[i + 1] = n
    return ReadEvents(key[:n], row[:n], kind[:n], length[:n], source[:n], rotation[:n], offsets)


@inline
def _events_of_read(records, quals, read, begin, end, region, reference, window_start, least_quality, found):
    query, row = records.offsets[read], np.int64(records.start[read]) - window_start
    count = 0
    clean = row  # rows from here on match the reference: an indel may move so far left
    for c in range(records.cigar_offsets[read], records.cigar_offsets[read + 1]):
        op, length = records.cigars[c] & 15, np.int64(records.cigars[c] >> 4)
        if is_aligned(op):
            skip, stop = max(0, -row), min(length, reference.size - row)
            for k in range(skip, stop):
                base = records.bases[query + k]
                if base != reference[row + k]:
                    clean = row + k + 1
                    inside = region[0] <= row + k < region[1] and begin <= query + k < end
                    if inside and base <= 3 and reference[row + k] <= 3 and quals[query + k] >= least_quality:
                        count = _note(found, count, row + k, SUBSTITUTION, 1, query + k, 0)
        elif op == D and row > 0 and row + length <= reference.size:
            shift = shift_deletion(reference, row, row + length, max(clean, 1))
            if region[0] < row - shift and row - shift + length < region[1]:
                count = _note(found, count, row - shift, DELETION, length, 0, 0)
            clean = row + length
        elif op == I and 0 < row <= reference.size:
            shift = shift_insertion(reference, records.bases, query, length, row, max(clean, 1))
            if region[0] < row - shift < region[1]:
                count = _note(found, count, row - shift, INSERTION, length, query, shift % length)
            clean = row
        if uses_query(op):
            query += length
        if uses_reference(op):
            row += length
    return count


@inline
def _note(found, count, row, kind, length, source, rotation):
    if count == found.shape[0]:
        return count  # more differences than any alignment worth using has
    found[count, 0], found[count, 1], found[count, 2] = row, kind, length
    found[count, 3], found[count, 4] = source, rotation
    return count + 1


class Candidates(NamedTuple):
    """Candidate haplotypes of regions, as sets of kept events.

    events : (n,) int64, numbers of kept events (one example each in ReadEvents), region after region, by row
    event_offsets : (n_regions + 1,) int64
    sets : (m,) uint64, bit k set: the haplotype has the region's kept event k; the first of each region is 0,
        the reference
    set_offsets : (n_regions + 1,) int64
    spanning : (n_regions,) int32, reads that cover the whole region
    """

    events: np.ndarray
    event_offsets: np.ndarray
    sets: np.ndarray
    set_offsets: np.ndarray
    spanning: np.ndarray


@kernel
def candidate_sets(reads, events, regions, least_support, least_fraction, max_sets):
    """Choose per region the events that enough templates share, and the sets of them that reads carry.

    Parameters
    ----------
    reads : RegionReads; events : ReadEvents
    regions : (n_regions, 2) int64, rows
    least_support : templates that must share an event
    least_fraction : and the share of the region's templates
    max_sets : most candidates of a region, the reference among them

    Returns
    -------
    Candidates

    Notes
    -----
    Sets rank by the number of reads that span the region and carry exactly the set, then by all reads that
    carry it as far as they go, then by value: the choice does not depend on the order of reads.
    """
    n_regions = regions.shape[0]
    kept, sets = np.empty(256, dtype=np.int64), np.empty(256, dtype=np.uint64)
    event_offsets, set_offsets = (
        np.zeros(n_regions + 1, dtype=np.int64),
        np.zeros(n_regions + 1, dtype=np.int64),
    )
    spanning = np.zeros(n_regions, dtype=np.int32)
    for r in range(n_regions):
        first, last = reads.region_offsets[r], reads.region_offsets[r + 1]
        least = max(np.float64(least_support), least_fraction * reads.n_fragments[r])
        chosen = _shared_events(reads, events, first, last, least)
        kept = _grown(kept, event_offsets[r] + chosen.size)
        kept[event_offsets[r] : event_offsets[r] + chosen.size] = chosen
        event_offsets[r + 1] = event_offsets[r] + chosen.size
        found, spanning[r] = _sets_of_reads(reads, events, first, last, chosen, regions[r], max_sets)
        sets = _grown(sets, set_offsets[r] + found.size)
        sets[set_offsets[r] : set_offsets[r] + found.size] = found
        set_offsets[r + 1] = set_offsets[r] + found.size
    return Candidates(
        kept[: event_offsets[-1]], event_offsets, sets[: set_offsets[-1]], set_offsets, spanning
    )


@inline
def _shared_events(reads, events, first, last, least):
    begin, end = events.offsets[first], events.offsets[last]
    order = begin + np.argsort(events.key[begin:end], kind="mergesort")
    owner = np.empty(end - begin, dtype=np.int32)
    for i in range(first, last):
        owner[events.offsets[i] - begin : events.offsets[i + 1] - begin] = reads.fragment[i]
    support = np.zeros(order.size, dtype=np.int64)
    example = np.empty(order.size, dtype=np.int64)
    stamp = np.full(max(1, 1 + (owner.max() if owner.size else 0)), -1, dtype=np.int64)
    n = -1
    for k in range(order.size):
        if k == 0 or events.key[order[k]] != events.key[order[k - 1]]:
            n += 1
            example[n] = order[k]
        if stamp[owner[order[k] - begin]] != n:
            stamp[owner[order[k] - begin]] = n
            support[n] += 1
    return _strongest(events, example[: n + 1], support[: n + 1], least)


@inline
def _strongest(events, example, support, least):
    """At most MAX_EVENTS of the events with enough support, ordered by row, kind, length and key."""
    strong = np.flatnonzero(support >= least)
    if strong.size > MAX_EVENTS:
        rank = np.argsort(-support[strong], kind="mergesort")  # ties: by key, as example is
        strong = strong[rank[:MAX_EVENTS]]
    chosen = example[strong]
    for i in range(1, chosen.size):  # insertion sort: a handful
        value, j = chosen[i], i - 1
        while j >= 0 and _comes_before(events, value, chosen[j]):
            chosen[j + 1] = chosen[j]
            j -= 1
        chosen[j + 1] = value
    return chosen


@inline
def _comes_before(events, a, b):
    if events.row[a] != events.row[b]:
        return events.row[a] < events.row[b]
    if events.kind[a] != events.kind[b]:
        # An insertion before a substituted or deleted base comes first.
        return events.kind[a] == INSERTION if events.kind[b] != INSERTION else False
    if events.length[a] != events.length[b]:
        return events.length[a] < events.length[b]
    return events.key[a] < events.key[b]


@inline
def _sets_of_reads(reads, events, first, last, chosen, region, max_sets):
    carried = np.zeros(last - first, dtype=np.uint64)
    spans = np.zeros(last - first, dtype=np.bool_)
    spanning = 0
    for i in range(first, last):
        for e in range(events.offsets[i], events.offsets[i + 1]):
            for k in range(chosen.size):
                if events.key[e] == events.key[chosen[k]]:
                    carried[i - first] |= np.uint64(1) << np.uint64(k)
        spans[i - first] = reads.first_row[i] <= region[0] and reads.last_row[i] >= region[1]
        spanning += spans[i - first]
    values, rank = _count_sets(carried, spans)
    order = np.argsort(-rank, kind="mergesort")
    out = np.zeros(1 + values.size + chosen.size, dtype=np.uint64)
    n = 1  # the reference
    for k in range(order.size):
        if rank[order[k]] >= 2:
            n = _add_set(out, n, values[order[k]], max_sets)
    for k in range(chosen.size):
        n = _add_set(out, n, np.uint64(1) << np.uint64(k), max_sets)
    return out[:n], spanning


@inline
def _count_sets(carried, spans):
    """Distinct sets in ascending order, and what they rank by: spanning reads first, then all."""
    ordered = np.sort(carried)
    values = np.empty(ordered.size, dtype=np.uint64)
    n = 0
    for i in range(ordered.size):
        if i == 0 or ordered[i] != ordered[i - 1]:
            values[n] = ordered[i]
            n += 1
    rank = np.zeros(n, dtype=np.int64)
    for i in range(carried.size):
        k = np.searchsorted(values[:n], carried[i])
        rank[k] += 1 + (np.int64(1 << 20) if spans[i] else 0)
    return values[:n], rank


@inline
def _add_set(out, n, value, max_sets):
    if n >= max_sets:
        return n
    for k in range(n):
        if out[k] == value:
            return n
    out[n] = value
    return n + 1


@kernel
def spell(records, events, candidates, regions, flank, reference, max_length):
    """Write the sequence of each candidate haplotype, with its flanks.

    Parameters
    ----------
    records : Records; events : ReadEvents; candidates : Candidates
    regions : (n_regions, 2) int64, rows
    flank : (n_regions,) int64, rows of reference on both sides (cut at the window's ends)
    reference : (n_rows,) uint8, codes of the window
    max_length : bp; a haplotype that would be longer is cut there (never met by sane input)

    Returns
    -------
    sequences : (n_bases,) uint8; offsets : (n_sets + 1,) int64
    """
    capacity = np.int64(4096)
    sequences = np.empty(capacity, dtype=np.uint8)
    offsets = np.zeros(candidates.sets.size + 1, dtype=np.int64)
    line = np.empty(max_length, dtype=np.uint8)
    for r in range(regions.shape[0]):
        low, high = max(0, regions[r, 0] - flank[r]), min(reference.size, regions[r, 1] + flank[r])
        kept = candidates.events[candidates.event_offsets[r] : candidates.event_offsets[r + 1]]
        for h in range(candidates.set_offsets[r], candidates.set_offsets[r + 1]):
            n = _spell_one(records.bases, events, kept, candidates.sets[h], low, high, reference, line)
            sequences = _grown(sequences, offsets[h] + n)
            sequences[offsets[h] : offsets[h] + n] = line[:n]
            offsets[h + 1] = offsets[h] + n
    return sequences[: offsets[-1]].copy(), offsets


@inline
def _spell_one(bases, events, kept, members, low, high, reference, line):
    row, n = low, 0
    for k in range(kept.size):
        e = kept[k]
        if not (members >> np.uint64(k)) & np.uint64(1) or events.row[e] < row:
            continue  # not of this haplotype, or inside a deletion of it
        while row < events.row[e] and n < line.size:
            line[n] = reference[row]
            row += 1
            n += 1
        if events.kind[e] == DELETION:
            row += events.length[e]
            continue
        for j in range(min(events.length[e], line.size - n)):
            line[n] = inserted_base(bases, events.source[e], events.length[e], events.rotation[e], j)
            n += 1
        row += events.kind[e] == SUBSTITUTION
    while row < high and n < line.size:
        line[n] = reference[row]
        row += 1
        n += 1
    return n
