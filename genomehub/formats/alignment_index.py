"""BAI, CSI and CRAI: which bytes of an alignment file hold the reads of a span.

Finding and checking the index file, and virtual offsets for a span; kernels.decode walks the bytes.
"""

import functools
import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from genomehub.errors import InputError, NotFoundError
from genomehub.formats.alignment_blocks import block_size, inflate_block
from genomehub.kernels import decode

_REMEDY = "Delete it and make it again: samtools index"


def find_index(path: Path, suffixes: Sequence[str]) -> Path:
    """Return the index beside ``path``: X.bam.bai or X.bai, the first of ``suffixes`` that is there.

    Raises
    ------
    NotFoundError
        There is none.
    """
    for suffix in suffixes:
        for candidate in (path.with_name(path.name + suffix), path.with_suffix(suffix)):
            if candidate.exists():
                return candidate
    raise NotFoundError(
        f"{path}: has no index beside it ({path.name}{suffixes[-1]}). Make it: samtools index {path} "
        f"(or: python -c \"import pysam; pysam.index('{path}')\")"
    )


class AlignmentIndex:
    """A BAI or CSI index in memory, walked by kernels where it is asked.

    Raises
    ------
    InputError
        The file is neither, or cut off.
    """

    def __init__(self, path: Path) -> None:
        raw = path.read_bytes()
        if raw[:2] == b"\x1f\x8b":
            raw = _inflate_all(raw, path)
        self.is_csi = raw[:4] == b"CSI\1"
        self.min_shift, self.depth, begin = 14, 5, 4
        if self.is_csi and len(raw) >= 16:
            self.min_shift, self.depth, extra = struct.unpack_from("<iii", raw, 4)
            begin = 16 + extra
        elif raw[:4] != b"BAI\1":
            raise InputError(f"{path}: is not a BAI or CSI index. {_REMEDY}")
        self.n_contigs = int.from_bytes(raw[begin : begin + 4], "little")
        self._data = np.frombuffer(raw, np.uint8).copy()
        if 4 * self.n_contigs > len(raw) or len(raw) < begin + 4:
            raise InputError(f"{path}: is cut off. {_REMEDY}")
        self._sections = decode.index_sections(self._data, begin + 4, self.n_contigs, self.is_csi)
        if self._sections[-1] < 0:
            raise InputError(f"{path}: is cut off. {_REMEDY}")

    def chunks(self, contig: int, start: int, end: int) -> np.ndarray:
        """(n, 2) uint64 virtual offsets of what may overlap ``[start, end)``, ascending."""
        reach = 1 << (self.min_shift + 3 * self.depth)
        span = max(start, 0), min(max(end, 0), reach)
        section = int(self._sections[contig])
        return _merge_chunks(
            decode.index_chunks(self._data, section, *span, self.min_shift, self.depth, self.is_csi)
        )

    def first_offsets(self, limit: int) -> list[tuple[int, int]]:
        """(contig, virtual offset of its first record) of the first ``limit`` contigs that have records."""
        found = []
        for contig in range(self.n_contigs):
            if self._data[self._sections[contig] : self._sections[contig] + 4].any():
                chunks = self.chunks(contig, 0, 1 << 62)
                if len(chunks):
                    found.append((contig, int(chunks[0, 0])))
            if len(found) == limit:
                break
        return found

    def last_offset(self) -> int:
        """Virtual offset behind the last placed record; 0 if there is none."""
        for contig in reversed(range(self.n_contigs)):
            chunks = self.chunks(contig, 0, 1 << 62)
            if len(chunks):
                return int(chunks[:, 1].max())
        return 0


def _merge_chunks(chunks: np.ndarray) -> np.ndarray:
    """Sort chunks and join those that end and begin in the same block, which is inflated once."""
    if len(chunks) == 0:
        return chunks
    chunks = chunks[np.argsort(chunks[:, 0], kind="stable")]
    reach = np.maximum.accumulate(chunks[:, 1])
    is_first = np.append(True, chunks[1:, 0] >> np.uint64(16) > reach[:-1] >> np.uint64(16))
    firsts = np.flatnonzero(is_first)
    return np.stack((chunks[firsts, 0], np.append(reach[firsts[1:] - 1], reach[-1])), axis=1)


@functools.lru_cache(maxsize=8)
def load_index(path: Path, modified: int, size: int) -> AlignmentIndex:
    """Readers of the same file share one index; ``modified`` and ``size`` tell a new one."""
    return AlignmentIndex(path)


def _inflate_all(raw: bytes, path: Path) -> bytes:
    parts, place = [], 0
    while place < len(raw):
        size = block_size(raw, place)
        if size is None or place + size > len(raw):
            raise InputError(f"{path}: is not a whole CSI index. {_REMEDY}")
        parts.append(inflate_block(raw[place : place + size], path, place))
        place += size
    return b"".join(parts)
