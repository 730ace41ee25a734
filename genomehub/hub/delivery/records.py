"""Where records begin and end in inflated BAM, BCF and VCF, and what of the reference they lie over.

Nothing of a record is changed or kept: slices.py cuts between records. Positions are 0-based, half-open, and
the extent of a record is that of htslib, so that a slice holds what ``samtools view`` and ``bcftools view``
of the same region show.
"""

import re
import struct
from collections.abc import Iterator
from typing import NamedTuple, Protocol

import numpy as np

from genomehub.errors import StoreError

_I32 = struct.Struct("<i")
_LARGEST_RECORD = 1 << 29
_LARGEST_HEADER = 1 << 28
_REFERENCE_OPERATIONS = np.array([1, 0, 1, 1, 0, 0, 0, 1, 1] + [0] * 7, dtype=np.int64)  # MIDNSHP=X
_UNMAPPED = 4
_END = re.compile(rb"(?:^|;)END=(-?\d+)")
_CONTIG = re.compile(r"##contig=<(.*)>\s*")
_ID, _LENGTH, _IDX = (re.compile(rf"(?:^|,){key}=(\"[^\"]*\"|[^,]*)") for key in ("ID", "length", "IDX"))


class Found(NamedTuple):
    """A record: bytes ``[begin, end)`` of the data, its contig's index and its first position."""

    begin: int
    end: int
    contig: int
    position: int


class Heading(NamedTuple):
    """The header of a file: its inflated bytes' length, and the contigs in the order of their indexes."""

    n_bytes: int
    contigs: tuple[tuple[str, int | None], ...]


class Records(Protocol):
    """How records of one format lie in inflated bytes."""

    def heading(self, data: bytes) -> Heading | None:
        """Return the header that ``data`` begins with, or None if it is not all there."""

    def walk(self, data: bytes, at: int) -> Iterator[Found]:
        """Yield the whole records of ``data`` from ``at`` on."""

    def reach(self, data: bytes, found: Found) -> int:
        """Return the position behind the last base that a record lies over."""


def _checked(size: int) -> int:
    if not 0 < size < _LARGEST_RECORD:
        raise StoreError(f"a record is {size} bytes long; the file or its index is damaged: verify it.")
    return size


class BamRecords:
    """BAM."""

    def heading(self, data: bytes) -> Heading | None:
        """Return the header: text and contigs with lengths."""
        if len(data) >= 4 and data[:4] != b"BAM\1":
            raise StoreError("a file is not BAM as its kind says; register it under its own kind.")
        try:
            at = 8 + _I32.unpack_from(data, 4)[0]
            (n_contigs,) = _I32.unpack_from(data, at)
            at += 4
            contigs = []
            for _ in range(n_contigs):
                (length,) = _I32.unpack_from(data, at)
                name = data[at + 4 : at + 3 + length].decode()
                at += 4 + length
                contigs.append((name, int(_I32.unpack_from(data, at)[0])))
                at += 4
        except struct.error:
            _check_length(data)
            return None
        return Heading(at, tuple(contigs))

    def walk(self, data: bytes, at: int) -> Iterator[Found]:
        """Yield whole records."""
        head, n_bytes = struct.Struct("<iii").unpack_from, len(data)
        while at + 36 <= n_bytes:
            size, contig, position = head(data, at)
            end = at + 4 + _checked(size)
            if end > n_bytes:
                return
            yield Found(at, end, contig, position)
            at = end

    def reach(self, data: bytes, found: Found) -> int:
        """Return the end of the CIGAR on the reference; an unmapped or empty one lies over one base."""
        n_operations, flag = struct.unpack_from("<HH", data, found.begin + 16)
        if flag & _UNMAPPED:
            return found.position + 1
        place = found.begin + 36 + data[found.begin + 12]
        cigar = np.frombuffer(data, "<u4", n_operations, place)
        length = int(((cigar >> 4) * _REFERENCE_OPERATIONS[cigar & 15]).sum())
        return found.position + max(length, 1)


class BcfRecords:
    """BCF 2.2."""

    def heading(self, data: bytes) -> Heading | None:
        """Return the header: its text's contigs, numbered by IDX or in their order."""
        if len(data) >= 5 and data[:4] != b"BCF\2":
            raise StoreError("a file is not BCF as its kind says; register it under its own kind.")
        if len(data) < 9 or len(data) < (end := 9 + _I32.unpack_from(data, 5)[0]):
            _check_length(data)
            return None
        return Heading(end, contigs_of(data[9:end].split(b"\0")[0].decode(errors="replace")))

    def walk(self, data: bytes, at: int) -> Iterator[Found]:
        """Yield whole records."""
        head, n_bytes = struct.Struct("<IIii").unpack_from, len(data)
        while at + 32 <= n_bytes:
            shared, individual, contig, position = head(data, at)
            end = at + 8 + _checked(shared + individual)
            if end > n_bytes:
                return
            yield Found(at, end, contig, position)
            at = end

    def reach(self, data: bytes, found: Found) -> int:
        """Return the end of ``rlen``."""
        return found.position + max(int(_I32.unpack_from(data, found.begin + 16)[0]), 1)


class VcfRecords:
    """VCF text. Contigs are numbered as they are in ``names`` (of the index), then as they come."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self._numbers = {name.encode(): number for number, name in enumerate(names)}

    def heading(self, data: bytes) -> Heading | None:
        """Return the lines that begin with #."""
        if data and data[:1] != b"#":
            raise StoreError("a file is not VCF as its kind says; register it under its own kind.")
        at = data.find(b"\n#CHROM")
        end = data.find(b"\n", at + 1) + 1 if at >= 0 else 0
        if not end:
            _check_length(data)
            return None
        return Heading(end, contigs_of(data[:end].decode(errors="replace")))

    def walk(self, data: bytes, at: int) -> Iterator[Found]:
        """Yield whole lines."""
        while (end := data.find(b"\n", at) + 1) > 0:
            tab = data.find(b"\t", at, end)
            contig = self._numbers.get(data[at:tab], -1)
            try:
                position = int(data[tab + 1 : data.index(b"\t", tab + 1, end)]) - 1
            except ValueError:
                raise StoreError("a line of a VCF has no position; verify the file.") from None
            yield Found(at, end, contig, position)
            at = end

    def reach(self, data: bytes, found: Found) -> int:
        """Return the end of REF, or of INFO/END where that is further on than POS."""
        columns = data[found.begin : found.end].split(b"\t", 8)
        end = _END.search(columns[7].rstrip()) if len(columns) > 7 else None
        if end is not None and int(end[1]) > found.position:
            return int(end[1])
        return found.position + len(columns[3])


def _check_length(data: bytes) -> None:
    """Refuse a header that goes on and on behind ``data``."""
    if len(data) > _LARGEST_HEADER:
        raise StoreError(f"a header is longer than {_LARGEST_HEADER} bytes; verify the file.")


def contigs_of(text: str) -> tuple[tuple[str, int | None], ...]:
    """Return names and lengths of ##contig lines, at the place that IDX gives.

    >>> contigs_of("##contig=<ID=20,length=63025520>\\n##contig=<ID=MT>\\n")
    (('20', 63025520), ('MT', None))
    """
    contigs: dict[int, tuple[str, int | None]] = {}
    for line in text.splitlines():
        if (found := _CONTIG.fullmatch(line)) and (name := _ID.search(found[1])):
            length, idx = _LENGTH.search(found[1]), _IDX.search(found[1])
            place = int(idx[1]) if idx else len(contigs)
            contigs[place] = (name[1], int(length[1]) if length and length[1].isdigit() else None)
    size = max(contigs, default=-1) + 1
    if size > 10 * len(contigs) + 100:
        raise StoreError("##contig lines have numbers (IDX) far beyond their count; verify the file.")
    return tuple(contigs.get(place, ("", None)) for place in range(size))
