"""Slices of CRAM: whole containers where all their reads are wanted, made anew where not.

A CRAM file is a chain of containers, and its index (CRAI) says what each one covers. Those within a region
are handed on as they are. Those at its edges are decoded by htslib, their reads chosen, and encoded again, so
that no read outside of the region is given out. htslib sees a file in memory that holds the header and one
container: it never asks for the rest, wherever that lies.
"""

import contextlib
import dataclasses
import functools
import gzip
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from typing import IO, Any, NamedTuple

import numpy as np

from genomehub.errors import ResourceError, StoreError
from genomehub.hub.delivery.indexes import FAR
from genomehub.hub.delivery.ranges import pieces
from genomehub.hub.delivery.regions import Region
from genomehub.hub.delivery.slices import Head, Kept
from genomehub.hub.storage import Blob

#: The containers that end a file of CRAM 3.x and 2.1 (CRAM 3.1, section 9).
_ENDS = (
    bytes.fromhex("0f000000ffffffff0fe0454f4600000000010005bdd94f0001000606010001000100ee63014b"),
    bytes.fromhex("0b000000ffffffff0fe0454f460000000001000001000606010001000100"),
)
_DEFINITION_BYTES = 26
_UNPLACED = -1
_FILES = Kept(16)

#: Finds the FASTA of contigs (name, length, M5 or None), or None.
FindFasta = Callable[[Sequence[tuple[str, int | None, str | None]]], str | None]


class _File(NamedTuple):
    """What is known of a CRAM file without reading its reads.

    plain_head : without UR, the place of a reference: htslib would follow it, also to other machines
    rows : (n, 4) int64, contig, start, end (0-based, half-open), container's offset; as in the index
    offsets : of containers, ascending, and the end of the last
    """

    head: Head
    plain_head: bytes
    md5s: tuple[str | None, ...]
    version: str
    end: bytes
    rows: np.ndarray
    offsets: np.ndarray


@dataclasses.dataclass(frozen=True)
class CramSource:
    """A CRAM file and its index (None: only header and whole file can be had).

    identity : of the content, so that many readers share what was read of header and index
    """

    reader: Blob
    index_reader: Blob | None
    identity: tuple[object, ...]
    find_fasta: FindFasta
    format: str = "CRAM"

    @property
    def index(self) -> object | None:
        """Whether regions can be had."""
        return self.index_reader

    @functools.cached_property
    def _file(self) -> _File:
        key = (*self.identity, None if self.index_reader is None else self.index_reader.size)
        file: _File = _FILES.get(key, self._read)
        return file

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the contigs by their numbers."""
        return tuple(name for name, _ in self._file.head.contigs)

    def header(self) -> bytes:
        """Return the file definition and the container of the header."""
        return self._file.head.blocks

    @property
    def end(self) -> bytes:
        """The container that ends a file of this version."""
        return self._file.end

    def region(self, region: Region) -> Iterator[bytes]:
        """Yield containers of the reads that overlap a region."""
        file = self._file
        rows = file.rows[file.rows[:, 0] == region.contig]
        touched = rows[(rows[:, 1] < region.end) & (rows[:, 2] > region.start)]
        for offset in np.unique(touched[:, 3]).tolist():
            inside = file.rows[file.rows[:, 3] == offset]
            whole = (
                (inside[:, 0] == region.contig)
                & (inside[:, 1] >= region.start)
                & (inside[:, 2] <= region.end)
            )
            yield from self._container(offset, bool(whole.all()), region)

    def unplaced(self) -> Iterator[bytes]:
        """Yield containers of the reads without a place."""
        rows = self._file.rows
        for offset in np.unique(rows[rows[:, 0] == _UNPLACED, 3]).tolist():
            inside = rows[rows[:, 3] == offset, 0]
            yield from self._container(offset, bool((inside == _UNPLACED).all()), None)

    def parts(self, region: Region, n_bytes: int) -> list[Region]:
        """Return a region as regions of about ``n_bytes`` of the file each; joined they are the same."""
        rows = self._file.rows
        rows = rows[(rows[:, 0] == region.contig) & (rows[:, 1] > region.start) & (rows[:, 1] < region.end)]
        parts, last = [region], None
        for start, offset in rows[:, [1, 3]].tolist():
            if last is None:
                last = offset
            elif offset - last >= n_bytes and start > parts[-1].start:
                parts[-1:] = [parts[-1]._replace(end=start), Region(region.contig, start, region.end, start)]
                last = offset
        return parts

    def _container(self, offset: int, whole: bool, region: Region | None) -> Iterator[bytes]:
        offsets = self._file.offsets
        behind = int(offsets[np.searchsorted(offsets, offset, side="right")])
        if whole:
            yield from pieces(self.reader, offset, behind)
        elif chosen := self._chosen(self.reader.read(offset, behind), region):
            yield chosen

    def _chosen(self, container: bytes, region: Region | None) -> bytes:
        """Return containers of the reads of one container that lie in a region (None: that are unplaced)."""
        file = self._file
        with _memory_file() as given, _memory_file() as made:
            given.write(file.plain_head + container + file.end)
            given.flush()
            fasta = self._fasta(region)
            # The reference goes along, as far as these reads and their MD tell it: with a FASTA, htslib reads
            # a whole contig to write one read of it. Bases as they are only where the source has them so:
            # htslib 1.16 fails an assertion on files that need the reference in one container and not in the
            # next.
            how = b"no_ref=1" if fasta is None else b"embed_ref=2"
            options = [f"version={file.version}".encode(), how]
            with _htslib_errors(), _opened(given, "rc", reference_filename=fasta) as reads:
                n_reads = 0
                with _opened(made, "wc", header=reads.header, format_options=options) as out:
                    for read in reads.fetch(until_eof=True):
                        if _is_in(read, region):
                            out.write(read)
                            n_reads += 1
            if n_reads == 0:
                return b""
            made.seek(0)
            raw = made.read()
        begin = _DEFINITION_BYTES + _container_bytes(raw, _DEFINITION_BYTES, file.version)
        return raw[begin : len(raw) - len(file.end)]

    def _fasta(self, region: Region | None) -> str | None:
        """Return the FASTA to decode with, if the hub has it."""
        file = self._file
        wanted = range(len(file.md5s)) if region is None else [region.contig]
        return self.find_fasta([(*file.head.contigs[i], file.md5s[i]) for i in wanted])

    def _read(self) -> _File:
        definition = self.reader.read(0, _DEFINITION_BYTES)
        if definition[:4] != b"CRAM" or len(definition) < _DEFINITION_BYTES:
            raise StoreError("a file is not CRAM as its kind says; register it under its own kind.")
        version = f"{definition[4]}.{definition[5]}"
        end = _ENDS[0] if definition[4] >= 3 else _ENDS[1]
        last = self.reader.size - len(end)
        if self.reader.read(last, self.reader.size) != end:
            raise StoreError("a CRAM file has not its end; verify it.")
        head_end = _DEFINITION_BYTES + _container_bytes(
            self.reader.read(_DEFINITION_BYTES, _DEFINITION_BYTES + 4096), 0, version
        )
        blocks = self.reader.read(0, head_end)
        with _memory_file() as given:
            given.write(blocks + end)
            given.flush()
            with _htslib_errors(), _opened(given, "rc", check_sq=False) as reads:
                header = reads.header.to_dict()
        lines = header.get("SQ", [])
        rows = self._rows()
        offsets = np.append(np.unique(rows[:, 3]), last)
        head = Head(blocks, tuple((line["SN"], int(line["LN"])) for line in lines), head_end)
        md5s = tuple(line.get("M5") for line in lines)
        return _File(head, _plain_head(header, version), md5s, version, end, rows, offsets)

    def _rows(self) -> np.ndarray:
        if self.index_reader is None:
            return np.empty((0, 4), dtype=np.int64)
        raw = self.index_reader.read(0, self.index_reader.size)
        try:
            text = gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw
            values = np.array([line.split()[:4] for line in text.splitlines()], dtype=np.int64).reshape(-1, 4)
        except (OSError, EOFError, ValueError) as error:
            raise StoreError("a CRAI index is damaged. Delete it and make it again.") from error
        values[:, 1] -= 1
        values[:, 2] += values[:, 1]
        return values


def _plain_head(header: dict[str, Any], version: str) -> bytes:
    for line in header.get("SQ", []):
        line.pop("UR", None)
    with _memory_file() as made:
        options = [f"version={version}".encode(), b"no_ref=1"]
        with _htslib_errors(), _opened(made, "wc", header=header, format_options=options):
            pass
        made.seek(0)
        raw = made.read()
    return raw[: _DEFINITION_BYTES + _container_bytes(raw, _DEFINITION_BYTES, version)]


def _is_in(read: Any, region: Region | None) -> bool:
    if region is None:
        return bool(read.reference_id < 0)
    start, end = read.reference_start, read.reference_end
    end = start + 1 if end is None or end <= start else end
    return bool(
        read.reference_id == region.contig
        and region.after <= start < min(region.end, FAR)
        and end > region.start
    )


def _container_bytes(data: bytes, at: int, version: str) -> int:
    """Return the size of the container that begins at ``at``: its head and what it holds."""
    begin, length = at, int.from_bytes(data[at : at + 4], "little")
    at += 4
    for _ in range(4):  # reference, start, span, reads
        _, at = _itf8(data, at)
    at = _behind_ltf8(data, at) if version >= "3" else _itf8(data, at)[1]  # number of the first read
    at = _behind_ltf8(data, at)  # bases
    _, at = _itf8(data, at)  # blocks
    n_landmarks, at = _itf8(data, at)
    for _ in range(n_landmarks):
        _, at = _itf8(data, at)
    return at + (4 if version >= "3" else 0) - begin + length


def _itf8(data: bytes, at: int) -> tuple[int, int]:
    """Return a number of 1 to 5 bytes and where it ends (CRAM 3.1, section 2.3)."""
    first = data[at]
    n_more = 4 if first >= 0xF0 else 3 if first >= 0xE0 else 2 if first >= 0xC0 else 1 if first >= 0x80 else 0
    if n_more == 4:
        value = (first & 15) << 28 | int.from_bytes(data[at + 1 : at + 4], "big") << 4 | data[at + 4] & 15
    else:
        value = int.from_bytes(
            bytes([first & (0xFF >> n_more + (n_more > 0))]) + data[at + 1 : at + 1 + n_more]
        )
    return value, at + 1 + n_more


def _behind_ltf8(data: bytes, at: int) -> int:
    first, n_more = data[at], 0
    while n_more < 8 and first & (0x80 >> n_more):
        n_more += 1
    return at + 1 + n_more


def _memory_file() -> IO[bytes]:
    """A file that lives in memory where the system has such."""
    if hasattr(os, "memfd_create"):
        return os.fdopen(os.memfd_create("genomehub-slice"), "w+b")
    return tempfile.NamedTemporaryFile()


def _opened(file: IO[bytes], mode: str, **options: object) -> Any:
    """Open a file in memory with htslib, which closes a descriptor of its own."""
    import pysam

    pysam.set_verbosity(0)  # else each file in memory is said to have no index
    name = file.name if isinstance(file.name, str) else f"/proc/self/fd/{file.fileno()}"
    return pysam.AlignmentFile(name, mode, **options)


@contextlib.contextmanager
def _htslib_errors() -> Iterator[None]:
    # Without REF_PATH, htslib may ask a server for sequences that the FASTA lacks.
    os.environ.setdefault("REF_PATH", os.devnull)
    try:
        yield
    except (OSError, ValueError) as error:
        raise ResourceError(
            "reads at the edge of the region cannot be decoded without their reference. "
            "Add its directory to the hub's setting references."
        ) from error
