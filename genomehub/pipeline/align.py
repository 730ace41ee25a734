"""Reads to one sorted, duplicate-marked, indexed BAM or CRAM: joins readers, mapper, bins and files.

Three rounds of tasks: batches of reads are aligned and dropped into bins; duplicates are decided from the
marks of each bin of ends; bins are sorted, marked and compressed in the order of the output
(pipeline/align_output.py). Batches have a fixed size and all is put together in input or genome order, so the
bytes do not depend on the workers.
"""

import logging
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from genomehub.align import duplicates
from genomehub.align.duplication import LibraryDuplication, metrics_text
from genomehub.align.mapper import estimate_insert_sizes
from genomehub.align.trimming import TrimCounts, trim
from genomehub.config import AlignConfig, ReadConfig, SortConfig
from genomehub.cost import peak_rss_bytes
from genomehub.errors import ConfigError
from genomehub.files import atomic_output, os_error, require_writable_parent
from genomehub.formats import alignment_reads, bam, fastq
from genomehub.formats.alignment_reads import AlignmentLane, MateCounts
from genomehub.formats.fastq import Lane
from genomehub.pipeline.align_output import SortedBins
from genomehub.pipeline.align_summary import AlignSummary
from genomehub.pipeline.align_tasks import (
    COUNTS,
    NO_TAILS,
    BatchItem,
    BatchTask,
    DecideTask,
    MarksItem,
    reopen_reference,
)
from genomehub.pipeline.other_aligners import ExistingBam, OtherAligner, OtherItem, other_aligner
from genomehub.pipeline.workers import Workers, available_threads
from genomehub.store.alignments import BinStore
from genomehub.store.reference import Reference
from genomehub.types import InsertSizeModel, NoProgress, Progress, ReadBatch, ReadGroup

_SUFFIXES = (".bam", ".cram")
_log = logging.getLogger("genomehub.align")
#: What a file or pair of files of reads may be.
AnyLane = Lane | AlignmentLane


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
    reference = reopen_reference(str(Path(reference_path)))
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
                "writing": lambda: run.write(workers, output),
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
        self._counts = np.zeros((n_libraries, len(COUNTS)), dtype=np.int64)
        self._duplicates = np.zeros((n_libraries, 3), dtype=np.int64)
        self.set_sizes = np.zeros((3, duplicates.MAX_SET_SIZE), dtype=np.int64)
        self._n_templates = 0
        self.peak_rss_bytes: dict[str, int] = {}
        self._trimmed = NO_TAILS.copy()
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
        self._marks.seal()
        self._other_ends.seal()
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

    def write(self, workers: Workers, output: Path) -> None:
        """Finish the bins and publish the file and its index."""
        header = bam.header_text(self.reference.contigs, self._written_groups())
        bins = SortedBins(
            self.reference, self._records, self._duplicates_path, self._sort_config, header, self.progress
        )
        bins.publish(workers, output, self.spill)

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

    def libraries(self) -> list[LibraryDuplication]:
        """Duplication of each library."""
        supplementary = self._counts[:, COUNTS.index("supplementary")]
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
