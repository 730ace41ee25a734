"""Spilled records (kernels/records.py) to coordinate order, with duplicates marked."""

import numpy as np

from genomehub.kernels._jit import borrowing
from genomehub.kernels.records import PREFIX
from genomehub.kernels.vectors import load, load_word, prefetch, store, store_word
from genomehub.types import Flag

#: Spare bytes after spilled records and output, for vectors that reach past a record.
PADDING = 64
#: Sort key of reads without a place: after every position.
UNPLACED = np.int64(2**62)

_AHEAD = 4  # records whose memory is asked for before they are copied
_UNMAPPED, _DUPLICATE = int(Flag.UNMAPPED), int(Flag.DUPLICATE)


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
def gather_records(spill, starts, order, duplicates, out):
    """Copy spilled records in sorted order, without prefix, and mark those of duplicate templates.

    Parameters
    ----------
    spill : (n_bytes + PADDING,) uint8
    starts : (n_records + 1,) int64, from scan_spill
    order : (n,) int64, indices of records to copy
    duplicates : (n_templates // 8 + 1,) uint8, bit t & 7 of byte t >> 3 is set for a duplicate template
    out : (n_bytes + PADDING,) uint8

    Returns
    -------
    bytes written
    """
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
        flag = np.uint16(load_word(out, at + 18, 2))
        is_duplicate = (duplicates[template >> 3] >> np.uint8(template & 7)) & np.uint8(1)
        if is_duplicate and not flag & _UNMAPPED:
            store_word(out, at + 18, np.uint16(flag | _DUPLICATE))
        at += end - begin
    return at
