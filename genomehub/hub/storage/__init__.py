"""Where files lie: a folder or an S3-compatible object store, behind one small interface.

Storage(...)     put (whole or not at all, resumed after a kill), size, read, checksum, delete, link, clean
open_location()  any file that the catalogue names, by its path or its ``s3://`` location, for ranges
place_of()       a file or folder that is to be registered: a path, or a place in an object store
"""

from genomehub.hub.storage.interface import Blob, Storage
from genomehub.hub.storage.locations import open_location, open_storage
from genomehub.hub.storage.places import Place, RemotePath, location_of, place_of
from genomehub.hub.storage.s3 import is_remote

__all__ = [
    "Blob", "Place", "RemotePath", "Storage", "is_remote", "location_of", "open_location", "open_storage",
    "place_of",
]  # fmt: skip
