"""BAI and CSI, made while a sorted BAM file is written: what workers saw of its parts, joined at the end.

Reading an index is in alignment_index.py; the CRAM index (CRAI) is htslib's. Bins, chunks, windows and
counts are those of ``samtools index``; the bins of a contig stand in ascending order.
"""

import struct
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from genomehub.formats import bgzf
from genomehub.kernels import bam_index as kernels
from genomehub.kernels.bam_index import KEY_BITS, NO_OFFSET, Contents, Scheme
from genomehub.types import Contig

_MIN_SHIFT, _BAI_DEPTH = 14, 5
_CSI_MARGIN = 256  # bp beyond the longest contig, as htslib allows (hts.c: hts_adjust_csi_settings)
_BLOCK_BITS = 16  # of a virtual offset, for the place within a block
_LEVEL = 6  # of compression


class IndexPart(NamedTuple):
    """What an index must know of a run of whole records (kernels.bam_index.walk_records).

    runs : (n, 3) int64, key, offset, mapped << 32 | unmapped reads
    spans : (n, 3) int64, contig, first << 32 | last window, offset
    """

    runs: np.ndarray
    spans: np.ndarray


def scheme_of(contigs: Sequence[Contig]) -> Scheme:
    """Return the scheme of a file's index: BAI if it reaches the end of all contigs, else CSI.

    Examples
    --------
    >>> scheme_of([Contig("1", 1 << 29, "", "")])
    Scheme(min_shift=14, depth=5, is_csi=False)
    >>> scheme_of([Contig("1", 1 << 30, "", "")])
    Scheme(min_shift=14, depth=6, is_csi=True)
    """
    longest = max((contig.length for contig in contigs), default=0)
    if longest <= 1 << (_MIN_SHIFT + 3 * _BAI_DEPTH):
        return Scheme(_MIN_SHIFT, _BAI_DEPTH, is_csi=False)
    depth = _BAI_DEPTH
    while 1 << (_MIN_SHIFT + 3 * depth) < longest + _CSI_MARGIN:
        depth += 1
    return Scheme(_MIN_SHIFT, depth, is_csi=True)


def walk(records: np.ndarray, begin: int, end: int, origin: int, n_records: int, scheme: Scheme) -> IndexPart:
    """Return what an index must know of ``records[begin:end]``, ``origin`` bytes into their stream."""
    runs = np.empty((n_records, 3), dtype=np.int64)
    spans = np.empty((n_records, 3), dtype=np.int64)
    n_runs, n_spans = kernels.walk_records(records, begin, end, origin, scheme, runs, spans)
    return IndexPart(runs[:n_runs].copy(), spans[:n_spans].copy())


def join(parts: Sequence[IndexPart], block_sizes: Sequence[int]) -> IndexPart:
    """Join the parts of one stream; their offsets become virtual, from the stream's first block on."""
    blocks = np.zeros(len(block_sizes) + 1, dtype=np.int64)
    np.cumsum(block_sizes, out=blocks[1:])
    joined = IndexPart(*(np.concatenate(arrays) for arrays in zip(*parts, strict=True)))
    for rows, column in ((joined.runs, 1), (joined.spans, 2)):
        block, within = np.divmod(rows[:, column], bgzf.BLOCK_SIZE)
        rows[:, column] = blocks[block] << _BLOCK_BITS | within
    return joined


class IndexBuilder:
    """Takes the parts of a file in its order; gives the index.

    Parameters
    ----------
    n_contigs : in the file's header
    scheme : that the parts were made by
    """

    def __init__(self, n_contigs: int, scheme: Scheme) -> None:
        self._n_contigs, self._scheme = n_contigs, scheme
        self._parts: list[IndexPart] = []

    def add(self, part: IndexPart, file_offset: int) -> None:
        """Take a part (from join) whose first block starts ``file_offset`` bytes into the file."""
        part.runs[:, 1] += file_offset << _BLOCK_BITS
        part.spans[:, 2] += file_offset << _BLOCK_BITS
        self._parts.append(part)

    def index(self, end_offset: int) -> bytes:
        """Return the index of a file whose last record ends where the block at ``end_offset`` begins."""
        runs = np.concatenate([np.empty((0, 3), dtype=np.int64), *(part.runs for part in self._parts)])
        spans = np.concatenate([np.empty((0, 3), dtype=np.int64), *(part.spans for part in self._parts)])
        self._parts.clear()
        is_placed = runs[:, 0] >= 0
        n_unplaced = int(_count(runs[~is_placed, 2]).sum())
        ends = np.append(runs[1:, 1], end_offset << _BLOCK_BITS)[is_placed]
        contents = _contents(runs[is_placed], ends, spans, self._n_contigs, self._scheme)
        size = 24 * len(contents.bins) + 16 * len(contents.chunks) + 8 * len(contents.windows)
        out = np.empty(size + 64 * self._n_contigs, dtype=np.uint8)
        body = out[: kernels.put_contigs(contents, self._scheme, out)].tobytes()
        rest = struct.pack("<i", self._n_contigs) + body + struct.pack("<Q", n_unplaced)
        if not self._scheme.is_csi:
            return b"BAI\1" + rest
        data = b"CSI\1" + struct.pack("<iii", self._scheme.min_shift, self._scheme.depth, 0) + rest
        blocks = bgzf.compress(np.frombuffer(data, dtype=np.uint8), _LEVEL)
        return b"".join((*blocks, bgzf.EOF_BLOCK))


def _count(packed: np.ndarray) -> np.ndarray:
    """Mapped and unmapped reads, (n, 2) int64."""
    return np.stack((packed >> KEY_BITS, packed & ((1 << KEY_BITS) - 1)), axis=1)


def _contents(
    runs: np.ndarray, ends: np.ndarray, spans: np.ndarray, n_contigs: int, scheme: Scheme
) -> Contents:
    """Runs of placed records, in file order, to bins of chunks; spans to windows."""
    keys, bin_of_run = np.unique(runs[:, 0], return_inverse=True)
    first_block = np.full(len(keys), 2**62, dtype=np.int64)
    last_block = np.zeros(len(keys), dtype=np.int64)
    np.minimum.at(first_block, bin_of_run, runs[:, 1] >> _BLOCK_BITS)
    np.maximum.at(last_block, bin_of_run, ends >> _BLOCK_BITS)
    target = np.empty(len(keys), dtype=np.int64)
    kernels.merge_small_bins(keys, first_block, last_block, scheme.depth, target)
    bin_of_run = target[bin_of_run]
    order = np.argsort(bin_of_run, kind="stable")
    bin_of_run, starts, stops = bin_of_run[order], runs[order, 1], ends[order]
    # Chunks that end and begin in the same block are one.
    is_first = np.append(True, bin_of_run[1:] != bin_of_run[:-1])
    is_new = is_first.copy()
    is_new[1:] |= stops[:-1] >> _BLOCK_BITS < starts[1:] >> _BLOCK_BITS
    is_first, is_new = is_first[: len(order)], is_new[: len(order)]
    is_last = np.append(is_new[1:], True)[: len(order)]
    bins = keys[bin_of_run[is_first]]
    window_offsets = _window_offsets(spans, n_contigs)
    windows = np.full(window_offsets[-1], NO_OFFSET, dtype=np.uint64)
    kernels.fill_windows(spans, window_offsets, windows)
    return Contents(
        bins=bins & ((1 << KEY_BITS) - 1),
        bin_offsets=np.searchsorted(bins >> KEY_BITS, np.arange(n_contigs + 1)),
        chunks=np.stack((starts[is_new], stops[is_last]), axis=1).astype(np.uint64),
        chunk_offsets=np.append(np.flatnonzero(is_first[is_new]), is_new.sum()),
        totals=_totals(runs, ends, n_contigs),
        windows=windows,
        window_offsets=window_offsets,
    )


def _window_offsets(spans: np.ndarray, n_contigs: int) -> np.ndarray:
    n_windows = np.zeros(n_contigs, dtype=np.int64)
    np.maximum.at(n_windows, spans[:, 0], (spans[:, 1] & ((1 << KEY_BITS) - 1)) + 1)
    return np.append(0, np.cumsum(n_windows))


def _totals(runs: np.ndarray, ends: np.ndarray, n_contigs: int) -> np.ndarray:
    """Where the records of each contig begin and end, and how many are mapped and unmapped, (n, 4) uint64."""
    totals = np.zeros((n_contigs, 4), dtype=np.uint64)
    contigs = runs[:, 0] >> KEY_BITS
    firsts = np.flatnonzero(np.append(True, contigs[1:] != contigs[:-1])[: len(contigs)])
    lasts = np.append(firsts[1:] - 1, len(contigs) - 1)[: len(firsts)]
    totals[contigs[firsts], 0] = runs[firsts, 1]
    totals[contigs[firsts], 1] = ends[lasts]
    if len(firsts):
        totals[contigs[firsts], 2:] = np.add.reduceat(_count(runs[:, 2]), firsts, axis=0)
    return totals
