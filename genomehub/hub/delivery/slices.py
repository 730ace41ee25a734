"""Slices of BGZF files: the header, and the records of a region, as BGZF blocks that may be joined.

A region is read in three steps. Records that begin before it may reach into it: they are looked at one by
one in the chunks that the index names. From the first record that begins in it on, all are wanted; as far as
the index vouches for that (``Index.safe_until``) blocks are handed on as they are, neither inflated nor
looked into. The last few are looked at one by one again, up to the first record that begins behind.
"""

import dataclasses
import functools
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Any

from genomehub.errors import StoreError
from genomehub.hub.delivery.bgzf import BLOCK_BYTES, EOF_BLOCK, Blocks, blocks_of
from genomehub.hub.delivery.indexes import Index, parse_index
from genomehub.hub.delivery.ranges import pieces
from genomehub.hub.delivery.records import BamRecords, BcfRecords, Records, VcfRecords
from genomehub.hub.delivery.regions import Region
from genomehub.hub.storage import Blob

_HEADER_STEP = 1 << 16


class Kept:
    """Answers kept for a few files, the least lately asked for dropped first."""

    def __init__(self, most: int) -> None:
        self._most, self._lock = most, threading.Lock()
        self._kept: OrderedDict[tuple[object, ...], Any] = OrderedDict()

    def get(self, key: tuple[object, ...], make: Callable[[], Any]) -> Any:
        """Return what was made for ``key``; two at once may both make it."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        made = make()
        with self._lock:
            self._kept[key] = made
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)
        return made


_INDEXES, _HEADS = Kept(16), Kept(64)


@dataclasses.dataclass(frozen=True)
class Head:
    """The header of a file.

    blocks : as BGZF; behind : virtual offset of the first record
    """

    blocks: bytes
    contigs: tuple[tuple[str, int | None], ...]
    behind: int


@dataclasses.dataclass(frozen=True)
class BgzfSource:
    """A BAM, BCF or VCF file and its index (None: only header and whole file can be had).

    identity : of the content, so that many readers share what was read of header and index
    """

    format: str
    reader: Blob
    index_reader: Blob | None
    identity: tuple[object, ...]

    @functools.cached_property
    def index(self) -> Index | None:
        """The index, parsed once for all readers of the same file."""
        reader = self.index_reader
        if reader is None:
            return None
        index: Index = _INDEXES.get(
            (*self.identity, reader.size), lambda: parse_index(reader.read(0, reader.size))
        )
        return index

    @functools.cached_property
    def head(self) -> Head:
        """The header."""
        head: Head = _HEADS.get((self.format, *self.identity), self._read_head)
        return head

    @functools.cached_property
    def names(self) -> tuple[str, ...]:
        """Names of the contigs by their numbers in the index."""
        header = tuple(name for name, _ in self.head.contigs)
        if self.format != "VCF":
            return header
        indexed = () if self.index is None else self.index.names
        return indexed + tuple(name for name in header if name not in set(indexed))

    @property
    def records(self) -> Records:
        """How its records lie."""
        if self.format == "VCF":
            return VcfRecords(() if self.index is None else self.names)
        return BamRecords() if self.format == "BAM" else BcfRecords()

    def _read_head(self) -> Head:
        # VCF: names come from the index and the header, so the header is read without them
        records = VcfRecords(()) if self.format == "VCF" else self.records
        blocks = Blocks(self.reader, 0, _HEADER_STEP)
        data = b""
        while True:
            before = len(data)
            more = blocks.next()
            data += more
            heading = records.heading(data)
            if heading is not None:
                break
            if not more:
                raise StoreError("a file ends within its header; verify it.")
        whole = heading.n_bytes == len(data)
        behind = blocks.offset << 16 if whole else blocks.begin << 16 | heading.n_bytes - before
        return Head(b"".join(blocks_of(data[: heading.n_bytes])), heading.contigs, behind)

    def header(self) -> bytes:
        """Return the header as BGZF blocks."""
        return self.head.blocks

    @property
    def end(self) -> bytes:
        """What ends a file of this format."""
        return EOF_BLOCK

    def region(self, region: Region) -> Iterator[bytes]:
        """Yield the blocks of the records that overlap a region."""
        index = self.index
        assert index is not None, "asked for a region of a file without an index"
        chunks = index.chunks(region.contig, region.start, region.end)
        if chunks:
            safe = index.safe_until(region.contig, region.end)
            yield from _gathered(_Cut(self.reader, self.records, region, safe).run(chunks))

    def unplaced(self) -> Iterator[bytes]:
        """Yield the blocks of the reads without a place, which stand at the end of a BAM file."""
        assert self.index is not None, "asked for unplaced reads of a file without an index"
        offset = self.index.last_offset or self.head.behind
        yield from _gathered(_tail(self.reader, BamRecords(), offset))

    def parts(self, region: Region, n_bytes: int) -> list[Region]:
        """Return a region as regions of about ``n_bytes`` of the file each; joined they are the same."""
        assert self.index is not None, "asked for a region of a file without an index"
        if not 0 <= region.contig < len(self.index.contigs):
            return [region]
        cuts = self.index.cuts(region.contig, region.start, region.end, n_bytes)
        bounds = [region.start, *cuts, region.end]
        afters = [region.after, *cuts]
        return [
            Region(region.contig, start, end, after)
            for start, end, after in zip(bounds[:-1], bounds[1:], afters, strict=True)
        ]


class _Cut:
    """One run over a region; yields inflated bytes to keep (bytearray) and blocks as they are (bytes)."""

    def __init__(self, reader: Blob, records: Records, region: Region, safe: int) -> None:
        self._reader, self._records, self._region, self._safe = reader, records, region, safe

    def run(self, chunks: list[tuple[int, int]]) -> Iterator[bytes | bytearray]:
        for begin, end in chunks:
            blocks = Blocks(self._reader, begin >> 16, (end >> 16) + _HEADER_STEP)
            data, at = blocks.next(), begin & 0xFFFF
            while True:
                kept, at, first = self._look(data, at)
                yield kept
                if first is not None:
                    if first >= 0:
                        yield from self._wanted(blocks, data, first)
                    return
                if blocks.offset > end >> 16 or (blocks.offset == end >> 16 and not end & 0xFFFF):
                    break
                more = blocks.next()
                if not more:
                    break
                data, at = data[at:] + more, 0

    def _look(self, data: bytes, at: int) -> tuple[bytearray, int, int | None]:
        """Look at records that begin before the region.

        Returns what of them to keep, where the first that is not whole begins, and where the first begins
        that begins within the region (-1: the region is over, None: neither yet).
        """
        region, kept = self._region, bytearray()
        for found in self._records.walk(data, at):
            at = found.end
            if found.contig != region.contig or found.position >= region.end:
                return kept, at, -1
            if found.position >= region.start:
                return kept, at, found.begin
            if found.position >= region.after and self._records.reach(data, found) > region.start:
                kept += data[found.begin : found.end]
        return kept, at, None

    def _wanted(self, blocks: Blocks, data: bytes, at: int) -> Iterator[bytes | bytearray]:
        """From the first record within the region on, up to the first behind it."""
        region = self._region
        offset, within = self._safe >> 16, self._safe & 0xFFFF
        if offset > blocks.offset:
            yield bytearray(data[at:])
            yield from pieces(self._reader, blocks.offset, offset)
            blocks = Blocks(self._reader, offset, offset + _HEADER_STEP)
            data, at = blocks.next(), within
            yield bytearray(data[:within])
        while True:
            end = at
            for found in self._records.walk(data, at):
                if found.contig != region.contig or found.position >= region.end:
                    yield bytearray(data[at : found.begin])
                    return
                end = found.end
            yield bytearray(data[at:end])
            more = blocks.next()
            if not more:
                return
            data, at = data[end:] + more, 0


def _tail(reader: Blob, records: Records, offset: int) -> Iterator[bytes | bytearray]:
    """Yield all from the first record without a contig on; the end of the file apart."""
    blocks = Blocks(reader, offset >> 16, (offset >> 16) + _HEADER_STEP)
    data, at = blocks.next(), offset & 0xFFFF
    while data:
        for found in records.walk(data, at):
            at = found.end
            if found.contig < 0:
                yield bytearray(data[found.begin :])
                last = reader.size - len(EOF_BLOCK)
                ended = reader.read(last, reader.size) == EOF_BLOCK
                yield from pieces(reader, blocks.offset, last if ended else reader.size)
                return
        more = blocks.next()
        if not more:
            return
        data, at = data[at:] + more, 0


def _gathered(parts: Iterator[bytes | bytearray]) -> Iterator[bytes]:
    """Compress what was cut, a block at a time, and hand on what was not."""
    cut = bytearray()
    for part in parts:
        if isinstance(part, bytearray):
            cut += part
            whole = len(cut) // BLOCK_BYTES * BLOCK_BYTES
            if whole:
                yield from blocks_of(cut[:whole])
                del cut[:whole]
        else:
            if cut:
                yield from blocks_of(cut)
                cut.clear()
            yield part
    if cut:
        yield from blocks_of(cut)
