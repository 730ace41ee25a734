"""BAM and CRAM out: the header, batches of alignments as record bytes, CRAM and its index through htslib.

Reading is in alignment_reader.py; order, duplicates and files in pieces are in store/alignments.py. The
header says nothing of paths or time: the same reads give the same file.
"""

import struct
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pysam

from genomehub import __version__
from genomehub.errors import ResourceError
from genomehub.formats.bai import scheme_of
from genomehub.kernels.records import encode_records
from genomehub.kernels.row_texts import (
    PADDING,
    RecordTexts,
    RowTexts,
    describe_rows,
    first_rows,
    text_bounds,
)
from genomehub.kernels.spill import reorder_records, sort_keys
from genomehub.types import AlignmentBatch, Contig, Flag, PackedReference, ReadBatch, ReadGroup

_VIEW = "import sys, pysam; pysam.view(*sys.argv[1:], catch_stdout=False)"


class EncodedBatch(NamedTuple):
    """The records of a batch in coordinate order, ties in input order; each after its template's ordinal.

    data : (n_bytes,) uint8
    offsets : (n + 1,) int64, starts into data
    keys : (n,) int64, ascending global positions, kernels.spill.UNPLACED at the end
    """

    data: np.ndarray
    offsets: np.ndarray
    keys: np.ndarray


def header_text(contigs: Sequence[Contig], read_groups: Sequence[ReadGroup]) -> str:
    """Return the SAM header of a coordinate-sorted file of ours."""
    lines = ["@HD\tVN:1.6\tSO:coordinate"]
    lines += [_contig_line(contig) for contig in contigs]
    lines += [_read_group_line(group) for group in read_groups]
    lines.append(f"@PG\tID:genomehub\tPN:genomehub\tVN:{__version__}")
    return "\n".join(lines) + "\n"


def _contig_line(contig: Contig) -> str:
    alternate = "\tAH:*" if contig.is_alt else ""
    return f"@SQ\tSN:{contig.name}\tLN:{contig.length}{alternate}\tM5:{contig.md5}"


def _read_group_line(group: ReadGroup) -> str:
    tags = zip(("ID", "SM", "LB", "PL", "PU"), group, strict=True)
    return "\t".join(["@RG", *(f"{tag}:{value}" for tag, value in tags if value)])


def header_bytes(text: str, contigs: Sequence[Contig]) -> bytes:
    """Return the uncompressed start of a BAM file: magic, header text, contig table."""
    encoded = text.encode()
    parts = [b"BAM\x01", struct.pack("<i", len(encoded)), encoded, struct.pack("<i", len(contigs))]
    for contig in contigs:
        name = contig.name.encode() + b"\0"
        parts += [struct.pack("<i", len(name)), name, struct.pack("<i", contig.length)]
    return b"".join(parts)


def record_texts(contigs: Sequence[Contig], read_group: ReadGroup) -> RecordTexts:
    """Return the texts that the records of a read group quote, as the kernels take them."""
    names = [contig.name.encode() for contig in contigs]
    offsets = np.zeros(len(names) + 1, dtype=np.int64)
    np.cumsum([len(name) for name in names], out=offsets[1:])
    group = np.frombuffer(read_group.id.encode(), dtype=np.uint8)
    return RecordTexts(group, np.frombuffer(b"".join(names), dtype=np.uint8), offsets)


def encode_batch(
    reads: ReadBatch, alignments: AlignmentBatch, reference: PackedReference, texts: RecordTexts
) -> EncodedBatch:
    """Return the records of a batch, sorted among themselves."""
    keys = np.empty(len(alignments.read_index), dtype=np.int64)
    sort_keys(alignments, reference.contig_offsets, keys)
    order = np.argsort(keys, kind="stable")
    order = order[alignments.flag[order] & Flag.SECONDARY == 0]  # those are told of in XA tags
    first = _first_rows(reads, alignments)
    rows = describe_batch(reads, alignments, reference, texts)
    data = np.empty(rows.n_bytes[0] + PADDING, dtype=np.uint8)
    starts = np.empty(len(keys) + 1, dtype=np.int64)
    encode_records(reads, alignments, first, texts, rows, np.empty(64, dtype=np.uint8), data, starts)
    ordered = np.empty(starts[-1] + PADDING, dtype=np.uint8)
    offsets = np.empty(len(order) + 1, dtype=np.int64)
    reorder_records(data, starts, order, ordered, offsets)
    return EncodedBatch(ordered[: offsets[-1]], offsets, keys[order])


def describe_batch(
    reads: ReadBatch, alignments: AlignmentBatch, reference: PackedReference, texts: RecordTexts
) -> RowTexts:
    """Return what the records of a batch say beside their rows: NM, MD and CIGARs as text."""
    md_bytes, span, longest = text_bounds(reads, alignments)
    scratch = (np.empty(span + PADDING, dtype=np.uint8), np.empty(longest + PADDING, dtype=np.uint8))
    rows = _row_texts(len(alignments.read_index), md_bytes, len(alignments.cigars))
    describe_rows(reads, alignments, _first_rows(reads, alignments), reference, texts, scratch, rows)
    return rows


def _first_rows(reads: ReadBatch, alignments: AlignmentBatch) -> np.ndarray:
    first = np.empty(len(reads.offsets), dtype=np.int64)
    first_rows(alignments.read_index, first)
    return first


def _row_texts(n_rows: int, md_bytes: int, n_ops: int) -> RowTexts:
    return RowTexts(
        cigar_text=np.empty(10 * n_ops, dtype=np.uint8),  # 28 bits are at most 9 digits
        cigar_starts=np.empty(n_rows + 1, dtype=np.int64),
        md_text=np.empty(md_bytes, dtype=np.uint8),
        md_starts=np.empty(n_rows + 1, dtype=np.int64),
        edit_distance=np.empty(n_rows, dtype=np.int32),
        n_bytes=np.zeros(1, dtype=np.int64),
    )


def index_suffix(path: Path, contigs: Sequence[Contig]) -> str:
    """Return the suffix of the index that goes with an output: .bai, .csi or .crai."""
    if path.suffix == ".cram":
        return ".crai"
    return ".csi" if scheme_of(contigs).is_csi else ".bai"


def convert_to_cram(bam: Path, cram: Path, fasta: Path, level: int) -> None:
    """Write a sorted BAM as CRAM 3.0 against the reference's own FASTA.

    NM is stored, as htsjdk does not restore it. htslib encodes in one thread, as with several its choice of
    codecs depends on which is first; and in a process of its own, as samtools' commands share globals.
    """
    options = ["--output-fmt-option", f"level={level}", "--output-fmt-option", "store_nm=1", "-T", str(fasta)]
    arguments = ["--no-PG", "-O", "cram,version=3.0", *options, "-o", str(cram), str(bam)]
    command = [sys.executable, "-P", "-c", _VIEW, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise _htslib_error(cram, done.stderr)


def index_cram(path: Path, index: Path) -> None:
    """Make the CRAI index of a finished CRAM file."""
    try:
        pysam.index("-o", str(index), str(path), catch_stdout=False)
    except pysam.SamtoolsError as error:
        raise _htslib_error(path, str(error)) from error


def _htslib_error(path: Path, message: str) -> ResourceError:
    said = " ".join(message.split())
    return ResourceError(
        f"{path}: htslib could not write or index it ({said[-200:]}). Check that the disk has room, then run "
        "the same command again."
    )
