"""Sorted BAM records to BAI and CSI: chunks of the file by bin, first offsets by window (SAM 1.6, section 5).

Workers walk what they write (walk_records); what they found is joined at the end (formats/bai.py). Chunks and
windows are those of htslib (hts.c: hts_idx_push, compress_binning), which puts a bin that spans little of the
file into its parent; bins stand in ascending order here, in that of a hash table there.

A *key* is contig << 32 | bin; a virtual offset is the offset of a BGZF block << 16 | offset within its data.
"""

from typing import NamedTuple

import numpy as np

from genomehub.kernels._jit import borrowing
from genomehub.kernels.vectors import load_word, store_word
from genomehub.types import CigarOp, Flag

#: Key of the run of reads without a place.
UNPLACED_KEY = -1
#: A window that no read covers.
NO_OFFSET = np.uint64(2**64 - 1)
KEY_BITS = 32

_UNMAPPED = int(Flag.UNMAPPED)
_REFERENCE_OPS = sum(1 << op for op in (CigarOp.M, CigarOp.D, CigarOp.N, CigarOp.EQ, CigarOp.X))
_FIXED = 36  # bytes of a record before its name, block_size included
_SMALL = 1 << 16  # compressed bytes: bins that span less go into their parents


class Scheme(NamedTuple):
    """How a contig is cut: the smallest bins and windows span 2^min_shift bp, a parent 8 times its child.

    depth : levels of bins below the one that spans all
    is_csi : whether the file is CSI (offsets by bin) or BAI (offsets by window, after the bins)
    """

    min_shift: int
    depth: int
    is_csi: bool


class Contents(NamedTuple):
    """An index before it is bytes.

    bins : (n_bins,) int64, numbers, by contig and ascending; bin_offsets : (n_contigs + 1,) int64
    chunks : (n_chunks, 2) uint64 virtual offsets; chunk_offsets : (n_bins + 1,) int64
    totals : (n_contigs, 4) uint64, virtual offsets of a contig's begin and end, mapped and unmapped reads
    windows : (n_windows,) uint64 virtual offsets; window_offsets : (n_contigs + 1,) int64
    """

    bins: np.ndarray
    bin_offsets: np.ndarray
    chunks: np.ndarray
    chunk_offsets: np.ndarray
    totals: np.ndarray
    windows: np.ndarray
    window_offsets: np.ndarray


@borrowing
def first_bin(level):
    """Number of the first bin of a level."""
    return ((1 << (3 * level)) - 1) // 7


@borrowing
def bin_of(start, end, min_shift, depth):
    """The smallest bin that holds [start, end)."""
    shift = min_shift
    for level in range(depth, 0, -1):
        if start >> shift == (end - 1) >> shift:
            return first_bin(level) + (start >> shift)
        shift += 3
    return 0


@borrowing
def _span(records, at):
    """Bases of the reference under the CIGAR of the record at ``at``, 0 without one."""
    n_ops = np.int64(load_word(records, at + 16, 2))
    place = at + _FIXED + np.int64(records[at + 12])
    span = 0
    for _ in range(n_ops):
        op = np.int64(load_word(records, place, 4))
        if (_REFERENCE_OPS >> (op & 15)) & 1:
            span += op >> 4
        place += 4
    return span


@borrowing
def walk_records(records, begin, end, origin, scheme, runs, spans):
    """Find what an index must know of the records in ``records[begin:end]``.

    Parameters
    ----------
    records : uint8, whole BAM records in coordinate order
    origin : offset of the first record in the uncompressed stream
    scheme : Scheme
    runs : (>= n_records, 3) int64, receives runs of records with one key: key, offset in the stream of the
        first, mapped << 32 | unmapped reads
    spans : (>= n_records, 3) int64, receives windows that a record is the first to cover: contig,
        first << 32 | last window, offset of the record in the stream

    Returns
    -------
    number of runs, number of spans
    """
    n_runs = 0
    n_spans = 0
    before = np.int64(-2)  # contig of the record before
    top = np.int64(-1)  # last window covered so far
    at = begin
    while at < end:
        contig = np.int64(np.int32(load_word(records, at + 4, 4)))
        is_unmapped = np.int64(load_word(records, at + 18, 2)) & _UNMAPPED != 0
        offset = origin + at - begin
        key = np.int64(UNPLACED_KEY)
        if contig >= 0:
            start = np.int64(np.int32(load_word(records, at + 8, 4)))
            stop = start + (1 if is_unmapped else max(_span(records, at), 1))
            key = contig << KEY_BITS | bin_of(start, stop, scheme.min_shift, scheme.depth)
            if contig != before:
                top = np.int64(-1)
            last = (stop - 1) >> scheme.min_shift
            if last > top:
                spans[n_spans, 0] = contig
                spans[n_spans, 1] = max(start >> scheme.min_shift, top + 1) << KEY_BITS | last
                spans[n_spans, 2] = offset
                n_spans += 1
                top = last
        if n_runs == 0 or runs[n_runs - 1, 0] != key:
            runs[n_runs, 0], runs[n_runs, 1], runs[n_runs, 2] = key, offset, 0
            n_runs += 1
        runs[n_runs - 1, 2] += 1 if is_unmapped else 1 << KEY_BITS
        before = contig
        at += 4 + np.int64(load_word(records, at, 4))
    return n_runs, n_spans


@borrowing
def _find(keys, key):
    """Index of a key in ascending keys, -1 if it is not there."""
    low, high = 0, keys.size
    while low < high:
        middle = (low + high) >> 1
        if keys[middle] < key:
            low = middle + 1
        else:
            high = middle
    return low if low < keys.size and keys[low] == key else -1


@borrowing
def merge_small_bins(keys, first_block, last_block, depth, target):
    """Put bins that span less than 64 KiB of the file into their parents where these exist, leaves first.

    Parameters
    ----------
    keys : (n,) int64, ascending and distinct
    first_block, last_block : (n,) int64, file offsets of the blocks of a bin's first and last chunk (changed)
    target : (n,) int64, receives the index of the bin where the chunks of each bin end up
    """
    for i in range(keys.size):
        target[i] = i
    for level in range(depth, 0, -1):
        begin, end = first_bin(level), first_bin(level + 1)
        for i in range(keys.size):
            number = keys[i] & ((1 << KEY_BITS) - 1)
            if begin <= number < end and last_block[i] - first_block[i] < _SMALL:
                parent = _find(keys, (keys[i] >> KEY_BITS) << KEY_BITS | (number - 1) >> 3)
                if parent >= 0:
                    target[i] = parent
                    first_block[parent] = min(first_block[parent], first_block[i])
                    last_block[parent] = max(last_block[parent], last_block[i])
    for i in range(keys.size):
        target[i] = target[target[i]]  # a parent stands before its children


@borrowing
def fill_windows(spans, window_offsets, windows):
    """Write the offset of the first record that covers each window; of the next one where none does.

    Parameters
    ----------
    spans : (n, 3) int64 from walk_records in file order, with virtual offsets
    window_offsets : (n_contigs + 1,) int64
    windows : (n_windows,) uint64, all NO_OFFSET
    """
    for i in range(spans.shape[0]):
        origin = window_offsets[spans[i, 0]]
        first, last = spans[i, 1] >> KEY_BITS, spans[i, 1] & ((1 << KEY_BITS) - 1)
        for window in range(origin + first, origin + last + 1):
            if windows[window] == NO_OFFSET:
                windows[window] = np.uint64(spans[i, 2])
    for contig in range(window_offsets.size - 1):
        for window in range(window_offsets[contig + 1] - 2, window_offsets[contig] - 1, -1):
            if windows[window] == NO_OFFSET:
                windows[window] = windows[window + 1]


@borrowing
def _put_bin(out, at, number, offset, n_chunks, is_csi):
    store_word(out, at, np.uint32(number))
    at += 4
    if is_csi:
        store_word(out, at, np.uint64(offset))
        at += 8
    store_word(out, at, np.int32(n_chunks))
    return at + 4


@borrowing
def _first_offset(number, contents, contig, depth):
    """Offset of the first record that covers a bin's first window, 0 beyond the last window (CSI's loff)."""
    level = 0
    while first_bin(level + 1) <= number:
        level += 1
    window = contents.window_offsets[contig] + ((number - first_bin(level)) << (3 * (depth - level)))
    return contents.windows[window] if window < contents.window_offsets[contig + 1] else np.uint64(0)


@borrowing
def put_contigs(contents, scheme, out):
    """Write what an index says of its contigs, one after the other; return the bytes written.

    Parameters
    ----------
    contents : Contents
    scheme : Scheme
    out : uint8, 16 bytes for each bin (24 in CSI), 16 for each chunk, 8 for each window, 64 for each contig
    """
    bins, bin_offsets, chunks = contents.bins, contents.bin_offsets, contents.chunks
    windows, window_offsets, totals = contents.windows, contents.window_offsets, contents.totals
    is_csi = scheme.is_csi
    at = 0
    for contig in range(bin_offsets.size - 1):
        begin, end = bin_offsets[contig], bin_offsets[contig + 1]
        store_word(out, at, np.int32(end - begin + (1 if end > begin else 0)))
        at += 4
        for i in range(begin, end):
            first, last = contents.chunk_offsets[i], contents.chunk_offsets[i + 1]
            loff = _first_offset(bins[i], contents, contig, scheme.depth)
            at = _put_bin(out, at, bins[i], loff, last - first, is_csi)
            for chunk in range(first, last):
                store_word(out, at, chunks[chunk, 0])
                store_word(out, at + 8, chunks[chunk, 1])
                at += 16
        if end > begin:  # the bin that does not exist: where the contig lies, how many reads it has
            at = _put_bin(out, at, first_bin(scheme.depth + 1) + 1, np.uint64(0), 2, is_csi)
            for k in range(4):
                store_word(out, at, totals[contig, k])
                at += 8
        if not is_csi:
            store_word(out, at, np.int32(window_offsets[contig + 1] - window_offsets[contig]))
            at += 4
            for window in range(window_offsets[contig], window_offsets[contig + 1]):
                store_word(out, at, windows[window])
                at += 8
    return at
