"""CRAM 3.0 files from pieces: one header, the containers of all pieces, one end.

Each piece is a CRAM file of its own, made by htslib. The header is written anew without what htslib adds: it
puts the absolute path of the reference into @SQ (UR), which names a machine and makes equal runs differ.
Containers do not depend on the header's bytes (CRAM 3.0, sections 6 to 8), except for the count of records
before them, which starts anew in each piece, as after samtools cat.
"""

import shutil
import struct
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

#: The empty container that ends every CRAM 3.0 file.
EOF_CONTAINER = bytes.fromhex("0f000000ffffffff0fe0454f4600000000010005bdd94f0001000606010001000100ee63014b")
_DEFINITION_BYTES = 26  # magic, version, file id
_ITF8_MORE, _LTF8_MORE = 4, 8  # bytes that may follow the first of a number
_RAW, _FILE_HEADER = 0, 0  # block compression method and content type


def itf8(value: int) -> bytes:
    """Return a non-negative number below 2^28 as CRAM's variable-length integer.

    Examples
    --------
    >>> itf8(5).hex(), itf8(300).hex(), itf8(100_000).hex(), itf8(3_000_000).hex()
    ('05', '812c', 'c186a0', 'e02dc6c0')
    """
    for n_bytes, marker in ((1, 0x00), (2, 0x80), (3, 0xC0), (4, 0xE0)):
        if value < 1 << (7 * n_bytes):
            return (value | marker << (8 * (n_bytes - 1))).to_bytes(n_bytes, "big")
    raise ValueError(f"{value} does not fit the 28 bits of a header of this size")


def header_container(text: str) -> bytes:
    """Return the container that holds a SAM header, uncompressed, in one block."""
    data = struct.pack("<i", len(text.encode())) + text.encode()
    block = bytes((_RAW, _FILE_HEADER)) + itf8(0) + itf8(len(data)) + itf8(len(data)) + data
    block += struct.pack("<I", zlib.crc32(block))
    # length, reference id, start, span, records, counter, bases, number of blocks, one landmark
    head = struct.pack("<i", len(block)) + bytes((0, 0, 0, 0, 0, 0, 1, 1, 0))
    return head + struct.pack("<I", zlib.crc32(head)) + block


def join_pieces(pieces: Iterable[Path], target: Path, text: str) -> None:
    """Write a CRAM 3.0 file of the containers of all pieces, with another header and an empty file id."""
    with target.open("wb") as new:
        new.write(b"CRAM\x03\x00".ljust(_DEFINITION_BYTES, b"\0"))
        new.write(header_container(text))
        for piece in pieces:
            with piece.open("rb") as old:
                old.seek(_DEFINITION_BYTES)
                _skip_container(old)
                shutil.copyfileobj(old, new, 1 << 20)
            new.seek(-len(EOF_CONTAINER), 1)  # the next piece takes the place of this one's end
        new.write(EOF_CONTAINER)


def _skip_container(handle: BinaryIO) -> None:
    (length,) = struct.unpack("<i", handle.read(4))
    for _ in range(4):  # reference id, start, span, records
        _skip_number(handle, _ITF8_MORE)
    for _ in range(2):  # record counter, bases
        _skip_number(handle, _LTF8_MORE)
    _skip_number(handle, _ITF8_MORE)  # blocks
    for _ in range(_read_small(handle)):
        _skip_number(handle, _ITF8_MORE)
    handle.seek(4 + length, 1)


def _skip_number(handle: BinaryIO, most: int) -> None:
    """Skip a variable-length integer: leading ones of its first byte tell how many bytes follow."""
    first = handle.read(1)[0]
    handle.seek(next((i for i in range(most) if not first & (0x80 >> i)), most), 1)


def _read_small(handle: BinaryIO) -> int:
    value = handle.read(1)[0]
    if value >= 0x80:
        raise ValueError("a CRAM header container with more than 127 landmarks")
    return value
