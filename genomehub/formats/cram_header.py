"""The header container of a CRAM 3.0 file, written anew without what htslib adds.

htslib puts the absolute path of the reference into @SQ (UR): it names a machine and makes equal runs differ.
The containers that follow do not depend on the header's bytes, so only the first one is replaced (CRAM 3.0,
sections 6 to 8).
"""

import shutil
import struct
import zlib
from pathlib import Path
from typing import BinaryIO

_DEFINITION_BYTES = 26  # magic, version, file id
_FILE_ID_AT = 6
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


def replace_header(source: Path, target: Path, text: str) -> None:
    """Copy a CRAM 3.0 file with another header text, and a file id that says nothing."""
    with source.open("rb") as old, target.open("wb") as new:
        definition = old.read(_DEFINITION_BYTES)
        new.write(definition[:_FILE_ID_AT].ljust(_DEFINITION_BYTES, b"\0"))
        _skip_container(old)
        new.write(header_container(text))
        shutil.copyfileobj(old, new, 1 << 22)


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
