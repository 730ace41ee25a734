"""Tasks of an alignment: what travels to workers and what comes back.

Each is a function of its item and of files that lie still, so it may be repeated without harm; each
worker maps the reference into its own memory once. pipeline/align.py plans them and joins their results.
"""

import dataclasses
import functools
import threading
from pathlib import Path
from typing import NamedTuple

import numpy as np

from genomehub.align import duplicates
from genomehub.align.mapper import map_batch
from genomehub.align.trimming import TrimCounts, clip_tails, trim
from genomehub.config import AlignConfig, ReadConfig, SortConfig
from genomehub.formats import bam
from genomehub.kernels.bam_index import Scheme
from genomehub.kernels.spill import TAG_BYTES, DuplicateBits
from genomehub.pipeline.other_aligners import OtherAligner, OtherItem
from genomehub.store.alignments import (
    BinJob,
    BinLayout,
    FinishedBin,
    Pieces,
    cut_records,
    cut_rows,
    finish_bin,
    split_bin,
)
from genomehub.store.reference import Reference
from genomehub.types import AlignmentBatch, Flag, InsertSizeModel, ReadBatch, ReadGroup

_MARK_WORDS = 4
#: What is counted of each batch, in this order.
COUNTS = ("reads", "mapped", "proper", "supplementary")
NO_TAILS = np.zeros(len(TrimCounts._fields), dtype=np.int64)


class BatchItem(NamedTuple):
    """A task: a batch, and the insert sizes of its read group."""

    reads: ReadBatch
    insert_sizes: InsertSizeModel


class BatchResult(NamedTuple):
    """What a batch leaves: records and marks cut into bins, counts, and the insert sizes used."""

    read_group: int
    insert_sizes: InsertSizeModel
    n_templates: int
    records: Pieces
    marks: Pieces
    other_ends: Pieces
    examined: np.ndarray
    counts: np.ndarray
    trimmed: np.ndarray


@dataclasses.dataclass(frozen=True)
class BatchTask:
    """Aligns and encodes one batch; travels to workers, which map the reference into their own memory."""

    reference: str
    groups: tuple[ReadGroup, ...]
    libraries: tuple[int, ...]
    align: AlignConfig
    sort: SortConfig
    read: ReadConfig
    other: OtherAligner | None = None

    def __call__(self, item: BatchItem | OtherItem) -> BatchResult:
        reference = open_reference(self.reference)
        reads, group = item.reads, item.reads.read_group
        if self.other is None and reads.first_template > 0:
            with _PRELOADING:
                _preload(self.reference)  # more than one batch: it pays
        alignments, insert_sizes, trimmed = self._place(item, reference)
        texts = bam.record_texts(reference.contigs, self.groups[group])
        encoded = bam.encode_batch(reads, alignments, reference.bases, texts)
        marks, other_ends, examined = duplicates.template_marks(
            reads, alignments, self.libraries[group], self.sort.min_duplicate_quality
        )
        places = duplicates.places(marks[:, 0], reference.bases.contig_offsets)
        other_places = duplicates.places(other_ends, reference.bases.contig_offsets)
        marks_layout = BinLayout.of(reference.bases, marks_width(self.sort))
        return BatchResult(
            group,
            insert_sizes,
            len(reads.name_offsets) - 1,
            cut_records(encoded, BinLayout.of(reference.bases, self.sort.bin_bp)),
            cut_rows(marks, places, marks_layout),
            cut_rows(other_ends, other_places, marks_layout),
            examined,
            _count(alignments.flag),
            trimmed,
        )

    def _place(
        self, item: BatchItem | OtherItem, reference: Reference
    ) -> tuple[AlignmentBatch, InsertSizeModel, np.ndarray]:
        """The alignments of a batch, the insert sizes they rest on, and the counts of its tails."""
        reads, tails, counts = item.reads, None, NO_TAILS
        if self.read.trims:
            reads, tails, counts = trim(reads, self.read)
        if isinstance(item, OtherItem):
            assert self.other is not None
            alignments, model = self.other.place(item._replace(reads=reads), reference, self.align)
        else:
            model = item.insert_sizes
            alignments = map_batch(reads, reference.seeds, reference.bases, self.align, model)
        if tails is not None:
            alignments = clip_tails(alignments, tails)
        kept_flags = item.reads.kept_flags
        if kept_flags.size:
            alignments = alignments._replace(flag=alignments.flag | kept_flags[alignments.read_index])
        return alignments, model, counts


class MarksItem(NamedTuple):
    """A task: files of the marks and the other ends of one bin, and how many they hold."""

    marks: str
    n_marks: int
    other_ends: str
    n_other_ends: int


@dataclasses.dataclass(frozen=True)
class DecideTask:
    """Decides the duplicates of one bin of marks."""

    n_libraries: int
    optical_distance: int

    def __call__(self, item: MarksItem) -> duplicates.Decisions:
        marks = np.fromfile(item.marks, dtype=np.uint64, count=item.n_marks * _MARK_WORDS)
        other_ends = np.empty(0, dtype=np.uint64)
        if item.n_other_ends:
            other_ends = np.fromfile(item.other_ends, dtype=np.uint64, count=item.n_other_ends)
        marks = marks.reshape(item.n_marks, _MARK_WORDS)
        return duplicates.decide(marks, other_ends, self.n_libraries, self.optical_distance)


@dataclasses.dataclass(frozen=True)
class SplitTask:
    """Cuts a deep bin into parts."""

    layout: BinLayout

    def __call__(self, job: BinJob) -> list[BinJob]:
        return split_bin(job, self.layout)


@dataclasses.dataclass(frozen=True)
class FinishTask:
    """Sorts, marks and compresses bins."""

    reference: str
    duplicates: str
    tags: str
    scheme: Scheme
    level: int

    def __call__(self, jobs: list[BinJob]) -> list[FinishedBin]:
        offsets = open_reference(self.reference).bases.contig_offsets
        bits = _open_bits(self.duplicates, self.tags)
        return [finish_bin(job, offsets, bits, self.scheme, self.level) for job in jobs]


@dataclasses.dataclass(frozen=True)
class CramTask:
    """Turns a sorted BAM file into CRAM and removes it."""

    reference: str
    level: int

    def __call__(self, path: Path) -> Path:
        cram = path.with_suffix(".cram")
        bam.convert_to_cram(path, cram, open_reference(self.reference).fasta, self.level)
        path.unlink()
        return cram


@functools.lru_cache(maxsize=2)
def open_reference(path: str) -> Reference:
    """A process opens a reference once: what is mapped twice counts twice as resident memory."""
    return Reference.open(path)


def reopen_reference(path: str) -> Reference:
    """Open a reference that may have been built anew since this process saw it."""
    open_reference.cache_clear()
    _preload.cache_clear()
    return open_reference(path)


_PRELOADING = threading.Lock()  # threads that map at once would hold the pages that another reads anew


@functools.lru_cache(maxsize=2)
def _preload(path: str) -> None:
    open_reference(path).preload()


@functools.lru_cache(maxsize=2)
def _open_bits(path: str, tags: str) -> DuplicateBits:
    """The bits that _Run.decide left; those of optical duplicates are the second half."""
    bits, optical = np.load(path)
    if tags == "none":
        return DuplicateBits(bits, optical[:0], tags_all=False, tag_bytes=0)
    return DuplicateBits(bits, optical, tags_all=tags == "all", tag_bytes=TAG_BYTES)


def marks_width(config: SortConfig) -> int:
    """Bases of the genome whose duplicates are decided at a time."""
    return config.bin_bp * config.duplicate_bins


def _count(flags: np.ndarray) -> np.ndarray:
    primary = flags & (Flag.SECONDARY | Flag.SUPPLEMENTARY) == 0
    mapped = primary & (flags & Flag.UNMAPPED == 0)
    proper = mapped & (flags & Flag.PROPER_PAIR != 0)
    supplementary = flags & Flag.SUPPLEMENTARY != 0
    return np.array([primary.sum(), mapped.sum(), proper.sum(), supplementary.sum()], dtype=np.int64)
