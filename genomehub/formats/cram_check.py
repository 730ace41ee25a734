"""The checksums of CRAM 3: containers and blocks walked from start to end (CRAM 3.1, sections 6 to 8).

htslib checks the blocks that it inflates, but not those that are stored as they are, the compression headers
among them: a damaged one may decode to other reads without a word.
"""

import struct
import threading
from pathlib import Path
from typing import BinaryIO

from isal import isal_zlib

from genomehub.errors import InputError
from genomehub.formats.alignment_blocks import COPY_AGAIN

_DEFINITION_BYTES = 26  # magic, version, file id
_FIRST_VERSION = 3  # with checksums
_MAX_HEADER = 1 << 16  # bytes of a container's header that are looked at


def check_cram(path: Path, stop: threading.Event | None = None) -> None:
    """Check the checksums of a CRAM file, until ``stop`` is set.

    Raises
    ------
    InputError
        A container or block is damaged; the sentence names its place.
    """
    with path.open("rb") as handle:
        definition = handle.read(_DEFINITION_BYTES)
        if len(definition) < _DEFINITION_BYTES or definition[4] < _FIRST_VERSION:
            return
        place = handle.tell()
        while handle.peek(1) and not (stop is not None and stop.is_set()):
            if not _check_container(handle, place):
                raise InputError(f"{path}: the container at byte {place:,} fails its checksum. {COPY_AGAIN}")
            place = handle.tell()


def _check_container(handle: BinaryIO, place: int) -> bool:
    head = handle.read(_MAX_HEADER)
    try:
        (length,) = struct.unpack_from("<i", head)
        at = 4
        for _ in range(4):  # reference id, start, span, records
            _, at = _itf8(head, at)
        for _ in range(2):  # record counter, bases
            at = _after_ltf8(head, at)
        n_blocks, at = _itf8(head, at)
        n_landmarks, at = _itf8(head, at)
        for _ in range(n_landmarks):
            _, at = _itf8(head, at)
        (crc,) = struct.unpack_from("<I", head, at)
    except (struct.error, IndexError):
        return False
    if crc != isal_zlib.crc32(head[:at]) or length < 0:
        return False
    handle.seek(place + at + 4)
    data = handle.read(length)
    return len(data) == length and _check_blocks(data, n_blocks)


def _check_blocks(data: bytes, n_blocks: int) -> bool:
    view, at = memoryview(data), 0
    try:
        for _ in range(n_blocks):
            begin = at
            _, at = _itf8(data, at + 2)  # after compression method and content type: the content id
            size, at = _itf8(data, at)
            _, at = _itf8(data, at)
            at += size
            (crc,) = struct.unpack_from("<I", data, at)
            if crc != isal_zlib.crc32(view[begin:at]):
                return False
            at += 4
    except (struct.error, IndexError):
        return False
    return at <= len(data)


def _itf8(data: bytes, at: int) -> tuple[int, int]:
    """A variable-length integer below 2^28 and where the next thing is; larger ones are skipped as 0."""
    first = data[at]
    more = next((i for i in range(4) if not first & (0x80 >> i)), 4)
    value = int.from_bytes(data[at : at + 1 + more], "big") & ((1 << 7 * (more + 1)) - 1) if more < 4 else 0
    return value, at + 1 + more


def _after_ltf8(data: bytes, at: int) -> int:
    first = data[at]
    return at + 1 + next((i for i in range(8) if not first & (0x80 >> i)), 8)
