"""Which storage a setting or a location in the catalogue means."""

from pathlib import Path
from typing import Protocol

from genomehub.errors import ConfigError
from genomehub.hub.database import locate
from genomehub.hub.storage.interface import Blob, Storage
from genomehub.hub.storage.posix import FolderStorage, LocalBlob
from genomehub.hub.storage.s3 import S3Storage, bucket_store, is_remote, open_object, split_url


class Places(Protocol):
    """The settings that say where things are."""

    @property
    def catalogue(self) -> str: ...

    @property
    def storage(self) -> str | None: ...


def open_storage(settings: Places) -> Storage:
    """Return the storage of the settings: a folder, ``s3://BUCKET/PREFIX``, by default beside the catalogue.

    Raises
    ------
    ConfigError
        There is no such kind of storage, or none is set and the catalogue has no folder.
    """
    if settings.storage is None:
        folder = locate(settings.catalogue).folder
        if folder is None:
            raise ConfigError(
                "storage: is needed with PostgreSQL. Name a folder, or s3://BUCKET/PREFIX, in the settings."
            )
        return FolderStorage(folder / "storage")
    if is_remote(settings.storage):
        return S3Storage(settings.storage)
    if "://" in settings.storage:
        raise ConfigError(f"storage: {settings.storage}: a folder or s3://BUCKET/PREFIX is expected.")
    return FolderStorage(Path(settings.storage).expanduser())


def open_location(settings: Places, location: str | Path) -> Blob:
    """Open a file that the catalogue names.

    Parameters
    ----------
    location : ``s3://BUCKET/KEY``, an absolute path, or a path relative to the catalogue's folder

    Raises
    ------
    NotFoundError
        It is not there.
    ResourceError
        It cannot be read, or the object store cannot be reached.
    """
    if is_remote(location):
        bucket, key = split_url(str(location))
        return open_object(bucket_store(bucket), key)
    path = Path(location)
    folder = locate(settings.catalogue).folder
    return LocalBlob(path if path.is_absolute() or folder is None else folder / path)
