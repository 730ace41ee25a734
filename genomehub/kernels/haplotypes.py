"""What aligned reads differ in, and the sequences that sets of such differences spell.

``read_events`` walks the reads of active regions, ``variants.haplotypes`` chooses, ``spell`` writes
the candidates out. Choosing is sorting and counting over flat arrays, which NumPy does as fast as a kernel.
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

#: Kinds of difference, in the order in which they apply at one row: an insertion stands before its base.
INSERTION, SUBSTITUTION, DELETION = 0, 1, 2
#: Differences of one read that are looked at; alignments worth using have fewer.
MAX_READ_EVENTS = 256


class ReadEvents(NamedTuple):
    """Differences of reads from the reference, grouped by read.

    key : (n,) uint64, hash of place, kind and bases: equal for equal differences, wherever the window begins
    row : (n,) int64, row of the substituted or first deleted base, or of the base behind an insertion
    kind : (n,) int64, INSERTION, SUBSTITUTION or DELETION
    length : (n,) int64, bp inserted or deleted; 1 for a substitution
    source : (n,) int64, where the substituting or inserted bases stand in Records.bases
    rotation : (n,) int64, bases by which the inserted text turned right as it was moved left
    offsets : (n_reads + 1,) int64
    """

    key: np.ndarray
    row: np.ndarray
    kind: np.ndarray
    length: np.ndarray
    source: np.ndarray
    rotation: np.ndarray
    offsets: np.ndarray


@kernel
def read_events(alignments, record, begin, end, low, high, reference, window_start, least_quality):
    """List the differences of reads from the reference inside their regions, indels left-aligned.

    Parameters
    ----------
    alignments : Alignments
    record, begin, end : (n_reads,) int64, as in RegionReads
    low, high : (n_reads,) int64, rows of the read's region
    reference : (n_rows,) uint8, codes of the window
    window_start : 0-based bp of row 0
    least_quality : substitutions by a base of lower quality are ignored

    Returns
    -------
    key : (n,) uint64; found : (n, 5) int64, row, kind, length, source, rotation
    offsets : (n_reads + 1,) int64

    Notes
    -----
    An indel moves left through bases where the read matches the reference only, so that the set of a read's
    events still spells the read.
    Plain twin  tests/plain/haplotypes.py
    """
    capacity = 1024 + MAX_READ_EVENTS
    found = np.empty((capacity, 5), dtype=np.int64)
    offsets = np.zeros(record.size + 1, dtype=np.int64)
    n = 0
    for i in range(record.size):
        if n + MAX_READ_EVENTS > found.shape[0]:
            larger = np.empty((2 * found.shape[0], 5), dtype=np.int64)
            larger[:n] = found[:n]
            found = larger
        n += _events_of_read(
            alignments,
            record[i],
            begin[i],
            end[i],
            low[i],
            high[i],
            reference,
            window_start,
            least_quality,
            found[n:],
        )
        offsets[i + 1] = n
    key = np.empty(n, dtype=np.uint64)
    for e in range(n):
        key[e] = _event_key(alignments.bases, window_start, found[e])
    return key, found[:n], offsets


@inline
def inserted_base(bases, source, length, rotation, k):
    """Base ``k`` of an insertion after its text was turned right by ``rotation``."""
    return bases[source + (k - rotation) % length]


@inline
def _event_key(bases, window_start, event):
    row, kind, length, source, rotation = event[0], event[1], event[2], event[3], event[4]
    key = mixed(
        np.uint64(window_start + row) * np.uint64(4) + np.uint64(kind) + (np.uint64(length) << np.uint64(40))
    )
    if kind != DELETION:
        for k in range(length):
            base = inserted_base(bases, source, length, rotation, k)
            key = mixed(key * np.uint64(7) + np.uint64(base) + np.uint64(1))
    return key


@inline
def _events_of_read(alignments, read, begin, end, low, high, reference, window_start, least_quality, found):
    query, row = alignments.offsets[read], np.int64(alignments.start[read]) - window_start
    count = 0
    clean = max(row, 1)  # rows from here on match the reference: an indel may move so far left
    for c in range(alignments.cigar_offsets[read], alignments.cigar_offsets[read + 1]):
        op, length = alignments.cigars[c] & 15, np.int64(alignments.cigars[c] >> 4)
        if count == MAX_READ_EVENTS:
            break
        if is_aligned(op):
            for k in range(max(0, -row), min(length, reference.size - row)):
                base = alignments.bases[query + k]
                if base == reference[row + k]:
                    continue
                clean = max(row + k + 1, 1)
                known = base <= 3 and reference[row + k] <= 3 and alignments.quals[query + k] >= least_quality
                if known and low <= row + k < high and begin <= query + k < end and count < MAX_READ_EVENTS:
                    _note(found[count], row + k, SUBSTITUTION, 1, query + k, 0)
                    count += 1
        elif op == D and row > 0 and row + length <= reference.size:
            shift = shift_deletion(reference, row, row + length, clean)
            if low < row - shift and row - shift + length < high:
                _note(found[count], row - shift, DELETION, length, 0, 0)
                count += 1
            clean = row + length
        elif op == I and 0 < row <= reference.size:
            shift = shift_insertion(reference, alignments.bases, query, length, row, clean)
            if low < row - shift < high:
                _note(found[count], row - shift, INSERTION, length, query, shift % length)
                count += 1
            clean = row
        if uses_query(op):
            query += length
        if uses_reference(op):
            row += length
    return count


@inline
def _note(event, row, kind, length, source, rotation):
    event[0], event[1], event[2], event[3], event[4] = row, kind, length, source, rotation


@kernel
def spell(bases, events, event_offsets, sets, set_regions, low, high, reference):
    """Write the sequence of each candidate haplotype, with its flanks.

    Parameters
    ----------
    bases : (n_bases,) uint8, Records.bases
    events : (n, 5) int64, kept events, row, kind, length, source, rotation, region after region in order
    event_offsets : (n_regions + 1,) int64
    sets : (n_haplotypes,) uint64, bit k: the region's event k; set_regions : (n_haplotypes,) int64
    low, high : (n_regions,) int64, rows that haplotypes of a region span
    reference : (n_rows,) uint8, codes of the window

    Returns
    -------
    sequences : (n_bases,) uint8; offsets : (n_haplotypes + 1,) int64
    """
    offsets = np.zeros(sets.size + 1, dtype=np.int64)
    for h in range(sets.size):
        r = set_regions[h]
        size = high[r] - low[r]
        for e in range(event_offsets[r], event_offsets[r + 1]):
            if events[e, 1] == INSERTION:
                size += events[e, 2]
        offsets[h + 1] = offsets[h] + size  # an upper bound; the true size follows below
    sequences = np.empty(offsets[-1], dtype=np.uint8)
    n = 0
    for h in range(sets.size):
        r = set_regions[h]
        offsets[h] = n
        row = low[r]
        for e in range(event_offsets[r], event_offsets[r + 1]):
            member = (sets[h] >> np.uint64(e - event_offsets[r])) & np.uint64(1)
            if member == np.uint64(0) or events[e, 0] < row:
                continue  # not of this haplotype, or inside a deletion of it
            while row < events[e, 0]:
                sequences[n] = reference[row]
                row, n = row + 1, n + 1
            if events[e, 1] == DELETION:
                row += events[e, 2]
                continue
            for k in range(events[e, 2]):
                sequences[n] = inserted_base(bases, events[e, 3], events[e, 2], events[e, 4], k)
                n += 1
            if events[e, 1] == SUBSTITUTION:
                row += 1
        while row < high[r]:
            sequences[n] = reference[row]
            row, n = row + 1, n + 1
    offsets[sets.size] = n
    return sequences[:n], offsets
