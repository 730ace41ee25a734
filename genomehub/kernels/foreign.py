"""BAM records that other aligners made, as bytes, to columns: what align/foreign.py makes batches of.

htslib or an aligner's own binding has written or checked the records, so that the lengths of their parts are
trusted here; tags are not, which htslib does not look at. Long CIGARs in CG tags do not occur: reads are
short (align/foreign.py refuses others).
"""

from typing import NamedTuple

import numpy as np

from genomehub.kernels._jit import inline, kernel
from genomehub.kernels.decode import group_index, tag_end
from genomehub.kernels.vectors import load_word
from genomehub.types import Base, CigarOp, Flag

_FIXED = 36  # bytes of block_size and of the fields of fixed width
_REVERSE = int(Flag.REVERSE)
_REFERENCE_OPS = 0x18D  # M, D, N, =, X
_QUERY_OPS = 0x1B3  # M, I, S, H, =, X: a hard clip is part of the read as sequenced
_H = int(CigarOp.H)
#: (16,) uint8: BAM's 4-bit base -> code of Base
_CODES = np.full(16, Base.N, np.uint8)
_CODES[[1, 2, 4, 8]] = [0, 1, 2, 3]

#: What is wrong with a row.
GOOD, WRONG_LENGTH, BEYOND_CONTIG = 0, 1, 2


class RecordColumns(NamedTuple):
    """Fields of n records.

    flag : (n,) uint16; contig : (n,) int32, of the file, -1 if none; start : (n,) int32
    mapping_quality : (n,) uint8; template_length : (n,) int32
    n_bases : (n,) int64; n_ops : (n,) int64, of SEQ and CIGAR
    score, second_score : (n,) int32, AS and XS, 0 if absent
    read_group : (n,) int32, index of RG among the IDs, -1 if absent or unknown
    """

    flag: np.ndarray
    contig: np.ndarray
    start: np.ndarray
    mapping_quality: np.ndarray
    template_length: np.ndarray
    n_bases: np.ndarray
    n_ops: np.ndarray
    score: np.ndarray
    second_score: np.ndarray
    read_group: np.ndarray


@kernel
def record_starts(data):
    """Return (n + 1,) int64: starts of the whole records at the beginning of ``data``, and their end."""
    n, at = 0, 0
    while at + 4 <= data.size and at + 4 + np.int64(load_word(data, at, 4)) <= data.size:
        at += 4 + np.int64(load_word(data, at, 4))
        n += 1
    starts = np.empty(n + 1, np.int64)
    at = 0
    for i in range(n):
        starts[i] = at
        at += 4 + np.int64(load_word(data, at, 4))
    starts[n] = at
    return starts


@inline
def _same_name(data, a, b):
    k, end = 12, _FIXED + np.int64(data[a + 12])  # the length of the name, then the name
    while k < end and data[a + k] == data[b + k]:
        k = max(k + 1, _FIXED)
    return k == end


@kernel
def number_templates(data, starts):
    """Return (n,) int64: records that follow each other under one name have one number, from 0."""
    numbers = np.zeros(starts.size - 1, np.int64)
    for i in range(1, numbers.size):
        numbers[i] = numbers[i - 1] + (not _same_name(data, starts[i - 1], starts[i]))
    return numbers


@kernel
def copy_records(data, starts, records):
    """Return the bytes of some records, one after the other, (n_bytes,) uint8."""
    n_bytes = 0
    for i in records:
        n_bytes += starts[i + 1] - starts[i]
    out = np.empty(n_bytes, np.uint8)
    at = 0
    for i in records:
        for k in range(starts[i], starts[i + 1]):
            out[at] = data[k]
            at += 1
    return out


@inline
def _integer(data, at):
    """Value of an integer tag; 0 of any other."""
    kind = data[at + 2]
    if kind == 67:
        return np.int64(data[at + 3])
    if kind == 99:
        return np.int64(np.int8(data[at + 3]))
    if kind == 83:
        return np.int64(load_word(data, at + 3, 2))
    if kind == 115:
        return np.int64(np.int16(load_word(data, at + 3, 2)))
    if kind == 105 or kind == 73:
        return np.int64(np.int32(load_word(data, at + 3, 4)))
    return np.int64(0)


@kernel
def read_columns(data, starts, ids, id_offsets, out):
    """Fill the columns of all records.

    Parameters
    ----------
    data : (n_bytes,) uint8; starts : (n + 1,) int64, of record_starts
    ids, id_offsets : (n_bytes,) uint8, (n_groups + 1,) int64, IDs of read groups
    out : RecordColumns

    Returns
    -------
    the first record whose tags are malformed, -1 if there is none
    """
    for i in range(starts.size - 1):
        at = starts[i]
        out.contig[i] = np.int32(load_word(data, at + 4, 4))
        out.start[i] = np.int32(load_word(data, at + 8, 4))
        out.mapping_quality[i] = data[at + 13]
        out.n_ops[i] = np.int64(load_word(data, at + 16, 2))
        out.flag[i] = load_word(data, at + 18, 2)
        out.n_bases[i] = np.int64(load_word(data, at + 20, 4))
        out.template_length[i] = np.int32(load_word(data, at + 32, 4))
        out.score[i], out.second_score[i], out.read_group[i] = 0, 0, -1
        tag = (
            at
            + _FIXED
            + np.int64(data[at + 12])
            + 4 * out.n_ops[i]
            + (out.n_bases[i] + 1) // 2
            + out.n_bases[i]
        )
        while tag < starts[i + 1]:
            end = tag_end(data, tag, starts[i + 1]) if tag + 4 <= starts[i + 1] else -1
            if end < 0:
                return i
            if data[tag] == 65 and data[tag + 1] == 83:  # AS
                out.score[i] = _integer(data, tag)
            elif data[tag] == 88 and data[tag + 1] == 83:  # XS
                out.second_score[i] = _integer(data, tag)
            elif data[tag] == 82 and data[tag + 1] == 71:  # RG
                out.read_group[i] = group_index(data, tag + 3, end - 1, ids, id_offsets)
            tag = end
    return -1


@kernel
def copy_cigars(data, starts, order, keeps_hard_clips, offsets, cigars):
    """Write the CIGARs of the records in ``order``; hard clips only where the row keeps them.

    Parameters
    ----------
    order : (m,) int64, records; keeps_hard_clips : (m,) bool
    offsets : (m + 1,) int64, receives starts into cigars; cigars : (as many as there are,) uint32
    """
    n = 0
    for row in range(order.size):
        offsets[row] = n
        at = starts[order[row]]
        begin = at + _FIXED + np.int64(data[at + 12])
        for k in range(np.int64(load_word(data, at + 16, 2))):
            word = np.uint32(load_word(data, begin + 4 * k, 4))
            if keeps_hard_clips[row] or word & np.uint32(15) != np.uint32(_H):
                cigars[n] = word
                n += 1
    offsets[order.size] = n


@kernel
def check_rows(cigars, cigar_offsets, read_lengths, start, room, spans):
    """Check that rows fit their reads and contigs, and write the reference bases under each to ``spans``.

    Parameters
    ----------
    cigars, cigar_offsets : of the rows; a row without operations is unmapped
    read_lengths : (n,) int64, bases of each row's read as sequenced
    start : (n,) int32; room : (n,) int64, length of each row's contig
    spans : (n,) int64, receives the spans

    Returns
    -------
    problem, row : GOOD, or the first problem
    """
    for row in range(start.size):
        begin, end = cigar_offsets[row], cigar_offsets[row + 1]
        query, span = 0, 0
        for k in range(begin, end):
            op, length = np.int64(cigars[k] & np.uint32(15)), np.int64(cigars[k] >> np.uint32(4))
            query += length * ((_QUERY_OPS >> op) & 1)
            span += length * ((_REFERENCE_OPS >> op) & 1)
        spans[row] = span
        if end > begin and query != read_lengths[row]:
            return WRONG_LENGTH, row
        if end > begin and not 0 <= start[row] <= room[row] - span:
            return BEYOND_CONTIG, row
    return GOOD, start.size


@kernel
def copy_reads(data, starts, records, offsets, bases, quals):
    """Write bases and qualities of records as sequenced: turned round where the record is reverse.

    Parameters
    ----------
    records : (n,) int64; offsets : (n + 1,) int64, starts into bases and quals (uint8 codes and Phred)
    """
    for i in range(records.size):
        at = starts[records[i]]
        n = offsets[i + 1] - offsets[i]
        packed = at + _FIXED + np.int64(data[at + 12]) + 4 * np.int64(load_word(data, at + 16, 2))
        quality = packed + (n + 1) // 2
        is_reverse = np.int64(load_word(data, at + 18, 2)) & _REVERSE != 0
        for k in range(n):
            code = _CODES[(data[packed + (k >> 1)] >> np.uint8(4 * (1 - (k & 1)))) & np.uint8(15)]
            if is_reverse:
                place = offsets[i + 1] - 1 - k
                bases[place] = np.uint8(3) - code if code < 4 else code
                quals[place] = data[quality + k]
            else:
                bases[offsets[i] + k] = code
                quals[offsets[i] + k] = data[quality + k]


@kernel
def copy_names(data, starts, records, offsets, names):
    """Write the names of records: offsets (n + 1,) int64 of their lengths, names (offsets[-1],) uint8."""
    for i in range(records.size):
        at = starts[records[i]] + _FIXED
        for k in range(offsets[i + 1] - offsets[i]):
            names[offsets[i] + k] = data[at + k]
