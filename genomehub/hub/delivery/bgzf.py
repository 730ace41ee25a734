"""BGZF over ranges: blocks read in order, inflated where records must be looked at, made where they are cut.

A virtual offset is ``block's offset << 16 | byte within the inflated block`` (SAM 1.6, section 4.1.1).
"""

import struct
import zlib
from collections.abc import Iterator

import deflate
from isal import isal_zlib

from genomehub.errors import StoreError
from genomehub.hub.storage import Blob

#: Inflated bytes of a block that we make.
BLOCK_BYTES = 0xFF00
#: The empty block that ends every BGZF file.
EOF_BLOCK = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")
_HEAD = struct.Struct("<4BI2BH")
_FIELD = struct.Struct("<2sH")
_FIRST_WINDOW, _WINDOW = 1 << 15, 1 << 18  # bytes read ahead: few for a small region, more as it goes on
_LEVEL = 1  # cut blocks are a few at the edges of a region


class Blocks:
    """Blocks of a file from an offset on; reads ahead up to ``until``, where its caller will likely stop."""

    def __init__(self, reader: Blob, offset: int, until: int) -> None:
        self._reader, self._until = reader, until
        self._buffer, self._origin, self._window = b"", offset, _FIRST_WINDOW
        self.begin = self.offset = offset

    def next(self) -> bytes:
        """Return the next block's inflated bytes; ``begin`` is its offset, ``offset`` that behind it.

        Returns nothing at the end of the file; empty blocks before it are skipped.
        """
        while True:
            head = self._take(18)
            if not head:
                return b""
            size = block_size(head)
            block = self._take(size)
            if len(block) < size:
                raise StoreError(f"BGZF block at byte {self.offset} is cut off; verify the file.")
            self.begin, self.offset = self.offset, self.offset + size
            data = inflate(block)
            if data:
                return data

    def _take(self, n_bytes: int) -> bytes:
        """Return up to ``n_bytes`` at the offset, without moving on."""
        at = self.offset - self._origin
        if at + n_bytes > len(self._buffer):
            end = max(self.offset + n_bytes, min(self._until, self.offset + self._window))
            self._window = min(2 * self._window, _WINDOW)
            self._buffer = self._buffer[at:]
            self._buffer += self._reader.read(self.offset + len(self._buffer), end)
            self._origin, at = self.offset, 0
        return self._buffer[at : at + n_bytes]


def block_size(head: bytes) -> int:
    """Return the size of the block that begins with these bytes.

    Raises
    ------
    StoreError
        It is none.
    """
    if len(head) >= 18 and head[:4] == b"\x1f\x8b\x08\x04":
        place, extra_end = 12, 12 + _HEAD.unpack_from(head)[7]
        while place + 6 <= min(extra_end, len(head)):
            name, length = _FIELD.unpack_from(head, place)
            if name == b"BC" and length == 2:
                return int.from_bytes(head[place + 4 : place + 6], "little") + 1
            place += 4 + length
    raise StoreError("a file is not BGZF where its index says so; verify it and make its index again.")


def inflate(block: bytes) -> bytes:
    """Return the bytes in a block, its checksum verified."""
    checksum, length = struct.unpack_from("<II", block, len(block) - 8)
    body = memoryview(block)[12 + _HEAD.unpack_from(block)[7] : -8]
    try:
        data: bytes = isal_zlib.decompress(body, wbits=-zlib.MAX_WBITS, bufsize=max(length, 1))
    except isal_zlib.error as error:  # type: ignore[misc]
        raise StoreError(f"a BGZF block is damaged ({error}); verify the file.") from error
    if len(data) != length or isal_zlib.crc32(data) != checksum:
        raise StoreError("a BGZF block is damaged (its checksum differs); verify the file.")
    return data


def block(data: bytes | memoryview) -> bytes:
    """Return one block of at most BLOCK_BYTES."""
    body = deflate.deflate_compress(data, _LEVEL)
    head = _HEAD.pack(0x1F, 0x8B, 8, 4, 0, 0, 0xFF, 6) + struct.pack("<2sHH", b"BC", 2, len(body) + 25)
    return b"".join((head, body, struct.pack("<II", isal_zlib.crc32(data), len(data))))


def blocks_of(data: bytes | bytearray) -> Iterator[bytes]:
    """Yield blocks that hold ``data``."""
    view = memoryview(data)
    for at in range(0, len(view), BLOCK_BYTES):
        yield block(view[at : at + BLOCK_BYTES])


def inflate_file(raw: bytes) -> bytes:
    """Return the bytes of a whole BGZF file (an index) in memory."""
    parts, at = [], 0
    while at < len(raw):
        size = block_size(raw[at : at + 64])
        parts.append(inflate(raw[at : at + size]))
        at += size
    return b"".join(parts)
