"""Byte ranges of HTTP (RFC 9110, section 14), understood."""

import re

from genomehub.hub.delivery.regions import RangeError

_ONE = re.compile(r"bytes=\s*(\d{0,18})-(\d{0,18})\s*", re.IGNORECASE)


def parse_span(header: str, size: int) -> tuple[int, int] | None:
    """Return the bytes ``[start, end)`` that a Range header asks for; None where it is to be ignored.

    Several ranges are answered as none: with everything, as the RFC allows.

    Raises
    ------
    RangeError
        Nothing of the range is there.

    >>> parse_span("bytes=0-9", 100), parse_span("bytes=-10", 100), parse_span("bytes=90-", 100)
    ((0, 10), (90, 100), (90, 100))
    >>> parse_span("bytes=5-4", 100), parse_span("lines=1-2", 100), parse_span("bytes=0-1,5-6", 100)
    (None, None, None)
    """
    found = _ONE.fullmatch(header)
    if found is None or found[1] == found[2] == "":
        return None
    if not found[1]:
        start, end = max(size - int(found[2]), 0), size
    else:
        start, end = int(found[1]), int(found[2]) + 1 if found[2] else size
        if start >= end and found[2]:
            return None
    if start >= size or start >= end:
        raise RangeError(f"{header[:60]}: the file has {size} bytes.")
    return start, min(end, size)
