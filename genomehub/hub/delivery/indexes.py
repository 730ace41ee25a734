"""BAI, CSI and TBI: where in a BGZF file the records of a region begin and end.

Specifications: SAM 1.6 section 5, CSIv1, tabix. Offsets are virtual (bgzf.py).
"""

import dataclasses
import struct
from typing import NamedTuple

import numpy as np

from genomehub.errors import StoreError
from genomehub.hub.delivery.bgzf import inflate_file

#: Past the end of any contig.
FAR = 1 << 40
_WINDOW_BITS = 14  # of the linear index of BAI and TBI


class Contents(NamedTuple):
    """What an index says of one contig.

    chunks : (n, 3) uint64, bin, begin, end
    windows : (m, 2) int64, a position and the offset before which no mapped record reaches it; ascending
    """

    chunks: np.ndarray
    windows: np.ndarray


@dataclasses.dataclass(frozen=True)
class Index:
    """A parsed index. ``names`` of contigs only where the index itself has them (tabix)."""

    min_shift: int
    depth: int
    contigs: tuple[Contents, ...]
    names: tuple[str, ...]

    def chunks(self, contig: int, start: int, end: int) -> list[tuple[int, int]]:
        """Return (begin, end) offsets of what may overlap ``[start, end)``, ascending, no block twice."""
        if not 0 <= contig < len(self.contigs):
            return []
        chunks, windows = self.contigs[contig]
        if chunks.shape[0] == 0 or start >= end:
            return []
        first, last = self._bounds(chunks[:, 0])
        wanted = (first < end) & (last > start)
        at = int(np.searchsorted(windows[:, 0], start, side="right")) - 1
        if at >= 0:  # long reaching bins: drop what ends before anything can reach the start
            wanted &= (chunks[:, 2] > np.uint64(windows[at, 1])) | (first >= windows[at, 0])
        return _merged(chunks[wanted, 1:])

    def safe_until(self, contig: int, end: int) -> int:
        """Return an offset of a record before which all records of the contig begin before ``end``; 0: none.

        The first record of a chunk lies within the chunk's bin, and records are in order of their positions.
        """
        chunks, _ = self.contigs[contig]
        _, last = self._bounds(chunks[:, 0])
        before = chunks[last <= end, 1]
        return int(before.max()) if before.size else 0

    def cuts(self, contig: int, start: int, end: int, n_bytes: int) -> list[int]:
        """Return positions within ``(start, end)`` between which lie about ``n_bytes`` of the file."""
        chunks, _ = self.contigs[contig]
        first, _ = self._bounds(chunks[:, 0])
        leaf = (chunks[:, 0] >= np.uint64(self._first_leaf)) & (first > start) & (first < end)
        positions, offsets = first[leaf], (chunks[leaf, 1] >> np.uint64(16)).astype(np.int64)
        order = np.argsort(positions, kind="stable")
        cuts, last = [], None
        for position, offset in zip(positions[order].tolist(), offsets[order].tolist(), strict=True):
            if last is None:
                last = offset
            elif offset - last >= n_bytes:
                cuts.append(position)
                last = offset
        return cuts

    @property
    def last_offset(self) -> int:
        """Offset behind the last placed record; 0 if there is none."""
        return max((int(chunks[:, 2].max()) for chunks, _ in self.contigs if len(chunks)), default=0)

    @property
    def _first_leaf(self) -> int:
        return int(((1 << 3 * self.depth) - 1) // 7)

    def _bounds(self, bins: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return start and end of bins, in bp."""
        levels = np.array([((1 << 3 * level) - 1) // 7 for level in range(self.depth + 1)], dtype=np.int64)
        numbers = bins.astype(np.int64)
        level = np.searchsorted(levels, numbers, side="right") - 1
        shift = self.min_shift + 3 * (self.depth - level)
        first = (numbers - levels[level]) << shift
        return first, first + (np.int64(1) << shift)


def _merged(chunks: np.ndarray) -> list[tuple[int, int]]:
    """Join chunks of which one ends in the block where the other begins."""
    merged: list[tuple[int, int]] = []
    for begin, end in sorted(map(tuple, chunks.tolist())):
        if merged and begin >> 16 <= merged[-1][1] >> 16:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((begin, end))
    return merged


def parse_index(raw: bytes) -> Index:
    """Return the index in a file's bytes.

    Raises
    ------
    StoreError
        They are none, or cut off.
    """
    try:
        if raw[:2] == b"\x1f\x8b":
            raw = inflate_file(raw)
        return _parse(raw)
    except (struct.error, ValueError, IndexError) as error:
        raise StoreError("an index is cut off or damaged. Delete it and make it again.") from error


def _parse(raw: bytes) -> Index:
    min_shift, depth, at = _WINDOW_BITS, 5, 4
    names: tuple[str, ...] = ()
    if raw[:4] == b"CSI\1":
        min_shift, depth, n_extra = struct.unpack_from("<3i", raw, 4)
        names, at = _tabix_names(raw[16 : 16 + n_extra]), 16 + n_extra
        (n_contigs,) = struct.unpack_from("<i", raw, at)
    elif raw[:4] == b"TBI\1":
        (n_contigs,) = struct.unpack_from("<i", raw, 4)
        names = _tabix_names(raw[8:])
        at = 32 + struct.unpack_from("<i", raw, 32)[0]
    elif raw[:4] == b"BAI\1":
        (n_contigs,) = struct.unpack_from("<i", raw, 4)
    else:
        raise StoreError("an index is neither BAI, CSI nor TBI. Delete it and make it again.")
    at += 4
    linear = raw[:4] != b"CSI\1"
    contents = []
    for _ in range(n_contigs):
        one, at = _contig(raw, at, min_shift, depth, linear)
        contents.append(one)
    return Index(min_shift, depth, tuple(contents), names)


def _tabix_names(extra: bytes) -> tuple[str, ...]:
    """Names in tabix's own part: six numbers, the length of the names, the names ended by NUL."""
    if len(extra) < 28:
        return ()
    length = struct.unpack_from("<i", extra, 24)[0]
    return tuple(name.decode() for name in extra[28 : 28 + length].split(b"\0")[:-1])


def _contig(raw: bytes, at: int, min_shift: int, depth: int, linear: bool) -> tuple[Contents, int]:
    (n_bins,) = struct.unpack_from("<i", raw, at)
    at += 4
    head = struct.Struct("<Ii" if linear else "<IQi")
    summary = ((1 << 3 * (depth + 1)) - 1) // 7 + 1  # of counts, not of places
    parts, loffs = [], []
    for _ in range(n_bins):
        number, *loff, n_chunks = head.unpack_from(raw, at)
        at += head.size
        if number != summary:
            part = np.empty((n_chunks, 3), dtype=np.uint64)
            part[:, 0] = number
            part[:, 1:] = np.frombuffer(raw, "<u8", 2 * n_chunks, at).reshape(-1, 2)
            parts.append(part)
            loffs.append((number, *loff))
        at += 16 * n_chunks
    chunks = np.concatenate(parts) if parts else np.empty((0, 3), dtype=np.uint64)
    if linear:
        (n_windows,) = struct.unpack_from("<i", raw, at)
        offsets = np.frombuffer(raw, "<u8", n_windows, at + 4).astype(np.int64)
        starts = np.arange(n_windows, dtype=np.int64) << _WINDOW_BITS
        windows = np.stack((starts, offsets), axis=1)
        at += 4 + 8 * n_windows
    else:
        bounds = Index(min_shift, depth, (), ())._bounds
        numbers = np.array([number for number, _ in loffs], dtype=np.uint64)
        offsets = np.array([offset for _, offset in loffs], dtype=np.uint64).astype(np.int64)
        windows = np.stack((bounds(numbers)[0], offsets), axis=1) if loffs else np.empty((0, 2), np.int64)
        windows = windows[np.lexsort((windows[:, 1], windows[:, 0]))]
    return Contents(chunks, windows), at
