"""Reading parts of a file, wherever it lies: what slices and downloads are made from.

A file of the catalogue is opened by what the catalogue knows of it, never by a name that a client sent.
"""

import dataclasses
import secrets
from collections.abc import Callable, Iterator, Sequence

from genomehub.errors import ResourceError
from genomehub.hub.delivery.spans import Span
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


@dataclasses.dataclass(frozen=True)
class Body:
    """Ranges of a file as the body of an answer.

    heads : what stands before each range, and behind the last
    """

    spans: Sequence[Span]
    heads: Sequence[bytes]
    media_type: str

    @property
    def n_bytes(self) -> int:
        """Of all of it."""
        return sum(map(len, self.heads)) + sum(end - start for start, end in self.spans)

    def pieces(self, blob: Blob) -> Iterator[bytes]:
        """Yield it piece by piece; see ``pieces``."""
        for head, (start, end) in zip(self.heads, self.spans, strict=False):
            if head:
                yield head
            yield from pieces(blob, start, end)
        if self.heads[-1]:
            yield self.heads[-1]


def body_of(spans: Sequence[Span], size: int, media_type: str) -> Body:
    """Return the body that gives ranges of a file: of several, each with a head (RFC 9110, section 14.6)."""
    if len(spans) == 1:
        return Body(spans, (b"", b""), media_type)
    boundary = secrets.token_hex(16)  # 128 bits at random are in no file
    heads = [
        f"\r\n--{boundary}\r\nContent-Type: {media_type}\r\n"
        f"Content-Range: {content_range(span, size)}\r\n\r\n".encode()
        for span in spans
    ]
    heads[0] = heads[0].removeprefix(b"\r\n")
    heads.append(f"\r\n--{boundary}--\r\n".encode())
    return Body(spans, heads, f"multipart/byteranges; boundary={boundary}")


def content_range(span: Span, size: int) -> str:
    """Return what a Content-Range header says of a range.

    >>> content_range((0, 10), 100)
    'bytes 0-9/100'
    """
    return f"bytes {span[0]}-{span[1] - 1}/{size}"
