"""Batches made from SAM records of other tools, for tests of our encoder and sorter."""

import numpy as np
import pysam

from genomehub.types import AlignmentBatch, ReadBatch

_CODES = np.full(256, 4, dtype=np.uint8)
_CODES[list(b"ACGT")] = range(4)
_COMPLEMENT = str.maketrans("ACGTN", "TGCAN")


def _as_sequenced(record: pysam.AlignedSegment) -> tuple[str, list[int]]:
    bases, quals = record.query_sequence, list(record.query_qualities)
    if record.is_reverse:
        return bases.translate(_COMPLEMENT)[::-1], quals[::-1]
    return bases, quals


def batches_from_sam(records: list[pysam.AlignedSegment]) -> tuple[ReadBatch, AlignmentBatch]:
    """Return the paired templates of ``records`` as one batch; soft-clipped supplementary rows are kept."""
    templates: dict[str, list[pysam.AlignedSegment]] = {}
    for record in records:
        templates.setdefault(record.query_name, []).append(record)
    reads, quals, rows, row_reads = [], [], [], []
    for t, group in enumerate(templates.values()):
        for end in range(2):
            mine = [r for r in group if r.is_read2 == bool(end)]
            mine.sort(key=lambda r: r.is_supplementary)
            bases, qualities = _as_sequenced(mine[0])
            reads.append(bases)
            quals.append(qualities)
            rows += mine
            row_reads += [2 * t + end] * len(mine)
    return _read_batch(list(templates), reads, quals), _alignment_batch(rows, row_reads)


def _offsets(lengths: list[int]) -> np.ndarray:
    return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)


def _read_batch(names: list[str], reads: list[str], quals: list[list[int]]) -> ReadBatch:
    return ReadBatch(
        bases=_CODES[np.frombuffer("".join(reads).encode(), dtype=np.uint8)],
        quals=np.array([q for read in quals for q in read], dtype=np.uint8),
        offsets=_offsets([len(read) for read in reads]),
        names=np.frombuffer("".join(names).encode(), dtype=np.uint8).copy(),
        name_offsets=_offsets([len(name) for name in names]),
        n_ends=2,
        first_template=0,
        read_group=0,
    )


def _tag(record: pysam.AlignedSegment, name: str) -> int:
    return int(record.get_tag(name)) if record.has_tag(name) else 0


def _alignment_batch(rows: list[pysam.AlignedSegment], row_reads: list[int]) -> AlignmentBatch:
    def column(values: list[int], dtype: type) -> np.ndarray:
        return np.array(values, dtype=dtype)

    cigars = [[length << 4 | op for op, length in record.cigartuples or []] for record in rows]
    return AlignmentBatch(
        read_index=column(row_reads, np.int32),
        flag=column([record.flag & ~0x400 for record in rows], np.uint16),
        contig_index=column([record.reference_id for record in rows], np.int32),
        start=column([record.reference_start for record in rows], np.int32),
        mapping_quality=column([record.mapping_quality for record in rows], np.uint8),
        cigars=column([op for cigar in cigars for op in cigar], np.uint32),
        cigar_offsets=_offsets([len(cigar) for cigar in cigars]),
        mate_contig_index=column([record.next_reference_id for record in rows], np.int32),
        mate_start=column([record.next_reference_start for record in rows], np.int32),
        template_length=column([record.template_length for record in rows], np.int32),
        score=column([_tag(record, "AS") for record in rows], np.int32),
        second_score=column([_tag(record, "XS") for record in rows], np.int32),
        alt_score=column([0] * len(rows), np.int32),
    )
