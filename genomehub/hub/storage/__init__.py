"""Where files lie: a folder or an S3-compatible object store, behind one small interface.

Storage(...)     put (whole or not at all, resumed after a kill), size, read, checksum, delete, link, clean
open_location()  any file that the catalogue names, by its path or its ``s3://`` location, for ranges
"""

from genomehub.hub.storage.interface import Blob, Storage
from genomehub.hub.storage.locations import is_remote, open_location, open_storage

__all__ = ["Blob", "Storage", "is_remote", "open_location", "open_storage"]
