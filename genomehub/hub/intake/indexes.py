"""Indexes: do they belong to their file, and how many reads or variants do they count?

An index is not judged by its time, which copying changes, but by its content: every place that it names must
be within the file, the places where contigs begin must hold records of these contigs, and nothing may follow
the last place but reads without a position.
"""

import dataclasses
import struct
from collections.abc import Callable, Sequence
from typing import BinaryIO

from genomehub.errors import InputError
from genomehub.hub.intake import bgzf
from genomehub.hub.intake.bounds import INDEX_BYTES, Stream, inflate
from genomehub.hub.intake.headers import read_container

#: Places of an index at which the file is looked at.
_PROBES = 32
_BAI_PSEUDO_BIN = 37450
_ALIGNMENTS, _VARIANTS_TEXT, _VARIANTS_BINARY = "bam", "vcf", "bcf"


@dataclasses.dataclass(frozen=True)
class Index:
    """What an index says.

    names : of its contigs, where it has them
    mapped, unmapped : records by contig, in the file's order; None where it does not count
    n_unplaced : reads without a position
    first, last : virtual offset where each contig begins (None: no record), and where the last ends
    """

    format: str
    names: tuple[str, ...] | None
    mapped: list[int | None]
    unmapped: list[int | None]
    n_unplaced: int | None
    first: list[int | None]
    last: int


class _Numbers:
    """Little-endian numbers of an index, each compared with what is left of it."""

    def __init__(self, data: bytes, name: str) -> None:
        self._data, self._at, self._name = data, 0, name

    def take(self, shape: str) -> tuple[int, ...]:
        try:
            values = struct.unpack_from(shape, self._data, self._at)
        except struct.error as error:
            raise self.damaged() from error
        self._at += struct.calcsize(shape)
        return values

    def one(self, shape: str) -> int:
        return self.take(shape)[0]

    def count(self, item_bytes: int) -> int:
        value = self.one("<i")
        if not 0 <= value * item_bytes <= len(self._data) - self._at:
            raise self.damaged()
        return value

    def bytes(self, n_bytes: int) -> bytes:
        self._at += n_bytes
        return self._data[self._at - n_bytes : self._at]

    @property
    def left(self) -> int:
        return len(self._data) - self._at

    def damaged(self) -> InputError:
        return InputError(
            f"{self._name}: the index is damaged or cut off at byte {self._at}. Make it again: samtools "
            "index, or bcftools index."
        )


def read_index(handle: BinaryIO, name: str) -> Index:
    """Return what a BAI, CSI or TBI says; CRAI is another matter, see ``check_crai``."""
    data = Stream(inflate(handle, name, INDEX_BYTES, "index"), name).rest()
    numbers = _Numbers(data, name)
    magic = numbers.bytes(4)
    if magic == b"BAI\1":
        n_contigs = numbers.count(8)
        return _binned("bai", None, n_contigs, numbers, _BAI_PSEUDO_BIN, csi=False)
    if magic == b"TBI\1":
        n_contigs = numbers.count(8)
        numbers.take("<6i")
        named = _names(numbers.bytes(numbers.count(1)))
        return _binned("tbi", named, n_contigs, numbers, _BAI_PSEUDO_BIN, csi=False)
    if magic == b"CSI\1":
        _, depth = numbers.take("<2i")
        if not 0 <= depth <= 20:
            raise numbers.damaged()
        auxiliary = numbers.bytes(numbers.count(1))
        names = _names(auxiliary[28:]) if len(auxiliary) > 28 else None
        n_contigs = numbers.count(4)
        return _binned("csi", names, n_contigs, numbers, ((1 << 3 * (depth + 1)) - 1) // 7 + 1, csi=True)
    raise InputError(
        f"{name}: is no index (it begins with {magic!r}; BAI, CSI, TBI or CRAI was expected). Make it again: "
        "samtools index, or bcftools index."
    )


def _names(data: bytes) -> tuple[str, ...]:
    return tuple(part.decode("utf-8", "replace") for part in data.rstrip(b"\0").split(b"\0"))


def _binned(
    kind: str, names: tuple[str, ...] | None, n_contigs: int, numbers: _Numbers, pseudo: int, *, csi: bool
) -> Index:
    mapped: list[int | None] = []
    unmapped: list[int | None] = []
    first: list[int | None] = []
    last = 0
    for _ in range(n_contigs):
        counts: tuple[int | None, int | None] = (None, None)
        begin: int | None = None
        for _ in range(numbers.count(8)):
            number = numbers.one("<I")
            if csi:
                numbers.one("<Q")
            n_chunks = numbers.count(16)
            chunks = numbers.take(f"<{2 * n_chunks}Q")
            if number == pseudo and n_chunks == 2:
                counts = (chunks[2], chunks[3])
            elif chunks:
                begin = min(begin, *chunks[::2]) if begin is not None else min(chunks[::2])
                last = max(last, *chunks[1::2], 0)
        if not csi:
            numbers.bytes(8 * numbers.count(8))
        mapped.append(counts[0] if counts[0] is not None else 0 if begin is None else None)
        unmapped.append(counts[1] if counts[1] is not None else 0 if begin is None else None)
        first.append(begin)
    unplaced = numbers.one("<Q") if numbers.left >= 8 else None
    return Index(kind, names, mapped, unmapped, unplaced, first, last)


def check_fit(handle: BinaryIO, index: Index, kind: str, contigs: Sequence[str], name: str) -> None:
    """Refuse an index that is not of this BAM, VCF or BCF.

    Parameters
    ----------
    handle : the file
    kind : "bam", "vcf" (also gVCF) or "bcf"
    contigs : names in the file's header
    name : of the index, for the sentence

    Raises
    ------
    InputError
        It names places that are not there, or that hold something else, or the file goes on after its last.
    """
    refuse = f"{name}: is not the index of this file (%s). Make it again: " + (
        "samtools index." if kind == _ALIGNMENTS else "bcftools index."
    )
    size = handle.seek(0, 2)
    end = size - len(bgzf.EOF_BLOCK)
    if len(index.first) > len(contigs) and index.names is None:
        raise InputError(refuse % f"it has {len(index.first)} contigs, the file's header {len(contigs)}")
    if index.last >> 16 > end:
        raise InputError(refuse % "it names places beyond the file's end")
    begun = [(number, place) for number, place in enumerate(index.first) if place is not None]
    step = max(1, -(-len(begun) // _PROBES))
    for number, place in [*begun[::step], *begun[-1:]]:
        wanted = index.names[number] if index.names else contigs[number]
        matches = _matcher(kind, number, wanted)
        try:
            found = matches(bgzf.read_at(handle, place, 512))
        except InputError as error:
            raise InputError(refuse % str(error)) from error
        if not found:
            raise InputError(refuse % f'where contig "{wanted}" should begin, the file has something else')
    if index.last >> 16 < end:
        try:
            rest = bgzf.read_at(handle, index.last, 8)
        except InputError as error:
            raise InputError(refuse % str(error)) from error
        if rest and not (kind == _ALIGNMENTS and rest[4:8] == b"\xff\xff\xff\xff"):
            raise InputError(refuse % "the file goes on after the last place that it names")


def _matcher(kind: str, number: int, contig: str) -> Callable[[bytes], bool]:
    if kind == _ALIGNMENTS:
        return lambda data: data[4:8] == struct.pack("<i", number)
    if kind == _VARIANTS_BINARY:
        return lambda data: data[8:12] == struct.pack("<i", number)
    return lambda data: data.startswith(contig.encode() + b"\t")


@dataclasses.dataclass(frozen=True)
class CramCounts:
    """Records of a CRAM by contig (-1: without a position, -2: containers of several contigs)."""

    by_contig: dict[int, int]
    offsets: frozenset[int]

    @property
    def n_records(self) -> int:
        """All records."""
        return sum(self.by_contig.values())


def walk_cram(handle: BinaryIO, major: int, name: str) -> CramCounts:
    """Count records by the heads of the containers, skipping their data; the last must mark the end.

    Raises
    ------
    InputError
        There is no end mark, or a container is damaged.
    """
    size = handle.seek(0, 2)
    handle.seek(26)
    head = read_container(handle, major, name)
    counts: dict[int, int] = {}
    offsets = set()
    ended = False
    while head is not None and head.end < size:
        handle.seek(head.end)
        head = read_container(handle, major, name)
        if head is None:
            break
        if head.n_records == 0 and head.start == 0x454F46:  # "EOF", CRAM 3.0 section 9
            ended = True
            break
        counts[head.reference_id] = counts.get(head.reference_id, 0) + head.n_records
        offsets.add(head.offset)
    if not ended:
        raise InputError(
            f"{name}: has no end-of-file container, so it is cut off (or its writer was killed). Copy or "
            "make it again, and compare its size with the source."
        )
    return CramCounts(counts, frozenset(offsets))


def check_crai(handle: BinaryIO, name: str, counts: CramCounts, n_contigs: int) -> None:
    """Refuse a CRAI that is not of this CRAM: its places must be the containers that are there.

    Raises
    ------
    InputError
        It is damaged, or names other places.
    """
    refuse = f"{name}: is not the index of this file (%s). Make it again: samtools index."
    stream = Stream(inflate(handle, name, INDEX_BYTES, "index"), name)
    named = set()
    while line := stream.line():
        fields = line.split()
        try:
            contig, _, _, offset = (int(field) for field in fields[:4])
        except ValueError as error:
            raise InputError(
                f"{name}: the line {line[:60]!r} is not that of a CRAI (six numbers). Make it again: "
                "samtools index."
            ) from error
        if not -2 <= contig < n_contigs:
            raise InputError(refuse % f"it names contig number {contig} of {n_contigs}")
        named.add(offset)
    if named != counts.offsets:
        other = len(named ^ counts.offsets)
        raise InputError(refuse % f"{other} of its containers are not those of the file")
