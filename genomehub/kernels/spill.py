"""Spilled records (kernels/records.py) to coordinate order, with duplicates marked."""

from typing import NamedTuple

import numpy as np

from genomehub.kernels._jit import borrowing
from genomehub.kernels.records import PREFIX
from genomehub.kernels.vectors import load, load_word, prefetch, store, store_word
from genomehub.types import Flag

#: Spare bytes after spilled records and output, for vectors that reach past a record.
PADDING = 64
#: Sort key of reads without a place: after every position.
UNPLACED = np.int64(2**62)

#: Bytes of a DT tag.
TAG_BYTES = 6

_AHEAD = 4  # records whose memory is asked for before they are copied
_UNMAPPED, _DUPLICATE = int(Flag.UNMAPPED), int(Flag.DUPLICATE)
_OPTICAL_TAG = np.uint64(int.from_bytes(b"DTZSQ\0", "little"))
_LIBRARY_TAG = np.uint64(int.from_bytes(b"DTZLB\0", "little"))


class DuplicateBits(NamedTuple):
    """Which templates are duplicates, and how that is told besides the FLAG.

    bits : (n_templates // 8 + 1,) uint8, bit t & 7 of byte t >> 3 is set for a duplicate template
    optical : the same of optical duplicates, which get the tag DT:Z:SQ; empty if they get none
    tags_all : whether other duplicates get DT:Z:LB
    tag_bytes : bytes that a record may grow by
    """

    bits: np.ndarray
    optical: np.ndarray
    tags_all: bool
    tag_bytes: int


@borrowing
def sort_keys(alignments, contig_offsets, keys):
    """Write the place of each row in coordinate order: global position of its start, UNPLACED without one."""
    contig_index = alignments.contig_index
    start = alignments.start
    for row in range(keys.size):
        contig = contig_index[row]
        keys[row] = contig_offsets[contig] + start[row] if contig >= 0 else UNPLACED


@borrowing
def reorder_records(data, starts, order, out, new_starts):
    """Copy records (prefixes and all) to ``out`` in another order.

    Writing a batch in its own order and moving whole records after is three times quicker than writing it
    sorted: that would pick names, bases, qualities, CIGARs and rows from far apart for each record.

    Parameters
    ----------
    data : (n_bytes + PADDING,) uint8; starts : (n + 1,) int64
    order : (n,) int64
    out : (n_bytes + PADDING,) uint8; new_starts : (n + 1,) int64, receives the starts in ``out``
    """
    at = 0
    for i in range(order.size):
        if i + _AHEAD < order.size:
            for line in range(0, 384, 64):
                prefetch(data, starts[order[i + _AHEAD]] + line)
        begin, end = starts[order[i]], starts[order[i] + 1]
        new_starts[i] = at
        for step in range(0, end - begin, 64):
            store(out, at + step, load(data, begin + step, 64))
        at += end - begin
    new_starts[order.size] = at


@borrowing
def scan_spill(spill, contig_offsets, keys, starts):
    """Find the spilled records of a bin: their sort keys, and their starts (n + 1, the last is the end)."""
    at = 0
    for i in range(keys.size):
        starts[i] = at
        contig = np.int32(load_word(spill, at + PREFIX + 4, 4))
        start = np.int32(load_word(spill, at + PREFIX + 8, 4))
        keys[i] = contig_offsets[contig] + start if contig >= 0 else UNPLACED
        at += PREFIX + 4 + np.int64(load_word(spill, at + PREFIX, 4))
    starts[keys.size] = at


@borrowing
def _place_in_bin(spill, at, contig_offsets, bin_start):
    """Position of the record at ``at`` from its bin's start; 0 for all records without a place."""
    contig = np.int32(load_word(spill, at + PREFIX + 4, 4))
    start = np.int32(load_word(spill, at + PREFIX + 8, 4))
    return contig_offsets[contig] + start - bin_start if contig >= 0 else 0


@borrowing
def _record_bytes(spill, at):
    return PREFIX + 4 + np.int64(load_word(spill, at + PREFIX, 4))


@borrowing
def count_bytes(spill, end, contig_offsets, bin_start, n_bytes):
    """Add the bytes of records in ``spill[:end]`` to n_bytes, (bin width,) int64, by position in the bin."""
    at = 0
    while at < end:
        size = _record_bytes(spill, at)
        n_bytes[_place_in_bin(spill, at, contig_offsets, bin_start)] += size
        at += size


@borrowing
def assign_parts(n_bytes, part_bytes, parts):
    """Cut a bin into parts of at most ``part_bytes`` by position; return how many parts there are.

    Parameters
    ----------
    n_bytes : (bin width,) int64, bytes of the records at each position
    parts : (bin width,) int64, receives the part of each position; the first of several if more than a part
        lies at one
    """
    part = 0
    filled = 0
    for i in range(n_bytes.size):
        if filled > 0 and filled + n_bytes[i] > part_bytes:
            part += 1
            filled = 0
        parts[i] = part
        filled += n_bytes[i]
        if filled > part_bytes:
            part += filled // part_bytes
            filled = part_bytes
    return part + 1


@borrowing
def put_in_parts(spill, stretch, contig_offsets, bin_start, layout, out):
    """Find the part of each record of a stretch of a bin.

    Parameters
    ----------
    spill : (n_bytes + PADDING,) uint8
    stretch : begin of a record, and where to stop before the next one
    layout : parts, from assign_parts; bytes put so far at each position (updated); part_bytes
    out : the part of each record, and its start in ``spill`` (one more: the end), both int64

    Returns
    -------
    number of records
    """
    parts, put, part_bytes = layout
    part_of, starts = out
    at, limit = stretch
    n = 0
    while at < limit:
        place = _place_in_bin(spill, at, contig_offsets, bin_start)
        part_of[n], starts[n] = parts[place] + put[place] // part_bytes, at
        size = _record_bytes(spill, at)
        put[place] += size
        at += size
        n += 1
    starts[n] = at
    return n


@borrowing
def _has_bit(bits, template):
    return (bits[template >> 3] >> np.uint8(template & 7)) & np.uint8(1) != np.uint8(0)


@borrowing
def gather_records(spill, starts, order, duplicates, out):
    """Copy spilled records in sorted order, without prefix, and mark those of duplicate templates.

    Parameters
    ----------
    spill : (n_bytes + PADDING,) uint8
    starts : (n_records + 1,) int64, from scan_spill
    order : (n,) int64, indices of records to copy
    duplicates : DuplicateBits
    out : (n_bytes + n * duplicates.tag_bytes + PADDING,) uint8

    Returns
    -------
    bytes written
    """
    bits, optical = duplicates.bits, duplicates.optical
    at = 0
    for i in range(order.size):
        if i + _AHEAD < order.size:
            for line in range(0, 384, 64):
                prefetch(spill, starts[order[i + _AHEAD]] + line)
        begin, end = starts[order[i]], starts[order[i] + 1]
        template = np.int64(load_word(spill, begin, 8))
        begin += PREFIX
        for step in range(0, end - begin, 64):
            store(out, at + step, load(spill, begin + step, 64))
        size = end - begin
        flag = np.uint16(load_word(out, at + 18, 2))
        if _has_bit(bits, template) and not flag & _UNMAPPED:
            store_word(out, at + 18, np.uint16(flag | _DUPLICATE))
            if optical.size > 0 and _has_bit(optical, template):
                store_word(out, at + size, _OPTICAL_TAG)
                size += TAG_BYTES
            elif duplicates.tags_all:
                store_word(out, at + size, _LIBRARY_TAG)
                size += TAG_BYTES
            store_word(out, at, np.int32(size - 4))
        at += size
    return at
