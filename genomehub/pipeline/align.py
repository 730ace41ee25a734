"""Reads to one sorted, duplicate-marked, indexed BAM or CRAM: joins readers, mapper, bins and files.

Three rounds of tasks: batches of reads are aligned and dropped into bins; duplicates are decided from the
marks of each bin of ends; bins are sorted, marked and compressed in the order of the output. Batches have a
fixed size and all is put together in input or genome order, so the bytes do not depend on the workers.
"""

import dataclasses
import functools
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
from genomehub.errors import ConfigError
from genomehub.files import atomic_output, os_error, require_writable_parent
from genomehub.formats import alignment_reads, bam, bgzf, fastq
from genomehub.formats.alignment_reads import AlignmentLane, MateCounts
from genomehub.formats.fastq import Lane
from genomehub.pipeline.align_summary import AlignSummary
from genomehub.pipeline.workers import Workers
from genomehub.store.alignments import (
    BinJob,
    BinLayout,
    BinStore,
    Piece,
    bin_jobs,
    cut_records,
    cut_rows,
    finish_bin,
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
_MARK_WORDS = 3
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
    """What a batch leaves: records and marks cut into bins, and counts."""

    read_group: int
    n_templates: int
    records: list[Piece]
    marks: list[Piece]
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

    def __call__(self, item: BatchItem) -> BatchResult:
        reference = _open(self.reference)
        reads, group = item.reads, item.reads.read_group
        alignments, trimmed = self._map(reads, reference, item.insert_sizes)
        texts = bam.record_texts(reference.contigs, self.groups[group])
        encoded = bam.encode_batch(reads, alignments, reference.bases, texts)
        marks, examined = duplicates.template_marks(
            reads, alignments, self.libraries[group], self.sort.min_duplicate_quality
        )
        places = duplicates.places(marks, reference.bases.contig_offsets)
        return BatchResult(
            group,
            len(reads.name_offsets) - 1,
            cut_records(encoded, BinLayout.of(reference.bases, self.sort.bin_bp)),
            cut_rows(marks, places, BinLayout.of(reference.bases, _marks_width(self.sort))),
            examined,
            _count(alignments.flag),
            trimmed,
        )

    def _map(
        self, reads: ReadBatch, reference: Reference, insert_sizes: InsertSizeModel
    ) -> tuple[AlignmentBatch, np.ndarray]:
        """The alignments of a batch, and the counts of its tails."""
        tails, counts, whole = None, _NO_TAILS, reads
        if self.read.trims:
            reads, tails, counts = trim(reads, self.read)
        alignments = map_batch(reads, reference.seeds, reference.bases, self.align, insert_sizes)
        if tails is not None:
            alignments = clip_tails(alignments, tails)
        if whole.kept_flags.size:
            alignments = alignments._replace(flag=alignments.flag | whole.kept_flags[alignments.read_index])
        return alignments, counts


@dataclasses.dataclass(frozen=True)
class DecideTask:
    """Decides the duplicates of one bin of marks, given as its file and how many it holds."""

    n_libraries: int

    def __call__(self, item: tuple[str, int]) -> duplicates.Decisions:
        path, n = item
        words = np.fromfile(path, dtype=np.uint64, count=n * _MARK_WORDS)
        return duplicates.decide(words.reshape(n, _MARK_WORDS), self.n_libraries)


@dataclasses.dataclass(frozen=True)
class FinishTask:
    """Sorts, marks and compresses a bin."""

    reference: str
    level: int

    def __call__(self, job: BinJob) -> list[bytes]:
        return finish_bin(job, _open(self.reference).bases.contig_offsets, self.level)


@functools.lru_cache(maxsize=2)
def _open(path: str) -> Reference:
    return Reference.open(path)


def _marks_width(config: SortConfig) -> int:
    return config.bin_bp * config.duplicate_bins


def _count(flags: np.ndarray) -> np.ndarray:
    primary = flags & (Flag.SECONDARY | Flag.SUPPLEMENTARY) == 0
    mapped = primary & (flags & Flag.UNMAPPED == 0)
    proper = mapped & (flags & Flag.PROPER_PAIR != 0)
    return np.array([primary.sum(), mapped.sum(), proper.sum(), (~primary).sum()], dtype=np.int64)


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
) -> AlignSummary:
    """Align the reads of one sample and write them sorted, duplicate-marked and indexed.

    Parameters
    ----------
    reference_path : reference directory
    lanes : files of reads with their read groups; groups may share an ID only if they are the same
    output : name ending in .bam or .cram; the index is written beside it
    metrics : duplicate metrics in picard's form, for MultiQC
    temporary : folder for spilled records, about the size of the uncompressed BAM; default: beside the output

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
    run = _Run(
        reference,
        lanes,
        align_config or AlignConfig(),
        sort_config or SortConfig(),
        read_config or ReadConfig(),
        progress or NoProgress(),
    )
    require_writable_parent(output)
    folder = require_writable_parent(Path(temporary) / "x").parent if temporary else output.parent
    try:
        with (
            tempfile.TemporaryDirectory(prefix=f".{output.name}.", suffix=".tmp", dir=folder) as spill,
            Workers(threads, scheduler_file) as workers,
        ):
            run.align(workers, Path(spill))
            run.decide(workers)
            _publish(run, workers, output)
    except OSError as error:
        raise os_error(output, error) from error
    if metrics is not None:
        with atomic_output(metrics) as path:
            path.write_text(metrics_text(run.libraries(), run.set_sizes))
    return run.summary(time.monotonic() - started[0], _core_seconds() - started[1])


def _core_seconds() -> float:
    """CPU time of this process and of those it waited for (which decode CRAM)."""
    return sum(os.times()[:4])


def _publish(run: "_Run", workers: Workers, output: Path) -> None:
    """Write BAM or CRAM and index under temporary names; the index gets its name first."""
    index = Path(f"{output}{bam.index_suffix(output, run.reference.contigs)}")
    with atomic_output(output) as path, atomic_output(index) as index_path:
        try:
            _write(run, workers, path)
            bam.write_index(path, index_path)
        except OSError as error:
            raise os_error(output, error) from error


def _write(run: "_Run", workers: Workers, path: Path) -> None:
    if path.suffix == ".bam":
        run.write_bam(workers, path)
        return
    sorted_bam = run.spill / "sorted.bam"
    run.write_bam(workers, sorted_bam)
    run.progress.start("writing CRAM", None, "")
    bam.convert_to_cram(sorted_bam, path, run.reference.fasta, run.header)
    run.progress.finish()


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
    ) -> None:
        self.reference, self.lanes, self.progress = reference, lanes, progress
        self._align_config, self._sort_config = align_config, sort_config
        self._read_config = read_config
        self.groups = tuple(dict.fromkeys(group for lane in lanes for group in lane.read_groups))
        self._library_names = tuple(dict.fromkeys(group.library for group in self.groups))
        duplicates.check_limits(len(self._library_names), len(reference.contigs))
        self._insert_sizes: dict[str, InsertSizeModel] = {}
        self._paired: set[str] = set()  # read groups whose model comes from pairs
        n_libraries = len(self._library_names)
        self._examined = np.zeros((n_libraries, 3), dtype=np.int64)
        self._counts = np.zeros((n_libraries, len(_COUNTS)), dtype=np.int64)
        self._duplicates = np.zeros((n_libraries, 2), dtype=np.int64)
        self.set_sizes = np.zeros(duplicates.MAX_SET_SIZE, dtype=np.int64)
        self._n_templates = 0
        self._trimmed = _NO_TAILS.copy()
        self.mates = MateCounts()

    def align(self, workers: Workers, spill: Path) -> None:
        """Align all reads into bins."""
        self.spill = spill
        config = self._sort_config
        self._records = BinStore(spill, "records", config.spill_buffer_bytes)
        self._marks = BinStore(spill, "marks", config.spill_buffer_bytes // 8)
        libraries = tuple(self._library_names.index(group.library) for group in self.groups)
        task = BatchTask(
            str(self.reference.path), self.groups, libraries, self._align_config, config, self._read_config
        )
        self.progress.start("aligning", None, "templates")
        for result in workers.map(task, self._items()):
            self._records.add(result.records)
            self._marks.add(result.marks)
            library = libraries[result.read_group]
            self._examined[library] += result.examined
            self._counts[library] += result.counts
            self._n_templates += result.n_templates
            self._trimmed += result.trimmed
            self.progress.advance(result.n_templates)
        self._records.seal()
        self._marks.seal()
        self.progress.finish()

    def _items(self) -> Iterator[BatchItem]:
        """Batches of all lanes in order; the first pairs of each read group tell its insert sizes."""
        first_template = 0
        for lane in self.lanes:
            for reads in self._batches(lane, first_template):
                group = self.groups[reads.read_group].id
                model = self._insert_sizes.get(group)
                if model is None or (reads.n_ends == 2 and group not in self._paired):
                    seen = trim(reads, self._read_config).batch if self._read_config.trims else reads
                    model = self._insert_sizes[group] = estimate_insert_sizes(
                        seen, self.reference.seeds, self.reference.bases, self._align_config
                    )
                    if reads.n_ends == 2:
                        self._paired.add(group)
                first_template += len(reads.name_offsets) - 1
                yield BatchItem(reads, model)

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
        """Decide which templates are duplicates and leave a bit for each in a file."""
        flags = np.zeros(self._n_templates // 8 + 1, dtype=np.uint8)
        items = [(str(self._marks.path(number)), n) for number, n in sorted(self._marks.counts.items())]
        self.progress.start("finding duplicates", len(items), "bins")
        for decisions in workers.map(DecideTask(len(self._library_names)), items):
            bits = np.uint8(1) << (decisions.ordinals & 7).astype(np.uint8)
            np.bitwise_or.at(flags, decisions.ordinals >> 3, bits)
            self._duplicates += decisions.counts
            self.set_sizes += decisions.set_sizes
            self.progress.advance(1)
        np.save(self._duplicates_path, flags)
        self.progress.finish()

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

    def write_bam(self, workers: Workers, path: Path) -> None:
        """Finish all bins and write them as one BAM file; each bin's file is removed once it is written."""
        header = bam.header_bytes(self.header, self.reference.contigs)
        layout = BinLayout.of(self.reference.bases, self._sort_config.bin_bp)
        jobs = bin_jobs(self._records, layout, self._duplicates_path)
        level = self._sort_config.level
        self.progress.start("sorting and writing", len(jobs), "bins")
        with path.open("wb") as handle:
            handle.writelines(bgzf.compress(np.frombuffer(header, dtype=np.uint8), level))
            results = workers.map(FinishTask(str(self.reference.path), level), jobs)
            for job, blocks in zip(jobs, results, strict=True):
                handle.writelines(blocks)
                if job.part + 1 == job.n_parts:
                    Path(job.path).unlink()
                self.progress.advance(1)
            handle.write(bgzf.EOF_BLOCK)
        self.progress.finish()

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
            orphans=self.mates.orphans,
            hard_clipped=self.mates.hard_clipped,
            trimmed=TrimCounts(*self._trimmed.tolist()) if self._read_config.trims else None,
            wall_seconds=round(wall_seconds, 2),
            core_seconds=round(core_seconds, 2),
        )
