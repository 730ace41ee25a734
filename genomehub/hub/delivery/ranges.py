"""Reading parts of a file, wherever it lies: what slices and downloads are made from.

A file of the catalogue is opened by what the catalogue knows of it, never by a name that a client sent.
"""

from collections.abc import Callable, Iterator

from genomehub.errors import ResourceError
from genomehub.hub.storage import Blob

#: Opens a location of the catalogue, or raises NotFoundError.
Opener = Callable[[str], Blob]


def pieces(blob: Blob, start: int, end: int) -> Iterator[bytes]:
    """Yield bytes ``[start, end)`` piece by piece.

    Raises
    ------
    ResourceError
        The file ends before: it was replaced while it was read.
    """
    while start < end:
        piece = blob.read(start, min(start + blob.piece_bytes, end))
        if not piece:
            raise ResourceError(f"a file ended at byte {start}, {end - start} bytes early; it was changed.")
        yield piece
        start += len(piece)
