"""BAM as pieces of inflated record bytes: header, whole or cut off, blocks by virtual offset.

What the records say is the business of kernels.decode; whether they fit the reference, of alignment_reader.
"""

import logging
import os
from collections.abc import Generator
from pathlib import Path

import numpy as np

from genomehub.errors import InputError
from genomehub.formats.alignment_blocks import (
    COPY_AGAIN,
    MAX_BLOCK,
    Piece,
    block_size,
    inflate_block,
    joined,
)
from genomehub.formats.alignment_header import AlignmentHeader, parse_header
from genomehub.formats.alignment_index import AlignmentIndex, find_index, load_index
from genomehub.formats.bgzf import EOF_BLOCK

_log = logging.getLogger(__name__)
_PIECE_BYTES = 8 << 20  # compressed bytes decoded at a time: bounds memory, not results
_INFLATED_BYTES = 16 << 20  # and inflated ones: some files are a thousand times smaller than what they hold
_MAX_HEADER_BYTES = 1 << 28  # beyond, its lengths are wrong
_CHECKED_CONTIGS = 4  # where a stale index is looked for


class BamSource:
    """The bytes of one BAM file.

    Parameters
    ----------
    path : an existing file whose first bytes are those of gzip

    Raises
    ------
    InputError
        It is not a BAM file, or its end is missing.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._handle = path.open("rb")
        self._size = os.fstat(self._handle.fileno()).st_size
        self._index: AlignmentIndex | None = None
        try:
            self.header, self._first_record = self._read_header()
            if self._read(max(0, self._size - len(EOF_BLOCK)), len(EOF_BLOCK)) != EOF_BLOCK:
                raise InputError(f"{path}: is cut off: the BGZF end-of-file block is missing. {COPY_AGAIN}")
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the file."""
        self._handle.close()

    def open_index(self) -> None:
        """Find the index and check that it is this file's."""
        path = find_index(self.path, (".csi", ".bai"))
        stat = path.stat()
        self._index = load_index(path, stat.st_mtime_ns, stat.st_size)
        self._check_index(self._index, path)

    def pieces(self, span: np.ndarray) -> Generator[Piece]:
        """Yield what holds the records of ``span`` ((3,) int64 as in kernels.decode.select_records)."""
        assert self._index is not None, "open_index comes first"
        if span[0] >= 0:
            for begin, end in self._index.chunks(*map(int, span)).tolist():
                yield from self._inflate(begin, end)
        else:
            begin = (
                self._first_record if span[0] == -2 else max(self._first_record, self._index.last_offset())
            )
            yield from self._inflate(begin, self._size << 16)

    def records(self) -> Generator[Piece]:
        """Yield all records in file order; needs no index."""
        yield from self._inflate(self._first_record, self._size << 16)

    def _inflate(self, begin: int, end: int) -> Generator[Piece]:
        """Inflate from one virtual offset to the end of the block of another."""
        place, skip, last = begin >> 16, begin & 0xFFFF, end >> 16
        continues = False
        while place < self._size and place <= last:
            raw = self._read(place, min(max(_PIECE_BYTES, MAX_BLOCK), last - place + MAX_BLOCK))
            data, used = self._inflate_blocks(raw, place, last)
            yield Piece(data[skip:], continues, f"after byte {place:,} of the file")
            place, skip, continues = place + used, 0, True

    def _inflate_blocks(self, raw: bytes, place: int, last: int) -> tuple[np.ndarray, int]:
        """Inflate the whole blocks at the start of ``raw``, up to the one at file offset ``last``."""
        parts: list[bytes] = []
        used, inflated = 0, 0
        while used < len(raw) and place + used <= last and inflated < _INFLATED_BYTES:
            size = block_size(raw, used)
            if used + (size or 18) > len(raw) and place + len(raw) < self._size:
                break  # goes on behind what was read
            if size is None or used + size > len(raw):
                raise InputError(f"{self.path}: no whole BGZF block at byte {place + used:,}. {COPY_AGAIN}")
            parts.append(inflate_block(raw[used : used + size], self.path, place + used))
            used, inflated = used + size, inflated + len(parts[-1])
        return joined(parts), used

    def _read(self, offset: int, length: int) -> bytes:
        parts = []
        while length > 0:  # one pread gives at most 2 GB, and may give less
            part = os.pread(self._handle.fileno(), length, offset)
            if not part:
                break
            parts.append(part)
            offset, length = offset + len(part), length - len(part)
        return b"".join(parts)

    def _read_header(self) -> tuple[AlignmentHeader, int]:
        """The header, and the virtual offset of the first record."""
        if block_size(self._read(0, MAX_BLOCK)) is None:
            raise InputError(f"{self.path}: is compressed, but not in the BGZF blocks of a BAM file.")
        data, place, end, scan = bytearray(), 0, None, HeaderEnd()
        while end is None and place < self._size:
            raw = self._read(place, MAX_BLOCK)
            size = block_size(raw)
            if size is None or size > len(raw):
                raise InputError(f"{self.path}: no whole BGZF block at byte {place:,}. {COPY_AGAIN}")
            block_start, before = place, len(data)
            data += inflate_block(raw[:size], self.path, place)
            place += size
            if data[:4] != b"BAM\1"[: len(data)]:
                raise InputError(
                    f"{self.path}: is not a BAM file (its data starts with {bytes(data[:4])!r})."
                )
            end = scan.find(data)
            if end is None and len(data) > _MAX_HEADER_BYTES:
                break
        if end is None:
            raise InputError(f"{self.path}: ends inside its header. {COPY_AGAIN}")
        inside = end - before
        first = place << 16 if end == len(data) else block_start << 16 | inside
        return _parse_bam_header(bytes(data[:end]), self.path), first

    def _check_index(self, index: AlignmentIndex, path: Path) -> None:
        """Tell an index that was made of another file: its offsets do not hit the contigs it says."""
        command = f"Make it again: samtools index {self.path}"
        if index.n_contigs != len(self.header.contig_names):
            raise InputError(
                f"{path}: is the index of another file ({index.n_contigs} contigs, while {self.path.name} "
                f"has {len(self.header.contig_names)}). {command}"
            )
        hits = all(self._hits(*pair) for pair in index.first_offsets(_CHECKED_CONTIGS))
        if not hits or index.last_offset() >> 16 > self._size:
            raise InputError(f"{path}: does not fit {self.path.name}; it is of an older version. {command}")
        if path.stat().st_mtime_ns < self.path.stat().st_mtime_ns:
            _log.debug("%s is older than %s, but its offsets fit", path, self.path)

    def _hits(self, contig: int, begin: int) -> bool:
        """Whether a record of ``contig`` stands at virtual offset ``begin``."""
        place, skip = begin >> 16, begin & 0xFFFF
        raw = self._read(place, MAX_BLOCK)
        size = block_size(raw)
        if size is None or size > len(raw):
            return False
        data = inflate_block(raw[:size], self.path, place)[skip:]
        return len(data) < 8 or int.from_bytes(data[4:8], "little", signed=True) == contig


class HeaderEnd:
    """Finds where the BAM header ends in data that grows; what was seen is not looked at again."""

    def __init__(self) -> None:
        self._at = 0  # of the next contig, once the text is passed
        self._n_left = 0

    def find(self, data: bytes | bytearray) -> int | None:
        """Return the length of the header at the start of ``data``; None if it goes on behind."""
        if self._at == 0:
            if len(data) < 8:
                return None
            text_end = 8 + int.from_bytes(data[4:8], "little")
            if len(data) < text_end + 4:
                return None
            self._n_left = int.from_bytes(data[text_end : text_end + 4], "little")
            self._at = text_end + 4
        while self._n_left and len(data) >= self._at + 4:
            self._at += 8 + int.from_bytes(data[self._at : self._at + 4], "little")
            self._n_left -= 1
        return self._at if self._n_left == 0 and len(data) >= self._at else None


def header_end(data: bytes) -> int | None:
    """Return the length of the BAM header at the start of ``data``; None if it goes on behind."""
    return HeaderEnd().find(data)


def _parse_bam_header(data: bytes, path: Path) -> AlignmentHeader:
    length = int.from_bytes(data[4:8], "little")
    text = data[8 : 8 + length].rstrip(b"\0").decode(errors="replace")
    names, lengths, place = [], [], 12 + length
    while place < len(data):
        end = place + 4 + int.from_bytes(data[place : place + 4], "little")
        names.append(data[place + 4 : end - 1].decode(errors="replace"))
        lengths.append(int.from_bytes(data[end : end + 4], "little"))
        place = end + 4
    header = parse_header(text, path)
    if header.contig_names == tuple(names):
        return header
    # The binary list is what records refer to; BAM allows a header whose text lacks the @SQ lines.
    md5s = dict(zip(header.contig_names, header.contig_md5s, strict=True))
    return header._replace(
        contig_names=tuple(names), contig_lengths=tuple(lengths), contig_md5s=tuple(map(md5s.get, names))
    )
