"""BED: which parts of the genome count. Reading only; columns after the third are ignored."""

import codecs
import itertools
import os
from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np

from genomehub.errors import InputError
from genomehub.formats.bgzf import ByteSource
from genomehub.types import Contig, Interval

_READ_SIZE = 1 << 20
_SKIPPED = ("#", "track", "browser")


class Contigs(Protocol):
    """What names are resolved against: store.reference.Reference."""

    contigs: tuple[Contig, ...]

    def alias(
        self, names: Sequence[str], lengths: None = None, md5s: None = None, source: str = ""
    ) -> np.ndarray: ...


def read_bed(path: str | os.PathLike[str], reference: Contigs) -> list[Interval]:
    """Return the intervals of a BED file (plain or gzip): sorted, overlapping and touching ones joined.

    Contig names with or without ``chr`` are taken as the same; contigs that the reference lacks are left out
    as long as it has one of them.

    Raises
    ------
    InputError
        A line is malformed, an interval ends beyond its contig, no contig is known, or there is no interval.

    Examples
    --------
    >>> read_bed("confident.bed", Reference.open("genome.ref"))  # doctest: +SKIP
    """
    rows = [_parse(line, number, path) for number, line in text_lines(path, "BED file") if _is_row(line)]
    if not rows:
        raise InputError(f"{path}: holds no interval; BED needs contig, start and end in each line.")
    names = list(dict.fromkeys(name for name, *_ in rows))
    index = dict(zip(names, reference.alias(names, source=str(path)).tolist(), strict=True))
    intervals = []
    for name, start, end, number in rows:
        contig_index = index[name]
        if contig_index < 0:
            continue
        length = reference.contigs[contig_index].length
        if end > length:
            raise InputError(
                f"{path}, line {number}: {name}:{start}-{end} ends beyond the contig ({length:,} bp in the "
                "reference). Use regions of the same build."
            )
        intervals.append(Interval(contig_index, start, end))
    return merge_intervals(intervals)


def read_targets(path: str | os.PathLike[str], reference: Contigs, padding: int) -> list[Interval]:
    """Return the intervals of a BED widened by ``padding`` bp, cut at the ends of contigs, joined.

    Raises
    ------
    InputError
        As ``read_bed``.
    """
    return merge_intervals(
        [
            Interval(
                contig_index,
                max(0, start - padding),
                min(reference.contigs[contig_index].length, end + padding),
            )
            for contig_index, start, end in read_bed(path, reference)
        ]
    )


def read_ploidy_bed(
    path: str | os.PathLike[str], reference: Contigs, most: int
) -> list[tuple[Interval, int]]:
    """Return the intervals of a BED with the ploidy in their fourth column, sorted; 0 is not to be called.

    Raises
    ------
    InputError
        As ``read_bed``; or a ploidy is missing or not in 0 to ``most``, or two intervals overlap.
    """
    spans = []
    for number, line in text_lines(path, "BED file"):
        if not _is_row(line):
            continue
        fields = line.split("\t") if "\t" in line else line.split()
        name, start, end, _ = _parse(line, number, path)
        text = fields[3].strip() if len(fields) > 3 else ""
        if not text.isdecimal() or int(text) > most:
            raise InputError(
                f"{path}, line {number}: the ploidy is {text[:20]!r}; a whole number of 0 to {most} was "
                "expected in the fourth column."
            )
        spans.append((name, start, end, int(text), number))
    if not spans:
        raise InputError(f"{path}: holds no interval; BED needs contig, start and end in each line.")
    names = list(dict.fromkeys(name for name, *_ in spans))
    index = dict(zip(names, reference.alias(names, source=str(path)).tolist(), strict=True))
    placed = sorted((index[name], *rest) for name, *rest in spans if index[name] >= 0)
    for before, after in itertools.pairwise(placed):
        if after[0] == before[0] and after[1] < before[2]:
            raise InputError(
                f"{path}, line {after[4]}: overlaps the interval of line {before[4]}; a base has one ploidy. "
                "Cut one of them."
            )
    return [
        (Interval(contig, start, min(end, reference.contigs[contig].length)), ploidy)
        for contig, start, end, ploidy, _ in placed
    ]


def _is_row(line: str) -> bool:
    return bool(line) and not line.startswith(_SKIPPED)


def _parse(line: str, number: int, path: str | os.PathLike[str]) -> tuple[str, int, int, int]:
    fields = line.split("\t") if "\t" in line else line.split()
    try:
        name, start, end = fields[0], int(fields[1]), int(fields[2])
    except (IndexError, ValueError):
        raise InputError(
            f"{path}, line {number}: {line[:60]!r} was seen; BED needs contig, start, end with tabs between."
        ) from None
    if not 0 <= start <= end:
        raise InputError(f"{path}, line {number}: start {start} and end {end}; BED needs 0 <= start <= end.")
    return name, start, end, number


def merge_intervals(intervals: list[Interval]) -> list[Interval]:
    """Sort, and join what overlaps or touches; empty intervals vanish.

    Examples
    --------
    >>> merge_intervals([Interval(0, 5, 9), Interval(0, 1, 5), Interval(0, 20, 20)])
    [Interval(contig_index=0, start=1, end=9)]
    """
    merged: list[Interval] = []
    for interval in sorted(intervals):
        if interval.end == interval.start:
            continue
        if merged and merged[-1].contig_index == interval.contig_index and interval.start <= merged[-1].end:
            merged[-1] = merged[-1]._replace(end=max(merged[-1].end, interval.end))
        else:
            merged.append(interval)
    return merged


def text_lines(path: str | os.PathLike[str], what: str) -> Iterator[tuple[int, str]]:
    """Yield (number from 1, line without its end) of a text file, plain or gzip.

    Raises
    ------
    InputError
        The file is missing, cut off, damaged, or no text.
    """
    number, rest = 0, ""
    decode = codecs.getincrementaldecoder("utf-8")().decode  # a character may straddle two reads
    with ByteSource(path, what) as source:
        buffer = np.empty(_READ_SIZE, dtype=np.uint8)
        while n := source.read_into(buffer):
            try:
                text = rest + decode(buffer[:n].tobytes())
            except UnicodeDecodeError as error:
                raise InputError(
                    f"{path}, after line {number}: is not text; a {what} was expected."
                ) from error
            *lines, rest = text.split("\n")
            for line in lines:
                number += 1
                yield number, line.removesuffix("\r")
    if rest:
        yield number + 1, rest.removesuffix("\r")
