"""FASTQ: read through once, for it has no index; whole records, no bomb."""

import os
import zlib
from typing import Any, BinaryIO

from isal import igzip

from genomehub.errors import InputError, TooLargeError
from genomehub.hub.intake.bounds import GZIP_RATIO
from genomehub.hub.intake.facts import Facts

_PIECE = 1 << 20
_SAMPLE_RECORDS = 10_000
_GIBIBYTE = 1 << 30


def fastq_facts(handle: BinaryIO, name: str, compression: str) -> Facts:
    """Return the number of reads and, of the first, their length and name; refuse what is cut off.

    Raises
    ------
    InputError
        It is cut off, damaged or no FASTQ.
    TooLargeError
        It grows more than reads can when it is decompressed.
    """
    packed = handle.seek(0, os.SEEK_END)
    handle.seek(0)
    stream: Any = igzip.IGzipFile(fileobj=handle) if compression != "none" else handle
    total = n_lines = 0
    head, last = b"", b"\n"
    try:
        while piece := stream.read(_PIECE):
            total += len(piece)
            if total > _GIBIBYTE and total > GZIP_RATIO * packed:
                raise TooLargeError(
                    f"{name}: grows to more than {GZIP_RATIO} times its size when it is decompressed; reads "
                    "do not. Check what made it."
                )
            n_lines += piece.count(b"\n")
            if len(head) < 4 * _PIECE:
                head += piece
            last = piece[-1:]
    except EOFError as error:
        raise InputError(
            f"{name}: its compressed data ends before its end mark; the file is cut off. Copy it again."
        ) from error
    except (OSError, zlib.error) as error:
        raise InputError(f"{name}: its compressed data is damaged ({error}). Copy it again.") from error
    n_lines += last != b"\n"
    if n_lines % 4:
        raise InputError(
            f"{name}: has {n_lines} lines; FASTQ has four for each read, so the last read is cut off. Copy "
            "the file again."
        )
    lengths = _lengths(head, name)
    detail = {"read_length": max(lengths, default=0), "read_length_least": min(lengths, default=0)}
    return Facts("fastq", compression, n_reads=n_lines // 4, detail=detail)


def _lengths(head: bytes, name: str) -> list[int]:
    lines = head.split(b"\n")
    lengths = []
    for number in range(min(_SAMPLE_RECORDS, (len(lines) - 1) // 4)):
        title, bases, plus, qualities = (line.rstrip(b"\r") for line in lines[4 * number : 4 * number + 4])
        if not title.startswith(b"@") or not plus.startswith(b"+") or len(bases) != len(qualities):
            raise InputError(
                f"{name}, record {number + 1}: is not a read (a line with @, bases, a line with +, as many "
                "qualities). Check what made the file."
            )
        lengths.append(len(bases))
    return lengths
