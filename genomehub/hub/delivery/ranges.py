"""Reading parts of a file, wherever it lies: what slices and downloads are made from.

A file of the catalogue is opened by what the catalogue knows of it, never by a name that a client sent.
"""

import os
from collections.abc import Callable, Iterator
from typing import Protocol

from genomehub.errors import NotFoundError, ResourceError

#: Bytes that are read and sent at a time; what one running download holds in memory.
PIECE_BYTES = 1 << 18


class RangeReader(Protocol):
    """Bytes of one file, local or in an object store; safe to use from several threads."""

    @property
    def size(self) -> int: ...

    def read(self, start: int, end: int) -> bytes:
        """Return bytes ``[start, end)``, fewer at the end of the file."""

    def close(self) -> None:
        """Give the file back."""


#: Opens a location of the catalogue, or raises NotFoundError.
Opener = Callable[[str], RangeReader]


class PosixReader:
    """A file of a file system.

    Raises
    ------
    NotFoundError
        It is not there.
    ResourceError
        It cannot be read.
    """

    def __init__(self, path: str) -> None:
        try:
            self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError as error:
            raise NotFoundError("the file is not where it was registered; tell the hub's staff.") from error
        except OSError as error:
            raise ResourceError(f"{path}: cannot be read ({error.strerror}). Check its rights.") from error
        self.size = os.fstat(self._descriptor).st_size

    def read(self, start: int, end: int) -> bytes:
        """Return bytes ``[start, end)``, fewer at the end of the file."""
        parts = []
        while start < end and (part := os.pread(self._descriptor, end - start, start)):
            parts.append(part)
            start += len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)


def pieces(reader: RangeReader, start: int, end: int) -> Iterator[bytes]:
    """Yield bytes ``[start, end)`` piece by piece.

    Raises
    ------
    ResourceError
        The file ends before: it was replaced while it was read.
    """
    while start < end:
        piece = reader.read(start, min(start + PIECE_BYTES, end))
        if not piece:
            raise ResourceError(f"a file ended at byte {start}, {end - start} bytes early; it was changed.")
        yield piece
        start += len(piece)
