"""Byte ranges of HTTP (RFC 9110, section 14), understood."""

import re

from genomehub.hub.delivery.regions import RangeError

#: Bytes ``[start, end)``.
Span = tuple[int, int]
#: Ranges that one request may ask for.
MOST_SPANS = 64
_RANGE = re.compile(r"(\d{0,18})-(\d{0,18})")


def parse_spans(header: str, size: int) -> list[Span] | None:
    """Return what a Range header asks for, in its order; None where it is to be ignored.

    Ranges of which nothing is there are left out; those that overlap or touch are one, so that nothing is
    sent twice.

    Raises
    ------
    RangeError
        Nothing of any range is there, or they are too many.

    >>> parse_spans("bytes=0-9", 100), parse_spans("bytes=-10", 100), parse_spans("bytes=90-", 100)
    ([(0, 10)], [(90, 100)], [(90, 100)])
    >>> parse_spans("bytes=50-59, 0-9, 5-19, 200-", 100), parse_spans("bytes=0-1,2-3", 100)
    ([(50, 60), (0, 20)], [(0, 4)])
    >>> parse_spans("bytes=5-4", 100), parse_spans("lines=1-2", 100), parse_spans("bytes=0-1,x", 100)
    (None, None, None)
    """
    unit, _, listed = header.partition("=")
    asked = [one.strip(" \t") for one in listed.split(",")]
    found = [_RANGE.fullmatch(one) for one in asked if one]
    if unit.strip(" \t").lower() != "bytes" or not found:
        return None
    spans = []
    for one in found:
        if one is None or one[0] == "-" or (one[1] and one[2] and int(one[1]) > int(one[2])):
            return None
        if one[1]:
            start, end = int(one[1]), int(one[2]) + 1 if one[2] else size
        else:
            start, end = max(size - int(one[2]), 0), size
        if start < min(end, size):
            spans.append((start, min(end, size)))
    if len(found) > MOST_SPANS:
        raise RangeError(f"{len(found)} ranges; ask for at most {MOST_SPANS} at a time.")
    if not spans:
        raise RangeError(f"{header[:60]}: the file has {size} bytes.")
    return _joined(spans)


def parse_span(header: str, size: int) -> Span | None:
    """Return the one range that a Range header asks for; None where it is to be ignored or asks for several.

    Raises
    ------
    RangeError
        Nothing of it is there.
    """
    spans = None if "," in header else parse_spans(header, size)
    return None if spans is None else spans[0]


def _joined(spans: list[Span]) -> list[Span]:
    joined: list[tuple[int, int, int]] = []  # start, end, place in the order that was asked for
    for place, (start, end) in sorted(enumerate(spans), key=lambda one: one[1]):
        if joined and start <= joined[-1][1]:
            first, behind, before = joined.pop()
            joined.append((first, max(behind, end), min(before, place)))
        else:
            joined.append((start, end, place))
    return [(start, end) for start, end, _ in sorted(joined, key=lambda one: one[2])]
