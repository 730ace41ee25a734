"""Sizes and checksums of files and folders, with progress, several at once.

The rule is that of ``files.sha256``: a file's SHA-256, or for a folder (a .vcz store) the SHA-256 over the
sorted names and checksums of its files. Hashing releases the GIL, so threads help.
"""

import dataclasses
import hashlib
import os
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from genomehub.errors import InputError, NotFoundError
from genomehub.files import size_bytes
from genomehub.hub.records import FileRecord
from genomehub.types import NoProgress, Progress

_CHUNK_BYTES = 1 << 20
_MEGABYTE = 1_000_000

Item = TypeVar("Item")
Answer = TypeVar("Answer")
Advance = Callable[[int], None]


@dataclasses.dataclass(frozen=True)
class Checksum:
    """Size in bytes, SHA-256 and, for a folder, the number of its files."""

    size_bytes: int
    sha256: str
    n_files: int | None


def checksum(path: Path, advance: Advance = lambda n_bytes: None) -> Checksum:
    """Read a file or folder once and return its size and checksum.

    Raises
    ------
    InputError
        It changed while it was read.
    """
    if not path.is_dir():
        size, digest = _file_checksum(path, advance)
        return Checksum(size, digest, None)
    parts = sorted(part for part in path.rglob("*") if part.is_file())
    total, folder = 0, hashlib.sha256()
    for part in parts:
        size, digest = _file_checksum(part, advance)
        total += size
        folder.update(f"{part.relative_to(path).as_posix()}\0{digest}\n".encode())
    return Checksum(total, folder.hexdigest(), len(parts))


def _file_checksum(path: Path, advance: Advance) -> tuple[int, str]:
    digest, size = hashlib.sha256(), 0
    with path.open("rb", buffering=0) as handle:
        before = os.fstat(handle.fileno())
        while size <= before.st_size and (chunk := handle.read(_CHUNK_BYTES)):  # a log may grow for ever
            digest.update(chunk)
            size += len(chunk)
            advance(len(chunk))
        after = os.fstat(handle.fileno())
    if size != before.st_size or before.st_mtime_ns != after.st_mtime_ns:
        raise InputError(
            f"{path}: changed while it was read. Register it when the job that writes it is done."
        )
    return size, digest.hexdigest()


def describe_files(
    named: Iterable[tuple[str, str | os.PathLike[str]]],
    *,
    threads: int = 1,
    progress: Progress | None = None,
) -> tuple[FileRecord, ...]:
    """Return the record of each (kind, path), in order; nothing is taken that is missing or empty.

    Raises
    ------
    NotFoundError
        Nothing is there.
    InputError
        A file, or a folder as a whole, is empty, unreadable or changing.
    """
    todo = [(kind, _present(_plain_path(path))) for kind, path in named]
    sizes = [_size(path) for _, path in todo]

    def describe(item: tuple[str, Path], advance: Advance) -> FileRecord:
        kind, path = item
        try:
            seen = checksum(path, advance)
        except OSError as error:
            raise InputError(f"{path}: cannot be read ({error.strerror}). Check its permissions.") from error
        return FileRecord(kind, path, seen.size_bytes, seen.sha256, seen.n_files)

    with Reader("checksums", sum(sizes), threads=threads, progress=progress) as reader:
        return tuple(reader.map(describe, todo))


class Reader:
    """Reads many files in threads under one progress, told in whole MB.

    Use as a context manager: leaving it in an error drops what has not begun.
    """

    def __init__(
        self, task: str, total_bytes: int, *, threads: int = 1, progress: Progress | None = None
    ) -> None:
        self._task, self._total = task, -(-total_bytes // _MEGABYTE)
        self._progress = progress or NoProgress()
        self._pool = ThreadPoolExecutor(max_workers=threads)
        self._bytes, self._lock = 0, threading.Lock()

    def __enter__(self) -> "Reader":
        self._progress.start(self._task, self._total, "MB")
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)
        self._progress.finish()

    def map(self, function: Callable[[Item, Advance], Answer], items: Iterable[Item]) -> list[Answer]:
        """Return ``function(item, advance)`` of each item, in order."""
        return list(self._pool.map(lambda item: function(item, self._advance), items))

    def _advance(self, n_bytes: int) -> None:
        with self._lock:
            before = self._bytes // _MEGABYTE
            self._bytes += n_bytes
            whole = self._bytes // _MEGABYTE - before
            if whole:
                self._progress.advance(whole)


def _plain_path(path: str | os.PathLike[str]) -> Path:
    """Return the absolute path without '..', its symbolic links kept: that is the name users know."""
    return Path(os.path.abspath(path))  # noqa: PTH100


def _present(path: Path) -> Path:
    """Return ``path`` if it can be registered: there, of a name that can be stored."""
    if not path.exists():
        raise NotFoundError(f"{path}: no such file or folder; nothing was registered. Check the path.")
    try:
        str(path).encode()
    except UnicodeEncodeError as error:
        raise InputError(
            f"{str(path)!r}: the name is not UTF-8, so it cannot be stored. Rename it."
        ) from error
    if not os.access(path, os.R_OK):
        raise InputError(
            f"{path}: may not be read by this user; nothing was registered. Check its permissions."
        )
    return path


def _size(path: Path) -> int:
    size = size_bytes(path)
    if size == 0:
        what = "a folder without content" if path.is_dir() else "empty"
        raise InputError(f"{path}: is {what}; nothing was registered. Was the job that writes it cut off?")
    return size
