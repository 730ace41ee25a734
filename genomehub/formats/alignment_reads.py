"""Unaligned and aligned BAM and CRAM to read batches: reads as they were sequenced, mates side by side.

Beside fastq.py the other first station of the data's way. Primary records only; old alignments are forgotten.
Mates that stand near each other, as in any file that is grouped by name or sorted, are matched in memory;
those far apart meet in buckets on disk. The order of the templates follows from the file alone. CRAM comes
as BAM from htslib in a process of its own.
"""

import contextlib
import dataclasses
import tempfile
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np

from genomehub.errors import InputError
from genomehub.files import require_file
from genomehub.formats.alignment_bam import BamSource
from genomehub.formats.alignment_blocks import COPY_AGAIN, Piece
from genomehub.formats.alignment_cram import CramSource
from genomehub.formats.alignment_header import AlignmentHeader
from genomehub.formats.bgzf import ByteSource
from genomehub.kernels import collate
from genomehub.kernels.collate import ReadRows
from genomehub.store.alignments import BinStore, pieces_of
from genomehub.types import Contig, ReadBatch, ReadGroup

#: Records that wait in memory for their mates, bytes; beyond, the older half goes to buckets.
_WAITING_BYTES = 32 << 20
#: Files that records far from their mates are dropped into, by their name's hash.
_N_BUCKETS = 256
_BUCKET_BUFFER_BYTES = 64 << 20


class ReferenceContigs(Protocol):
    """What CRAM needs of ``store.reference.Reference``."""

    @property
    def contigs(self) -> tuple[Contig, ...]: ...
    @property
    def fasta(self) -> Path: ...


class AlignmentLane(NamedTuple):
    """The reads of a BAM or CRAM file.

    path : the file
    header_groups : of its @RG lines, in its order, as the output has them
    spare_group : of records that name none
    """

    path: str
    header_groups: tuple[ReadGroup, ...]
    spare_group: ReadGroup

    @property
    def read_groups(self) -> tuple[ReadGroup, ...]:
        return tuple(dict.fromkeys((*self.header_groups, self.spare_group)))


@dataclasses.dataclass
class MateCounts:
    """What was found of mates while files were read.

    orphans : reads of pairs whose mate is not there; aligned as single reads
    hard_clipped : primary records that lost bases to hard clips before
    spilled : records that met their mates on disk
    """

    orphans: int = 0
    hard_clipped: int = 0
    spilled: int = 0


def alignment_kind(path: str) -> str | None:
    """Return "BAM" or "CRAM" by a file's content; None for anything else.

    Raises
    ------
    NotFoundError, InputError
        There is no file that may be read, or it is SAM text.
    """
    with require_file(path, "FASTQ, BAM or CRAM file").open("rb") as handle:
        if handle.read(4) == b"CRAM":
            return "CRAM"
    with ByteSource(path) as source:
        start = np.zeros(4, dtype=np.uint8)
        n = source.read_into(start)
    magic = start[:n].tobytes()
    if magic in (b"@HD\t", b"@SQ\t", b"@RG\t", b"@PG\t"):
        raise InputError(
            f"{path}: is SAM text; reads are taken from BAM. Convert it: samtools view -b {path}"
        )
    return "BAM" if magic == b"BAM\1" else None


def open_lane(path: str, spare_group: ReadGroup) -> AlignmentLane:
    """Return the lane of a BAM or CRAM file.

    Read groups keep ID, LB, PL and PU of the header; SM, and what the header leaves out, is that of
    ``spare_group``.

    Raises
    ------
    InputError
        The file is cut off or its header cannot be read.
    """
    header = _header(path)
    groups = tuple(
        ReadGroup(
            group.id,
            spare_group.sample,
            group.library or spare_group.library,
            group.platform or spare_group.platform,
            group.platform_unit,
        )
        for group in header.read_groups
    )
    ids = [group.id for group in groups]
    if "" in ids or len(set(ids)) < len(ids):
        raise InputError(f"{path}: an @RG line of its header has no ID, or that of another. Mend the header.")
    spare = next((group for group in groups if group.id == spare_group.id), spare_group)
    return AlignmentLane(path, groups, spare)


def _header(path: str) -> AlignmentHeader:
    source = BamSource(Path(path)) if alignment_kind(path) == "BAM" else CramSource(Path(path), None)
    source.close()
    return source.header


def read_batches(
    lane: AlignmentLane,
    n_templates: int,
    first_template: int,
    groups: Sequence[int],
    reference: ReferenceContigs,
    folder: Path,
    counts: MateCounts,
) -> Iterator[ReadBatch]:
    """Yield the reads of a file in batches of ``n_templates``, each of one read group, pairs or single reads.

    Parameters
    ----------
    first_template : ordinal of the file's first template in the whole input
    groups : indices of ``lane.read_groups`` in the output's header
    reference : for CRAM; its contigs are found by their M5
    folder : for records whose mates are far away
    counts : to which is added what was found

    Raises
    ------
    InputError
        The file is cut off, damaged, empty, or a CRAM of a reference that is not at hand.
    """
    index = dict(zip(lane.read_groups, groups, strict=True))
    by_header = [index[group] for group in (*lane.header_groups, lane.spare_group)]  # -1: the spare one
    queues: dict[tuple[int, int], _Queue] = {}
    n_done = 0
    with tempfile.TemporaryDirectory(prefix="mates.", dir=folder) as spill:
        for found in _Collator(lane, reference, Path(spill), counts).templates():
            key = by_header[found.read_group], found.n_ends
            queue = queues.setdefault(key, _Queue(n_templates))
            queue.add(found)
            for batch in queue.take(whole=True):
                yield batch._replace(read_group=key[0], first_template=first_template + n_done)
                n_done += len(batch.name_offsets) - 1
        for key, queue in sorted(queues.items()):
            for batch in queue.take(whole=False):
                yield batch._replace(read_group=key[0], first_template=first_template + n_done)
                n_done += len(batch.name_offsets) - 1
    if n_done == 0:
        raise InputError(f"{lane.path}: holds no reads. Check whether the file was written completely.")


class _Queue:
    """Templates of one read group and kind that wait to fill a batch."""

    def __init__(self, n_templates: int) -> None:
        self._n_templates = n_templates
        self._parts: list[ReadBatch] = []
        self._n = 0

    def add(self, part: ReadBatch) -> None:
        self._parts.append(part)
        self._n += len(part.name_offsets) - 1

    def take(self, whole: bool) -> Iterator[ReadBatch]:
        """Yield batches; with ``whole`` keep what does not fill one."""
        if self._n == 0 or (whole and self._n < self._n_templates):
            return
        joined, begin = _concatenate(self._parts), 0
        while begin < self._n and not (whole and begin + self._n_templates > self._n):
            end = min(begin + self._n_templates, self._n)
            yield _slice(joined, begin, end)
            begin = end
        self._parts = [_slice(joined, begin, self._n)] if begin < self._n else []
        self._n -= begin


def _concatenate(parts: list[ReadBatch]) -> ReadBatch:
    if len(parts) == 1:
        return parts[0]

    def flat(name: str) -> np.ndarray:
        return np.concatenate([getattr(part, name) for part in parts])

    def offsets(name: str) -> np.ndarray:
        lengths = [np.diff(getattr(part, name)) for part in parts]
        return np.concatenate([[0], np.cumsum(np.concatenate(lengths))]).astype(np.int64)

    return parts[0]._replace(
        bases=flat("bases"), quals=flat("quals"), offsets=offsets("offsets"),
        names=flat("names"), name_offsets=offsets("name_offsets"),
        tags=flat("tags"), tag_offsets=offsets("tag_offsets"), kept_flags=flat("kept_flags"),
    )  # fmt: skip


def _slice(batch: ReadBatch, begin: int, end: int) -> ReadBatch:
    """Templates ``begin`` to ``end`` of a batch, copied."""
    first, last = begin * batch.n_ends, end * batch.n_ends

    def cut(data: np.ndarray, offsets: np.ndarray, a: int, b: int) -> tuple[np.ndarray, np.ndarray]:
        return data[offsets[a] : offsets[b]].copy(), offsets[a : b + 1] - offsets[a]

    bases, offsets = cut(batch.bases, batch.offsets, first, last)
    quals, _ = cut(batch.quals, batch.offsets, first, last)
    names, name_offsets = cut(batch.names, batch.name_offsets, begin, end)
    tags, tag_offsets = cut(batch.tags, batch.tag_offsets, first, last)
    return batch._replace(
        bases=bases, quals=quals, offsets=offsets, names=names, name_offsets=name_offsets,
        tags=tags, tag_offsets=tag_offsets, kept_flags=batch.kept_flags[first:last].copy(),
    )  # fmt: skip


class _Collator:
    """Matches mates as a file's records go by."""

    def __init__(
        self, lane: AlignmentLane, reference: ReferenceContigs, spill: Path, counts: MateCounts
    ) -> None:
        self._path, self._reference, self._counts = lane.path, reference, counts
        self._buckets = BinStore(spill, "mates", _BUCKET_BUFFER_BYTES)
        ids = [group.id.encode() for group in lane.header_groups]
        self._group_ids = np.frombuffer(b"".join(ids), np.uint8).copy()
        self._group_offsets = np.cumsum([0, *map(len, ids)]).astype(np.int64)
        self._n_contigs = 0

    def templates(self) -> Iterator[ReadBatch]:
        """Yield what was matched, as batches of any size; read_group is that of the file's header."""
        if alignment_kind(self._path) == "BAM":
            bam = BamSource(Path(self._path))
            try:
                self._n_contigs = len(bam.header.contig_names)
                yield from self._match(bam.records())
            finally:
                bam.close()
        else:
            cram = CramSource(Path(self._path), self._reference.fasta)
            try:
                missing = self._name_contigs(cram)
                self._n_contigs = len(cram.header.contig_names)
                yield from self._match(cram.records(missing))
            finally:
                cram.close()

    def _name_contigs(self, cram: CramSource) -> list[str]:
        """Let the reference's FASTA go by the file's names; return the contigs that it lacks."""
        header = cram.header
        by_md5 = {contig.md5: contig.name for contig in self._reference.contigs}
        by_name = {(contig.name, contig.length): contig.name for contig in self._reference.contigs}
        names, missing = {}, []
        for name, length, md5 in zip(
            header.contig_names, header.contig_lengths, header.contig_md5s, strict=True
        ):
            ours = by_md5.get(md5.lower()) if md5 else by_name.get((name, length))
            if ours is None:
                missing.append(name)
            else:
                names[ours] = name
        cram.rename_contigs(names)
        return missing

    def _match(self, pieces: Generator[Piece]) -> Iterator[ReadBatch]:
        waiting = rest = np.empty(0, np.uint8)
        place = "at its start"
        with contextlib.closing(pieces):
            for data, _, place in pieces:
                window = np.concatenate((waiting, rest, data))
                rows, mates, consumed = self._scan(window, place)
                yield from self._pairs_and_singles(window, rows, mates)
                rest = window[consumed:].copy()
                waiting = self._keep_waiting(window, rows, mates)
        if rest.size:
            raise InputError(f"{self._path}: ends in the middle of a record ({place}). {COPY_AGAIN}")
        if self._buckets.is_empty:
            yield from self._orphans(waiting)
            return
        self._drop(waiting, self._scan(waiting, place)[0])
        self._buckets.seal()
        for number in sorted(self._buckets.counts):
            data = self._buckets.load(number)
            self._buckets.path(number).unlink()
            rows, mates, _ = self._scan(data, "among reads far from their mates")
            yield from self._pairs_and_singles(data, rows, mates)
            yield from self._orphans(data, rows, mates)

    def _scan(self, data: np.ndarray, place: str) -> tuple[ReadRows, np.ndarray, int]:
        rows, consumed, problem = collate.scan_reads(
            data, self._n_contigs, self._group_ids, self._group_offsets
        )
        if problem != collate.GOOD:
            raise self._record_error(problem, place)
        mates = np.empty(len(rows.offset), np.int64)
        row = collate.match_mates(data, rows, mates)
        if row >= 0:
            name = data[rows.offset[row] + collate.FIXED :][:60].tobytes().split(b"\0")[0].decode("ascii")
            raise InputError(
                f'{self._path}: too many reads are named "{name}" ({place}); each template '
                "needs a name of its own. Rename the reads, or use FASTQ."
            )
        return rows, mates, consumed

    def _record_error(self, problem: int, place: str) -> InputError:
        if problem == collate.NAMELESS:
            return InputError(
                f"{self._path}: has a read of a pair without a name ({place}), so its mate cannot be found. "
                "Use a file whose reads are named, or FASTQ."
            )
        if problem == collate.HAS_EQUALS:
            return InputError(
                f"{self._path}: has bases written as '=' (same as the reference, {place}), as samtools calmd "
                "-e leaves them. Use the file from before that step."
            )
        return InputError(
            f"{self._path}: has a damaged record ({place}): its fields do not fit its length. {COPY_AGAIN}"
        )

    def _pairs_and_singles(self, data: np.ndarray, rows: ReadRows, mates: np.ndarray) -> Iterator[ReadBatch]:
        """Pairs in the order of their later mate, then single reads, read group by read group."""
        later = np.flatnonzero((mates >= 0) & (mates < np.arange(len(mates))))
        earlier = mates[later]
        swapped = rows.kind[later] == collate.READ_1
        pairs = np.stack((np.where(swapped, later, earlier), np.where(swapped, earlier, later)), axis=1)
        yield from self._batches(data, rows, pairs)
        yield from self._batches(data, rows, np.flatnonzero(mates == collate.NO_MATE)[:, None])

    def _orphans(
        self, data: np.ndarray, rows: ReadRows | None = None, mates: np.ndarray | None = None
    ) -> Iterator[ReadBatch]:
        if rows is None or mates is None:
            rows, mates, _ = self._scan(data, "at its end")
        alone = np.flatnonzero(mates == collate.UNMATCHED)
        self._counts.orphans += len(alone)
        yield from self._batches(data, rows, alone[:, None])

    def _batches(self, data: np.ndarray, rows: ReadRows, templates: np.ndarray) -> Iterator[ReadBatch]:
        """Yield templates ((n, n_ends) rows) by read group."""
        groups = rows.group[templates[:, 0]]
        for group in np.unique(groups):
            chosen = rows.offset[templates[groups == group]]
            yield self._batch(data, chosen.ravel(), chosen.shape[1], int(group))

    def _batch(self, data: np.ndarray, offsets: np.ndarray, n_ends: int, group: int) -> ReadBatch:
        n = len(offsets)
        lengths, tag_lengths = np.empty(n, np.int64), np.empty(n, np.int64)
        name_lengths = np.empty(n // n_ends, np.int64)
        collate.measure_reads(data, offsets, n_ends, lengths, name_lengths, tag_lengths)
        starts, name_starts, tag_starts = (
            np.concatenate([[0], np.cumsum(sizes)]) for sizes in (lengths, name_lengths, tag_lengths)
        )
        batch = ReadBatch(
            bases=np.empty(starts[-1], np.uint8),
            quals=np.empty(starts[-1], np.uint8),
            offsets=starts,
            names=np.empty(name_starts[-1], np.uint8),
            name_offsets=name_starts,
            n_ends=n_ends,
            first_template=0,
            read_group=group,
            tags=np.empty(tag_starts[-1], np.uint8),
            tag_offsets=tag_starts,
            kept_flags=np.empty(n, np.uint16),
        )
        problem, read, n_clipped = collate.copy_reads(data, offsets, batch)
        self._counts.hard_clipped += n_clipped
        if problem != collate.GOOD:
            name = batch.names[name_starts[read // n_ends] : name_starts[read // n_ends + 1]]
            raise self._record_error(problem, f'read "{name.tobytes().decode("ascii")}"')
        return batch

    def _keep_waiting(self, data: np.ndarray, rows: ReadRows, mates: np.ndarray) -> np.ndarray:
        """The records that wait for their mates; the older half is dropped if they become too many."""
        alone = rows.offset[mates == collate.UNMATCHED]
        records, starts = _copied(data, alone)
        if len(records) <= _WAITING_BYTES:
            return records
        half = int(np.searchsorted(starts, len(records) // 2))
        old = records[: starts[half]]
        self._drop(old, self._scan(old, "among reads far from their mates")[0])
        return records[starts[half] :]

    def _drop(self, data: np.ndarray, rows: ReadRows) -> None:
        """Drop records into buckets."""
        bucket = (rows.key >> np.uint64(20)).astype(np.int64) % _N_BUCKETS
        order = np.argsort(bucket, kind="stable")
        records, starts = _copied(data, rows.offset[order])
        self._counts.spilled += len(order)
        self._buckets.add(pieces_of(bucket[order], starts[1:], records))


def _copied(data: np.ndarray, offsets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Records one after the other, and where they start ((n + 1,) int64)."""
    sizes, starts = np.empty(len(offsets), np.int64), np.empty(len(offsets) + 1, np.int64)
    collate.record_sizes(data, offsets, sizes)
    records = np.empty(int(sizes.sum()), np.uint8)
    collate.copy_records(data, offsets, records, starts)
    return records, starts
