"""BAM records to reads as they were sequenced: found, mates matched by name, copied into a batch's arrays.

The other door of the data's way, beside kernels/fastq.py. A buffer holds whole records (the last may be cut
off); what a record says is checked before it is used, as in kernels/decode.py.
"""

from typing import NamedTuple

import numpy as np

from genomehub.kernels._jit import inline, kernel
from genomehub.kernels.decode import FIXED, fnv1a, group_index, is_malformed, tag_end, tags_start
from genomehub.kernels.encode import COMPLEMENT, NIBBLE_TO_CODE
from genomehub.kernels.vectors import load_word, store_word
from genomehub.types import Base, Flag

#: What the kernels find; formats/alignment_reads.py makes sentences of it.
GOOD, MALFORMED, NAMELESS, HAS_EQUALS = range(4)
#: Kinds of reads.
SINGLE, READ_1, READ_2 = range(3)
#: Of match_mates: no mate was found; the read has none.
UNMATCHED, NO_MATE = -1, -2
#: Tags that reads keep: barcodes and molecular identifiers (SAM tags 1.6, section 1.4), two letters each.
KEPT_TAGS = np.frombuffer(b"BCBXCBMIOXQXRXUB", dtype=np.uint8).copy()

_NOT_PRIMARY = int(Flag.SECONDARY | Flag.SUPPLEMENTARY)
_PAIRED, _REVERSE = int(Flag.PAIRED), int(Flag.REVERSE)
_READ_1_OR_2, _QC_FAIL = int(Flag.READ1 | Flag.READ2), int(Flag.QC_FAIL)
_HARD_CLIP = 5
_ABSENT, _MAX_QUALITY = 255, 93
_SPREAD = np.uint64(0x9E3779B97F4A7C15)  # golden ratio: near keys land far apart
#: Reads of one name after which a further one is given up: bounds the work on a file of one name.
_MAX_SAME_NAME = 256
_EQUALS = 0x80  # marks '=' in the tables below


def _pairs_of(is_reverse: bool) -> np.ndarray:
    """(256,) uint16: a byte of SEQ to the codes of its two bases, the first of the read in the low byte."""
    codes = np.minimum(NIBBLE_TO_CODE, np.uint8(Base.N))
    codes = COMPLEMENT[codes] if is_reverse else codes
    codes[0] = _EQUALS
    high, low = (codes[np.arange(256) >> shift & 15].astype(np.uint16) for shift in (4, 0))
    return low | high << 8 if is_reverse else high | low << 8


_PAIRS, _REVERSE_PAIRS = _pairs_of(False), _pairs_of(True)


class ReadRows(NamedTuple):
    """The primary records of a buffer, in its order.

    offset : (n,) int64, of the record
    key : (n,) uint64, hash of name and read group: equal for mates
    group : (n,) int32, read group in the header, -1 if it names none that is there
    kind : (n,) uint8, SINGLE, READ_1 or READ_2
    """

    offset: np.ndarray
    key: np.ndarray
    group: np.ndarray
    kind: np.ndarray


@inline
def _name_end(data, record):
    """One past the last character of the name (the NUL)."""
    return record + FIXED + np.int64(data[record + 12]) - 1


@inline
def _has_bad_name(data, record):
    """A name holds printable characters and ends with its NUL (SAM 1.6, section 4.2)."""
    end = _name_end(data, record)
    for i in range(record + FIXED, end):
        if data[i] < 33 or data[i] > 126:
            return True
    return data[end] != 0 or end == record + FIXED


@kernel
def _read_group(data, record, group_ids, group_offsets):
    """Index of a record's read group, -1 for none; -2 if its tags do not fit its length."""
    end = record + 4 + np.int64(load_word(data, record, 4))
    tag = tags_start(data, record)
    group = np.int64(-1)
    while tag + 3 < end:
        following = tag_end(data, tag, end)
        if following < 0:
            return np.int64(-2)
        if data[tag] == 82 and data[tag + 1] == 71 and data[tag + 2] == 90:  # RG:Z
            group = group_index(data, tag + 3, following - 1, group_ids, group_offsets)
        tag = following
    return group if tag == end else np.int64(-2)


@inline
def _kind(flag):
    if flag & _PAIRED == 0:
        return SINGLE
    end = flag & _READ_1_OR_2
    return READ_1 if end == 0x40 else READ_2 if end == 0x80 else SINGLE


@kernel
def scan_reads(data, n_contigs, group_ids, group_offsets):
    """Find the primary records of a buffer and check the form of all.

    Parameters
    ----------
    data : (n_bytes,) uint8, inflated BAM records; the last may be cut off
    n_contigs : of the header
    group_ids, group_offsets : (n,) uint8 and (n_groups + 1,) int64, the header's @RG IDs one after the other

    Returns
    -------
    rows : ReadRows
    consumed : offset behind the last whole record
    problem : GOOD, or what is wrong with the record at ``consumed``
    """
    capacity = data.size // FIXED + 1
    offset, key = np.empty(capacity, np.int64), np.empty(capacity, np.uint64)
    group, kind = np.empty(capacity, np.int32), np.empty(capacity, np.uint8)
    n, record, problem = 0, 0, GOOD
    while record + FIXED <= data.size:
        size = np.int64(load_word(data, record, 4))
        if size < FIXED - 4 or size > 1 << 30:
            problem = MALFORMED
            break
        if record + 4 + size > data.size:
            break
        if is_malformed(data, record, n_contigs) or _has_bad_name(data, record):
            problem = MALFORMED
            break
        flag = np.int64(load_word(data, record + 18, 2))
        if flag & _NOT_PRIMARY == 0:
            found = _read_group(data, record, group_ids, group_offsets)
            if found < -1:
                problem = MALFORMED
                break
            name, end = record + FIXED, _name_end(data, record)
            kind[n] = _kind(flag)
            if kind[n] != SINGLE and end - name == 1 and data[name] == 42:  # *
                problem = NAMELESS
                break
            offset[n], group[n] = record, found
            key[n] = fnv1a(data, name, end) + np.uint64(found + 1) * _SPREAD
            n += 1
        record += 4 + size
    return ReadRows(offset[:n], key[:n], group[:n], kind[:n]), record, problem


@inline
def _is_hard_clipped(data, record, cigar):
    n_ops = np.int64(load_word(data, record + 16, 2))
    if n_ops == 0:
        return False
    return data[cigar] & 15 == _HARD_CLIP or data[cigar + 4 * (n_ops - 1)] & 15 == _HARD_CLIP


@inline
def _same_name(data, a, b):
    length = data[a + 12]
    if data[b + 12] != length:
        return False
    is_same = True
    for i in range(np.int64(length)):
        is_same &= data[a + FIXED + i] == data[b + FIXED + i]
    return is_same


@kernel
def match_mates(data, rows, mate):
    """Match first with second reads of one name and read group.

    Of several reads of one name and end the first one is matched first.

    Parameters
    ----------
    data, rows : as scan_reads took and gave them
    mate : (n,) int64, receives the row of the mate, UNMATCHED, or NO_MATE for single reads

    Returns
    -------
    row with too many reads of its name before it, or -1

    Notes
    -----
    Cost        one look-up in a hash table a row
    Plain twin  tests/plain/collate.py
    """
    bits = 4
    while (1 << bits) < 2 * mate.size:
        bits += 1
    table = np.full(1 << bits, -1, np.int64)  # rows; -1: empty
    mask = np.int64((1 << bits) - 1)
    for row in range(mate.size):
        mate[row] = NO_MATE
        if rows.kind[row] == SINGLE:
            continue
        mate[row] = UNMATCHED
        slot = np.int64(rows.key[row] * _SPREAD >> np.uint64(64 - bits))
        n_same = 0
        while table[slot] != -1:
            other = table[slot]
            if (
                rows.key[other] == rows.key[row]
                and rows.group[other] == rows.group[row]
                and _same_name(data, rows.offset[other], rows.offset[row])
            ):
                if rows.kind[other] != rows.kind[row] and mate[other] == UNMATCHED:
                    mate[row], mate[other] = other, row
                    break
                n_same += 1
                if n_same > _MAX_SAME_NAME:
                    return row
            slot = (slot + 1) & mask
        if mate[row] == UNMATCHED:
            table[slot] = row
    return -1


@kernel
def measure_reads(data, offsets, n_ends, lengths, name_lengths, tag_lengths):
    """Write how many bases and bytes of kept tags a read has, and characters a template's name.

    ``offsets`` : (n_reads,) int64, records, mates side by side
    """
    for read in range(offsets.size):
        record = offsets[read]
        lengths[read] = np.int64(load_word(data, record + 20, 4))
        if read % n_ends == 0:
            name_lengths[read // n_ends] = np.int64(data[record + 12]) - 1
        end = record + 4 + np.int64(load_word(data, record, 4))
        tag = tags_start(data, record)
        tag_lengths[read] = 0
        while tag + 3 < end:
            following = tag_end(data, tag, end)
            if _is_kept(data, tag):
                tag_lengths[read] += following - tag
            tag = following


@inline
def _is_kept(data, tag):
    if data[tag + 2] != 90:  # all of them are text
        return False
    for i in range(0, KEPT_TAGS.size, 2):
        if data[tag] == KEPT_TAGS[i] and data[tag + 1] == KEPT_TAGS[i + 1]:
            return True
    return False


@kernel
def copy_reads(data, offsets, batch):
    """Write reads as sequenced: bases, qualities, names, kept tags and flags.

    Parameters
    ----------
    data, offsets : as measure_reads took them
    batch : ReadBatch whose offsets are set

    Returns
    -------
    problem, read : GOOD, or what is wrong with the first bad read
    n_clipped : reads that lost bases to hard clips
    """
    n_clipped = 0
    for read in range(offsets.size):
        record = offsets[read]
        flag = np.int64(load_word(data, record + 18, 2))
        start, end = batch.offsets[read], batch.offsets[read + 1]
        length = end - start
        name = record + FIXED
        if read % batch.n_ends == 0:
            at = batch.name_offsets[read // batch.n_ends]
            for i in range(_name_end(data, record) - name):
                batch.names[at + i] = data[name + i]
        packed = _name_end(data, record) + 1 + 4 * np.int64(load_word(data, record + 16, 2))
        quals = packed + (length + 1) // 2
        is_reverse = flag & _REVERSE != 0
        if not _copy_bases(data, packed, length, is_reverse, batch.bases, start):
            return HAS_EQUALS, read, n_clipped
        if not _copy_quals(data, quals, length, is_reverse, batch.quals, start):
            return MALFORMED, read, n_clipped
        if not _copy_tags(data, record, batch.tags, batch.tag_offsets[read]):
            return MALFORMED, read, n_clipped
        batch.kept_flags[read] = np.uint16(flag & _QC_FAIL)
        n_clipped += _is_hard_clipped(data, record, _name_end(data, record) + 1)
    return GOOD, offsets.size, n_clipped


@inline
def _copy_bases(data, packed, length, is_reverse, bases, start):
    """4-bit codes to codes of reads; False if there is a '=', which says nothing without the reference."""
    seen = np.uint16(0)
    if is_reverse:
        end = start + length
        for k in range(length // 2):
            pair = _REVERSE_PAIRS[data[packed + k]]
            seen |= pair
            store_word(bases, end - 2 - 2 * k, pair)
        if length & 1:
            pair = _REVERSE_PAIRS[data[packed + length // 2]] >> np.uint16(8)
            seen |= pair
            bases[start] = np.uint8(pair)
    else:
        for k in range(length // 2):
            pair = _PAIRS[data[packed + k]]
            seen |= pair
            store_word(bases, start + 2 * k, pair)
        if length & 1:
            pair = _PAIRS[data[packed + length // 2]] & np.uint16(255)
            seen |= pair
            bases[start + length - 1] = np.uint8(pair)
    return seen & np.uint16(_EQUALS << 8 | _EQUALS) == 0


@inline
def _copy_quals(data, source, length, is_reverse, quals, start):
    """Phred qualities, or 255 throughout; False for anything else above 93."""
    highest, lowest = np.uint8(0), np.uint8(255)
    for i in range(length):
        highest, lowest = max(highest, data[source + i]), min(lowest, data[source + i])
    if is_reverse:
        for i in range(length):
            quals[start + length - 1 - i] = data[source + i]
    else:
        for i in range(length):
            quals[start + i] = data[source + i]
    return highest <= _MAX_QUALITY or lowest == _ABSENT


@inline
def _copy_tags(data, record, tags, at):
    """Copy the tags to keep; False if one holds what is no text."""
    is_good = True
    end = record + 4 + np.int64(load_word(data, record, 4))
    tag = tags_start(data, record)
    while tag + 3 < end:
        following = tag_end(data, tag, end)
        if _is_kept(data, tag):
            for i in range(tag, following):
                tags[at] = data[i]
                is_good &= 32 <= data[i] <= 126 or i == following - 1
                at += 1
        tag = following
    return is_good


@kernel
def copy_records(data, offsets, out, starts):
    """Copy whole records one after the other.

    Parameters
    ----------
    offsets : (n,) int64, records in ``data``
    out : uint8, as long as they are together
    starts : (n + 1,) int64, receives where they start in ``out``
    """
    at = 0
    for i in range(offsets.size):
        starts[i] = at
        record = offsets[i]
        for k in range(record, record + 4 + np.int64(load_word(data, record, 4))):
            out[at] = data[k]
            at += 1
    starts[offsets.size] = at


@kernel
def record_sizes(data, offsets, sizes):
    """Write the bytes of each record, its length field included."""
    for i in range(offsets.size):
        sizes[i] = 4 + np.int64(load_word(data, offsets[i], 4))
