"""Files in a folder."""

import contextlib
import hashlib
import os
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from genomehub.errors import InputError, NotFoundError, ResourceError
from genomehub.files import os_error
from genomehub.hub.storage.interface import CHUNK_BYTES, Advance, check_key, no_advance

_PART = ".part"


class LocalBlob:
    """A local file, opened."""

    piece_bytes = 2**18

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        try:
            self._handle: int | None = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError as error:
            raise NotFoundError(f"{path.name}: the file is not where it was registered.") from error
        except OSError as error:
            raise ResourceError(f"{path.name}: cannot be read ({error.strerror}).") from error
        self.size = os.fstat(self._handle).st_size

    def read(self, start: int, end: int) -> bytes:
        """Return the bytes from ``start`` up to ``end``."""
        if self._handle is None:
            raise ValueError("the file is closed")
        wanted = max(0, min(end, self.size) - start)
        pieces: list[bytes] = []
        while wanted and (piece := os.pread(self._handle, wanted, start)):
            pieces.append(piece)
            start, wanted = start + len(piece), wanted - len(piece)
        return b"".join(pieces)

    def close(self) -> None:
        """Give the file up."""
        with self._lock:
            if self._handle is not None:
                os.close(self._handle)
                self._handle = None

    def __del__(self) -> None:
        if getattr(self, "_handle", None) is not None:
            self.close()


class FolderStorage:
    """Storage in a folder of a POSIX file system."""

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()

    def path(self, key: str) -> Path:
        """Return where a key lies."""
        return self.root / check_key(key)

    def location(self, key: str) -> str:
        """Return the absolute path."""
        return str(self.path(key))

    def put(
        self, source: Path, key: str, sha256: str, advance: Advance = no_advance, *, ours: bool = False
    ) -> str:
        """Store a copy; one that was cut off is gone on with, and checked as a whole."""
        target = self.path(key)
        part = target.with_name(f".{target.name}{_PART}")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            if ours and _linked(source, part):
                part.replace(target)
                part.unlink(missing_ok=True)  # replace does nothing where both names are the same file
                _sync_folder(target.parent)
                advance(source.stat().st_size)
                return str(target)
            for attempt in ("go on", "anew"):
                if attempt == "anew":
                    part.unlink(missing_ok=True)
                _copy_rest(source, part, advance)
                if _sha256(part) == sha256:
                    part.replace(target)
                    _sync_folder(target.parent)
                    return str(target)
            part.unlink(missing_ok=True)
        except OSError as error:
            raise os_error(target, error) from error
        raise InputError(
            f"{source.name}: is not what its checksum {sha256[:12]} says; it changed while it was stored. "
            "Send it again."
        )

    def open(self, key: str) -> LocalBlob:
        """Open a file."""
        return LocalBlob(self.path(key))

    def size(self, key: str) -> int | None:
        """Return the size of a file, None if there is none."""
        path = self.path(key)
        return path.stat().st_size if path.is_file() else None

    def checksum(self, key: str, advance: Advance = no_advance) -> str:
        """Read a file whole and return its SHA-256."""
        path = self.path(key)
        if not path.is_file():
            raise NotFoundError(f"{path.name}: no such file in the storage.")
        return _sha256(path, advance)

    def delete(self, key: str) -> None:
        """Remove a file, and the folders that it leaves empty."""
        path = self.path(key)
        for name in (path, path.with_name(f".{path.name}{_PART}")):
            name.unlink(missing_ok=True)
        for folder in path.parents:
            if folder == self.root or not folder.is_relative_to(self.root):
                break
            try:
                folder.rmdir()
            except OSError:
                break

    def link(self, key: str, seconds: int) -> str | None:
        """Return None: the service itself gives out files of a folder."""
        return None

    def keys(self, prefix: str) -> Iterator[str]:
        """Yield the keys below a folder."""
        base = self.path(prefix)
        for path in sorted(base.rglob("*")):
            if path.is_file() and not path.is_symlink() and not path.name.endswith(_PART):
                yield path.relative_to(self.root).as_posix()

    def abandoned(self, before: datetime) -> list[str]:
        """Remove parts that nothing was written to since ``before``."""
        removed = []
        for part in sorted((self.root / "files").rglob(f".*{_PART}")):
            with contextlib.suppress(FileNotFoundError):
                if datetime.fromtimestamp(part.stat().st_mtime, UTC) < before:
                    part.unlink()
                    removed.append(part.relative_to(self.root).as_posix())
        return removed


def _linked(source: Path, part: Path) -> bool:
    """Give a file another name, if the file system can; both are on it then."""
    part.unlink(missing_ok=True)
    try:
        part.hardlink_to(source)
    except OSError:
        return False
    return True


def _copy_rest(source: Path, part: Path, advance: Advance) -> None:
    with source.open("rb") as old, part.open("ab") as new:
        done = new.tell()
        if done > old.seek(0, os.SEEK_END):
            new.truncate(0)
            done = 0
        old.seek(done)
        advance(done)
        while chunk := old.read(CHUNK_BYTES):
            new.write(chunk)
            advance(len(chunk))
        new.flush()
        os.fsync(new.fileno())


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _sha256(path: Path, advance: Advance = no_advance) -> str:
    digest = hashlib.sha256()
    with path.open("rb", buffering=0) as handle:
        while chunk := handle.read(CHUNK_BYTES):
            digest.update(chunk)
            advance(len(chunk))
    return digest.hexdigest()
