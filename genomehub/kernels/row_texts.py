"""What alignments say as text: CIGAR for MC and SA tags, MD; and NM, counted against the reference.

The first of two passes over a batch; kernels/records.py copies its texts into records. Scratch arrays carry
PADDING spare bytes for vectors that reach past a read.
"""

from typing import NamedTuple

import numpy as np

from genomehub.kernels._jit import borrowing
from genomehub.kernels.encode import COMPLEMENT, NIBBLE_TO_ASCII, unpack_window
from genomehub.kernels.vectors import equal, load, mask_bits, prefetch, trailing_zeros
from genomehub.types import CigarOp, Flag

PADDING = 64

_UNMAPPED, _REVERSE = int(Flag.UNMAPPED), int(Flag.REVERSE)
_M, _I, _D, _N, _S, _H = (int(op) for op in list(CigarOp)[:6])
_EQ, _X = int(CigarOp.EQ), int(CigarOp.X)
_REFERENCE_OPS = 1 << _M | 1 << _D | 1 << _N | 1 << _EQ | 1 << _X
_QUERY_OPS = 1 << _M | 1 << _I | 1 << _S | 1 << _EQ | 1 << _X
_ALIGNED_OPS = 1 << _M | 1 << _EQ | 1 << _X
_OPS = np.frombuffer(b"MIDNSHP=X", dtype=np.uint8).copy()
#: Bytes of a record without name, CIGAR, bases, qualities, and the texts of MD, MC, RG, SA and XA; at most.
_FIXED_BYTES = 120
_AHEAD = 8  # rows whose reference is asked for before they are looked at


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
def put_decimal(out, at, value):
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
        at = put_decimal(out, at, np.int64(cigars[k] >> np.uint32(4)))
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
                    at = put_decimal(out, at, run + place - counted)
                    out[at] = _letter(packed, origin + j + place)
                    at += 1
                    edits += 1
                    run = 0
                    counted = place + 1
                    bits &= bits - np.uint64(1)
            run += length - counted
        elif op == _D:
            at = put_decimal(out, at, run)
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
    return put_decimal(out, at, run), edits


@borrowing
def hard_clip(cigars, begin, end, k):
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
    tag_offsets = reads.tag_offsets
    packed, contig_offsets = reference.packed, reference.contig_offsets
    cigar_text, cigar_starts = rows.cigar_text, rows.cigar_starts
    md_text, md_starts, edit_distance = rows.md_text, rows.md_starts, rows.edit_distance
    window, codes = scratch
    longest_name = 0
    for contig in range(texts.name_offsets.size - 1):
        longest_name = max(longest_name, texts.name_offsets[contig + 1] - texts.name_offsets[contig])
    fixed = _FIXED_BYTES + texts.read_group.size
    cigar_at = 0
    md_at = 0
    n_bytes = 0
    for row in range(read_index.size):
        ahead = row + _AHEAD
        if ahead < read_index.size and contig_index[ahead] >= 0:
            place = (contig_offsets[contig_index[ahead]] + start[ahead]) >> 1
            prefetch(packed, place)
            prefetch(packed, place + 64)
        read = np.int64(read_index[row])
        begin, end = cigar_offsets[row], cigar_offsets[row + 1]
        cigar_starts[row], md_starts[row] = cigar_at, md_at
        cigar_at = _put_cigar(cigar_text, cigar_at, cigars, begin, end)
        edit_distance[row] = 0
        if not flag[row] & _UNMAPPED:
            left = hard_clip(cigars, begin, end, begin)
            right = hard_clip(cigars, begin, end, end - 1)
            if flag[row] & _REVERSE:
                _orient(bases, offsets[read] + right, offsets[read + 1] - left, True, codes)
            else:
                _orient(bases, offsets[read] + left, offsets[read + 1] - right, False, codes)
            origin = contig_offsets[contig_index[row]] + start[row]
            unpack_window(packed, origin, origin + reference_span(cigars, begin, end), window)
            md_at, edits = _put_difference(md_text, md_at, cigars, begin, end, codes, window, packed, origin)
            edit_distance[row] = edits
        copies = (
            first[read + 1] - first[read]
        )  # of this row's CIGAR: in SA or XA of its read, in MC of its mate
        if reads.n_ends == 2:
            copies += first[(read ^ 1) + 1] - first[read ^ 1]
        template = read // reads.n_ends
        n_bytes += fixed + name_offsets[template + 1] - name_offsets[template] + 1 + 4 * (end - begin)
        n_bytes += 2 * (offsets[read + 1] - offsets[read]) + 1 + md_at - md_starts[row]
        n_bytes += copies * (cigar_at - cigar_starts[row] + longest_name + 32)
        if tag_offsets.size > 0:
            n_bytes += tag_offsets[read + 1] - tag_offsets[read]
    cigar_starts[read_index.size], md_starts[read_index.size] = cigar_at, md_at
    rows.n_bytes[0] = n_bytes
