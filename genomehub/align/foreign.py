"""Records of other aligners to the batches that our own mapper leaves: the contract behind ``--aligner``.

Places, CIGARs, mapping qualities, scores and TLEN are taken over as they are. What SAM says twice is made
from them: mates' fields, NM, MD, MC, MQ, SA and the read group are written by our encoder, and duplicates
are found by our own rules. Where records come from is the business of pipeline/other_aligners.py.
"""

from typing import NamedTuple

import numpy as np

from genomehub.align.pairing import model_of
from genomehub.config import AlignConfig
from genomehub.errors import InputError
from genomehub.kernels import foreign
from genomehub.types import AlignmentBatch, Flag, InsertSizeModel, PackedReference, ReadBatch

# Pairs that insert sizes are estimated from, as align/pairing.py does.
_SURE, _FARTHEST = 20, 10_000
_BEST_QUALITY = 93
_KEPT = Flag.UNMAPPED | Flag.REVERSE | Flag.QC_FAIL | Flag.SUPPLEMENTARY


class ForeignRecords(NamedTuple):
    """BAM records of one batch of reads.

    data : (n_bytes,) uint8, records one after the other
    read_index : (n,) int64, the read in the batch that each is of
    """

    data: np.ndarray
    read_index: np.ndarray


class ForeignHeader(NamedTuple):
    """What a file or an index of another aligner calls things.

    source : its name, for messages
    contig_map : (n,) int32, the reference's contig of each of its contigs, -1 if it has none
    contig_names : its own names
    """

    source: str
    contig_map: np.ndarray
    contig_names: tuple[str, ...]


def take_over(
    records: ForeignRecords,
    reads: ReadBatch,
    header: ForeignHeader,
    reference: PackedReference,
    config: AlignConfig,
    tells_proper: bool = True,
) -> tuple[AlignmentBatch, InsertSizeModel]:
    """Return what other aligner's records say of a batch, and the insert sizes that its pairs have.

    Parameters
    ----------
    records : every read has one primary record; secondary ones are left out
    tells_proper : whether FLAG says which pairs are proper; else those that face each other within the
        bounds of the insert sizes are

    Raises
    ------
    InputError
        A read is too long, or has no primary record or several; a record has damaged tags, is on a contig
        that the reference lacks, reaches beyond its contig, or does not fit its read's length.
    """
    starts = foreign.record_starts(records.data)
    columns = read_columns(records.data, starts, header.source)
    _check_lengths(reads, header, config)
    order, first = _order(columns, records.read_index, reads, header)
    read = records.read_index[order]
    flag = columns.flag[order].astype(np.int64)
    is_supplementary = flag & Flag.SUPPLEMENTARY != 0
    file_contig = columns.contig[order]
    is_mapped = (flag & Flag.UNMAPPED == 0) & (file_contig >= 0)
    contig = np.where(is_mapped, header.contig_map[np.maximum(file_contig, 0)], -1).astype(np.int32)
    _check_contigs(contig, is_mapped, file_contig, read, reads, header)
    cigars, cigar_offsets = _cigars(records.data, starts, order, columns, is_supplementary)
    start = np.where(is_mapped, columns.start[order], -1).astype(np.int32)
    spans = _checked_spans(cigars, cigar_offsets, read, start, contig, reads, reference, header)
    is_mapped &= np.diff(cigar_offsets) > 0
    placed = _Placed(read, flag, is_mapped, contig, start, spans, columns.mapping_quality[order], first)
    length = columns.template_length[order]
    model = _insert_sizes(placed, reads, config)
    is_proper = flag & Flag.PROPER_PAIR != 0 if tells_proper else _within(placed, reads, model)
    return _batch(placed, is_proper, length, cigars, cigar_offsets, columns, order, reads), model


class _Placed(NamedTuple):
    """Rows in their order, before their mates' fields are known; first : (n_reads,) row of each primary."""

    read: np.ndarray
    flag: np.ndarray
    is_mapped: np.ndarray
    contig: np.ndarray
    start: np.ndarray
    span: np.ndarray
    mapping_quality: np.ndarray
    first: np.ndarray


def read_columns(
    data: np.ndarray, starts: np.ndarray, source: str, group_ids: tuple[str, ...] = ()
) -> foreign.RecordColumns:
    """Return the fields of records as columns; read groups are indices into ``group_ids``.

    Raises
    ------
    InputError
        The tags of a record are malformed; ``source`` opens the sentence.
    """
    n = starts.size - 1
    i32, i64 = (lambda: np.empty(n, np.int32)), (lambda: np.empty(n, np.int64))
    out = foreign.RecordColumns(
        np.empty(n, np.uint16), i32(), i32(), np.empty(n, np.uint8), i32(), i64(), i64(), i32(), i32(), i32()
    )
    encoded = [group.encode() for group in group_ids]
    ids = np.frombuffer(b"".join(encoded), np.uint8).copy()
    bad = foreign.read_columns(data, starts, ids, np.cumsum([0, *map(len, encoded)]).astype(np.int64), out)
    if bad >= 0:
        raise InputError(
            f'{source}: the record of read "{record_name(data, starts[bad])}" has damaged tags. Get the file '
            "again, or align its reads anew."
        )
    return out


def record_name(data: np.ndarray, start: int) -> str:
    """Return the read name of the record at ``start``."""
    name = data[start + 36 : start + 36 + int(data[start + 12]) - 1]
    return name.tobytes().decode("ascii", "replace")


def read_batch(
    data: np.ndarray, starts: np.ndarray, primary: np.ndarray, n_bases: np.ndarray,
    n_ends: int, first_template: int, read_group: int, source: str,
) -> ReadBatch:  # fmt: skip
    """Return the reads of primary records, as sequenced.

    Parameters
    ----------
    primary : (n_reads,) int64, records; mates side by side; n_bases : (n_reads,) int64, their lengths

    Raises
    ------
    InputError
        A name or a quality is none that SAM allows; ``source`` opens the sentence.
    """
    offsets = np.concatenate([[0], np.cumsum(n_bases)]).astype(np.int64)
    bases, quals = np.empty(offsets[-1], np.uint8), np.empty(offsets[-1], np.uint8)
    foreign.copy_reads(data, starts, primary, offsets, bases, quals)
    named = primary[::n_ends]
    lengths = data[starts[named] + 12].astype(np.int64) - 1
    name_offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    names = np.empty(name_offsets[-1], np.uint8)
    foreign.copy_names(data, starts, named, name_offsets, names)
    reads = ReadBatch(bases, quals, offsets, names, name_offsets, n_ends, first_template, read_group)
    _check_letters(reads, source)
    return reads


def _check_letters(reads: ReadBatch, source: str) -> None:
    is_strange = (reads.names < ord("!")) | (reads.names > ord("~"))
    if is_strange.any():
        template = int(np.searchsorted(reads.name_offsets, is_strange.argmax(), side="right")) - 1
        raise InputError(
            f'{source}: the name of read "{_name(reads, template * reads.n_ends)}" holds a character that '
            "SAM does not allow. The file is damaged; get it again."
        )
    is_absent = np.repeat(
        np.maximum.reduceat(np.append(255 - reads.quals, np.uint8(0)), reads.offsets[:-1]) == 0,
        np.diff(reads.offsets),
    )
    is_strange = (reads.quals > _BEST_QUALITY) & ~is_absent
    if is_strange.any():
        at = int(is_strange.argmax())
        read = int(np.searchsorted(reads.offsets, at, side="right")) - 1
        raise InputError(
            f'{source}: read "{_name(reads, read)}" has a base quality of {reads.quals[at]}, and SAM allows '
            f"at most {_BEST_QUALITY}. The file is damaged; get it again."
        )


def _name(reads: ReadBatch, read: int) -> str:
    template = read // reads.n_ends
    name = reads.names[reads.name_offsets[template] : reads.name_offsets[template + 1]]
    return name.tobytes().decode("ascii", "replace")


def _check_lengths(reads: ReadBatch, header: ForeignHeader, config: AlignConfig) -> None:
    lengths = np.diff(reads.offsets)
    if lengths.max(initial=0) > config.max_read_length:
        read = int(lengths.argmax())
        raise InputError(
            f'{header.source}: read "{_name(reads, read)}" has {lengths[read]} bases, and at most '
            f"{config.max_read_length} are taken. genomehub is made for short reads; use other tools for "
            "long ones."
        )


def _order(
    columns: foreign.RecordColumns, read_index: np.ndarray, reads: ReadBatch, header: ForeignHeader
) -> tuple[np.ndarray, np.ndarray]:
    """Records without secondary ones, by read, the primary one first; and each read's first row."""
    n_reads = reads.offsets.size - 1
    kept = np.flatnonzero(columns.flag & Flag.SECONDARY == 0)
    is_supplementary = columns.flag[kept] & Flag.SUPPLEMENTARY != 0
    n_primary = np.bincount(read_index[kept][~is_supplementary], minlength=n_reads)
    if (n_primary != 1).any():
        read = int((n_primary != 1).argmax())
        raise InputError(
            f'{header.source}: read "{_name(reads, read)}" has {n_primary[read]} primary alignments, and one '
            "was expected. Names must be unique, and neither mates nor records may be missing."
        )
    order = kept[np.lexsort((is_supplementary, read_index[kept]))]
    return order, np.searchsorted(read_index[order], np.arange(n_reads))


def _check_contigs(
    contig: np.ndarray, is_mapped: np.ndarray, file_contig: np.ndarray, read: np.ndarray,
    reads: ReadBatch, header: ForeignHeader,
) -> None:  # fmt: skip
    is_strange = is_mapped & (contig < 0)
    if is_strange.any():
        row = int(is_strange.argmax())
        raise InputError(
            f'{header.source}: read "{_name(reads, int(read[row]))}" lies on contig '
            f'"{header.contig_names[file_contig[row]]}", which the reference lacks. Use the reference that '
            "the alignments were made with."
        )


def _cigars(
    data: np.ndarray, starts: np.ndarray, order: np.ndarray, columns: foreign.RecordColumns,
    is_supplementary: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """CIGARs of the rows; bases that a primary record has lost to hard clips are no part of its read."""
    offsets = np.empty(order.size + 1, np.int64)
    cigars = np.empty(int(columns.n_ops[order].sum()), np.uint32)
    foreign.copy_cigars(data, starts, order, is_supplementary, offsets, cigars)
    return cigars[: offsets[-1]], offsets


def _checked_spans(
    cigars: np.ndarray, cigar_offsets: np.ndarray, read: np.ndarray, start: np.ndarray,
    contig: np.ndarray, reads: ReadBatch, reference: PackedReference, header: ForeignHeader,
) -> np.ndarray:  # fmt: skip
    spans = np.empty(start.size, np.int64)
    room = reference.contig_lengths[np.maximum(contig, 0)]
    problem, row = foreign.check_rows(
        cigars, cigar_offsets, np.diff(reads.offsets)[read], start, np.ascontiguousarray(room), spans
    )
    if problem != foreign.GOOD:
        seen = {
            foreign.WRONG_LENGTH: "a CIGAR that does not fit the read's length",
            foreign.BEYOND_CONTIG: "an alignment that reaches beyond its contig",
        }[problem]
        raise InputError(
            f'{header.source}: read "{_name(reads, int(read[row]))}" has {seen}. The record is damaged or of '
            "another reference; align the reads again."
        )
    return spans


def _insert_sizes(placed: _Placed, reads: ReadBatch, config: AlignConfig) -> InsertSizeModel:
    if reads.n_ends == 1:
        return model_of(np.empty(0, dtype=np.int64), config)
    distance = _facing_distances(placed)
    quality = placed.mapping_quality[placed.first].reshape(-1, 2).min(axis=1)
    return model_of(distance[(distance > 0) & (distance <= _FARTHEST) & (quality >= _SURE)], config)


def _facing_distances(placed: _Placed) -> np.ndarray:
    """Outer distance of each pair whose mates face each other on one contig, (n_templates,) int64; else 0."""
    one, two = placed.first.reshape(-1, 2).T
    is_turned = placed.flag[one] & Flag.REVERSE != 0
    forward, reverse = np.where(is_turned, two, one), np.where(is_turned, one, two)
    faces = (
        placed.is_mapped[one]
        & placed.is_mapped[two]
        & (placed.contig[one] == placed.contig[two])
        & (placed.flag[forward] & Flag.REVERSE == 0)
        & (placed.flag[reverse] & Flag.REVERSE != 0)
    )
    end = placed.start[reverse].astype(np.int64) + placed.span[reverse]
    return np.where(faces, end - placed.start[forward], 0)


def _within(placed: _Placed, reads: ReadBatch, model: InsertSizeModel) -> np.ndarray:
    """Whether each row is of a pair that faces within the bounds."""
    if reads.n_ends == 1:
        return np.zeros(placed.read.size, np.bool_)
    distance = _facing_distances(placed)
    return ((distance >= model.low) & (distance <= model.high))[placed.read // 2]


def _batch(
    placed: _Placed, is_proper: np.ndarray, template_length: np.ndarray,
    cigars: np.ndarray, cigar_offsets: np.ndarray,
    columns: foreign.RecordColumns, order: np.ndarray, reads: ReadBatch,
) -> AlignmentBatch:  # fmt: skip
    n = placed.read.size
    is_mapped = placed.is_mapped
    flag = placed.flag & _KEPT & ~(Flag.UNMAPPED | Flag.REVERSE)
    flag |= np.where(is_mapped, placed.flag & Flag.REVERSE, Flag.UNMAPPED)
    contig, start = np.where(is_mapped, placed.contig, -1), np.where(is_mapped, placed.start, -1)
    mate_contig, mate_start = np.full(n, -1), np.full(n, -1)
    length = np.zeros(n, np.int64)
    if reads.n_ends == 2:
        mate = placed.first[placed.read ^ 1]
        own = placed.first[placed.read]
        mate_is_mapped = is_mapped[mate]
        flag |= Flag.PAIRED | np.where(placed.read & 1, Flag.READ2, Flag.READ1)
        flag |= np.where(mate_is_mapped, (flag[mate] & Flag.REVERSE) << 1, Flag.MATE_UNMAPPED)
        both = is_mapped & mate_is_mapped
        flag |= np.where(both & is_mapped[own] & is_proper, Flag.PROPER_PAIR, 0)
        length = np.where(both & (contig == contig[mate]), template_length, 0)
        # An unmapped read stands beside its mate; both unmapped stand nowhere.
        mate_contig = np.where(mate_is_mapped, contig[mate], contig[own])
        mate_start = np.where(mate_is_mapped, start[mate], start[own])
        contig, start = np.where(is_mapped, contig, mate_contig), np.where(is_mapped, start, mate_start)
    kept = np.repeat(is_mapped, np.diff(cigar_offsets))
    offsets = np.concatenate([[0], np.cumsum(np.where(is_mapped, np.diff(cigar_offsets), 0))])
    return AlignmentBatch(
        read_index=placed.read.astype(np.int32),
        flag=flag.astype(np.uint16),
        contig_index=contig.astype(np.int32),
        start=start.astype(np.int32),
        mapping_quality=np.where(is_mapped, placed.mapping_quality, 0).astype(np.uint8),
        cigars=cigars[kept],
        cigar_offsets=offsets.astype(np.int64),
        mate_contig_index=mate_contig.astype(np.int32),
        mate_start=mate_start.astype(np.int32),
        template_length=length.astype(np.int32),
        score=np.where(is_mapped, columns.score[order], 0).astype(np.int32),
        second_score=np.where(is_mapped, columns.second_score[order], 0).astype(np.int32),
        alt_score=np.zeros(n, dtype=np.int32),
    )
