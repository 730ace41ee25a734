"""BAM bytes to Records, and the questions a BAI or CSI index answers. No paths, no decompression.

The layout of a record is section 4.2 of SAM 1.6, of the indexes section 5 and CSI 1. Integers are put
together from bytes, which LLVM turns into single loads; a record is checked against its own length before
any of its fields is used, so that a damaged file ends in a status and not in foreign memory.
"""

import numpy as np

from genomehub.kernels._jit import borrowing, kernel
from genomehub.kernels.vectors import load, load_word, store, store_word
from genomehub.types import Base, CigarOp, Flag, Records

#: What ``select_records`` found; anything but COMPLETE and BEYOND stops the reader with an error.
COMPLETE = 0  # all whole records of the buffer were looked at
BEYOND = 1  # a record starts after the wanted span: nothing more to find in a sorted file
MALFORMED = 2  # a record's fields contradict its length
UNSORTED = 3  # a record starts before the one in front of it
#: What ``decode_records`` found; anything but NO_FAULT stops the reader with an error.
NO_FAULT = 0
EQUALS = 1  # a base is written as '=', which says nothing without the reference
CIGAR_LENGTH = 2  # the CIGAR of a mapped record is of another length than its bases
CIGAR_OPERATION = 3  # it has an operation that is none of MIDNSHP=X

#: Bytes of block_size and of the fields of fixed width.
FIXED = 36
_EQUALS = 8  # marks '=' (same base as the reference) while bases are unpacked
_UNPLACED = np.int64(1) << 62  # sorts after every contig
_LAST_PLACE = (1 << 31) - 1  # of int32
_UNMAPPED = np.uint16(Flag.UNMAPPED)  # Numba knows IntEnum, not IntFlag

#: (256,) uint16, codes of the two bases in one byte of SEQ: in the low byte that of the high nibble, which
#: comes first
_PAIR_CODES = np.array(
    [
        [
            [_EQUALS, 0, 1, Base.N, 2, Base.N, Base.N, Base.N, 3][n] if n < 9 else Base.N
            for n in (b >> 4, b & 15)
        ]
        for b in range(256)
    ],
    dtype=np.uint8,
) @ np.array([1, 256], dtype=np.uint16)  # fmt: skip


@borrowing
def _u16(data, i):
    return np.int64(data[i]) | np.int64(data[i + 1]) << 8


@borrowing
def _u32(data, i):
    return _u16(data, i) | _u16(data, i + 2) << 16


@borrowing
def _i32(data, i):
    return np.int64(np.int32(_u32(data, i)))


@borrowing
def _u64(data, i):
    return np.uint64(_u32(data, i)) | np.uint64(_u32(data, i + 4)) << np.uint64(32)


@borrowing
def _consumes_reference(op):
    return op == CigarOp.M or op == CigarOp.D or op == CigarOp.N or op == CigarOp.EQ or op == CigarOp.X


@borrowing
def _cigar_place(data, record):
    """(offset, operations) of a record's CIGAR; a long one lies in the CG:B,I tag (SAM 1.6, 4.2.2)."""
    offset = record + FIXED + np.int64(data[record + 12])
    n_ops = _u16(data, record + 16)
    clipped_whole = _u32(data, record + 20) << 4 | CigarOp.S
    if n_ops == 2 and _u32(data, offset) == clipped_whole and (data[offset + 4] & 15) == CigarOp.N:
        end = record + 4 + _u32(data, record)
        tag = find_tag(data, tags_start(data, record), end, 67, 71)  # "CG"
        if tag >= 0 and data[tag + 2] == 66 and data[tag + 3] == 73:  # "BI"
            return tag + 8, _u32(data, tag + 4)
    return offset, n_ops


@borrowing
def tags_start(data, record):
    length = _u32(data, record + 20)
    return (
        record
        + FIXED
        + np.int64(data[record + 12])
        + 4 * _u16(data, record + 16)
        + (length + 1) // 2
        + length
    )


@borrowing
def tag_end(data, tag, end):
    """Offset after the tag at ``tag`` (two letters, type, value), or -1 if it does not fit before ``end``."""
    kind = data[tag + 2]
    i = tag + 3
    if kind == 90 or kind == 72:  # Z, H: up to and with the NUL
        while i < end and data[i] != 0:
            i += 1
        return i + 1 if i < end else -1
    if kind == 66:  # B: element type, count, elements
        if i + 5 > end or _tag_width(data[i]) == 0:
            return -1
        i += 5 + _u32(data, i + 1) * _tag_width(data[i])
    else:
        i += _tag_width(kind)
    return i if i <= end and i > tag + 3 else -1


@borrowing
def _tag_width(kind):
    """Bytes of one value of a BAM tag type; 0 if there is no such type."""
    if kind == 65 or kind == 99 or kind == 67:  # A c C
        return 1
    if kind == 115 or kind == 83:  # s S
        return 2
    if kind == 105 or kind == 73 or kind == 102:  # i I f
        return 4
    return 0


@borrowing
def find_tag(data, start, end, first, second):
    """Offset of the tag named by two ASCII codes among ``data[start:end]``, or -1."""
    tag = start
    while tag >= 0 and tag + 3 < end:
        if data[tag] == first and data[tag + 1] == second:
            return tag if tag_end(data, tag, end) >= 0 else -1
        tag = tag_end(data, tag, end)
    return -1


@borrowing
def _integer_tag(data, tag):
    """Value of the integer tag at ``tag``; -1 if it is of another type."""
    kind, i = data[tag + 2], tag + 3
    if kind == 67:
        return np.int64(data[i])
    if kind == 99:
        return np.int64(np.int8(data[i]))
    if kind == 83:
        return _u16(data, i)
    if kind == 115:
        return np.int64(np.int16(_u16(data, i)))
    if kind == 73 or kind == 105:
        return _i32(data, i)
    return np.int64(-1)


@borrowing
def is_malformed(data, record, n_contigs):
    size = _u32(data, record)
    contig = _i32(data, record + 4)
    if contig < -1 or contig >= n_contigs or data[record + 12] == 0:
        return True
    return tags_start(data, record) > record + 4 + size


@kernel
def select_records(data, contig_map, span, flags_off, min_mapping_quality, last_key):
    """Find the records of ``data`` that are wanted, and check form and order of all.

    Parameters
    ----------
    data : (n_bytes,) uint8, inflated BAM records; the last may be cut off
    contig_map : (n_file_contigs,) int32, the reference's contig of each @SQ line, -1 if it has none
    span : (3,) int64, file contig, start, end (0-based, half-open); contig -2 takes every record and -1
        those without a place
    flags_off : records with any of these FLAG bits are left out
    min_mapping_quality : and those with a lower MAPQ
    last_key : sort key of the record before ``data`` (-1 at the start), from an earlier call

    Returns
    -------
    offsets : (n,) int64, of the wanted records
    n_ops, n_bases : CIGAR operations and bases of the wanted records, for ``decode_records``
    consumed : offset behind the last whole record that was looked at
    last_key : sort key of that record: contig in file order << 32 | start + 1
    status : COMPLETE, BEYOND, MALFORMED or UNSORTED (then ``consumed`` is the offset of the offender)

    Notes
    -----
    Cost        one pass over the fixed fields and CIGARs
    """
    offsets = np.empty(data.size // FIXED + 1, np.int64)
    n, n_ops, n_bases = 0, 0, 0
    record = 0
    status = COMPLETE
    while record + FIXED <= data.size:
        size = _u32(data, record)
        if size < FIXED - 4 or size > 1 << 30:
            status = MALFORMED
            break
        if record + 4 + size > data.size:
            break
        contig, start = _i32(data, record + 4), _i32(data, record + 8)
        if is_malformed(data, record, contig_map.size) or start < -1:
            status = MALFORMED
            break
        key = _UNPLACED if contig < 0 else contig << 32 | (start + 1)
        if key < last_key:
            status = UNSORTED
            break
        if span[0] >= 0 and (contig != span[0] or start >= span[2]) and key > (span[0] << 32):
            status = BEYOND
            break
        last_key = key
        offset, count = _cigar_place(data, record)
        if _is_wanted(data, record, offset, count, span, flags_off, min_mapping_quality):
            offsets[n] = record
            n += 1
            n_ops += count
            n_bases += _u32(data, record + 20)
        record += 4 + size
    return offsets[:n].copy(), n_ops, n_bases, record, last_key, status


@borrowing
def _is_wanted(data, record, cigar, n_ops, span, flags_off, min_mapping_quality):
    if (_u16(data, record + 18) & flags_off) != 0 or data[record + 13] < min_mapping_quality:
        return False
    if span[0] == -2:
        return True
    if _i32(data, record + 4) != span[0]:
        return False
    if span[0] == -1:
        return True
    start = _i32(data, record + 8)
    length = max(_aligned_length(data, cigar, n_ops), 1)  # a read placed beside its mate covers one base
    return start < span[2] and start + length > span[1]


@borrowing
def _aligned_length(data, cigar, n_ops):
    length = np.int64(0)
    for k in range(n_ops):
        word = _u32(data, cigar + 4 * k)
        if _consumes_reference(word & 15):
            length += word >> 4
    return length


@kernel
def decode_records(data, offsets, n_ops, n_bases, contig_map, group_ids, group_offsets):
    """Decode the records at ``offsets`` into arrays.

    Parameters
    ----------
    data, offsets, n_ops, n_bases : as ``select_records`` took and gave them
    contig_map : (n_file_contigs,) int32, the reference's contig of each @SQ line
    group_ids, group_offsets : (n,) uint8 and (n_groups + 1,) int64, the header's @RG IDs one after the other

    Returns
    -------
    records : Records; CIGAR operations of no bases are left out
    fault : NO_FAULT, EQUALS, CIGAR_LENGTH or CIGAR_OPERATION
    faulty : index of the first record with that fault; -1 if there is none

    Notes
    -----
    Whoever walks a mapped record's CIGAR over its bases stays inside them, unless it has none (SEQ is '*').
    Plain twin  tests/plain/decode.py
    """
    n = offsets.size
    records = Records(
        np.empty(n, np.int32), np.empty(n, np.int32), np.empty(n, np.int32), np.empty(n, np.uint16),
        np.empty(n, np.uint8), np.empty(n_ops, np.uint32), np.zeros(n + 1, np.int64),
        np.empty(n_bases, np.uint8), np.empty(n_bases, np.uint8), np.zeros(n + 1, np.int64),
        np.empty(n, np.int32), np.empty(n, np.int32), np.empty(n, np.int32), np.empty(n, np.uint64),
        np.empty(n, np.int16), np.empty(n, np.int32),
    )  # fmt: skip
    fault, faulty = _fill_records(data, offsets, contig_map, group_ids, group_offsets, records)
    return (
        Records(
            records.contig_index, records.start, records.end, records.flag, records.mapping_quality,
            records.cigars[: records.cigar_offsets[n]], records.cigar_offsets, records.bases, records.quals,
            records.offsets, records.mate_contig_index, records.mate_start, records.template_length,
            records.name_hash, records.read_group, records.edit_distance,
        ),
        fault,
        faulty,
    )  # fmt: skip


@borrowing
def _fill_records(data, offsets, contig_map, group_ids, group_offsets, records):
    """Write the fields of the records at ``offsets``; return fault and faulty of decode_records."""
    cigars, cigar_offsets, base_offsets = records.cigars, records.cigar_offsets, records.offsets
    bases, quals = records.bases, records.quals
    fault, faulty = NO_FAULT, np.int64(-1)
    for r in range(offsets.size):
        record = offsets[r]
        contig, mate = _i32(data, record + 4), _i32(data, record + 24)
        start, flag = _i32(data, record + 8), _u16(data, record + 18)
        records.contig_index[r] = contig_map[contig] if contig >= 0 else -1
        records.mate_contig_index[r] = contig_map[mate] if 0 <= mate < contig_map.size else -1
        records.start[r], records.mate_start[r] = start, _i32(data, record + 28)
        records.mapping_quality[r], records.flag[r] = data[record + 13], flag
        records.template_length[r] = _i32(data, record + 32)
        name = record + FIXED
        records.name_hash[r] = fnv1a(data, name, name + np.int64(data[record + 12]) - 1)

        offset, count = _cigar_place(data, record)
        cigar_offsets[r + 1] = _copy_cigar(data, offset, count, cigars, cigar_offsets[r])
        is_mapped = (flag & np.int64(_UNMAPPED)) == 0
        span = _aligned_length(data, offset, count) if is_mapped else np.int64(0)
        records.end[r] = min(start + span, _LAST_PLACE)

        length, found = _u32(data, record + 20), NO_FAULT
        if is_mapped:
            found = _cigar_fault(cigars, cigar_offsets[r], cigar_offsets[r + 1], length)
        packed = name + np.int64(data[record + 12]) + 4 * _u16(data, record + 16)
        base = base_offsets[r]
        base_offsets[r + 1] = base + length
        if _unpack_bases(data, packed, length, bases, base):
            found = EQUALS
        if found != NO_FAULT and faulty < 0:
            fault, faulty = found, r
        _copy_quals(data, packed + (length + 1) // 2, length, quals, base)

        group, distance = _read_tags(data, record, group_ids, group_offsets)
        records.read_group[r], records.edit_distance[r] = group, distance
    return fault, faulty


@borrowing
def _copy_cigar(data, source, n_ops, cigars, end):
    for k in range(n_ops):
        word = _u32(data, source + 4 * k)
        if word >> 4 > 0:
            cigars[end] = word
            end += 1
    return end


@borrowing
def _cigar_fault(cigars, first, last, n_bases):
    length = np.int64(0)
    for k in range(first, last):
        op = cigars[k] & 15
        if op > CigarOp.X:
            return CIGAR_OPERATION
        if op == CigarOp.M or op == CigarOp.I or op == CigarOp.S or op == CigarOp.EQ or op == CigarOp.X:
            length += cigars[k] >> 4
    return NO_FAULT if n_bases == 0 or first == last or length == n_bases else CIGAR_LENGTH


@borrowing
def fnv1a(data, start, end):
    value = np.uint64(0xCBF29CE484222325)
    for i in range(start, end):
        value = (value ^ np.uint64(data[i])) * np.uint64(0x100000001B3)
    return value


@borrowing
def _unpack_bases(data, packed, length, bases, start):
    seen = np.uint16(0)
    for k in range(length // 2):
        pair = _PAIR_CODES[data[packed + k]]
        seen |= pair
        store_word(bases, start + 2 * k, pair)
    if length % 2 == 1:
        last = np.uint8(_PAIR_CODES[data[packed + length // 2]])
        seen |= last
        bases[start + length - 1] = last
    return (seen & np.uint16(_EQUALS * 257)) != 0


@borrowing
def _copy_quals(data, source, length, quals, start):
    k = 0
    while k + 32 <= length:
        store(quals, start + k, load(data, source + k, 32))
        k += 32
    while k + 8 <= length:
        store_word(quals, start + k, load_word(data, source + k, 8))
        k += 8
    while k < length:
        quals[start + k] = data[source + k]
        k += 1


@borrowing
def _read_tags(data, record, group_ids, group_offsets):
    """(index of the read group, NM) of one record; -1 for what it does not say."""
    end = record + 4 + _u32(data, record)
    tag = tags_start(data, record)
    group, distance = np.int64(-1), np.int64(-1)
    while tag >= 0 and tag + 3 < end:
        following = tag_end(data, tag, end)
        if following < 0:
            break
        if data[tag] == 82 and data[tag + 1] == 71 and data[tag + 2] == 90:  # RG:Z
            group = group_index(data, tag + 3, following - 1, group_ids, group_offsets)
        elif data[tag] == 78 and data[tag + 1] == 77:  # NM
            distance = _integer_tag(data, tag)
        tag = following
    return group, distance


@borrowing
def group_index(data, start, end, group_ids, group_offsets):
    for g in range(group_offsets.size - 1):
        first = group_offsets[g]
        if group_offsets[g + 1] - first != end - start:
            continue
        same = True
        for k in range(end - start):
            if data[start + k] != group_ids[first + k]:
                same = False
                break
        if same:
            return np.int64(g)
    return np.int64(-1)


@kernel
def index_sections(data, begin, n_contigs, is_csi):
    """Offsets of each contig's part of a BAI or (inflated) CSI index, and of what follows the last.

    Parameters
    ----------
    data : (n_bytes,) uint8, the whole index
    begin : offset of the first contig's part
    n_contigs : contigs the index says it has
    is_csi : CSI (with an offset in each bin, without linear index) or BAI

    Returns
    -------
    sections : (n_contigs + 1,) int64; the last is -1 if the index is cut off
    """
    sections = np.full(n_contigs + 1, -1, np.int64)
    head = 16 if is_csi else 8
    i = begin
    for contig in range(n_contigs):
        sections[contig] = i
        if i + 4 > data.size:
            return sections
        n_bins = _i32(data, i)
        i += 4
        for _ in range(n_bins):
            if i + head > data.size:
                return sections
            i += head + 16 * _u32(data, i + head - 4)
        if not is_csi:
            if i + 4 > data.size:
                return sections
            i += 4 + 8 * _u32(data, i)
        if i > data.size:
            return sections
    sections[n_contigs] = i
    return sections


@kernel
def index_chunks(data, section, start, end, min_shift, depth, is_csi):
    """Pieces of the file that may hold records overlapping ``[start, end)`` of one contig.

    Parameters
    ----------
    data : (n_bytes,) uint8, the whole index
    section : offset of the contig's part
    start, end : 0-based, half-open
    min_shift, depth : shape of the binning (BAI: 14 and 5)
    is_csi : as for ``index_sections``

    Returns
    -------
    chunks : (n, 2) uint64, virtual offsets of begin and end, in the order of the index
    """
    head = 16 if is_csi else 8
    n_bins = _i32(data, section)
    lowest = _lowest_offset(data, section, n_bins, start, min_shift, depth, is_csi)
    limit = _first_bin(depth + 1)
    chunks = np.empty((_count_chunks(data, section, n_bins, head), 2), np.uint64)
    n = 0
    i = section + 4
    for _ in range(n_bins):
        number, n_chunks = _u32(data, i), _u32(data, i + head - 4)
        i += head
        if number < limit and _bin_overlaps(number, start, end, min_shift, depth):
            for k in range(n_chunks):
                if _u64(data, i + 16 * k + 8) > lowest:
                    chunks[n, 0] = max(_u64(data, i + 16 * k), lowest)
                    chunks[n, 1] = _u64(data, i + 16 * k + 8)
                    n += 1
        i += 16 * n_chunks
    return chunks[:n]


@borrowing
def _count_chunks(data, section, n_bins, head):
    i, total = section + 4, np.int64(0)
    for _ in range(n_bins):
        n_chunks = _u32(data, i + head - 4)
        total += n_chunks
        i += head + 16 * n_chunks
    return total


@borrowing
def _first_bin(level):
    """Number of the first bin of a level of the binning tree (level 0 is one bin)."""
    return ((np.int64(1) << (3 * level)) - 1) // 7


@borrowing
def _bin_overlaps(number, start, end, min_shift, depth):
    level = 0
    while number >= _first_bin(level + 1):
        level += 1
    shift = min_shift + 3 * (depth - level)
    place = number - _first_bin(level)
    return (place << shift) < end and ((place + 1) << shift) > start


@kernel
def _lowest_offset(data, section, n_bins, start, min_shift, depth, is_csi):
    """No record overlapping ``start`` or later lies before this virtual offset."""
    i = section + 4
    if not is_csi:
        for _ in range(n_bins):
            i += 8 + 16 * _u32(data, i + 4)
        n_windows = _u32(data, i)
        if n_windows == 0:
            return np.uint64(0)
        return _u64(data, i + 4 + 8 * min(start >> min_shift, n_windows - 1))
    # CSI: the bin of the smallest size that holds start, or the nearest one before it or above it
    best_level, best_place, lowest = np.int64(-1), np.int64(-1), np.uint64(0)
    for _ in range(n_bins):
        number = _u32(data, i)
        if number < _first_bin(depth + 1):
            level = 0
            while number >= _first_bin(level + 1):
                level += 1
            shift = min_shift + 3 * (depth - level)
            place = number - _first_bin(level)
            if place <= start >> shift and (place << shift, level) > (best_place, best_level):
                best_place, best_level, lowest = place << shift, level, _u64(data, i + 4)
        i += 16 + 16 * _u32(data, i + 12)
    return lowest
