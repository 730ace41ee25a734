"""Other aligners behind the contract of ``genomehub align``: bwa, bwa-mem3, or the alignments of a BAM.

Each gives the records of a batch of reads; align/foreign.py makes of them what our mapper would leave, and
all that follows (records, order, duplicates, indexes, metrics, summary) is pipeline/align.py's as ever. Their
packages are optional and are loaded when first used.
"""

import contextlib
import dataclasses
import fcntl
import functools
import importlib
import itertools
import logging
import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pysam
from isal import igzip

from genomehub.align import foreign
from genomehub.align.foreign import ForeignHeader, ForeignRecords, take_over
from genomehub.config import AlignConfig
from genomehub.errors import ConfigError, InputError, NotFoundError
from genomehub.files import atomic_output, require_file
from genomehub.formats.alignment_bam import header_end
from genomehub.formats.alignment_header import AlignmentHeader, parse_header
from genomehub.formats.bgzf import ByteSource
from genomehub.formats.fastq import Lane
from genomehub.kernels.encode import CODE_TO_ASCII
from genomehub.kernels.foreign import RecordColumns, copy_records, number_templates, record_starts
from genomehub.store.reference import TABLE, Reference
from genomehub.types import AlignmentBatch, Flag, InsertSizeModel, ReadBatch, ReadGroup

_log = logging.getLogger(__name__)
#: What ``--aligner`` accepts.
NAMES = ("genomehub", "bwa", "bwa-mem3", "bam")
_READ_BYTES = 1 << 25


class OtherItem(NamedTuple):
    """A batch to be aligned; with its records and what their file calls things, if they are there."""

    reads: ReadBatch
    records: ForeignRecords | None = None
    header: ForeignHeader | None = None


@dataclasses.dataclass(frozen=True)
class OtherAligner:
    """One of the other aligners; travels to workers.

    reference : reference directory
    prefix : of the index, where there is one
    threads : cores that one batch may use
    """

    reference: str
    prefix: str = ""
    threads: int = 1

    def place(
        self, item: OtherItem, reference: Reference, config: AlignConfig
    ) -> tuple[AlignmentBatch, InsertSizeModel]:
        """Return the alignments of a batch, and the insert sizes that they tell."""
        raise NotImplementedError


@dataclasses.dataclass(frozen=True)
class Bwa(OtherAligner):
    """bwa mem through pybwa, which keeps Python's lock: its own threads work on one batch after the other."""

    def place(
        self, item: OtherItem, reference: Reference, config: AlignConfig
    ) -> tuple[AlignmentBatch, InsertSizeModel]:
        """Align a batch; pybwa drops the bit of proper pairs, so insert sizes tell them."""
        pybwa, index, header = _open_bwa(self.prefix, self.reference)
        options = pybwa.BwaMemOptions(
            interleaved_paired_end=item.reads.n_ends == 2,
            threads=self.threads,
            chunk_size=(2**31 - 1) // self.threads,  # a batch is one chunk; pybwa multiplies by the threads
        )
        names, texts, quals = _texts(item.reads)
        reads = [
            pysam.FastxRecord(name=name, sequence=text, quality=qual)
            for name, text, qual in zip(names, texts, quals, strict=True)
        ]
        found = pybwa.BwaMem(index=index).align(reads, options)
        data = record_bytes(itertools.chain.from_iterable(found), index.header)
        read_index = np.repeat(np.arange(len(found)), list(map(len, found)))
        records = ForeignRecords(data, read_index)
        return take_over(records, item.reads, header, reference.bases, config, tells_proper=False)


@dataclasses.dataclass(frozen=True)
class BwaMem3(OtherAligner):
    """bwa-mem3 through its bindings, which align pairs only and let go of Python's lock."""

    def place(
        self, item: OtherItem, reference: Reference, config: AlignConfig
    ) -> tuple[AlignmentBatch, InsertSizeModel]:
        """Align a batch of pairs."""
        if item.reads.n_ends == 1:
            raise ConfigError(
                "the bindings of bwa-mem3 align pairs only. Align single reads with --aligner bwa or "
                "genomehub."
            )
        bwa_mem3, index, header = _open_bwa_mem3(self.prefix, self.reference)
        names, texts, quals = ([text.encode() for text in part] for part in _texts(item.reads))
        pairs = [
            bwa_mem3.ReadPair(names[i], texts[i], names[i + 1], texts[i + 1], quals[i], quals[i + 1])
            for i in range(0, len(names), 2)
        ]
        found, _ = bwa_mem3.align_batch(index, bwa_mem3.MemOpts(), pairs)
        data = np.frombuffer(b"".join(record.bytes for record in found), np.uint8).copy()
        columns = foreign.read_columns(data, record_starts(data), header.source)
        pair = np.array([record.pair_idx for record in found], np.int64)
        read_index = 2 * pair + (columns.flag & Flag.READ2 != 0)
        return take_over(ForeignRecords(data, read_index), item.reads, header, reference.bases, config)


@dataclasses.dataclass(frozen=True)
class ExistingBam(OtherAligner):
    """The alignments of BAM or CRAM files, in any order; each lane is one file."""

    def read_groups(self, lanes: Sequence[Lane]) -> tuple[ReadGroup, ...]:
        """Those of the files, with the lane's sample; the lane's if it has an ID or the file names none."""
        by_id: dict[str, ReadGroup] = {}
        for lane in lanes:
            for group in _file_groups(lane):
                if by_id.setdefault(group.id, group) != group:
                    raise ConfigError(
                        f'{lane.reads1}: its read group "{group.id}" is in another file with other fields '
                        f"({by_id[group.id]} and {group}). Give each file a group of its own: "
                        "--lane ID=.. FILE -"
                    )
        return tuple(by_id.values())

    def items(
        self, lanes: Sequence[Lane], groups: tuple[ReadGroup, ...], n_templates: int, folder: Path
    ) -> Iterator[OtherItem]:
        """Yield batches of one read group and of pairs or single reads each."""
        reference = Reference.open(self.reference)
        first_template = 0
        for lane in lanes:
            own = _file_groups(lane)
            header = _file_header(lane.reads1, reference)
            ids = () if lane.read_group.id else tuple(group.id for group in own)
            splitter = _Splitter(header, ids, [groups.index(group) for group in own])
            with _collated(lane.reads1, folder / "collated.bam", reference.fasta) as path:
                for data in _template_chunks(path, n_templates):
                    for item in splitter.split(data, first_template):
                        yield item
                        first_template += len(item.reads.name_offsets) - 1
            splitter.report()

    def place(
        self, item: OtherItem, reference: Reference, config: AlignConfig
    ) -> tuple[AlignmentBatch, InsertSizeModel]:
        """Take the records over."""
        assert item.records is not None
        assert item.header is not None
        return take_over(item.records, item.reads, item.header, reference.bases, config)


def other_aligner(
    name: str, reference: Reference, prefix: str | None = None, threads: int = 1
) -> OtherAligner | None:
    """Return what stands behind a name of NAMES, ready for work; None for our own aligner.

    Parameters
    ----------
    prefix : of the index of bwa (default: in the reference directory, built if it is not there) or bwa-mem3
    threads : cores that one batch may use

    Raises
    ------
    ConfigError
        The package is not installed, or an index is needed and none is named, or named and not needed.
    NotFoundError, InputError
        The index is not there, or of another genome.
    """
    path = str(reference.path)
    if prefix is not None and name not in ("bwa", "bwa-mem3"):
        raise ConfigError(f"--aligner-index {prefix}: --aligner {name} uses no such index. Leave it out.")
    if name == "bwa":
        aligner = Bwa(path, str(prefix or _own_bwa_index(reference)), threads)
        _open_bwa(aligner.prefix, path)
        return aligner
    if name == "bwa-mem3":
        _package("bwa_mem3", "bwa-mem3")
        if prefix is None:
            raise ConfigError(
                "--aligner bwa-mem3 needs an index, which its bindings do not build. Build one with "
                "'bwa-mem3 index' or 'bwa-mem2 index' and name its prefix: --aligner-index PREFIX"
            )
        _open_bwa_mem3(prefix, path)
        return BwaMem3(path, prefix)
    return ExistingBam(path) if name == "bam" else None


def _package(module: str, name: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ConfigError(
            f"--aligner {name} needs a package that is not installed ({error}). Install it: "
            f"python -m pip install 'genomehub[{name}]'"
        ) from error


def _own_bwa_index(reference: Reference) -> Path:
    """The prefix of bwa's index within the reference directory; built when it is first needed."""
    pybwa = _package("pybwa", "bwa")
    folder = reference.path / "bwa"
    with (reference.path / TABLE).open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # of several that start together one builds, the others wait
        if not folder.is_dir():
            _log.info("%s: building bwa's index, once; a human genome takes about an hour", folder)
            _silence(pybwa)
            before = reference.path.stat()
            with atomic_output(folder, keep_suffix=False) as path:
                path.mkdir()
                pybwa.BwaIndex.index(reference.fasta, prefix=path / "genome")
            # The genome is as old as it was: what Snakemake made from it stays up to date.
            os.utime(reference.path, ns=(before.st_atime_ns, before.st_mtime_ns))
    return folder / "genome"


def _silence(pybwa: Any) -> None:
    """bwa tells on standard error what it does; only errors are wanted."""
    pybwa.libbwamem._set_bwa_mem_verbosity(1)
    pybwa.libbwaindex._set_bwa_idx_verbosity(1)


@functools.lru_cache(maxsize=2)
def _open_bwa(prefix: str, reference: str) -> tuple[Any, Any, ForeignHeader]:
    pybwa = _package("pybwa", "bwa")
    _silence(pybwa)
    try:
        index = pybwa.BwaIndex(prefix)
    except FileNotFoundError as error:
        raise NotFoundError(
            f"{prefix}: no whole index of bwa with its .dict ({error}). Leave --aligner-index out, and one "
            "is built in the reference directory."
        ) from error
    header = parse_header(str(index.header), prefix)
    return pybwa, index, _foreign_header(header, prefix, Reference.open(reference))


@functools.lru_cache(maxsize=2)
def _open_bwa_mem3(prefix: str, reference: str) -> tuple[Any, Any, ForeignHeader]:
    bwa_mem3 = _package("bwa_mem3", "bwa-mem3")
    for suffix in (".0123", ".ann", ".amb", ".pac", ".bwt.2bit.64"):
        require_file(f"{prefix}{suffix}", "part of an index of bwa-mem2 or bwa-mem3")
    index = bwa_mem3.BwaIndex(prefix)
    names, lengths = zip(*index.contigs(), strict=True)
    contig_map = Reference.open(reference).alias(names, lengths, source=prefix)
    return bwa_mem3, index, ForeignHeader(prefix, contig_map, names)


def _foreign_header(header: AlignmentHeader, source: str, reference: Reference) -> ForeignHeader:
    contig_map = reference.alias(
        header.contig_names, header.contig_lengths, header.contig_md5s, source=source
    )
    return ForeignHeader(source, contig_map, header.contig_names)


def _texts(reads: ReadBatch) -> tuple[list[str], list[str], list[str]]:
    """Name, bases and qualities of each read; an empty read, which some aligners refuse, is one N."""
    bases = CODE_TO_ASCII[reads.bases].tobytes().decode("ascii")
    quals = (reads.quals + np.uint8(33)).tobytes().decode("ascii")
    spans = list(itertools.pairwise(reads.offsets.tolist()))
    text = reads.names.tobytes().decode("ascii", "replace")
    names = [text[start:end] for start, end in itertools.pairwise(reads.name_offsets.tolist())]
    return (
        [name for name in names for _ in range(reads.n_ends)],
        [bases[start:end] or "N" for start, end in spans],
        [quals[start:end] or "!" for start, end in spans],
    )


def record_bytes(segments: Iterable[pysam.AlignedSegment], header: pysam.AlignmentHeader) -> np.ndarray:
    """Return records of pysam as BAM holds them, one after the other, (n_bytes,) uint8."""
    with tempfile.TemporaryFile() as memory:
        with pysam.AlignmentFile(memory, "wbu", header=header) as out:
            for segment in segments:
                out.write(segment)
        memory.seek(0)
        data = igzip.decompress(memory.read())
    return np.frombuffer(data, np.uint8, offset=header_end(data) or 0).copy()


def _alignment_header(path: str) -> AlignmentHeader:
    require_file(path, "BAM or CRAM file")
    try:
        with pysam.AlignmentFile(path, check_sq=False) as file:
            return parse_header(str(file.header), path)
    except (OSError, ValueError) as error:
        raise InputError(
            f"{path}: cannot be read as SAM, BAM or CRAM ({error}). Name a whole file of alignments."
        ) from error


def _file_header(path: str, reference: Reference) -> ForeignHeader:
    header = _alignment_header(path)
    if not header.contig_names:
        raise InputError(
            f"{path}: holds reads without alignments (its header has no @SQ line). Align them: leave out "
            "--aligner bam."
        )
    return _foreign_header(header, path, reference)


def _file_groups(lane: Lane) -> tuple[ReadGroup, ...]:
    """The read groups of a file of alignments: the lane's if it has an ID, else the file's own."""
    given = lane.read_group
    if lane.reads2 is not None:
        raise ConfigError(f"{lane.reads2}: --aligner bam takes one file a lane; leave the second one out.")
    groups = _alignment_header(lane.reads1).read_groups
    if given.id or not groups:
        return (given._replace(id=given.id or given.sample),)
    return tuple(
        group._replace(
            sample=given.sample,
            library=group.library or given.library,
            platform=group.platform or given.platform,
        )
        for group in groups
    )


@contextlib.contextmanager
def _collated(source: str, path: Path, fasta: Path) -> Iterator[Path]:
    """Bring the records of each template together, in a temporary file."""
    options = ["--no-PG", "-l", "1", "--reference", str(fasta), "-o", str(path)]
    try:
        pysam.collate(*options, source, str(path.with_suffix("")), catch_stdout=False)
    except pysam.SamtoolsError as error:
        seen = " ".join(str(error).split())[:200]
        raise InputError(
            f"{source}: its records cannot be brought together by name ({seen}). Check that the file is "
            "whole and the temporary folder has room for it."
        ) from error
    try:
        yield path
    finally:
        path.unlink()


def _template_chunks(path: Path, n_templates: int) -> Iterator[np.ndarray]:
    """Yield the records of ``n_templates`` templates at a time, the last ones of a collated BAM fewer."""
    with ByteSource(path, "collated file") as source:
        held, at_end, is_header = np.empty(0, np.uint8), False, True
        while held.size or not at_end:
            if is_header and (end := header_end(held.tobytes())) is not None:
                held, is_header = held[end:], False
            cut = None if is_header else _cut(held, n_templates)
            if cut is None and not at_end:
                part = np.empty(_READ_BYTES, np.uint8)
                n = source.read_into(part)
                held, at_end = np.concatenate((held, part[:n])), n == 0
                continue
            cut = held.size if cut is None else cut
            if cut:
                yield held[:cut]
            held = held[cut:]


def _cut(data: np.ndarray, n_templates: int) -> int | None:
    """Where the records of the first templates end; None if more may follow."""
    starts = record_starts(data)
    following = np.flatnonzero(number_templates(data, starts) == n_templates)
    return int(starts[following[0]]) if following.size else None


class _Splitter:
    """Templates of one file, any mixture, to batches of one read group and of pairs or single reads."""

    def __init__(self, header: ForeignHeader, group_ids: tuple[str, ...], groups: list[int]) -> None:
        self._header, self._ids, self._groups = header, group_ids, groups
        self._n_lonely = self._n_without = 0

    def split(self, data: np.ndarray, first_template: int) -> Iterator[OtherItem]:
        """Yield the batches of a chunk of whole templates."""
        starts = record_starts(data)
        columns = foreign.read_columns(data, starts, self._header.source, self._ids)
        template = number_templates(data, starts)
        n_templates = int(template[-1]) + 1
        is_primary = columns.flag & (Flag.SECONDARY | Flag.SUPPLEMENTARY) == 0
        is_paired = columns.flag & Flag.PAIRED != 0
        end = np.where(is_paired & (columns.flag & Flag.READ2 != 0), 1, 0)
        n_primary = [np.bincount(template[is_primary & (end == e)], minlength=n_templates) for e in (0, 1)]
        n_ends = np.minimum(n_primary[0], 1) + np.minimum(n_primary[1], 1)
        group = np.zeros(n_templates, np.int64)
        group[template[is_primary]] = self._group_numbers(data, starts, columns, is_primary)
        self._n_without += int((n_ends == 0).sum())
        self._n_lonely += int((is_primary & is_paired & (n_ends[template] == 1)).sum())
        for number, n in sorted({*zip(group.tolist(), n_ends.tolist(), strict=True)}):
            if n == 0:
                continue
            chosen = (group == number) & (n_ends == n)
            local = np.cumsum(chosen) - 1
            records = np.flatnonzero(chosen[template])
            own_end = end[records] if n == 2 else 0
            read_index = local[template[records]] * n + own_end
            primary = np.empty(int(chosen.sum()) * n, np.int64)
            primary[read_index[is_primary[records]]] = records[is_primary[records]]
            reads = foreign.read_batch(
                data, starts, primary, columns.n_bases[primary], n, first_template, self._groups[number],
                self._header.source,
            )  # fmt: skip
            first_template += int(chosen.sum())
            yield OtherItem(
                reads, ForeignRecords(copy_records(data, starts, records), read_index), self._header
            )

    def _group_numbers(
        self, data: np.ndarray, starts: np.ndarray, columns: RecordColumns, is_primary: np.ndarray
    ) -> np.ndarray:
        if not self._ids:
            return np.zeros(int(is_primary.sum()), np.int64)
        is_unknown = is_primary & (columns.read_group < 0)
        if is_unknown.any():
            name = foreign.record_name(data, starts[int(is_unknown.argmax())])
            raise InputError(
                f'{self._header.source}: read "{name}" has no read group of the header. Name one for all: '
                "--read-group ID=NAME"
            )
        return columns.read_group[is_primary]

    def report(self) -> None:
        """Tell what was not whole."""
        source = self._header.source
        if self._n_lonely:
            _log.warning("%s: %d reads lack their mates and are taken as single", source, self._n_lonely)
        if self._n_without:
            _log.warning("%s: %d names lack a primary record and are left out", source, self._n_without)
