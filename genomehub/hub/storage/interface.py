"""What every kind of storage can do."""

from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Protocol

from genomehub.errors import InputError

#: Bytes that are read at a time where a whole file passes.
CHUNK_BYTES = 8 * 2**20
Advance = Callable[[int], None]


def no_advance(n_bytes: int) -> None:
    """Progress that nobody watches."""


class Blob(Protocol):
    """An open file, local or remote, whose ranges can be read; safe to use from several threads.

    size : bytes
    piece_bytes : how much is best read at a time where much is wanted; a running download holds it in memory
    """

    piece_bytes: int

    @property
    def size(self) -> int: ...

    def read(self, start: int, end: int) -> bytes:
        """Return the bytes from ``start`` up to, not including, ``end`` (at most the file's end)."""

    def close(self) -> None:
        """Give it up; reading is then over."""


class Storage(Protocol):
    """A place for files under keys such as ``files/SESSION/NA12878.bam``.

    A key names a whole file or nothing: a file that is being put cannot be seen.
    """

    def location(self, key: str) -> str:
        """Return what the catalogue keeps: an absolute path, or ``s3://BUCKET/KEY``."""

    def put(
        self, source: Path, key: str, sha256: str, advance: Advance = no_advance, *, ours: bool = False
    ) -> str:
        """Store a local file and return its location; what a killed ``put`` had stored is not sent again.

        With ``ours``, the source has this checksum and nobody will write to it: it may be linked.

        Raises
        ------
        InputError
            What arrived has not this checksum: the source changed.
        ResourceError
            The storage is full, cannot be reached or refuses.
        """

    def open(self, key: str) -> Blob:
        """Open a file; NotFoundError if there is none."""

    def size(self, key: str) -> int | None:
        """Return the size of a file, None if there is none."""

    def checksum(self, key: str, advance: Advance = no_advance) -> str:
        """Read a file whole, a piece at a time, and return its SHA-256."""

    def delete(self, key: str) -> None:
        """Remove a file; silent if there is none."""

    def link(self, key: str, seconds: int) -> str | None:
        """Return a URL that gives the file for so long without further proof; None where there is none."""

    def keys(self, prefix: str) -> Iterator[str]:
        """Yield the keys below a folder."""

    def abandoned(self, before: datetime) -> list[str]:
        """Remove what puts that were cut off before then have left; return what it was."""


def check_key(key: str) -> str:
    """Return ``key`` if it stays below the storage's root.

    >>> check_key("files/a/b.bam")
    'files/a/b.bam'
    """
    parts = key.split("/")
    if any(part in ("", ".", "..") or "\0" in part or "\\" in part for part in parts):
        raise InputError(f"{key[:80]!r}: cannot be a key of the storage. Use names without '..' and '\\'.")
    return key
