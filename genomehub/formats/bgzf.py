"""Plain, gzip and BGZF bytes: the first and the last step of the data's way.

Reading takes any of the three, finds out which by the first two bytes, and turns a cut-off or damaged file
into a sentence. Writing makes BGZF (SAM 1.6, section 4.1): blocks of fixed size compressed on their own, so
the same data gives the same bytes whoever compresses it. What the bytes mean is the business of fasta.py,
fastq.py and bam.py.
"""

import io
import os
import struct
import zlib
from types import TracebackType

import deflate
import numpy as np
from isal import igzip, isal_zlib

from genomehub.errors import InputError
from genomehub.files import require_file

#: Uncompressed bytes in a block, as htslib writes them: leaves room for incompressible data in 64 KiB.
BLOCK_SIZE = 0xFF00
#: The empty block that ends every BGZF file (SAM 1.6, section 4.1.2).
EOF_BLOCK = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")
_HEADER = struct.Struct("<4BI2BH2BHH")
_TRAILER = struct.Struct("<II")
_READ_SIZE = 1 << 20


class ByteSource:
    """The decompressed bytes of a plain, gzip (any number of members) or BGZF file.

    Use as a context manager. CRC and length of each member are checked as they are read.

    Raises
    ------
    NotFoundError, InputError
        The file is missing, a folder, cut off, or its compressed data is damaged.
    """

    def __init__(self, path: str | os.PathLike[str], what: str = "input file") -> None:
        self.path = require_file(path, what)
        self._raw = io.BufferedReader(io.FileIO(self.path), _READ_SIZE)
        self.is_compressed = self._raw.peek(2)[:2] == b"\x1f\x8b"
        self._stream: io.BufferedIOBase = (
            igzip.IGzipFile(fileobj=self._raw) if self.is_compressed else self._raw
        )

    def __enter__(self) -> "ByteSource":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stream.close()
        self._raw.close()

    def read_into(self, buffer: np.ndarray) -> int:
        """Fill ``buffer`` ((n,) uint8) as far as the file reaches; return the bytes read, 0 at its end."""
        view, filled = memoryview(buffer), 0  # type: ignore[arg-type]
        try:
            while filled < len(view):
                n = self._stream.readinto(view[filled : filled + _READ_SIZE])
                if not n:
                    break
                filled += n
        except EOFError as error:
            raise InputError(
                f"{self.path}: the compressed data ends before its end-of-stream mark; the file is cut off. "
                "Copy or download it again and compare its size or checksum with the source."
            ) from error
        except (OSError, zlib.error, isal_zlib.error) as error:  # type: ignore[misc]
            raise InputError(
                f"{self.path}: the compressed data is damaged ({error}). Copy or download the file again and "
                "compare its checksum with the source."
            ) from error
        return filled


def compress_block(data: bytes | memoryview, level: int) -> bytes:
    """Return one BGZF block of at most BLOCK_SIZE bytes of ``data``, compressed at ``level`` 1-9.

    libdeflate, as htslib: ISA-L's level 1 is faster by a third, but now and then gives a block other bytes in
    another process.
    """
    body = deflate.deflate_compress(data, level)
    header = _HEADER.pack(0x1F, 0x8B, 8, 4, 0, 0, 0xFF, 6, 66, 67, 2, len(body) + 25)
    return b"".join((header, body, _TRAILER.pack(isal_zlib.crc32(data), len(data))))


def compress(data: np.ndarray, level: int) -> list[bytes]:
    """Return ``data`` ((n,) uint8) as BGZF blocks of BLOCK_SIZE bytes each, the last one shorter."""
    view = memoryview(data)  # type: ignore[arg-type]
    return [compress_block(view[i : i + BLOCK_SIZE], level) for i in range(0, len(view), BLOCK_SIZE)]


class BgzfWriter:
    """Write a BGZF file block by block and remember where the blocks start (for a .gzi index).

    Use as a context manager; the end-of-file block is written only if the body succeeded.
    """

    def __init__(self, path: str | os.PathLike[str], level: int) -> None:
        self._handle = open(path, "wb")  # noqa: SIM115, PTH123 - closed by __exit__
        self._level = level
        self._buffer = bytearray()
        self.compressed = [0]  # offset of each full block in the file, bytes
        self.offset = 0  # uncompressed bytes written so far

    def __enter__(self) -> "BgzfWriter":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._handle:
            if kind is None:
                self._flush(final=True)
                self._handle.write(EOF_BLOCK)

    def write(self, data: bytes | memoryview | np.ndarray) -> None:
        """Append ``data`` (bytes or a (n,) uint8 array)."""
        self._buffer += memoryview(data)  # type: ignore[arg-type]
        self.offset += len(data)
        self._flush(final=False)

    def _flush(self, final: bool) -> None:
        whole = len(self._buffer) if final else len(self._buffer) // BLOCK_SIZE * BLOCK_SIZE
        if whole == 0:
            return
        for block in compress(np.frombuffer(self._buffer, np.uint8, whole), self._level):
            self._handle.write(block)
            self.compressed.append(self.compressed[-1] + len(block))
        del self._buffer[:whole]

    def gzi(self) -> bytes:
        """Return the .gzi index, as bgzip and samtools faidx read it, of a closed file."""
        n = -(-self.offset // BLOCK_SIZE)  # every block but the first, which starts at 0
        pairs = np.zeros((max(n - 1, 0), 2), dtype="<u8")
        pairs[:, 0] = self.compressed[1:n]
        pairs[:, 1] = np.arange(1, max(n, 1), dtype="<u8") * np.uint64(BLOCK_SIZE)
        return struct.pack("<Q", len(pairs)) + pairs.tobytes()
