"""Regions that a client asks for: understood against a file's contigs, sorted and merged."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from genomehub.errors import ConfigError, NotFoundError
from genomehub.hub.delivery.indexes import FAR

#: Name of the unplaced reads.
UNPLACED = "*"
LARGEST_POSITION = (1 << 32) - 1


class Asked(NamedTuple):
    """As the client says it: a contig's name, 0-based half-open, None for an open end."""

    name: str
    start: int | None = None
    end: int | None = None


class Region(NamedTuple):
    """A span of one contig, 0-based, half-open.

    after : records that begin before it belong to the region before, and are not given again
    """

    contig: int
    start: int
    end: int
    after: int = -1


class RangeError(ConfigError):
    """The range asked for cannot be given."""


def resolve(asked: Iterable[Asked], names: Sequence[str], strict: bool = False) -> list[Region]:
    """Return regions sorted as in the file, merged where they overlap or touch.

    Parameters
    ----------
    names : of the contigs, by index
    strict : an empty region is an error (POST), else it is none

    Raises
    ------
    NotFoundError
        No contig has this name, nor differs from it by "chr" (or M for MT) only.
    RangeError
        The start is behind the end.
    """
    spans = []
    for name, start, end in asked:
        contig = _contig(name, names)
        start, end = start or 0, FAR if end is None else end
        if start > end or (strict and start == end):
            raise RangeError(f"start {start} is not before end {end}; positions are 0-based, end exclusive.")
        if start < end:
            spans.append((contig, start, end))
    merged: list[Region] = []
    for contig, start, end in sorted(spans):
        before = merged[-1] if merged and merged[-1].contig == contig else None
        if before is not None and start <= before.end:
            merged[-1] = before._replace(end=max(before.end, end))
        else:
            merged.append(Region(contig, start, end, -1 if before is None else before.end))
    return merged


def _contig(name: str, names: Sequence[str]) -> int:
    if name in names:
        return names.index(name)
    plain = _plain(name)
    alike = [number for number, other in enumerate(names) if other and _plain(other) == plain]
    if len(alike) == 1:
        return alike[0]
    raise NotFoundError(f"{name[:80]!r}: no such reference sequence; ask for the header to see their names.")


def _plain(name: str) -> str:
    """Return the name without ``chr``, and MT for M.

    >>> _plain("chrM"), _plain("20")
    ('MT', '20')
    """
    plain = name[3:] if name[:3].lower() == "chr" else name
    return "MT" if plain == "M" else plain
