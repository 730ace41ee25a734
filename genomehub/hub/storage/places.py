"""Where something lies that is to be registered: a path on this machine, or a place in an object store.

An object store has no folders, only names with slashes. What lies below a name and a slash is taken as the
folder of that name. ``RemotePath`` has of ``pathlib.Path`` what intake needs, so that it looks into both.
"""

import dataclasses
import io
import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, NamedTuple

from genomehub.errors import InputError, NotFoundError, TooLargeError
from genomehub.hub.storage.interface import CHUNK_BYTES
from genomehub.hub.storage.s3 import RemoteBlob, bucket_store, is_remote, sentences, split_url

#: Files that a folder in an object store may have; more are better kept in a zip.
MOST_FILES = 1_000_000
_FIRST_WINDOW = 1 << 16  # bytes read at a place; twice as many with each read that goes on from there


class Stored(NamedTuple):
    """A file below a folder of an object store.

    name : relative to the folder; tag : of its content, as the store gives it; another after each change
    """

    name: str
    size_bytes: int
    tag: str


@dataclasses.dataclass(frozen=True)
class RemotePath:
    """A place in a bucket: a file, or a folder, or nothing."""

    bucket: str
    key: str

    @classmethod
    def parse(cls, url: str) -> "RemotePath":
        """Return the place of ``s3://BUCKET/KEY``; a slash at its end is left out.

        >>> str(RemotePath.parse("s3://genomes/NA12878.vcz/"))
        's3://genomes/NA12878.vcz'

        Raises
        ------
        InputError
            The key is no name that a file could have.
        """
        bucket, key = split_url(url.rstrip("/"))
        if not key or _odd(key):
            raise InputError(
                f"{url[:200]}: is no place of a file. Give s3://BUCKET/NAME, without '..' and '//'."
            )
        return cls(bucket, key)

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.key}"

    @property
    def name(self) -> str:
        """The last part of its key."""
        return PurePosixPath(self.key).name

    @property
    def stem(self) -> str:
        """Its name without the last suffix."""
        return PurePosixPath(self.key).stem

    def with_name(self, name: str) -> "RemotePath":
        """Return the place of another name beside it."""
        return RemotePath(self.bucket, self.key[: -len(self.name)] + name)

    def exists(self) -> bool:
        """Whether a file or folder is there."""
        return self.is_file() or self.is_dir()

    def is_file(self) -> bool:
        """Whether an object is there."""
        return self.stored() is not None

    def is_dir(self) -> bool:
        """Whether objects are below it, and none is at it."""
        return not self.is_file() and next(self._below(), None) is not None

    def stored(self) -> Stored | None:
        """Return what is known of the object, None if there is none."""
        import obstore

        try:
            with sentences(self.key):
                found = obstore.head(bucket_store(self.bucket), self.key)
        except NotFoundError:
            return None
        return Stored("", int(found["size"]), str(found["e_tag"] or found["last_modified"]))

    def files(self) -> list[Stored]:
        """Return the files of a folder as ``sorted`` orders the paths of one on a disk.

        Raises
        ------
        InputError
            A key is no name that a file could have.
        TooLargeError
            There are too many.
        """
        found: list[Stored] = []
        for one in self._below():
            if _odd(one.name):
                raise InputError(
                    f"{self}: holds {one.name[:80]!r}, which is no name of a file. Rename or remove it."
                )
            found.append(one)
            if len(found) > MOST_FILES:
                raise TooLargeError(
                    f"{self}: has more than {MOST_FILES} files. Zip what is in it: NAME.vcz.zip."
                )
        return sorted(found, key=lambda one: one.name.split("/"))

    def _below(self) -> Iterator[Stored]:
        """Yield what is below; the empty objects that some programs make for folders are none of it."""
        import obstore

        prefix = f"{self.key}/"
        with sentences(self.key):
            for page in obstore.list(bucket_store(self.bucket), prefix, chunk_size=1000):
                for one in page:
                    name = one["path"][len(prefix) :]
                    if name and not (name.endswith("/") and one["size"] == 0):
                        yield Stored(name, int(one["size"]), str(one["e_tag"] or one["last_modified"]))

    def blob(self, stored: Stored) -> RemoteBlob:
        """Open what ``stored`` or ``files`` gave; should it be replaced, reading fails."""
        key = f"{self.key}/{stored.name}" if stored.name else self.key
        return RemoteBlob(bucket_store(self.bucket), key, stored.size_bytes, stored.tag)

    def open(self, mode: str = "rb") -> BinaryIO:
        """Open a file for reading bytes, from any place on."""
        stored = self.stored()
        if mode != "rb" or stored is None:
            raise NotFoundError(f"{self.name}: no such file in the object store.")
        return io.BufferedReader(_Handle(self.blob(stored)), _FIRST_WINDOW)

    def zarr_store(self) -> Any:
        """Return the folder as Zarr reads it."""
        import zarr

        return zarr.storage.ObjectStore(bucket_store(self.bucket, self.key), read_only=True)


Place = Path | RemotePath
#: What people and records say of a place.
Location = str | os.PathLike[str] | RemotePath


def place_of(location: Location) -> Place:
    """Return the place of a location: in an object store, or the absolute path without '..', links kept."""
    if isinstance(location, RemotePath):
        return location
    if is_remote(location):
        return RemotePath.parse(str(location))
    return Path(os.path.abspath(location))  # noqa: PTH100


def location_of(place: Place) -> Path | str:
    """Return what records say of a place."""
    return place if isinstance(place, Path) else str(place)


def _odd(key: str) -> bool:
    return any(part in ("", ".", "..") or "\0" in part or "\\" in part for part in key.split("/"))


class _Handle(io.RawIOBase):
    """A blob as a file; what is read in order comes in ever larger pieces, up to ``CHUNK_BYTES``."""

    def __init__(self, blob: RemoteBlob) -> None:
        self._blob, self._at = blob, 0
        self._kept, self._origin, self._window = b"", 0, _FIRST_WINDOW

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self._at = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._blob.size}[whence]
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: Any) -> int:
        if not self._origin <= self._at < self._origin + len(self._kept):
            goes_on = self._at == self._origin + len(self._kept) and self._at > 0
            self._window = min(2 * self._window, CHUNK_BYTES) if goes_on else _FIRST_WINDOW
            self._kept, self._origin = self._blob.read(self._at, self._at + self._window), self._at
        begin = self._at - self._origin
        piece = self._kept[begin : begin + len(buffer)]
        buffer[: len(piece)] = piece
        self._at += len(piece)
        return len(piece)
