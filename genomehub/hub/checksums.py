"""Sizes and checksums of files and folders, with progress, several at once; on a disk or in an object store.

The rule is that of ``files.sha256``: a file's SHA-256, or for a folder (a .vcz store) the SHA-256 over the
sorted names and checksums of its files, wherever they lie. A file's MD5, which other hubs ask for, is made in
the same pass. Hashing releases the GIL, so threads help. A file that was read before and is unchanged is not
read again.
"""

import dataclasses
import hashlib
import itertools
import os
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Protocol, TypeVar

from genomehub.errors import InputError, NotFoundError
from genomehub.files import size_bytes
from genomehub.hub.records import FileRecord, MemberRecord
from genomehub.hub.storage.interface import CHUNK_BYTES
from genomehub.hub.storage.places import Location, Place, RemotePath, Stored, location_of, place_of
from genomehub.types import NoProgress, Progress

_CHUNK_BYTES = 1 << 20
_MEGABYTE = 1_000_000
#: Files of a folder in an object store that are read at once: each waits for the store more than for us.
_REMOTE_AT_ONCE = 8
#: A file that changed within so many seconds might change again without another time of change.
_SETTLED_SECONDS = 2

Item = TypeVar("Item")
Answer = TypeVar("Answer")
Advance = Callable[[int], None]


@dataclasses.dataclass(frozen=True)
class Checksum:
    """Size in bytes, SHA-256; for a folder its files and their number, for a file its MD5 if it was made."""

    size_bytes: int
    sha256: str
    n_files: int | None
    md5: str | None = dataclasses.field(default=None, compare=False)
    members: tuple[MemberRecord, ...] = dataclasses.field(default=(), compare=False, repr=False)


class Memory(Protocol):
    """Remembers checksums of files; see ``hub/intake/memory.py``."""

    def recall(self, path: Place, stamp: str) -> Checksum | None:
        """Return the checksum of a file if it was read when it had this stamp."""

    def keep(self, path: Place, stamp: str, seen: Checksum) -> None:
        """Remember it."""


def checksum(path: Place, advance: Advance = lambda n_bytes: None, *, md5: bool = True) -> Checksum:
    """Read a file or folder once and return its size and checksum; of a file also the MD5, if wanted.

    Raises
    ------
    InputError
        It changed while it was read.
    """
    if isinstance(path, RemotePath):
        return _remote_checksum(path, advance, md5)
    if not path.is_dir():
        other = hashlib.md5(usedforsecurity=False) if md5 else None
        size, digest = _file_checksum(path, advance, other)
        return Checksum(size, digest, None, other.hexdigest() if other else None)
    seen = ((_name_in(path, part), *_file_checksum(part, advance)) for part in _files_of(path))
    return _folder(MemberRecord(*one) for one in seen)


def names_in(folder: Place) -> list[str]:
    """Return the names of the files of a folder, in the order of its checksum."""
    if isinstance(folder, RemotePath):
        return [one.name for one in folder.files()]
    return [_name_in(folder, part) for part in _files_of(folder)]


def _files_of(path: Path) -> list[Path]:
    return sorted(part for part in path.rglob("*") if part.is_file()) if path.is_dir() else [path]


def _name_in(folder: Path, part: Path) -> str:
    return part.relative_to(folder).as_posix()


def _folder(members: Iterable[MemberRecord]) -> Checksum:
    """Return the checksum of a folder, whose members come in their order."""
    kept, folder = tuple(members), hashlib.sha256()
    for one in kept:
        folder.update(f"{one.name}\0{one.sha256}\n".encode())
    size = sum(one.size_bytes for one in kept)
    return Checksum(size, folder.hexdigest(), len(kept), members=kept)


def _remote_checksum(path: RemotePath, advance: Advance, md5: bool) -> Checksum:
    stored = path.stored()
    if stored is not None:
        other = hashlib.md5(usedforsecurity=False) if md5 else None
        digest = _object_checksum(path, stored, advance, other)
        return Checksum(stored.size_bytes, digest, None, other.hexdigest() if other else None)

    def member(one: Stored) -> MemberRecord:
        return MemberRecord(one.name, one.size_bytes, _object_checksum(path, one, advance))

    members: list[MemberRecord] = []
    rest = iter(path.files())
    with ThreadPoolExecutor(_REMOTE_AT_ONCE) as pool:
        while some := list(itertools.islice(rest, 1000)):  # so that an error ends it soon
            members += pool.map(member, some)
    return _folder(members)


def _object_checksum(
    path: RemotePath, stored: Stored, advance: Advance, other: "hashlib._Hash | None" = None
) -> str:
    blob, digest = path.blob(stored), hashlib.sha256()
    for start in range(0, blob.size, CHUNK_BYTES):
        chunk = blob.read(start, start + CHUNK_BYTES)
        digest.update(chunk)
        if other is not None:
            other.update(chunk)
        advance(len(chunk))
    return digest.hexdigest()


def _file_checksum(path: Path, advance: Advance, other: "hashlib._Hash | None" = None) -> tuple[int, str]:
    digest, size = hashlib.sha256(), 0
    with path.open("rb", buffering=0) as handle:
        before = os.fstat(handle.fileno())
        while size <= before.st_size and (chunk := handle.read(_CHUNK_BYTES)):  # a log may grow for ever
            digest.update(chunk)
            if other is not None:
                other.update(chunk)
            size += len(chunk)
            advance(len(chunk))
        after = os.fstat(handle.fileno())
    if size != before.st_size or before.st_mtime_ns != after.st_mtime_ns:
        raise InputError(
            f"{path}: changed while it was read. Register it when the job that writes it is done."
        )
    return size, digest.hexdigest()


def stamp_of(path: Place) -> tuple[str, bool]:
    """Return what tells that a file or folder is unchanged, and whether it has settled.

    Size, number (inode) and times of change of each file: the time of the last change of the inode cannot be
    set by programs, so content does not change behind the same stamp, once a file has settled. In an object
    store, sizes and tags, which another content always changes.
    """
    if isinstance(path, RemotePath):
        stored = path.stored()
        named = hashlib.sha256()
        for one in path.files() if stored is None else [stored]:
            named.update(f"{one.name}\0{one.size_bytes}\0{one.tag}\n".encode())
        return named.hexdigest(), True
    newest, digest = 0.0, hashlib.sha256()
    for part in _files_of(path):
        state = part.stat()
        newest = max(newest, state.st_ctime, state.st_mtime)
        facts = (state.st_size, state.st_mtime_ns, state.st_ctime_ns, state.st_ino, state.st_dev)
        digest.update(f"{_name_in(path, part)}\0{facts}\n".encode())
    return digest.hexdigest(), time.time() - newest > _SETTLED_SECONDS


def _recalled(path: Place, advance: Advance, memory: Memory | None) -> Checksum:
    if memory is None:
        return checksum(path, advance)
    stamp, settled = stamp_of(path)
    seen = memory.recall(path, stamp)
    if seen is not None:
        advance(seen.size_bytes)
        return seen
    seen = checksum(path, advance)
    if settled and stamp_of(path)[0] == stamp:
        memory.keep(path, stamp, seen)
    return seen


def describe_files(
    named: Iterable[tuple[str, Location]],
    *,
    threads: int = 1,
    progress: Progress | None = None,
    memory: Memory | None = None,
) -> tuple[FileRecord, ...]:
    """Return the record of each (kind, path), in order; nothing is taken that is missing or empty.

    With a memory, files that were read before and are unchanged are not read again.

    Raises
    ------
    NotFoundError
        Nothing is there.
    InputError
        A file, or a folder as a whole, is empty, unreadable or changing, or a link leads out of a folder.
    """
    todo = present(named)
    sizes = [size_of(path) for _, path in todo]

    def describe(item: tuple[str, Place], advance: Advance) -> FileRecord:
        kind, path = item
        try:
            seen = _recalled(path, advance, memory)
        except OSError as error:
            raise InputError(f"{path}: cannot be read ({error.strerror}). Check its permissions.") from error
        return FileRecord(
            kind, location_of(path), seen.size_bytes, seen.sha256, seen.n_files, seen.md5, seen.members
        )

    with Reader("checksums", sum(sizes), threads=threads, progress=progress) as reader:
        return tuple(reader.map(describe, todo))


def present(named: Iterable[tuple[str, Location]]) -> list[tuple[str, Place]]:
    """Return (kind, place) of each, if something is there; see ``describe_files``."""
    todo = [(kind, _present(place_of(path))) for kind, path in named]
    for _, path in todo:
        _require_content(path)
    return todo


def size_of(path: Place) -> int:
    """Return the size of a file, or of all files in a folder."""
    if isinstance(path, Path):
        return size_bytes(path)
    stored = path.stored()
    return sum(one.size_bytes for one in path.files()) if stored is None else stored.size_bytes


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


def _present(path: Place) -> Place:
    """Return ``path`` if it can be registered: there, of a name that can be stored."""
    if not path.exists():
        raise NotFoundError(f"{path}: no such file or folder; nothing was registered. Check the path.")
    if isinstance(path, RemotePath):
        return path
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
    if path.is_dir():
        _refuse_links_out(path)
    return path


def _refuse_links_out(folder: Path) -> None:
    """Refuse links that lead out of a folder: what they point to is no part of it."""
    root = folder.resolve()
    for part in folder.rglob("*"):
        if part.is_symlink() and not part.resolve().is_relative_to(root):
            raise InputError(
                f"{part}: is a link that leads out of the folder; nothing was registered. Put the file "
                "itself there."
            )


def _require_content(path: Place) -> None:
    if size_of(path) == 0:
        what = "a folder without content" if path.is_dir() else "empty"
        raise InputError(f"{path}: is {what}; nothing was registered. Was the job that writes it cut off?")
