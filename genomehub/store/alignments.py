"""Alignments on their way to a sorted file: bins of the genome on disk, each finished on its own.

Batches arrive in input order and are dropped into bins by position; a bin is sorted, marked and compressed
at a time, in parts if it is deep. Duplicate marks go into fewer, wider bins of their own. All lies in one
temporary folder beside the output and depends on neither the number of workers nor the size of buffers.
"""

import itertools
from pathlib import Path
from typing import NamedTuple

import numpy as np

from genomehub.formats import bgzf
from genomehub.formats.bam import EncodedBatch
from genomehub.kernels.spill import PADDING, UNPLACED, gather_records, scan_spill
from genomehub.types import PackedReference

#: Uncompressed bytes that are gathered and compressed at a time within a bin.
_SLICE_BYTES = 16 << 20
#: Spilled bytes above which a bin is finished in several parts: bounds what one task returns.
_PART_BYTES = 256 << 20


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


class Piece(NamedTuple):
    """What one batch leaves for one bin: ``n`` items in ``data`` (a view of the batch's array)."""

    bin: int
    n: int
    data: np.ndarray


def cut_records(encoded: EncodedBatch, layout: BinLayout) -> list[Piece]:
    """Cut a batch's records, which are in coordinate order, at the borders of bins."""
    bins = layout.bins(encoded.keys)
    return [
        Piece(number, stop - start, encoded.data[encoded.offsets[start] : encoded.offsets[stop]])
        for number, start, stop in _runs(bins)
    ]


def cut_rows(rows: np.ndarray, places: np.ndarray, layout: BinLayout) -> list[Piece]:
    """Cut rows of any order by their place, keeping the order within a bin."""
    bins = layout.bins(places)
    order = np.argsort(bins, kind="stable")
    rows, bins = rows[order], bins[order]
    return [Piece(number, stop - start, rows[start:stop]) for number, start, stop in _runs(bins)]


def _runs(bins: np.ndarray) -> list[tuple[int, int, int]]:
    """Runs of equal numbers as (number, start, stop)."""
    if len(bins) == 0:
        return []
    borders = [0, *(np.flatnonzero(np.diff(bins)) + 1).tolist(), len(bins)]
    return [(int(bins[a]), a, b) for a, b in itertools.pairwise(borders)]


class BinStore:
    """Appends pieces to the files of bins, in the order they come, a buffer at a time.

    Parameters
    ----------
    folder : existing folder for the files
    name : of what the pieces are, part of the files' names
    buffer_bytes : pieces held in memory before they are written
    """

    def __init__(self, folder: Path, name: str, buffer_bytes: int) -> None:
        self._folder, self._name, self._limit = folder, name, buffer_bytes
        self._pieces: dict[int, list[np.ndarray]] = {}
        self._buffered = 0
        self.counts: dict[int, int] = {}  # items of each bin that has any
        self.n_bytes: dict[int, int] = {}

    def path(self, number: int) -> Path:
        """The file of a bin."""
        return self._folder / f"{number:07d}.{self._name}"

    def add(self, pieces: list[Piece]) -> None:
        """Append the pieces of a batch."""
        for piece in pieces:
            self._pieces.setdefault(piece.bin, []).append(piece.data)
            self.counts[piece.bin] = self.counts.get(piece.bin, 0) + piece.n
            self.n_bytes[piece.bin] = self.n_bytes.get(piece.bin, 0) + piece.data.nbytes
            self._buffered += piece.data.nbytes
        if self._buffered > self._limit:
            self.flush()

    def seal(self) -> None:
        """Write what is buffered, and spare bytes for the kernels that read bins; call once, at the end."""
        for number in self.counts:
            self._pieces.setdefault(number, []).append(np.zeros(PADDING, dtype=np.uint8))
        self.flush()

    def flush(self) -> None:
        """Write what is buffered."""
        for number, pieces in self._pieces.items():
            with self.path(number).open("ab") as handle:
                for piece in pieces:
                    handle.write(piece.data)
        self._pieces.clear()
        self._buffered = 0


class BinJob(NamedTuple):
    """A part of a bin to finish.

    path : file of the spilled records; n_records : in it
    start : first global position of the bin
    part, n_parts : which of how many parts of equal size
    duplicates : file of the bits of duplicate templates
    """

    path: str
    n_records: int
    start: int
    part: int
    n_parts: int
    duplicates: str


def bin_jobs(store: BinStore, layout: BinLayout, duplicates: Path) -> list[BinJob]:
    """Return the jobs that finish all bins, in the order of the output."""
    jobs = []
    for number in sorted(store.counts):
        n_parts = -(-store.n_bytes[number] // _PART_BYTES)
        start = number * layout.width
        jobs += [
            BinJob(str(store.path(number)), store.counts[number], start, part, n_parts, str(duplicates))
            for part in range(n_parts)
        ]
    return jobs


def finish_bin(job: BinJob, contig_offsets: np.ndarray, level: int) -> list[bytes]:
    """Sort a bin by position (ties in input order), mark duplicates, return its part as BGZF blocks."""
    spill = np.asarray(np.memmap(job.path, dtype=np.uint8, mode="r"))
    keys = np.empty(job.n_records, dtype=np.int64)
    starts = np.empty(job.n_records + 1, dtype=np.int64)
    scan_spill(spill, contig_offsets, keys, starts)
    order = sorted_order(keys, job.start)
    ends = np.cumsum(np.diff(starts)[order])
    borders = np.searchsorted(ends, np.arange(job.n_parts + 1) * (ends[-1] / job.n_parts))
    order = order[borders[job.part] : borders[job.part + 1] if job.part + 1 < job.n_parts else None]
    bits = np.asarray(np.load(job.duplicates, mmap_mode="r"))
    return _gather_and_compress(spill, starts, order, bits, level)


def sorted_order(keys: np.ndarray, start: int) -> np.ndarray:
    """Return the stable order of keys that lie less than 2^31 from ``start`` (or are UNPLACED), (n,) int64.

    One sort of words that hold key and index is several times quicker than a stable sort of indices.
    """
    if len(keys) == 0 or keys[0] == UNPLACED:
        return np.arange(len(keys), dtype=np.int64)
    words = (keys - start).astype(np.uint64) << np.uint64(32) | np.arange(len(keys), dtype=np.uint64)
    words.sort()
    return (words & np.uint64(0xFFFFFFFF)).astype(np.int64)


def _gather_and_compress(
    spill: np.ndarray, starts: np.ndarray, order: np.ndarray, duplicates: np.ndarray, level: int
) -> list[bytes]:
    ends = np.cumsum(np.diff(starts)[order])
    blocks: list[bytes] = []
    done, held = 0, np.empty(0, dtype=np.uint8)  # ``held``: less than a block, waiting for the next slice
    while done < len(order):
        begin = ends[done - 1] if done else 0
        stop = max(int(np.searchsorted(ends, begin + _SLICE_BYTES)), done + 1)
        out = np.empty(held.size + int(ends[stop - 1] - begin) + PADDING, dtype=np.uint8)
        out[: held.size] = held
        n = held.size + gather_records(spill, starts, order[done:stop], duplicates, out[held.size :])
        whole = n if stop == len(order) else n // bgzf.BLOCK_SIZE * bgzf.BLOCK_SIZE
        blocks += bgzf.compress(out[:whole], level)
        held, done = out[whole:n].copy(), stop
    return blocks
