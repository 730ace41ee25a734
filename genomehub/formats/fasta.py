"""FASTA (plain, gzip, BGZF; any case, IUPAC codes, CRLF) to upper-case letters, piece by piece.

A genome of any size passes in pieces of a few megabytes; nothing here holds a contig whole. What is made of
the letters (packing, digests, the reference directory) is in store/reference.py.
"""

import os
import re
from collections.abc import Iterator

import numpy as np

from genomehub.errors import InputError
from genomehub.formats.bgzf import ByteSource
from genomehub.kernels.fasta import clean_lines

#: What SAM 1.6 (section 1.2.1) allows as a reference name.
_NAME = re.compile(r"[0-9A-Za-z!#$%&+./:;?@^_|~-][0-9A-Za-z!#$%&*+./:;=?@^_|~-]*")
_PIECE_BYTES = 4 << 20
_HEADER, _NEWLINE = ord(">"), ord("\n")


def read_fasta(
    path: str | os.PathLike[str], piece_bytes: int = _PIECE_BYTES
) -> Iterator[tuple[str, np.ndarray]]:
    """Yield (contig name, letters): pieces in file order, the pieces of a contig one after the other.

    ``letters`` is (n,) uint8 ASCII, upper-case IUPAC (soft-masking is dropped, ambiguity codes are kept), and
    valid until the next piece is asked for. The name is the first word of the header.

    Raises
    ------
    NotFoundError, InputError
        The file is missing, cut off, empty or no FASTA; a contig is empty or named twice; a character is no
        IUPAC code. The sentence names line and contig.
    """
    with ByteSource(path, "FASTA file") as source:
        yield from _Parser(source, piece_bytes).pieces()


class _Parser:
    """State between pieces: the buffer, where we are in it, and the contig being read."""

    def __init__(self, source: ByteSource, piece_bytes: int) -> None:
        self._source = source
        self._text = np.empty(piece_bytes, dtype=np.uint8)
        self._letters = np.empty(piece_bytes, dtype=np.uint8)
        self._start = self._end = 0
        self._last = _NEWLINE  # the byte before the buffer
        self._line = 1
        self._names: set[str] = set()
        self._name = ""
        self._length = 0

    def pieces(self) -> Iterator[tuple[str, np.ndarray]]:
        self._skip_to_first_header()
        while self._start < self._end or self._fill():
            if self._text[self._start] == _HEADER and self._starts_line(self._start):
                self._check_not_empty()
                self._read_header()
                continue
            n, stop, newlines = clean_lines(self._text, self._start, self._end, self._letters)
            self._line += newlines
            self._check_stop(stop)
            self._start = stop
            self._length += n
            if n:
                yield self._name, self._letters[:n]
        self._check_not_empty()

    def _fill(self) -> bool:
        """Replace the buffer that was used up by the next piece of the file; False at its end."""
        self._last = self._text[self._end - 1] if self._end else _NEWLINE
        self._start, self._end = 0, self._source.read_into(self._text)
        return self._end > 0

    def _starts_line(self, index: int) -> bool:
        return bool((self._text[index - 1] if index else self._last) == _NEWLINE)

    def _fail(self, seen: str, remedy: str) -> InputError:
        where = f', contig "{self._name}"' if self._name else ""
        return InputError(f"{self._source.path}, line {self._line}{where}: {seen}. {remedy}")

    def _skip_to_first_header(self) -> None:
        blank = b" \t\r\n"
        while self._start < self._end or self._fill():
            byte = int(self._text[self._start])
            if byte == _HEADER:
                return
            if byte not in blank:
                raise self._fail(
                    f"starts with {_shown(byte)}, but FASTA starts with a '>' line",
                    "Check that this is the genome's FASTA file.",
                )
            self._line += byte == _NEWLINE
            self._start += 1
        raise InputError(
            f"{self._source.path}: holds no sequence; FASTA needs a '>' line and bases. Check whether the "
            "file was written completely."
        )

    def _read_header(self) -> None:
        header = bytearray()
        while True:
            chunk = self._text[self._start : self._end]
            ends = np.flatnonzero(chunk == _NEWLINE)
            n = int(ends[0]) if len(ends) else len(chunk)
            header += chunk[:n].tobytes()
            self._start += n + (len(ends) > 0)
            if len(ends) or not self._fill():
                break
        self._start_contig(header[1:].decode("utf-8", "replace"))
        self._line += 1

    def _start_contig(self, header: str) -> None:
        name = (header.split() or [""])[0]
        if not header[:1].strip() or not _NAME.fullmatch(name):
            self._name = ""
            raise self._fail(
                f"{header.strip()[:40]!r} gives no contig name that SAM allows",
                "Name the contig in one word right after '>', without quotes, commas or brackets.",
            )
        self._name, self._length = name, 0
        if name in self._names:
            raise self._fail("this name was used before in the file", "Give each contig a name of its own.")
        self._names.add(name)

    def _check_not_empty(self) -> None:
        if self._name and self._length == 0:
            self._line -= 1
            raise self._fail("the contig has no bases", "Remove its header or restore its sequence.")

    def _check_stop(self, stop: int) -> None:
        if stop == self._end:
            return
        if self._text[stop] == _HEADER and self._starts_line(stop):
            return
        raise self._fail(
            f"{_shown(int(self._text[stop]))} is no base",
            "A reference holds A, C, G, T, N and IUPAC codes (RYSWKMBDHV) only; check how the file was made.",
        )


def _shown(byte: int) -> str:
    return repr(chr(byte)) if 32 < byte < 127 else f"byte 0x{byte:02x}"
