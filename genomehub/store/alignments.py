"""Alignments on their way to a sorted file: bins of the genome on disk, each finished on its own.

Batches arrive in input order and are dropped into bins by position; a bin is sorted, marked and compressed
at a time, in parts if it is deep. Duplicate marks go into fewer, wider bins of their own. All lies in one
temporary folder beside the output and depends on neither the number of workers nor the size of buffers.
"""

import itertools
import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from genomehub.formats import bgzf
from genomehub.formats.bai import IndexPart, join, walk
from genomehub.formats.bam import EncodedBatch
from genomehub.kernels.bam_index import Scheme
from genomehub.kernels.records import PREFIX
from genomehub.kernels.spill import (
    PADDING,
    UNPLACED,
    DuplicateBits,
    assign_parts,
    count_bytes,
    gather_records,
    put_in_parts,
    reorder_records,
    scan_spill,
)
from genomehub.types import PackedReference

#: Bytes that are gathered and compressed, or split, at a time within a bin.
_SLICE_BYTES = 2 << 20
#: Spilled bytes above which a bin is split: bounds what one task holds and returns.
_PART_BYTES = 256 << 20
#: Pieces that one call to the system writes.
_PIECES_PER_CALL = os.sysconf("SC_IOV_MAX")
#: Records that a task finishes, if one bin does not hold more.
_RECORDS_PER_TASK = 50_000
#: Bytes of the smallest spilled record: template, fixed part, a name of one byte.
_LEAST_RECORD = PREFIX + 37

_NO_BYTES = np.empty(0, dtype=np.uint8)


class BinLayout(NamedTuple):
    """How the genome is cut: bin b holds global positions b * width to (b + 1) * width.

    width : bases
    n_bins : with one more, the last, for reads without a place
    contig_offsets : (n_contigs,) int64 of the packed reference
    """

    width: int
    n_bins: int
    contig_offsets: np.ndarray

    @classmethod
    def of(cls, reference: PackedReference, width: int) -> "BinLayout":
        """Cut a reference into bins of ``width`` bases."""
        end = int(reference.contig_offsets[-1] + reference.contig_lengths[-1])
        return cls(width, end // width + 2, reference.contig_offsets)

    def bins(self, places: np.ndarray) -> np.ndarray:
        """Return the bin of each global position or UNPLACED, (n,) int64; clipped ends may lie before 0."""
        return np.minimum(np.maximum(places, 0) // self.width, self.n_bins - 1)


class Pieces(NamedTuple):
    """What one batch leaves for the bins, in the order of their numbers.

    bins : (n,) int64, numbers of bins; counts : (n,) int64, items for each
    ends : (n,) int64, where the bytes of each end in ``data``; those of the first begin at 0
    data : uint8
    """

    bins: np.ndarray
    counts: np.ndarray
    ends: np.ndarray
    data: np.ndarray


def pieces_of(bins: np.ndarray, ends: np.ndarray, data: np.ndarray) -> Pieces:
    """Pieces of items in the order of their bins; ``ends``: where the bytes of each item end in ``data``."""
    last = np.flatnonzero(bins != np.append(bins[1:], -1))  # of each bin's items
    return Pieces(bins[last], np.diff(last, prepend=-1), ends[last], data)


def cut_records(encoded: EncodedBatch, layout: BinLayout) -> Pieces:
    """Cut a batch's records, which are in coordinate order, at the borders of bins."""
    return pieces_of(layout.bins(encoded.keys), encoded.offsets[1:], encoded.data)


def cut_rows(rows: np.ndarray, places: np.ndarray, layout: BinLayout) -> Pieces:
    """Cut rows of any order by their place, keeping the order within a bin."""
    bins = layout.bins(places)
    order = np.argsort(bins, kind="stable")
    data = rows[order].reshape(-1).view(np.uint8)
    n_rows = len(rows)
    return pieces_of(bins[order], np.arange(1, n_rows + 1) * (data.size // max(n_rows, 1)), data)


class BinStore:
    """Appends pieces to the files of bins, in the order they come, a buffer at a time.

    The buffer is kept: if batches were held, each would need new memory, which the system clears.

    Parameters
    ----------
    folder : existing folder for the files
    name : of what the pieces are, part of the files' names
    buffer_bytes : pieces held in memory before they are written
    """

    def __init__(self, folder: Path, name: str, buffer_bytes: int) -> None:
        self._folder, self._name, self._limit = folder, name, buffer_bytes
        self._buffer = _NO_BYTES
        self._held: list[Pieces] = []  # ``data`` of each is the buffer
        self._buffered = 0
        self.counts: dict[int, int] = {}  # written items of each bin that has any

    def path(self, number: int) -> Path:
        """The file of a bin."""
        return self._folder / f"{number:07d}.{self._name}"

    @property
    def is_empty(self) -> bool:
        """Whether nothing was added yet."""
        return not self._held and not self.counts

    def load(self, number: int) -> np.ndarray:
        """The bytes of a bin, once the store is sealed."""
        return np.fromfile(self.path(number), dtype=np.uint8)[:-PADDING]

    def add(self, pieces: Pieces) -> None:
        """Append the pieces of a batch."""
        if len(pieces.bins) == 0:
            return
        begin, n_bytes = self._buffered, int(pieces.ends[-1])
        if begin + n_bytes > max(self._limit, len(self._buffer)):
            self.flush()
            begin = 0
        if begin + n_bytes > len(self._buffer):
            self._buffer = np.empty(max(self._limit, n_bytes), dtype=np.uint8)
        self._buffer[begin : begin + n_bytes] = pieces.data[:n_bytes]
        self._held.append(Pieces(pieces.bins, pieces.counts, pieces.ends + begin, self._buffer))
        self._buffered = begin + n_bytes

    def seal(self) -> None:
        """Write what is buffered, and spare bytes for the kernels that read bins; call once, at the end."""
        written = np.array(list(self.counts), dtype=np.int64)
        bins = np.unique(np.concatenate([written, *(pieces.bins for pieces in self._held)]))
        ends = np.arange(1, len(bins) + 1) * PADDING
        self.add(Pieces(bins, np.zeros_like(bins), ends, np.zeros(len(bins) * PADDING, np.uint8)))
        self.flush()
        self._buffer = _NO_BYTES

    def flush(self) -> None:
        """Write what is buffered, bin by bin."""
        if not self._held:
            return
        numbers = np.concatenate([pieces.bins for pieces in self._held])
        counts = np.concatenate([pieces.counts for pieces in self._held])
        ends = np.concatenate([pieces.ends for pieces in self._held])
        order = np.argsort(numbers, kind="stable")
        numbers = numbers[order]
        first = np.flatnonzero(np.diff(numbers, prepend=-1))  # of each bin's pieces
        view = self._buffer.data
        begins = np.append(0, ends[:-1])
        views = [view[i:j] for i, j in zip(begins[order].tolist(), ends[order].tolist(), strict=True)]
        bounds = itertools.pairwise([*first.tolist(), len(views)])
        totals = np.add.reduceat(counts[order], first).tolist()
        for number, n, (i, j) in zip(numbers[first].tolist(), totals, bounds, strict=True):
            _append(self.path(number), views[i:j])
            self.counts[number] = self.counts.get(number, 0) + n
        self._held.clear()
        self._buffered = 0


def _append(path: Path, views: list[memoryview]) -> None:
    """Append to a file, which need not exist."""
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        for i in range(0, len(views), _PIECES_PER_CALL):
            some = views[i : i + _PIECES_PER_CALL]
            n_bytes = sum(map(len, some))
            written = os.writev(descriptor, some)
            while written < n_bytes:  # a signal, or a disk that is about to be full
                written += os.write(descriptor, b"".join(some)[written:])
    finally:
        os.close(descriptor)


class BinJob(NamedTuple):
    """A bin to finish, or a part of a deep one.

    path : file of the spilled records; n_records : in it
    start : first global position of the bin
    """

    path: str
    n_records: int
    start: int


class FinishedBin(NamedTuple):
    """What a bin becomes: BGZF blocks, and what the index must know of them (offsets from the first)."""

    blocks: list[bytes]
    index_part: IndexPart


def bin_jobs(store: BinStore, layout: BinLayout) -> list[BinJob]:
    """Return the jobs that finish all bins, in the order of the output."""
    return [
        BinJob(str(store.path(number)), store.counts[number], number * layout.width)
        for number in sorted(store.counts)
    ]


def gather_jobs(jobs: Sequence[BinJob]) -> list[list[BinJob]]:
    """Put neighbouring bins of few records together: what a task costs beside its work counts at low depth.

    A bin's bytes do not depend on its company.
    """
    gathered: list[list[BinJob]] = []
    room = 0
    for job in jobs:
        if job.n_records > room:
            gathered.append([])
            room = _RECORDS_PER_TASK
        gathered[-1].append(job)
        room -= job.n_records
    return gathered


def is_deep(job: BinJob) -> bool:
    """Whether a bin is too deep to be finished at a time."""
    return Path(job.path).stat().st_size > _PART_BYTES


def split_bin(job: BinJob, layout: BinLayout) -> list[BinJob]:
    """Cut a deep bin into parts of about equal size by position, and within one by input order.

    Memory is bounded by a slice and three words for each position of a bin; the bin's file is removed.
    """
    spill = np.asarray(np.memmap(job.path, dtype=np.uint8, mode="r"))
    end = len(spill) - PADDING
    n_bytes = np.zeros(layout.width, dtype=np.int64)
    count_bytes(spill, end, layout.contig_offsets, job.start, n_bytes)
    parts = np.empty_like(n_bytes)
    n_parts = assign_parts(n_bytes, _PART_BYTES, parts)
    n_bytes[:] = 0  # now: of what has been put into parts
    path = Path(job.path)
    store = BinStore(path.parent, path.name, _PART_BYTES // 4)
    at = 0
    while at < end:
        part_of, starts = np.empty((2, _SLICE_BYTES // _LEAST_RECORD + 2), dtype=np.int64)
        limit = min(at + _SLICE_BYTES, end)
        n = put_in_parts(
            spill, (at, limit), layout.contig_offsets, job.start, (parts, n_bytes, _PART_BYTES),
            (part_of, starts),
        )  # fmt: skip
        order = np.argsort(part_of[:n], kind="stable")
        out, offsets = np.empty(starts[n] - at + PADDING, np.uint8), np.empty(n + 1, np.int64)
        reorder_records(spill, starts, order, out, offsets)
        store.add(pieces_of(part_of[order], offsets[1:], out))
        at = int(starts[n])
    store.seal()
    path.unlink()
    return [
        BinJob(str(store.path(p)), store.counts[p], job.start) for p in range(n_parts) if p in store.counts
    ]


def finish_bin(
    job: BinJob, contig_offsets: np.ndarray, duplicates: DuplicateBits, scheme: Scheme, level: int
) -> FinishedBin:
    """Sort a bin by position (ties in input order), mark duplicates, make BGZF blocks of it."""
    spill = np.asarray(np.memmap(job.path, dtype=np.uint8, mode="r"))
    keys = np.empty(job.n_records, dtype=np.int64)
    starts = np.empty(job.n_records + 1, dtype=np.int64)
    scan_spill(spill, contig_offsets, keys, starts)
    order = sorted_order(keys, job.start)
    sizes = np.diff(starts)[order] + duplicates.tag_bytes
    ends = np.cumsum(sizes)
    out = np.empty(
        bgzf.BLOCK_SIZE + min(int(ends[-1]), _SLICE_BYTES) + int(sizes.max()) + PADDING, dtype=np.uint8
    )
    blocks: list[bytes] = []
    parts: list[IndexPart] = []
    done, origin, held = 0, 0, 0  # ``held``: bytes of less than a block, waiting for the next slice
    while done < len(order):
        limit = (ends[done - 1] if done else 0) + _SLICE_BYTES
        stop = max(int(np.searchsorted(ends, limit)), done + 1)
        n = held + gather_records(spill, starts, order[done:stop], duplicates, out[held:])
        parts.append(walk(out, held, n, origin, stop - done, scheme))
        whole = n if stop == len(order) else n // bgzf.BLOCK_SIZE * bgzf.BLOCK_SIZE
        blocks += bgzf.compress(out[:whole], level)
        out[: n - whole] = out[whole:n]
        done, origin, held = stop, origin + n - held, n - whole
    return FinishedBin(blocks, join(parts, [len(block) for block in blocks]))


def sorted_order(keys: np.ndarray, start: int) -> np.ndarray:
    """Return the stable order of keys that lie less than 2^31 from ``start`` (or are UNPLACED), (n,) int64.

    One sort of words that hold key and index is several times quicker than a stable sort of indices.
    """
    if len(keys) == 0 or keys[0] == UNPLACED:
        return np.arange(len(keys), dtype=np.int64)
    words = (keys - start).astype(np.uint64) << np.uint64(32) | np.arange(len(keys), dtype=np.uint64)
    words.sort()
    return (words & np.uint64(0xFFFFFFFF)).astype(np.int64)
