"""FASTQ (plain, gzip, BGZF; single reads, or mates in two files or interleaved) to read batches.

The first station of the data's way. A batch holds a fixed number of templates, whoever works on it, so that
nothing downstream depends on the number of workers. Records have four lines; either line end is understood.
"""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import NamedTuple

import numpy as np

from genomehub.errors import ConfigError, InputError
from genomehub.formats.bgzf import ByteSource
from genomehub.kernels import comments as comment_kernels
from genomehub.kernels import fastq as kernels
from genomehub.kernels.fastq import PADDING, FastqText
from genomehub.types import ReadBatch, ReadGroup

_READ_BYTES = 4 << 20
#: Text of one batch beyond which a file is no FASTQ of short reads.
_MAX_TEXT_BYTES = 2 << 30
#: SAM 1.6 allows 254 characters in a read name.
_MAX_NAME_LENGTH = 254


class Lane(NamedTuple):
    """The reads of one read group.

    One file of single reads, two with the mates in the same order, or one where each read is followed by its
    mate (``interleaved``).
    """

    read_group: ReadGroup
    reads1: str
    reads2: str | None = None
    interleaved: bool = False

    @property
    def paths(self) -> tuple[str, ...]:
        return (self.reads1,) if self.reads2 is None else (self.reads1, self.reads2)

    @property
    def read_groups(self) -> tuple[ReadGroup, ...]:
        return (self.read_group,)


def read_batches(
    lane: Lane, n_templates: int, first_template: int = 0, read_group: int = 0, comments: bool = False
) -> Iterator[ReadBatch]:
    """Yield the reads of ``lane`` in batches of ``n_templates``, the last one smaller.

    Parameters
    ----------
    first_template : ordinal of the lane's first template in the whole input
    read_group : index of the lane's read group in the header
    comments : whether what follows a read's name are tags that its records carry

    Raises
    ------
    NotFoundError, InputError
        A file is missing, cut off, empty or no FASTQ; the mates' files differ in length or names; a comment
        is no tags. The sentence names file, record and read.
    ConfigError
        Both mates are to come from the same file.
    """
    if lane.reads2 is not None and os.path.realpath(lane.reads1) == os.path.realpath(lane.reads2):
        raise ConfigError(f"{lane.reads1}: is given as R1 and as R2. Name the file of the other mates as R2.")
    with ExitStack() as stack:
        files = [_FastqFile(stack.enter_context(ByteSource(path, "FASTQ file"))) for path in lane.paths]
        pool = stack.enter_context(ThreadPoolExecutor(len(files)))  # mates are inflated side by side
        while True:
            if lane.interleaved:
                chunks = _mates_of(files[0], files[0].take(2 * n_templates))
                ends = [files[0], files[0]]
            else:
                chunks = list(pool.map(lambda file: file.take(n_templates), files))
                ends = files
            n = _check_same_length(ends, chunks)
            if n == 0:
                return
            batch = _make_batch(ends, chunks, n, first_template, read_group)
            if comments:
                tags, tag_offsets = _tags_of(ends, chunks, n)
                batch = batch._replace(tags=tags, tag_offsets=tag_offsets)
            yield batch
            first_template += n
            for file, chunk in zip(files, chunks, strict=False):
                file.n_done += n * chunk.step


def _mates_of(file: "_FastqFile", chunk: FastqText) -> list[FastqText]:
    """The records of an interleaved file as two files would have them."""
    n = len(chunk.line_ends) // 4
    if n % 2:
        raise InputError(
            f"{file.path}: ends after {file.n_done + n} reads, and an interleaved file holds an even number, "
            "each read followed by its mate. Check whether it is cut off, or leave --interleaved out if the "
            "reads are single."
        )
    return [chunk._replace(step=2, first=end) for end in (0, 1)]


def _check_same_length(files: list["_FastqFile"], chunks: list[FastqText]) -> int:
    counts = [len(chunk.line_ends) // 4 // chunk.step for chunk in chunks]
    if len(set(counts)) > 1:
        shorter, longer = (0, 1) if counts[0] < counts[1] else (1, 0)
        raise InputError(
            f"{files[shorter].path}: ends after {files[shorter].n_done + counts[shorter]} reads, but "
            f"{files[longer].path} goes on; mates must stand in the same order in both files. Check whether "
            "one is cut off, filtered on its own, or of another lane."
        )
    return counts[0]


def _make_batch(
    files: list["_FastqFile"], chunks: list[FastqText], n: int, first_template: int, read_group: int
) -> ReadBatch:
    n_ends = len(chunks)
    lengths = np.empty(n * n_ends, dtype=np.int64)
    for end, (file, chunk) in enumerate(zip(files, chunks, strict=True)):
        file.raise_on(chunk, *kernels.check_records(chunk, n, end, n_ends, lengths))
    offsets = np.zeros(n * n_ends + 1, dtype=np.int64)
    np.cumsum(lengths, out=offsets[1:])
    names, name_offsets = _names(files, chunks, n)
    bases = np.empty(offsets[-1] + PADDING, dtype=np.uint8)
    quals = np.empty(offsets[-1] + PADDING, dtype=np.uint8)
    problem, end, record = kernels.copy_reads(chunks[0], chunks[-1], n, n_ends, offsets, bases, quals)
    files[end].raise_on(chunks[end], problem, record)
    bases, quals = bases[: offsets[-1]], quals[: offsets[-1]]
    return ReadBatch(bases, quals, offsets, names, name_offsets, n_ends, first_template, read_group)


def _names(files: list["_FastqFile"], chunks: list[FastqText], n: int) -> tuple[np.ndarray, np.ndarray]:
    names = np.empty(_name_line_bytes(chunks[0], n), dtype=np.uint8)
    name_offsets = np.empty(n + 1, dtype=np.int64)
    files[0].raise_on(chunks[0], *kernels.copy_names(chunks[0], n, names, name_offsets))
    too_long = np.flatnonzero(np.diff(name_offsets) > _MAX_NAME_LENGTH)
    if too_long.size:
        raise files[0].fail(
            int(too_long[0]), chunks[0], f"the name is longer than {_MAX_NAME_LENGTH} characters",
            "SAM does not allow more; shorten the names.",
        )  # fmt: skip
    if len(chunks) == 2:
        problem, record = kernels.check_names(chunks[1], n, names, name_offsets)
        if problem != kernels.GOOD:
            mate = names[name_offsets[record] : name_offsets[record + 1]].tobytes().decode("ascii", "replace")
            raise _other_name(files, chunks[1], record, mate)
    return names[: name_offsets[-1]], name_offsets


def _other_name(files: list["_FastqFile"], chunk: FastqText, record: int, mate: str) -> InputError:
    if chunk.step == 2:
        return files[1].fail(
            record, chunk, f'the read before it is named "{mate}"',
            "In an interleaved file each read is followed by its mate of the same name; check whether reads "
            "were filtered on their own, or leave --interleaved out if they are single.",
        )  # fmt: skip
    return files[1].fail(
        record, chunk, f'its mate in {files[0].path} is named "{mate}"',
        "Mates must have the same name and stand in the same order in both files; check that R1 and "
        "R2 belong together and that none was filtered on its own.",
    )  # fmt: skip


def _name_line_bytes(chunk: FastqText, n: int) -> int:
    first, step = 4 * chunk.first, 4 * chunk.step
    starts = chunk.line_ends[first : step * n : step]
    return int((chunk.line_ends[first + 1 : step * n + 1 : step] - starts).sum())


def _tags_of(files: list["_FastqFile"], chunks: list[FastqText], n: int) -> tuple[np.ndarray, np.ndarray]:
    """The tags in the records' comments, as ReadBatch has them, and their starts."""
    n_bytes = sum(_name_line_bytes(chunk, n) for chunk in chunks)
    tags, offsets = np.empty(2 * n_bytes, dtype=np.uint8), np.empty(n * len(chunks) + 1, dtype=np.int64)
    problem, end, record, start, stop = comment_kernels.copy_comments(
        chunks[0], chunks[-1], n, len(chunks), tags, offsets
    )
    if problem != comment_kernels.GOOD:
        word = chunks[end].text[start:stop].tobytes().decode("latin-1")[:60]
        raise files[end].fail(
            record, chunks[end], f"the comment holds {word!r}, {_COMMENT_PROBLEMS[problem]}",
            "Leave --comments out to drop comments, or make them with: samtools fastq -T BX,RX",
        )  # fmt: skip
    return tags[: offsets[-1]].copy(), offsets


_COMMENT_PROBLEMS = {
    comment_kernels.NO_TAG: "but --comments takes tags as SAM writes them (BX:Z:ACGT), of type Z, H, A or i, "
    "between tabs",
    comment_kernels.BAD_VALUE: "whose value is none of its type",
    comment_kernels.OURS: "a tag that genomehub writes itself",
    comment_kernels.TWICE: "a tag that stands there twice",
}


class _FastqFile:
    """One FASTQ file, taken a number of records at a time."""

    def __init__(self, source: ByteSource) -> None:
        self.path = source.path
        self.n_done = 0  # records taken before
        self._source = source
        self._text = np.empty(_READ_BYTES + PADDING, dtype=np.uint8)
        self._start = self._filled = 0  # of the text not yet taken
        self._at_end = False

    def take(self, n_records: int) -> FastqText:
        """Return the next records, at most ``n_records``; valid until the next call.

        Raises InputError if the file ends within a record, or holds none.
        """
        self._text[: self._filled - self._start] = self._text[self._start : self._filled]
        self._filled -= self._start
        self._start = 0
        ends = np.empty(4 * n_records + 1, dtype=np.int64)
        ends[0], n, scanned = -1, 1, 0
        while True:
            n, scanned = kernels.find_lines(self._text, scanned, self._filled, ends, n)
            if n == ends.size or not self._read_more():
                break
        if n < ends.size or self._ends_blank(ends, scanned):
            n_lines = self._whole_records(ends, n - 1)
        else:
            n_lines = n - 1
        self._start = int(ends[n_lines]) + 1
        return FastqText(self._text, ends[: n_lines + 1])

    def _ends_blank(self, ends: np.ndarray, scanned: int) -> bool:
        """Whether the last line that was found is blank and the rest of the file too."""
        if not self._is_blank(ends, ends.size - 2):
            return False
        while not self._text[scanned : self._filled].tobytes().strip():
            scanned = self._filled
            if not self._read_more():
                return True
        return False

    def _read_more(self) -> bool:
        if self._at_end:
            return False
        if self._filled > _MAX_TEXT_BYTES:
            raise InputError(
                f"{self.path}: {self._filled:,} bytes from record {self.n_done + 1} on hold too few line "
                "ends for FASTQ. Check whether it is a FASTQ file of short reads."
            )
        room = self._text.size - PADDING - self._filled
        if room < _READ_BYTES:
            grown = np.empty(2 * self._text.size, dtype=np.uint8)
            grown[: self._filled] = self._text[: self._filled]
            self._text = grown
        n = self._source.read_into(self._text[self._filled : self._filled + _READ_BYTES])
        self._filled += n
        if n == 0:
            self._at_end = True
            if self._filled and self._text[self._filled - 1] != ord("\n"):
                self._text[self._filled] = ord("\n")
                self._filled += 1
                return True
        return n > 0

    def _whole_records(self, ends: np.ndarray, n_lines: int) -> int:
        """Number of lines that make whole records; blank lines at the end of the file do not count."""
        while n_lines and self._is_blank(ends, n_lines - 1):
            if n_lines % 4 == 0 and not self._is_blank(ends, n_lines - 4):
                break  # the empty qualities of an empty read
            n_lines -= 1
        if n_lines % 4:
            chunk = FastqText(self._text, ends)
            if self._text[ends[n_lines // 4 * 4] + 1] != ord("@"):
                self.raise_on(chunk, kernels.NO_AT_SIGN, n_lines // 4)
            raise self.fail(
                n_lines // 4, chunk, f"the file ends after {n_lines % 4} of the record's 4 lines",
                "Check whether the file was cut off.",
            )  # fmt: skip
        if n_lines == 0 and self.n_done == 0:
            raise InputError(f"{self.path}: holds no reads. Check whether the file was written completely.")
        return n_lines

    def _is_blank(self, ends: np.ndarray, index: int) -> bool:
        return not self._text[ends[index] + 1 : ends[index + 1]].tobytes().strip()

    def raise_on(self, chunk: FastqText, problem: int, record: int) -> None:
        """Raise InputError if a kernel found a problem in a record."""
        if problem == kernels.GOOD:
            return
        lines = [_line(chunk, record, i) for i in range(4)]
        if problem == kernels.LENGTHS_DIFFER:
            seen = f"{len(lines[1])} bases but {len(lines[3])} qualities; FASTQ needs one per base"
        else:
            seen = {
                kernels.NO_AT_SIGN: f"starts with {lines[0][:20]!r}, but a FASTQ record starts with '@'",
                kernels.NO_PLUS_SIGN: f"the third line is {lines[2][:20]!r}, but FASTQ needs '+' there",
                kernels.NO_NAME: "has no name after '@'",
                kernels.BAD_NAME: f"the name holds {_stranger(_first_word(lines[0]), _QUALITIES)}; SAM "
                "allows printable ASCII",
                kernels.BAD_BASE: f"the bases hold {_stranger(lines[1], _BASES)}, which is no base",
                kernels.BAD_QUALITY: f"the qualities hold {_stranger(lines[3], _QUALITIES)}, but FASTQ "
                "has '!' to '~' there",
            }[problem]
        raise self.fail(
            record, chunk, seen, "Check whether the file was cut off, edited or is no FASTQ file."
        )

    def fail(self, record: int, chunk: FastqText, seen: str, remedy: str) -> InputError:
        """Return the error for a record of the chunk that was just taken."""
        first = _line(chunk, record, 0)
        name = _first_word(first[1:]) if first.startswith("@") else ""
        shown = f' (read "{repr(name[:60])[1:-1]}")' if name else ""
        number = self.n_done + record * chunk.step + chunk.first + 1
        return InputError(f"{self.path}, record {number}{shown}: {seen}. {remedy}")


_BASES = frozenset("ACGTNRYSWKMBDHVacgtnryswkmbdhv.")
_QUALITIES = frozenset(map(chr, range(33, 127)))


def _first_word(line: str) -> str:
    return line.replace("\t", " ").split(" ", 1)[0]


def _stranger(line: str, allowed: frozenset[str]) -> str:
    return next((repr(letter) for letter in line if letter not in allowed), "a byte")


def _line(chunk: FastqText, record: int, number: int) -> str:
    index = 4 * (record * chunk.step + chunk.first) + number
    start, end = chunk.line_ends[index] + 1, chunk.line_ends[index + 1]
    return chunk.text[start:end].tobytes().decode("latin-1").rstrip("\r")


def first_read_name(path: str | os.PathLike[str]) -> str:
    """Return the name of the first read of a FASTQ file."""
    with ByteSource(path, "FASTQ file") as source:
        file = _FastqFile(source)
        chunk = file.take(1)
        file.raise_on(chunk, *kernels.check_records(chunk, 1, 0, 1, np.empty(1, dtype=np.int64)))
        return _first_word(_line(chunk, 0, 0)[1:])


def default_read_group(path: str | os.PathLike[str], sample: str, library: str, platform: str) -> ReadGroup:
    """Return the read group that the name of a file's first read suggests.

    Illumina names (instrument:run:flowcell:lane:tile:x:y, or the older five fields) give flow cell and lane
    as ID and PU; any other name gives the sample as ID.
    """
    fields = first_read_name(path).split(":")
    if len(fields) == 7 and fields[3].isdigit():
        unit = f"{fields[2]}.{fields[3]}"
    elif len(fields) == 5 and fields[1].isdigit():
        unit = f"{fields[0]}.{fields[1]}"
    else:
        return ReadGroup(sample, sample, library, platform, "")
    return ReadGroup(unit, sample, library, platform, unit)
