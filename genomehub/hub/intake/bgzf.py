"""BGZF files: blocks of gzip with their size, an empty block at the end (SAM 1.6, section 4.1)."""

import os
import struct
import zlib
from typing import BinaryIO

from genomehub.errors import InputError

EOF_BLOCK = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")
_HEADER = struct.Struct("<4BI2BH2BHH")
_MAGIC = (0x1F, 0x8B, 8, 4)


def is_bgzf(head: bytes) -> bool:
    """Tell whether a file's first bytes are those of a BGZF block."""
    return block_bytes(head) is not None


def block_bytes(head: bytes) -> int | None:
    """Return the size of the block that starts with ``head``, None if it is none."""
    if len(head) < _HEADER.size:
        return None
    *magic, _, _, _, _, si1, si2, slen, bsize = _HEADER.unpack_from(head)
    if tuple(magic) != _MAGIC or (si1, si2, slen) != (0x42, 0x43, 2):
        return None
    return int(bsize) + 1


def require_end(handle: BinaryIO, name: str) -> None:
    """Refuse a BGZF file without the empty block that marks its end.

    Raises
    ------
    InputError
        The block is not there.
    """
    size = handle.seek(0, os.SEEK_END)
    handle.seek(max(0, size - len(EOF_BLOCK)))
    if handle.read() != EOF_BLOCK:
        raise InputError(
            f"{name}: has no BGZF end-of-file block, so it is cut off (or its writer was killed). Copy or "
            "make it again, and compare its size with the source."
        )
    handle.seek(0)


def is_block_at(handle: BinaryIO, offset: int) -> bool:
    """Tell whether a block starts at an offset."""
    handle.seek(offset)
    return block_bytes(handle.read(_HEADER.size)) is not None


def read_at(handle: BinaryIO, virtual: int, n_bytes: int) -> bytes:
    """Return at most ``n_bytes`` from a virtual offset on; fewer at the end of the file.

    Raises
    ------
    InputError
        There is no block at the offset, or it is damaged.
    """
    offset, within = virtual >> 16, virtual & 0xFFFF
    data = b""
    while len(data) < within + n_bytes:
        handle.seek(offset)
        size = block_bytes(handle.read(_HEADER.size))
        if size is None:
            if data:
                break
            raise InputError(f"no BGZF block begins at byte {offset}")
        handle.seek(offset)
        block = handle.read(size)
        try:
            data += zlib.decompress(block[_HEADER.size : -8], -15, 1 << 16)
        except zlib.error as error:
            raise InputError(f"the BGZF block at byte {offset} is damaged ({error})") from error
        offset += size
        if block == EOF_BLOCK:
            break
    return data[within : within + n_bytes]
