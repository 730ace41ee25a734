"""Alignments to BAM records (SAM 1.6, section 4.2), and spilled records to their sorted order.

Two passes make a record: describe_rows writes what is text (CIGAR for MC and SA, MD) and counts NM against
the reference; encode_records copies all into place; both 64 bytes a step. Kernels take their tuples' arrays
into locals first and count no references: encode_records took 1.5 us a record before, 0.7 after. Scratch
arrays carry PADDING spare bytes for vectors that reach past a read. A spilled record is 8 bytes of template
ordinal and then the record.
"""

from typing import NamedTuple

import numpy as np

from genomehub.kernels._jit import borrowing
from genomehub.kernels.encode import (
    COMPLEMENT,
    NIBBLE_TO_ASCII,
    unpack_window,
)
from genomehub.kernels.vectors import (
    bit_or,
    convert,
    equal,
    less,
    load,
    load_word,
    mask_bits,
    reinterpret,
    reverse_lanes,
    select,
    shift_left,
    shift_right,
    splat,
    store,
    store_word,
    subtract,
    trailing_zeros,
)
from genomehub.types import CigarOp, Flag

PADDING = 64
#: Bytes of template ordinal before each spilled record.
PREFIX = 8
#: Sort key of reads without a place: after every position.
UNPLACED = np.int64(2**62)

_PAIRED, _UNMAPPED, _MATE_UNMAPPED = int(Flag.PAIRED), int(Flag.UNMAPPED), int(Flag.MATE_UNMAPPED)
_REVERSE, _DUPLICATE = int(Flag.REVERSE), int(Flag.DUPLICATE)
_M, _I, _D, _N, _S, _H = (
    int(op) for op in (CigarOp.M, CigarOp.I, CigarOp.D, CigarOp.N, CigarOp.S, CigarOp.H)
)
_EQ, _X = int(CigarOp.EQ), int(CigarOp.X)
_REFERENCE_OPS = 1 << _M | 1 << _D | 1 << _N | 1 << _EQ | 1 << _X
_QUERY_OPS = 1 << _M | 1 << _I | 1 << _S | 1 << _EQ | 1 << _X
_ALIGNED_OPS = 1 << _M | 1 << _EQ | 1 << _X
_OPS = np.frombuffer(b"MIDNSHP=X", dtype=np.uint8).copy()
_FIXED = 36  # bytes of a record before its name, block_size included
_TAG_BYTES = 64  # NM, AS, XS, MQ at their largest; MD, MC, RG, SA without their texts
_UNPLACED_BIN = 4680  # reg2bin(-1, 0)


class RecordTexts(NamedTuple):
    """Texts that records of one read group quote.

    read_group : (n,) uint8, ASCII of the read group's ID
    contig_names : (n_bytes,) uint8, ASCII, one after the other; name_offsets : (n_contigs + 1,) int64
    """

    read_group: np.ndarray
    contig_names: np.ndarray
    name_offsets: np.ndarray


class RowTexts(NamedTuple):
    """What describe_rows finds out about each row.

    cigar_text, md_text : flat uint8 ASCII; cigar_starts, md_starts : (n + 1,) int64
    edit_distance : (n,) int32, NM
    n_bytes : (1,) int64, bytes of all spilled records together, at most
    """

    cigar_text: np.ndarray
    cigar_starts: np.ndarray
    md_text: np.ndarray
    md_starts: np.ndarray
    edit_distance: np.ndarray
    n_bytes: np.ndarray


@borrowing
def sort_keys(alignments, contig_offsets, keys):
    """Write the place of each row in coordinate order: global position of its start, UNPLACED without one."""
    contig_index = alignments.contig_index
    start = alignments.start
    for row in range(keys.size):
        contig = contig_index[row]
        keys[row] = contig_offsets[contig] + start[row] if contig >= 0 else UNPLACED


@borrowing
def first_rows(read_index, first):
    """Write the first (primary) row of each read to first[:-1], the number of rows to first[-1]."""
    for row in range(read_index.size - 1, -1, -1):
        first[read_index[row]] = row
    first[first.size - 1] = read_index.size


@borrowing
def _consumes_reference(op):
    return (_REFERENCE_OPS >> np.int64(op)) & 1


@borrowing
def _consumes_query(op):
    return (_QUERY_OPS >> np.int64(op)) & 1


@borrowing
def reference_span(cigars, begin, end):
    """Bases of the reference under a CIGAR's operations ``begin`` to ``end``."""
    span = 0
    for k in range(begin, end):
        if _consumes_reference(cigars[k] & np.uint32(15)):
            span += np.int64(cigars[k] >> np.uint32(4))
    return span


@borrowing
def _put_decimal(out, at, value):
    if value < 0:
        out[at] = np.uint8(45)
        at += 1
        value = -value
    divisor = 1
    while value // divisor >= 10:
        divisor *= 10
    while divisor > 0:
        out[at] = np.uint8(48 + (value // divisor) % 10)
        at += 1
        divisor //= 10
    return at


@borrowing
def _put_cigar(out, at, cigars, begin, end):
    for k in range(begin, end):
        at = _put_decimal(out, at, np.int64(cigars[k] >> np.uint32(4)))
        out[at] = _OPS[cigars[k] & np.uint32(15)]
        at += 1
    return at


@borrowing
def _orient(bases, begin, end, is_reverse, codes):
    """Codes of a read on the reference strand."""
    if is_reverse:
        for i in range(end - begin):
            codes[i] = COMPLEMENT[bases[end - 1 - i]]
    else:
        for i in range(end - begin):
            codes[i] = bases[begin + i]


@borrowing
def _letter(packed, position):
    return NIBBLE_TO_ASCII[(packed[position >> 1] >> np.uint8((position & 1) << 2)) & np.uint8(15)]


@borrowing
def _put_difference(out, at, cigars, begin, end, codes, window, packed, origin):
    """Write the text of MD and return (stop, NM): what an alignment changes in the reference.

    ``codes`` is the oriented read without hard clips, ``window`` the reference under it, whose first base has
    the global position ``origin``. An N never matches, as in samtools calmd.
    """
    run = 0
    edits = 0
    i = 0
    j = 0
    for k in range(begin, end):
        op = np.int64(cigars[k] & np.uint32(15))
        length = np.int64(cigars[k] >> np.uint32(4))
        if (_ALIGNED_OPS >> op) & 1:
            counted = 0  # bases of this operation that are in a run already
            for step in range(0, length, 64):
                bits = ~mask_bits(equal(load(codes, i + step, 64), load(window, j + step, 64)))
                if length - step < 64:
                    bits &= (np.uint64(1) << np.uint64(length - step)) - np.uint64(1)
                while bits != np.uint64(0):
                    place = step + np.int64(trailing_zeros(bits))
                    at = _put_decimal(out, at, run + place - counted)
                    out[at] = _letter(packed, origin + j + place)
                    at += 1
                    edits += 1
                    run = 0
                    counted = place + 1
                    bits &= bits - np.uint64(1)
            run += length - counted
        elif op == _D:
            at = _put_decimal(out, at, run)
            out[at] = np.uint8(94)  # ^
            at += 1
            for place in range(length):
                out[at] = _letter(packed, origin + j + place)
                at += 1
            edits += length
            run = 0
        elif op == _I:
            edits += length
        i += length * _consumes_query(op)
        j += length * _consumes_reference(op)
    return _put_decimal(out, at, run), edits


@borrowing
def _hard_clip(cigars, begin, end, k):
    """Bases hard-clipped at operation ``k`` of a CIGAR (its first or last), else 0."""
    if end > begin and cigars[k] & np.uint32(15) == np.uint32(_H):
        return np.int64(cigars[k] >> np.uint32(4))
    return 0


@borrowing
def text_bounds(reads, alignments):
    """Upper bounds over a batch: bytes of all MD texts, reference span and bases of one read."""
    read_index = alignments.read_index
    cigars, cigar_offsets = alignments.cigars, alignments.cigar_offsets
    offsets = reads.offsets
    n_bytes = 0
    longest_span = 0
    longest_read = 0
    for row in range(read_index.size):
        begin, end = cigar_offsets[row], cigar_offsets[row + 1]
        span = reference_span(cigars, begin, end)
        length = offsets[read_index[row] + 1] - offsets[read_index[row]]
        n_bytes += 2 * (length + span) + 12 * (end - begin) + 8
        longest_span = max(longest_span, span)
        longest_read = max(longest_read, length)
    return n_bytes, longest_span, longest_read


@borrowing
def describe_rows(reads, alignments, first, reference, texts, scratch, rows):
    """Fill ``rows`` (RowTexts): CIGAR and MD as text, NM, and how many bytes the records need at most.

    Parameters
    ----------
    reads : ReadBatch; alignments : its AlignmentBatch
    first : (n_reads + 1,) int64, from first_rows
    reference : PackedReference; texts : RecordTexts
    scratch : two arrays of uint8 for the longest reference span and read, with PADDING
    """
    read_index, flag, contig_index = alignments.read_index, alignments.flag, alignments.contig_index
    start, cigars, cigar_offsets = alignments.start, alignments.cigars, alignments.cigar_offsets
    bases, offsets, name_offsets = reads.bases, reads.offsets, reads.name_offsets
    packed, contig_offsets = reference.packed, reference.contig_offsets
    cigar_text, cigar_starts = rows.cigar_text, rows.cigar_starts
    md_text, md_starts, edit_distance = rows.md_text, rows.md_starts, rows.edit_distance
    window, codes = scratch
    longest_name = 0
    for contig in range(texts.name_offsets.size - 1):
        longest_name = max(longest_name, texts.name_offsets[contig + 1] - texts.name_offsets[contig])
    fixed = PREFIX + _FIXED + _TAG_BYTES + texts.read_group.size
    cigar_at = 0
    md_at = 0
    n_bytes = 0
    for row in range(read_index.size):
        read = np.int64(read_index[row])
        begin, end = cigar_offsets[row], cigar_offsets[row + 1]
        cigar_starts[row], md_starts[row] = cigar_at, md_at
        cigar_at = _put_cigar(cigar_text, cigar_at, cigars, begin, end)
        edit_distance[row] = 0
        if not flag[row] & _UNMAPPED:
            left = _hard_clip(cigars, begin, end, begin)
            right = _hard_clip(cigars, begin, end, end - 1)
            if flag[row] & _REVERSE:
                _orient(bases, offsets[read] + right, offsets[read + 1] - left, True, codes)
            else:
                _orient(bases, offsets[read] + left, offsets[read + 1] - right, False, codes)
            origin = contig_offsets[contig_index[row]] + start[row]
            unpack_window(packed, origin, origin + reference_span(cigars, begin, end), window)
            md_at, edits = _put_difference(md_text, md_at, cigars, begin, end, codes, window, packed, origin)
            edit_distance[row] = edits
        copies = first[read + 1] - first[read]  # of this row's CIGAR: in SA of its read, in MC of its mate
        if reads.n_ends == 2:
            copies += first[(read ^ 1) + 1] - first[read ^ 1]
        template = read // reads.n_ends
        n_bytes += fixed + name_offsets[template + 1] - name_offsets[template] + 1 + 4 * (end - begin)
        n_bytes += 2 * (offsets[read + 1] - offsets[read]) + 1 + md_at - md_starts[row]
        n_bytes += copies * (cigar_at - cigar_starts[row] + longest_name + 32)
    cigar_starts[read_index.size], md_starts[read_index.size] = cigar_at, md_at
    rows.n_bytes[0] = n_bytes


# --- pieces of a record: each writes at ``at`` and returns where it stopped ---------------------------------
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
def _put_other_places(out, at, alignments, rows, texts, span, scratch):
    """The SA tag: where the other parts of a split read lie, the primary one first.

    ``span`` : (row, first row of the read, one past its last)
    """
    at = _put_tag(out, at, 83, 65, 90)  # SA:Z
    for other in range(span[1], span[2]):
        if other == span[0]:
            continue
        contig = alignments.contig_index[other]
        name_start, name_end = texts.name_offsets[contig], texts.name_offsets[contig + 1]
        at = _put_bytes(out, at, texts.contig_names, name_start, name_end, scratch)
        out[at] = np.uint8(44)
        at = _put_decimal(out, at + 1, np.int64(alignments.start[other]) + 1)
        out[at] = np.uint8(44)
        out[at + 1] = np.uint8(45 if alignments.flag[other] & _REVERSE else 43)
        out[at + 2] = np.uint8(44)
        text_start, text_end = rows.cigar_starts[other], rows.cigar_starts[other + 1]
        at = _put_bytes(out, at + 3, rows.cigar_text, text_start, text_end, scratch)
        out[at] = np.uint8(44)
        at = _put_decimal(out, at + 1, np.int64(alignments.mapping_quality[other]))
        out[at] = np.uint8(44)
        at = _put_decimal(out, at + 1, np.int64(rows.edit_distance[other]))
        out[at] = np.uint8(59)
        at += 1
    out[at] = np.uint8(0)
    return at + 1


@borrowing
def encode_records(order, reads, alignments, first, texts, rows, scratch, out, starts):
    """Write the spilled records of a batch.

    Parameters
    ----------
    order : (n,) int64, rows in the order to write
    reads, alignments, first, texts, rows : as describe_rows took and filled them
    scratch : (64,) uint8
    out : (rows.n_bytes[0] + PADDING,) uint8
    starts : (n + 1,) int64, receives the starts in ``out``

    Notes
    -----
    Raises      nothing: the mapper's rows are trusted to lie on their contigs
    """
    read_index, flags, contig_index = alignments.read_index, alignments.flag, alignments.contig_index
    start, mapping_quality = alignments.start, alignments.mapping_quality
    cigars, cigar_offsets = alignments.cigars, alignments.cigar_offsets
    mate_contig_index, mate_start = alignments.mate_contig_index, alignments.mate_start
    template_length, score, second_score = (
        alignments.template_length,
        alignments.score,
        alignments.second_score,
    )
    bases, quals, offsets = reads.bases, reads.quals, reads.offsets
    names, name_offsets = reads.names, reads.name_offsets
    cigar_text, cigar_starts = rows.cigar_text, rows.cigar_starts
    md_text, md_starts, edit_distance = rows.md_text, rows.md_starts, rows.edit_distance
    read_group = texts.read_group
    at = 0
    for i in range(order.size):
        row = order[i]
        starts[i] = at
        read = np.int64(read_index[row])
        template = read // reads.n_ends
        store_word(out, at, np.uint64(reads.first_template + template))
        record = at + PREFIX
        flag = np.int64(flags[row])
        begin, end = cigar_offsets[row], cigar_offsets[row + 1]
        place = np.int64(start[row])
        span = max(reference_span(cigars, begin, end), 1)
        is_reverse = flag & _REVERSE != 0
        left = _hard_clip(cigars, begin, end, begin)
        right = _hard_clip(cigars, begin, end, end - 1)
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
        if first[read + 1] - first[read] > 1 and not flag & _UNMAPPED:
            at = _put_other_places(
                out, at, alignments, rows, texts, (row, first[read], first[read + 1]), scratch
            )
        store_word(out, record, np.int32(at - record - 4))
    starts[order.size] = at


# --- spilled records, sorted --------------------------------------------------------------------------------
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
