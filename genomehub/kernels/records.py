"""Batches of alignments to BAM records (SAM 1.6, section 4.2), 64 bytes a step.

Texts come from kernels/row_texts.py. Kernels take their tuples' arrays into locals first and count no
references: encode_records took 1.5 us a record before, 0.2 after. A spilled record, written here and read by
kernels/spill.py, is 8 bytes of template ordinal and then the record.
"""

import math

import numpy as np

from genomehub.kernels._jit import borrowing
from genomehub.kernels.row_texts import hard_clip, put_decimal, reference_span
from genomehub.kernels.vectors import (
    bit_or,
    convert,
    equal,
    less,
    load,
    reinterpret,
    reverse_lanes,
    select,
    shift_left,
    shift_right,
    splat,
    store,
    store_word,
    subtract,
)
from genomehub.types import Flag

#: Bytes of template ordinal before each spilled record.
PREFIX = 8

_PAIRED, _UNMAPPED, _MATE_UNMAPPED = int(Flag.PAIRED), int(Flag.UNMAPPED), int(Flag.MATE_UNMAPPED)
_REVERSE, _SECONDARY = int(Flag.REVERSE), int(Flag.SECONDARY)
_FIXED = 36  # bytes of a record before its name, block_size included
_UNPLACED_BIN = 4680  # reg2bin(-1, 0)


# Pieces of a record: each writes at ``at`` and returns where it stopped.
@borrowing
def _put_tag(out, at, first, second, kind):
    out[at] = np.uint8(first)
    out[at + 1] = np.uint8(second)
    out[at + 2] = np.uint8(kind)
    return at + 3


@borrowing
def _put_integer_tag(out, at, first, second, value):
    """An integer tag in the smallest type that holds it, as htslib writes it."""
    if 0 <= value < 256:
        at = _put_tag(out, at, first, second, 67)  # C
        out[at] = np.uint8(value)
        return at + 1
    if 0 <= value < 65536:
        at = _put_tag(out, at, first, second, 83)  # S
        store_word(out, at, np.uint16(value))
        return at + 2
    at = _put_tag(out, at, first, second, 105)  # i
    store_word(out, at, np.int32(value))
    return at + 4


@borrowing
def _put_ratio_tag(out, at, first, second, part, whole):
    """A float tag of a ratio, to three decimals, as bwa writes it."""
    at = _put_tag(out, at, first, second, 102)  # f
    ratio = np.float32(math.floor(1000.0 * part / whole + 0.5) / 1000.0)
    store_word(out, at, ratio.view(np.int32))
    return at + 4


@borrowing
def _copy_edge(data, at, scratch):
    """The slow way of _load_64, a function of its own so that the quick one is inlined."""
    for i in range(64):
        scratch[i] = data[at + i] if 0 <= at + i < data.size else np.uint8(0)


@borrowing
def _load_64(data, at, scratch):
    """64 bytes at ``at`` as a vector; those outside the array are zero."""
    if at < 0 or at + 64 > data.size:
        _copy_edge(data, at, scratch)
        return load(scratch, 0, 64)
    return load(data, at, 64)


@borrowing
def _load_oriented(data, begin, end, i, is_reverse, scratch):
    """Bytes ``i`` to ``i + 64`` of a read on the reference strand; beyond its end anything."""
    if is_reverse:
        return reverse_lanes(_load_64(data, end - 64 - i, scratch))
    return _load_64(data, begin + i, scratch)


@borrowing
def _put_bytes(out, at, data, start, end, scratch):
    """Copy bytes, 64 a step; up to 63 bytes after them are overwritten."""
    for i in range(0, end - start, 64):
        store(out, at + i, _load_64(data, start + i, scratch))
    return at + end - start


@borrowing
def _put_text_tag(out, at, first, second, data, start, end, scratch):
    at = _put_bytes(out, _put_tag(out, at, first, second, 90), data, start, end, scratch)
    out[at] = np.uint8(0)
    return at + 1


@borrowing
def _reg2bin(start, end):
    """The smallest bin of the BAI scheme that holds [start, end) (SAM 1.6, section 5.3)."""
    last = end - 1
    for shift, offset in ((14, 4681), (17, 585), (20, 73), (23, 9), (26, 1)):
        if start >> shift == last >> shift:
            return offset + (start >> shift)
    return 0


@borrowing
def _nibbles(codes):
    """64 codes as 32 bytes of BAM bases: 1 << code, 15 for N, the first of two in the high nibble."""
    bits = select(equal(codes, splat(0, "u8", 64)), splat(1, "u8", 64), splat(15, "u8", 64))
    bits = select(equal(codes, splat(1, "u8", 64)), splat(2, "u8", 64), bits)
    bits = select(equal(codes, splat(2, "u8", 64)), splat(4, "u8", 64), bits)
    bits = select(equal(codes, splat(3, "u8", 64)), splat(8, "u8", 64), bits)
    pairs = reinterpret(bits, "u16", 32)
    high = shift_left(pairs, splat(4, "u16", 32))
    return convert(bit_or(high, shift_right(pairs, splat(8, "u16", 32))), "u8")


@borrowing
def _complement(codes):
    """Codes of the complement: 3 - code for a base; N (4) stays."""
    known = less(codes, splat(4, "u8", 64))
    return select(known, subtract(splat(3, "u8", 64), codes), codes)


@borrowing
def _put_bases(out, at, bases, begin, end, is_reverse, scratch):
    """4-bit bases on the reference strand, 64 a step; overwrites as _put_bytes."""
    n = end - begin
    for i in range(0, n, 64):
        codes = _load_oriented(bases, begin, end, i, is_reverse, scratch)
        if is_reverse:
            codes = _complement(codes)
        store(out, at + (i >> 1), _nibbles(codes))
    n_bytes = (n + 1) >> 1
    if n & 1:
        out[at + n_bytes - 1] &= np.uint8(0xF0)
    return at + n_bytes


@borrowing
def _put_quals(out, at, quals, begin, end, is_reverse, scratch):
    """Qualities on the reference strand, 64 a step; overwrites as _put_bytes."""
    for i in range(0, end - begin, 64):
        store(out, at + i, _load_oriented(quals, begin, end, i, is_reverse, scratch))
    return at + end - begin


@borrowing
def _put_contig(out, at, contig, texts, scratch):
    name_start, name_end = texts.name_offsets[contig], texts.name_offsets[contig + 1]
    at = _put_bytes(out, at, texts.contig_names, name_start, name_end, scratch)
    out[at] = np.uint8(44)
    return at + 1


@borrowing
def _put_cigar(out, at, rows, row, scratch):
    """A row's CIGAR between commas; hard clips are named as soft ones: it speaks of the whole read."""
    begin, end = rows.cigar_starts[row], rows.cigar_starts[row + 1]
    out[at] = np.uint8(44)
    stop = _put_bytes(out, at + 1, rows.cigar_text, begin, end, scratch)
    for i in range(at + 1, stop):
        if out[i] == 72:
            out[i] = np.uint8(83)
    out[stop] = np.uint8(44)
    return stop + 1


@borrowing
def _count_parts(flags, begin, end):
    """How many of a read's rows are no other places of the row before."""
    n = 0
    for row in range(begin, end):
        n += not flags[row] & _SECONDARY
    return n


@borrowing
def _put_other_places(out, at, alignments, rows, texts, row, end, scratch):
    """The XA tag: other places of the part of the read in ``row``; they stand in the rows behind."""
    if row + 1 == end or not alignments.flag[row + 1] & _SECONDARY:
        return at
    at = _put_tag(out, at, 88, 65, 90)  # XA:Z
    other = row + 1
    while other < end and alignments.flag[other] & _SECONDARY:
        at = _put_contig(out, at, alignments.contig_index[other], texts, scratch)
        out[at] = np.uint8(45 if alignments.flag[other] & _REVERSE else 43)
        at = put_decimal(out, at + 1, np.int64(alignments.start[other]) + 1)
        at = _put_cigar(out, at, rows, other, scratch)
        at = put_decimal(out, at, np.int64(rows.edit_distance[other]))
        out[at] = np.uint8(59)
        at += 1
        other += 1
    out[at] = np.uint8(0)
    return at + 1


@borrowing
def _put_other_parts(out, at, alignments, rows, texts, span, scratch):
    """The SA tag: where the other parts of a split read lie, the primary one first.

    ``span`` : (row, first row of the read, one past its last)
    """
    if _count_parts(alignments.flag, span[1], span[2]) < 2:
        return at
    at = _put_tag(out, at, 83, 65, 90)  # SA:Z
    for other in range(span[1], span[2]):
        if other == span[0] or alignments.flag[other] & _SECONDARY:
            continue
        at = _put_contig(out, at, alignments.contig_index[other], texts, scratch)
        at = put_decimal(out, at, np.int64(alignments.start[other]) + 1)
        out[at] = np.uint8(44)
        out[at + 1] = np.uint8(45 if alignments.flag[other] & _REVERSE else 43)
        at = _put_cigar(out, at + 2, rows, other, scratch)
        at = put_decimal(out, at, np.int64(alignments.mapping_quality[other]))
        out[at] = np.uint8(44)
        at = put_decimal(out, at + 1, np.int64(rows.edit_distance[other]))
        out[at] = np.uint8(59)
        at += 1
    out[at] = np.uint8(0)
    return at + 1


@borrowing
def encode_records(reads, alignments, first, texts, rows, scratch, out, starts):
    """Write the spilled records of a batch, in the order of its rows; other places get none.

    Parameters
    ----------
    reads, alignments, first, texts, rows : as describe_rows took and filled them
    scratch : (64,) uint8
    out : (rows.n_bytes[0] + PADDING,) uint8
    starts : (n + 1,) int64, receives the starts in ``out``; a row without a record has its neighbour's

    Notes
    -----
    Raises      nothing: the mapper's rows are trusted to lie on their contigs
    """
    read_index, flags, contig_index = alignments.read_index, alignments.flag, alignments.contig_index
    start, mapping_quality = alignments.start, alignments.mapping_quality
    cigars, cigar_offsets = alignments.cigars, alignments.cigar_offsets
    mate_contig_index, mate_start = alignments.mate_contig_index, alignments.mate_start
    template_length, score, second_score, alt_score = (
        alignments.template_length,
        alignments.score,
        alignments.second_score,
        alignments.alt_score,
    )
    bases, quals, offsets = reads.bases, reads.quals, reads.offsets
    names, name_offsets = reads.names, reads.name_offsets
    tags, tag_offsets = reads.tags, reads.tag_offsets
    cigar_text, cigar_starts = rows.cigar_text, rows.cigar_starts
    md_text, md_starts, edit_distance = rows.md_text, rows.md_starts, rows.edit_distance
    read_group = texts.read_group
    at = 0
    for row in range(read_index.size):
        starts[row] = at
        if flags[row] & _SECONDARY:
            continue
        read = np.int64(read_index[row])
        template = read // reads.n_ends
        store_word(out, at, np.uint64(reads.first_template + template))
        record = at + PREFIX
        flag = np.int64(flags[row])
        begin, end = cigar_offsets[row], cigar_offsets[row + 1]
        place = np.int64(start[row])
        span = max(reference_span(cigars, begin, end), 1)
        is_reverse = flag & _REVERSE != 0
        left = hard_clip(cigars, begin, end, begin)
        right = hard_clip(cigars, begin, end, end - 1)
        if is_reverse:
            left, right = right, left
        read_start, read_end = offsets[read] + left, offsets[read + 1] - right
        store_word(out, record + 4, contig_index[row])
        store_word(out, record + 8, start[row])
        out[record + 12] = np.uint8(name_offsets[template + 1] - name_offsets[template] + 1)
        out[record + 13] = mapping_quality[row]
        store_word(
            out, record + 14, np.uint16(_reg2bin(place, place + span) if place >= 0 else _UNPLACED_BIN)
        )
        store_word(out, record + 16, np.uint16(end - begin))
        store_word(out, record + 18, flags[row])
        store_word(out, record + 20, np.int32(read_end - read_start))
        store_word(out, record + 24, mate_contig_index[row])
        store_word(out, record + 28, mate_start[row])
        store_word(out, record + 32, template_length[row])
        name_start, name_end = name_offsets[template], name_offsets[template + 1]
        at = _put_bytes(out, record + _FIXED, names, name_start, name_end, scratch)
        out[at] = np.uint8(0)
        at += 1
        for k in range(begin, end):
            store_word(out, at, cigars[k])
            at += 4
        at = _put_bases(out, at, bases, read_start, read_end, is_reverse, scratch)
        at = _put_quals(out, at, quals, read_start, read_end, is_reverse, scratch)
        if not flag & _UNMAPPED:
            at = _put_integer_tag(out, at, 78, 77, np.int64(edit_distance[row]))  # NM
            at = _put_text_tag(out, at, 77, 68, md_text, md_starts[row], md_starts[row + 1], scratch)  # MD
            at = _put_integer_tag(out, at, 65, 83, np.int64(score[row]))  # AS
            at = _put_integer_tag(out, at, 88, 83, np.int64(second_score[row]))  # XS
        if flag & _PAIRED and not flag & _MATE_UNMAPPED:
            mate = first[read ^ 1]
            text_start, text_end = cigar_starts[mate], cigar_starts[mate + 1]
            at = _put_text_tag(out, at, 77, 67, cigar_text, text_start, text_end, scratch)  # MC
            at = _put_integer_tag(out, at, 77, 81, np.int64(mapping_quality[mate]))  # MQ
        at = _put_text_tag(out, at, 82, 71, read_group, 0, read_group.size, scratch)  # RG
        if tag_offsets.size > 0:
            at = _put_bytes(out, at, tags, tag_offsets[read], tag_offsets[read + 1], scratch)
        if first[read + 1] - first[read] > 1 and not flag & _UNMAPPED:
            span = (row, first[read], first[read + 1])
            at = _put_other_parts(out, at, alignments, rows, texts, span, scratch)
            if alt_score[row] > 0:
                at = _put_ratio_tag(out, at, 112, 97, score[row], alt_score[row])  # pa
            at = _put_other_places(out, at, alignments, rows, texts, row, first[read + 1], scratch)
        store_word(out, record, np.int32(at - record - 4))
    starts[read_index.size] = at
