"""Bounds of what intake reads: a file may be foreign, broken or hostile.

Nothing is decompressed into memory without a bound, and no number that a file states is believed before it
was compared with the file's size.
"""

import zlib
from collections.abc import Iterator
from typing import BinaryIO

from genomehub.errors import InputError, TooLargeError

HEADER_BYTES = 64 * 2**20  # text of a header; the largest real ones (HLA, decoys, programs) have a few MiB
INDEX_BYTES = 1 << 30  # of an index, decompressed
TABLE_BYTES = 64 * 2**20  # of a sample table or phenopacket
CONTIGS = 5_000_000
SAMPLES = 2_000_000
LINE_BYTES = 64 * 2**20  # the line of a VCF that names the samples
ZIP_ENTRIES = 2_000_000
ZIP_RATIO = 200  # decompressed to compressed, of a whole archive
ZIP_MEMBER_BYTES = 256 * 2**20  # a chunk of a store that has to be read
GZIP_RATIO = 300  # of reads in FASTQ, beyond the first GiB
_PIECE = 1 << 16


def inflate(handle: BinaryIO, name: str, limit: int, what: str) -> Iterator[bytes]:
    """Yield the decompressed content of a gzip or BGZF file in pieces; other content as it is.

    Raises
    ------
    TooLargeError
        More than ``limit`` bytes would come.
    InputError
        The compressed data is damaged or cut off.
    """
    start = handle.read(2)
    handle.seek(-len(start), 1)
    total = 0
    for piece in _members(handle, name) if start == b"\x1f\x8b" else iter(lambda: handle.read(_PIECE), b""):
        total += len(piece)
        if total > limit:
            raise TooLargeError(
                f"{name}: its {what} has more than {limit >> 20} MiB decompressed; that is no {what} of a "
                "genome's file. Check what made it."
            )
        yield piece


def _members(handle: BinaryIO, name: str) -> Iterator[bytes]:
    inflater, rest = zlib.decompressobj(31), b""
    begun = False
    while True:
        data = rest or handle.read(_PIECE)
        if not data:
            break
        begun = True
        try:
            piece = inflater.decompress(data, _PIECE)
        except zlib.error as error:
            raise InputError(
                f"{name}: its compressed data is damaged ({error}). Copy or download it again and compare "
                "its checksum."
            ) from error
        rest = inflater.unconsumed_tail
        if piece:
            yield piece
        if inflater.eof:
            rest = inflater.unused_data
            inflater, begun = zlib.decompressobj(31), False
    if begun:
        raise InputError(
            f"{name}: its compressed data ends before its end mark; the file is cut off. Copy or download it "
            "again and compare its size."
        )


class Stream:
    """Reads exactly so many bytes, or lines, of decompressed content, up to a bound."""

    def __init__(self, pieces: Iterator[bytes], name: str) -> None:
        self._pieces, self._buffer, self._name = pieces, b"", name

    def take(self, n_bytes: int) -> bytes:
        """Return the next ``n_bytes``; InputError if there are fewer."""
        got = [self._buffer]
        have = len(self._buffer)
        while have < n_bytes:
            piece = next(self._pieces, b"")
            if not piece:
                raise InputError(f"{self._name}: ends within its header; the file is cut off. Copy it again.")
            got.append(piece)
            have += len(piece)
        data = b"".join(got)
        self._buffer = data[n_bytes:]
        return data[:n_bytes]

    def line(self) -> bytes:
        """Return the next line with its end, b"" at the end of the content."""
        got = [self._buffer]
        while b"\n" not in got[-1]:
            piece = next(self._pieces, b"")
            if not piece:
                break
            got.append(piece)
        data = b"".join(got)
        end = data.find(b"\n") + 1 or len(data)
        self._buffer = data[end:]
        return data[:end]

    def rest(self) -> bytes:
        """Return all that is left."""
        data = b"".join([self._buffer, *self._pieces])
        self._buffer = b""
        return data
