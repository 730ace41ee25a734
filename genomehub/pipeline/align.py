"""Reads to one sorted, duplicate-marked, indexed BAM or CRAM: joins readers, mapper, bins and files.

Three rounds of tasks: batches of reads are aligned and dropped into bins; duplicates are decided from the
marks of each bin of ends; bins are sorted, marked and compressed in the order of the output. Batches have a
fixed size and all is put together in input or genome order, so the bytes do not depend on the workers.
"""

import dataclasses
import functools
import itertools
import logging
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from genomehub.align import duplicates
from genomehub.align.duplication import LibraryDuplication, metrics_text
from genomehub.align.mapper import estimate_insert_sizes, map_batch
from genomehub.align.trimming import TrimCounts, clip_tails, trim
from genomehub.config import AlignConfig, ReadConfig, SortConfig
from genomehub.cost import peak_rss_bytes
from genomehub.errors import ConfigError
from genomehub.files import atomic_output, os_error, require_writable_parent
from genomehub.formats import alignment_reads, bam, bgzf, fastq
from genomehub.formats.alignment_reads import AlignmentLane, MateCounts
from genomehub.formats.bai import IndexBuilder, scheme_of
from genomehub.formats.cram_header import join_pieces
from genomehub.formats.fastq import Lane
from genomehub.kernels.bam_index import Scheme
from genomehub.kernels.spill import TAG_BYTES, DuplicateBits
from genomehub.pipeline.align_summary import AlignSummary
from genomehub.pipeline.other_aligners import ExistingBam, OtherAligner, OtherItem, other_aligner
from genomehub.pipeline.workers import Workers, available_threads
from genomehub.store.alignments import (
    BinJob,
    BinLayout,
    BinStore,
    FinishedBin,
    Piece,
    bin_jobs,
    cut_records,
    cut_rows,
    finish_bin,
    is_deep,
    split_bin,
)
from genomehub.store.reference import Reference
from genomehub.types import (
    AlignmentBatch,
    Flag,
    InsertSizeModel,
    NoProgress,
    Progress,
    ReadBatch,
    ReadGroup,
)

_SUFFIXES = (".bam", ".cram")
_MARK_WORDS = 4
_log = logging.getLogger("genomehub.align")
#: What is counted of each batch, in this order.
_COUNTS = ("reads", "mapped", "proper", "supplementary")
_NO_TAILS = np.zeros(len(TrimCounts._fields), dtype=np.int64)
#: What a file or pair of files of reads may be.
AnyLane = Lane | AlignmentLane


class BatchItem(NamedTuple):
    """A task: a batch, and the insert sizes of its read group."""

    reads: ReadBatch
    insert_sizes: InsertSizeModel


class BatchResult(NamedTuple):
    """What a batch leaves: records and marks cut into bins, counts, and the insert sizes used."""

    read_group: int
    insert_sizes: InsertSizeModel
    n_templates: int
    records: list[Piece]
    marks: list[Piece]
    other_ends: list[Piece]
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
        reference = _open(self.reference)
        reads, group = item.reads, item.reads.read_group
        alignments, insert_sizes, trimmed = self._place(item, reference)
        texts = bam.record_texts(reference.contigs, self.groups[group])
        encoded = bam.encode_batch(reads, alignments, reference.bases, texts)
        marks, other_ends, examined = duplicates.template_marks(
            reads, alignments, self.libraries[group], self.sort.min_duplicate_quality
        )
        places = duplicates.places(marks[:, 0], reference.bases.contig_offsets)
        other_places = duplicates.places(other_ends, reference.bases.contig_offsets)
        marks_layout = BinLayout.of(reference.bases, _marks_width(self.sort))
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
        reads, tails, counts = item.reads, None, _NO_TAILS
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
    """Sorts, marks and compresses a bin."""

    reference: str
    duplicates: str
    tags: str
    scheme: Scheme
    level: int

    def __call__(self, job: BinJob) -> FinishedBin:
        offsets = _open(self.reference).bases.contig_offsets
        return finish_bin(job, offsets, _open_bits(self.duplicates, self.tags), self.scheme, self.level)


@dataclasses.dataclass(frozen=True)
class CramTask:
    """Turns a sorted BAM file into CRAM and removes it."""

    reference: str
    level: int

    def __call__(self, path: Path) -> Path:
        cram = path.with_suffix(".cram")
        bam.convert_to_cram(path, cram, _open(self.reference).fasta, self.level)
        path.unlink()
        return cram


@functools.lru_cache(maxsize=2)
def _open(path: str) -> Reference:
    return Reference.open(path)


@functools.lru_cache(maxsize=2)
def _open_bits(path: str, tags: str) -> DuplicateBits:
    """The bits that _Run.decide left; those of optical duplicates are the second half."""
    bits, optical = np.load(path)
    if tags == "none":
        return DuplicateBits(bits, optical[:0], tags_all=False, tag_bytes=0)
    return DuplicateBits(bits, optical, tags_all=tags == "all", tag_bytes=TAG_BYTES)


def _marks_width(config: SortConfig) -> int:
    return config.bin_bp * config.duplicate_bins


def _count(flags: np.ndarray) -> np.ndarray:
    primary = flags & (Flag.SECONDARY | Flag.SUPPLEMENTARY) == 0
    mapped = primary & (flags & Flag.UNMAPPED == 0)
    proper = mapped & (flags & Flag.PROPER_PAIR != 0)
    supplementary = flags & Flag.SUPPLEMENTARY != 0
    return np.array([primary.sum(), mapped.sum(), proper.sum(), supplementary.sum()], dtype=np.int64)


def align(
    reference_path: str | os.PathLike[str],
    lanes: Sequence[AnyLane],
    output: str | os.PathLike[str],
    align_config: AlignConfig | None = None,
    sort_config: SortConfig | None = None,
    read_config: ReadConfig | None = None,
    threads: int | None = None,
    scheduler_file: str | None = None,
    metrics: str | os.PathLike[str] | None = None,
    temporary: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
    aligner: str = "genomehub",
    aligner_index: str | None = None,
) -> AlignSummary:
    """Align the reads of one sample and write them sorted, duplicate-marked and indexed.

    Parameters
    ----------
    reference_path : reference directory
    lanes : files of reads with their read groups; groups may share an ID only if they are the same
    output : name ending in .bam or .cram; the index is written beside it
    metrics : duplicate metrics in picard's form, for MultiQC
    temporary : folder for spilled records, about the size of the uncompressed BAM; default: beside the output
    aligner, aligner_index : one of other_aligners.NAMES, and the prefix of its index

    Raises
    ------
    ConfigError
        The output's suffix or the read groups make no sense.
    InputError, StoreError, ResourceError
        Of reading, of the reference, of writing; nothing is left under a final name.
    """
    started = time.monotonic(), _core_seconds()
    output, lanes = _checked_output(output), _checked_lanes(lanes)
    reference = Reference.open(reference_path)
    other = other_aligner(aligner, reference, aligner_index, threads or available_threads())
    run = _Run(
        reference,
        lanes,
        align_config or AlignConfig(),
        sort_config or SortConfig(),
        read_config or ReadConfig(),
        progress or NoProgress(),
        other,
    )
    require_writable_parent(output)
    folder = require_writable_parent(Path(temporary) / "x").parent if temporary else output.parent
    try:
        with (
            tempfile.TemporaryDirectory(prefix=f".{output.name}.", suffix=".tmp", dir=folder) as spill,
            Workers(threads, scheduler_file) as workers,
        ):
            stages = {
                "aligning": lambda: run.align(workers, Path(spill)),
                "deciding": lambda: run.decide(workers),
                "writing": lambda: _publish(run, workers, output),
            }
            for stage, work in stages.items():
                work()
                run.peak_rss_bytes[stage] = peak_rss_bytes()
    except OSError as error:
        raise os_error(output, error) from error
    if metrics is not None:
        with atomic_output(metrics) as path:
            path.write_text(metrics_text(run.libraries(), run.set_sizes))
    return run.summary(time.monotonic() - started[0], _core_seconds() - started[1])


def _core_seconds() -> float:
    """CPU time of this process and of its children, which decode and encode CRAM."""
    return sum(os.times()[:4])


def _publish(run: "_Run", workers: Workers, output: Path) -> None:
    """Write BAM or CRAM and index under temporary names; the index gets its name first."""
    index = Path(f"{output}{bam.index_suffix(output, run.reference.contigs)}")
    with atomic_output(output) as path, atomic_output(index) as index_path:
        try:
            if path.suffix == ".bam":
                index_path.write_bytes(run.write_bam(workers, path))
            else:
                _write_cram(run, workers, path, index_path)
        except OSError as error:
            raise os_error(output, error) from error


def _write_cram(run: "_Run", workers: Workers, path: Path, index: Path) -> None:
    """Write BAM files of wide bins, encode them side by side, and join the containers."""
    pieces = run.write_pieces(workers)
    run.progress.start("writing CRAM", len(pieces), "pieces")
    encoded = workers.map(CramTask(str(run.reference.path), run.cram_level), pieces)
    join_pieces(_consumed(encoded, run.progress), path, run.header)
    bam.index_cram(path, index)
    run.progress.finish()


def _consumed(paths: Iterator[Path], progress: Progress) -> Iterator[Path]:
    """Files that are removed when the next one is asked for."""
    for path in paths:
        yield path
        path.unlink()
        progress.advance(1)


def _checked_output(output: str | os.PathLike[str]) -> Path:
    path = Path(output)
    if path.suffix not in _SUFFIXES:
        raise ConfigError(
            f"{path}: the output's name must end in .bam or .cram, which also chooses the format."
        )
    if path.is_dir():
        raise ConfigError(f"{path}: is a folder; name a file to write.")
    return path


def _checked_lanes(lanes: Sequence[AnyLane]) -> tuple[AnyLane, ...]:
    if not lanes:
        raise ConfigError("no reads were given. Name the FASTQ file(s) R1 [R2], a BAM or CRAM, or lanes.")
    by_id: dict[str, ReadGroup] = {}
    for group in (group for lane in lanes for group in lane.read_groups):
        known = by_id.setdefault(group.id, group)
        if known != group:
            raise ConfigError(
                f'read group "{known.id}" is given twice with different fields ({known} and '
                f"{group}). Give each lane an ID of its own."
            )
    return tuple(lanes)


def _files_of(lanes: Sequence[AnyLane], config: ReadConfig) -> list[Lane]:
    """Lanes whose alignments are taken over: their reads are not touched."""
    if config.trims or config.comments:
        raise ConfigError(
            "alignments of a BAM that are taken over (--aligner bam) leave nothing to trim and have no "
            "comments. Leave --trim-adapters, --trim-poly-g and --comments out, or align the reads anew."
        )
    return [lane for lane in lanes if isinstance(lane, Lane)]


class _Run:
    """The state of one run: counts and what lies in the bins."""

    def __init__(
        self,
        reference: Reference,
        lanes: tuple[AnyLane, ...],
        align_config: AlignConfig,
        sort_config: SortConfig,
        read_config: ReadConfig,
        progress: Progress,
        other: OtherAligner | None = None,
    ) -> None:
        self.reference, self.lanes, self.progress = reference, lanes, progress
        self._align_config, self._sort_config = align_config, sort_config
        self._read_config, self._other = read_config, other
        self.groups = tuple(dict.fromkeys(group for lane in lanes for group in lane.read_groups))
        if isinstance(other, ExistingBam):
            self.groups = other.read_groups(_files_of(lanes, read_config))
        self._library_names = tuple(dict.fromkeys(group.library for group in self.groups))
        duplicates.check_limits(len(self._library_names), len(reference.contigs), len(self.groups))
        self._insert_sizes: dict[str, InsertSizeModel] = {}
        self._paired: set[str] = set()  # read groups whose model comes from pairs
        n_libraries = len(self._library_names)
        self._examined = np.zeros((n_libraries, 4), dtype=np.int64)
        self._counts = np.zeros((n_libraries, len(_COUNTS)), dtype=np.int64)
        self._duplicates = np.zeros((n_libraries, 3), dtype=np.int64)
        self.set_sizes = np.zeros((3, duplicates.MAX_SET_SIZE), dtype=np.int64)
        self._n_templates = 0
        self.peak_rss_bytes: dict[str, int] = {}
        self._trimmed = _NO_TAILS.copy()
        self.mates = MateCounts()

    def align(self, workers: Workers, spill: Path) -> None:
        """Align all reads into bins."""
        self.spill = spill
        config = self._sort_config
        self._records = BinStore(spill, "records", config.spill_buffer_bytes)
        self._marks = BinStore(spill, "marks", config.spill_buffer_bytes // 8)
        self._other_ends = BinStore(spill, "ends", config.spill_buffer_bytes // 32)
        libraries = tuple(self._library_names.index(group.library) for group in self.groups)
        task = BatchTask(
            str(self.reference.path),
            self.groups,
            libraries,
            self._align_config,
            config,
            self._read_config,
            self._other,
        )
        self.progress.start("aligning", None, "templates")
        for result in workers.map(task, self._items()):
            self._records.add(result.records)
            self._marks.add(result.marks)
            self._other_ends.add(result.other_ends)
            library = libraries[result.read_group]
            self._insert_sizes.setdefault(self.groups[result.read_group].id, result.insert_sizes)
            self._examined[library] += result.examined
            self._counts[library] += result.counts
            self._n_templates += result.n_templates
            self._trimmed += result.trimmed
            self.progress.advance(result.n_templates)
        self._records.seal()
        self._marks.flush()
        self._other_ends.flush()
        self.progress.finish()

    def _items(self) -> Iterator[BatchItem | OtherItem]:
        """Batches of all lanes in order."""
        if isinstance(self._other, ExistingBam):
            n_templates = self._sort_config.templates_per_batch
            files = _files_of(self.lanes, self._read_config)
            yield from self._other.items(files, self.groups, n_templates, self.spill)
            return
        first_template = 0
        for lane in self.lanes:
            for reads in self._batches(lane, first_template):
                first_template += len(reads.name_offsets) - 1
                if self._other is None:
                    yield BatchItem(reads, self._model_of(reads))
                else:
                    yield OtherItem(reads)

    def _model_of(self, reads: ReadBatch) -> InsertSizeModel:
        """Insert sizes of a batch's read group, which its first pairs tell."""
        group = self.groups[reads.read_group].id
        model = self._insert_sizes.get(group)
        if model is None or (reads.n_ends == 2 and group not in self._paired):
            seen = trim(reads, self._read_config).batch if self._read_config.trims else reads
            model = self._insert_sizes[group] = estimate_insert_sizes(
                seen, self.reference.seeds, self.reference.bases, self._align_config
            )
            if reads.n_ends == 2:
                self._paired.add(group)
        return model

    def _batches(self, lane: AnyLane, first_template: int) -> Iterator[ReadBatch]:
        groups = [self.groups.index(group) for group in lane.read_groups]
        n = self._sort_config.templates_per_batch
        if isinstance(lane, AlignmentLane):
            yield from alignment_reads.read_batches(
                lane, n, first_template, groups, self.reference, self.spill, self.mates
            )
        else:
            yield from fastq.read_batches(lane, n, first_template, groups[0], self._read_config.comments)

    def decide(self, workers: Workers) -> None:
        """Decide which templates are duplicates and which of those optical; leave bits for each in a file."""
        bits = np.zeros((2, self._n_templates // 8 + 1), dtype=np.uint8)
        ends = self._other_ends
        items = [
            MarksItem(str(self._marks.path(number)), n, str(ends.path(number)), ends.counts.get(number, 0))
            for number, n in sorted(self._marks.counts.items())
        ]
        task = DecideTask(len(self._library_names), self._sort_config.optical_distance)
        self.progress.start("finding duplicates", len(items), "bins")
        for item, decisions in zip(items, workers.map(task, items), strict=True):
            for row, ordinals in zip(
                bits, (decisions.ordinals, decisions.ordinals[decisions.optical]), strict=True
            ):
                np.bitwise_or.at(row, ordinals >> 3, np.uint8(1) << (ordinals & 7).astype(np.uint8))
            self._duplicates += decisions.counts
            self.set_sizes += decisions.set_sizes
            Path(item.marks).unlink()
            Path(item.other_ends).unlink(missing_ok=True)
            self.progress.advance(1)
        np.save(self._duplicates_path, bits)
        self.progress.finish()
        self._warn_of_names()

    def _warn_of_names(self) -> None:
        n_pairs, n_unknown = int(self._examined[:, 0].sum()), int(self._examined[:, 3].sum())
        if n_unknown:
            _log.warning(
                "%s of %s pairs have names that tell no tile and position (Illumina writes five or seven "
                "fields between colons, these last): they count as no optical duplicates.",
                f"{n_unknown:,}", f"{n_pairs:,}",
            )  # fmt: skip

    @property
    def header(self) -> str:
        """The SAM header of the output."""
        return bam.header_text(self.reference.contigs, self._written_groups())

    def _written_groups(self) -> list[ReadGroup]:
        """All but those for records without read group, where there were none."""
        spare = {
            lane.spare_group.id
            for lane in self.lanes
            if isinstance(lane, AlignmentLane) and lane.spare_group not in lane.header_groups
        }
        return [group for group in self.groups if group.id in self._insert_sizes or group.id not in spare]

    @property
    def _duplicates_path(self) -> Path:
        return self.spill / "duplicates.npy"

    @property
    def cram_level(self) -> int:
        """Compression of CRAM."""
        return self._sort_config.cram_level

    def write_bam(self, workers: Workers, path: Path) -> bytes:
        """Finish all bins, write them as one BAM file and return its index (BAI or CSI)."""
        scheme = scheme_of(self.reference.contigs)
        index = IndexBuilder(len(self.reference.contigs), scheme)
        with path.open("wb") as handle:
            handle.writelines(self._header_blocks())
            for _, finished in self._finished(workers):
                index.add(finished.index_part, handle.tell())
                handle.writelines(finished.blocks)
            end = handle.tell()
            handle.write(bgzf.EOF_BLOCK)
        return index.index(end)

    def write_pieces(self, workers: Workers) -> list[Path]:
        """Finish all bins and write them as BAM files of the width of duplicate bins, in order."""
        width = _marks_width(self._sort_config)
        paths = []
        groups = itertools.groupby(self._finished(workers), key=lambda item: item[0].start // width)
        for number, group in groups:
            paths.append(self.spill / f"{number:07d}.bam")
            with paths[-1].open("wb") as handle:
                handle.writelines(self._header_blocks())
                for _, finished in group:
                    handle.writelines(finished.blocks)
                handle.write(bgzf.EOF_BLOCK)
        return paths

    def _header_blocks(self) -> list[bytes]:
        header = bam.header_bytes(self.header, self.reference.contigs)
        return bgzf.compress(np.frombuffer(header, dtype=np.uint8), self._sort_config.level)

    def _finished(self, workers: Workers) -> Iterator[tuple[BinJob, FinishedBin]]:
        """Bins in order; the file of each is removed when the next one is asked for."""
        config = self._sort_config
        jobs = self._jobs(workers)
        task = FinishTask(
            str(self.reference.path),
            str(self._duplicates_path),
            config.duplicate_tags,
            scheme_of(self.reference.contigs),
            config.level,
        )
        self.progress.start("sorting and writing", len(jobs), "bins")
        for job, finished in zip(jobs, workers.map(task, jobs), strict=True):
            yield job, finished
            Path(job.path).unlink()
            self.progress.advance(1)
        self.progress.finish()

    def _jobs(self, workers: Workers) -> list[BinJob]:
        """Jobs that finish the bins, deep ones in parts."""
        layout = BinLayout.of(self.reference.bases, self._sort_config.bin_bp)
        jobs = bin_jobs(self._records, layout)
        deep = [job for job in jobs if is_deep(job)]
        parts = dict(zip(deep, workers.map(SplitTask(layout), deep), strict=True))
        return [part for job in jobs for part in parts.get(job, [job])]

    def libraries(self) -> list[LibraryDuplication]:
        """Duplication of each library."""
        supplementary = self._counts[:, _COUNTS.index("supplementary")]
        written = {group.library for group in self._written_groups()}
        return [
            LibraryDuplication(
                library=name,
                unpaired_reads_examined=int(self._examined[i, 1]),
                read_pairs_examined=int(self._examined[i, 0]),
                secondary_or_supplementary_reads=int(supplementary[i]),
                unmapped_reads=int(self._examined[i, 2]),
                unpaired_read_duplicates=int(self._duplicates[i, 1]),
                read_pair_duplicates=int(self._duplicates[i, 0]),
                read_pair_optical_duplicates=int(self._duplicates[i, 2]),
            )
            for i, name in enumerate(self._library_names)
            if name in written
        ]

    def summary(self, wall_seconds: float, core_seconds: float) -> AlignSummary:
        """What was done."""
        libraries = tuple(self.libraries())
        reads, mapped, proper, supplementary = map(int, self._counts.sum(axis=0))
        return AlignSummary(
            sample=self.groups[0].sample,
            reads=reads,
            mapped=mapped,
            properly_paired=proper,
            duplicates=sum(library.duplicate_reads for library in libraries),
            supplementary=supplementary,
            libraries=libraries,
            insert_sizes=self._insert_sizes,
            peak_rss_bytes=self.peak_rss_bytes,
            orphans=self.mates.orphans,
            hard_clipped=self.mates.hard_clipped,
            trimmed=TrimCounts(*self._trimmed.tolist()) if self._read_config.trims else None,
            wall_seconds=round(wall_seconds, 2),
            core_seconds=round(core_seconds, 2),
        )
