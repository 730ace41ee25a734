"""BGZF blocks at any place of a file: how long one is, and what it holds (SAM 1.6, section 4.1).

formats.bgzf reads files from start to end; here is what random access by virtual offset needs.
"""

import os
import struct
from typing import NamedTuple

import numpy as np
from isal import igzip_lib, isal_zlib

from genomehub.errors import InputError

#: Longest BGZF block, bytes
MAX_BLOCK = 1 << 16
COPY_AGAIN = "The file is damaged or was cut off; copy or make it again."


class Piece(NamedTuple):
    """A stretch of BAM records.

    data : (n_bytes,) uint8, inflated record bytes; the last record may be cut off
    continues : whether it goes on where the piece before stopped
    place : where in the file it stands, for messages
    """

    data: np.ndarray
    continues: bool
    place: str


def block_size(raw: bytes, at: int = 0) -> int | None:
    """Return the length in bytes of the BGZF block at ``raw[at:]``; None if there is none."""
    head = raw[at : at + 18]
    if len(head) < 18 or head[:4] != b"\x1f\x8b\x08\x04":
        return None
    if head[12:16] == b"BC\x02\x00":
        return int.from_bytes(head[16:18], "little") + 1
    field, end = at + 12, at + 12 + int.from_bytes(head[10:12], "little")
    while field + 6 <= min(end, len(raw)):  # other extra fields may stand before BC
        length = int.from_bytes(raw[field + 2 : field + 4], "little")
        if raw[field : field + 2] == b"BC" and length == 2:
            return int.from_bytes(raw[field + 4 : field + 6], "little") + 1
        field += 4 + length
    return None


def inflate_block(block: bytes, path: str | os.PathLike[str], place: int) -> bytes:
    """Inflate one whole block and check its length and CRC; ``path`` and ``place`` (bytes) are for messages.

    Raises
    ------
    InputError
        The block is damaged.
    """
    body = 12 + int.from_bytes(block[10:12], "little")
    crc, length = struct.unpack("<II", block[-8:])
    try:
        data: bytes = igzip_lib.decompress(block[body:-8], flag=igzip_lib.DECOMP_DEFLATE, bufsize=MAX_BLOCK)
    except (igzip_lib.error, ValueError, EOFError) as error:  # type: ignore[misc]
        raise InputError(f"{path}: the block at byte {place:,} cannot be inflated. {COPY_AGAIN}") from error
    if len(data) != length or isal_zlib.crc32(data) != crc:
        raise InputError(f"{path}: the block at byte {place:,} fails its checksum. {COPY_AGAIN}")
    return data


def joined(parts: list[bytes]) -> np.ndarray:
    """Return bytes one after the other as a writable uint8 array: the one array type that kernels see."""
    data, at = np.empty(sum(map(len, parts)), np.uint8), 0
    for part in parts:
        data[at : at + len(part)] = np.frombuffer(part, np.uint8)
        at += len(part)
    return data
