"""CRAM as pieces of BAM record bytes: pysam decodes slices with the reference's own FASTA."""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import IO

import numpy as np
import pysam

from genomehub.errors import InputError
from genomehub.formats.alignment_bam import header_end
from genomehub.formats.alignment_blocks import COPY_AGAIN, Piece, block_size, inflate_block, joined
from genomehub.formats.alignment_header import parse_header
from genomehub.formats.alignment_index import find_index

#: The containers that end a file of CRAM 3.x and 2.1 (CRAM 3.1, section 9).
_EOF_CONTAINERS = (
    bytes.fromhex("0f000000ffffffff0fe0454f4600000000010005bdd94f0001000606010001000100ee63014b"),
    bytes.fromhex("0b000000ffffffff0fe0454f460000000001000001000606010001000100"),
)
_PIECE_READS = 1 << 16


class CramSource:
    """The reads of one CRAM file.

    Parameters
    ----------
    path : an existing file that starts with the letters CRAM
    fasta : the reference's FASTA, with .fai (and .gzi) beside it

    Raises
    ------
    InputError
        The end of the file is missing, or its header cannot be read.
    """

    def __init__(self, path: Path, fasta: Path) -> None:
        self.path = path
        self._fasta = Path(fasta)
        self._index: Path | None = None
        self._folder: Path | None = None
        with path.open("rb") as handle:
            handle.seek(max(0, path.stat().st_size - max(map(len, _EOF_CONTAINERS))))
            if not handle.read().endswith(_EOF_CONTAINERS):
                raise InputError(
                    f"{path}: is cut off: the CRAM end-of-file container is missing. {COPY_AGAIN}"
                )
        pysam.set_verbosity(0)  # its errors come to us as exceptions; it must not print them as well
        with self._open() as file:
            self.header = parse_header(str(file.header), path)

    def close(self) -> None:
        """Remove what ``rename_contigs`` made."""
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    def open_index(self) -> None:
        """Find the index."""
        self._index = find_index(self.path, (".crai",))

    def rename_contigs(self, names: dict[str, str]) -> None:
        """Where the reference says 20 and the CRAM chr20: look at the same FASTA through the CRAM's names.

        Parameters
        ----------
        names : the reference's name -> the file's name, of contigs that both have
        """
        if all(ours == theirs for ours, theirs in names.items()):
            return
        source = self._fasta.resolve()
        self._folder = Path(tempfile.mkdtemp(prefix="genomehub-cram-"))
        link = self._folder / source.name
        link.symlink_to(source)
        block_offsets = Path(f"{source}.gzi")
        if block_offsets.exists():
            Path(f"{link}.gzi").symlink_to(block_offsets)
        rows = [line.split("\t", 1) for line in Path(f"{source}.fai").read_text().splitlines()]
        Path(f"{link}.fai").write_text("".join(f"{names.get(name, name)}\t{rest}\n" for name, rest in rows))
        self._fasta = link

    def pieces(self, span: np.ndarray) -> Generator[Piece]:
        """Yield uncompressed BAM of the records of ``span`` (as in kernels.decode.select_records)."""
        with self._open() as file, _as_input_errors(self.path):
            if span[0] >= 0:
                name = self.header.contig_names[span[0]]
                end = min(int(span[2]), self.header.contig_lengths[span[0]])
                reads = file.fetch(name, int(span[1]), end) if end > span[1] else iter(())
            else:
                reads = file.fetch("*") if span[0] == -1 else file.fetch(until_eof=True)
            batch, number = self._next_batch(reads, file), 0
            while batch is not None:
                yield Piece(batch, number > 0, f"among records {number + 1:,} to {number + _PIECE_READS:,}")
                batch, number = self._next_batch(reads, file), number + _PIECE_READS

    @staticmethod
    def _next_batch(reads: Iterator[pysam.AlignedSegment], file: pysam.AlignmentFile) -> np.ndarray | None:
        """The next reads as BAM record bytes; None if there are none left."""
        n_reads = 0
        with _memory_file() as memory:
            with pysam.AlignmentFile(memory, "wbu", template=file) as out:
                for read in reads:
                    out.write(read)
                    n_reads += 1
                    if n_reads == _PIECE_READS:
                        break
            memory.seek(0)
            raw = memory.read()
        return None if n_reads == 0 else _records_of(raw)

    def _open(self) -> pysam.AlignmentFile:
        index = None if self._index is None else str(self._index)
        try:
            return pysam.AlignmentFile(
                str(self.path), "rc", reference_filename=str(self._fasta), index_filename=index
            )
        except (OSError, ValueError) as error:
            raise InputError(f"{self.path}: cannot be opened as CRAM ({error}). {COPY_AGAIN}") from error


@contextlib.contextmanager
def _as_input_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise InputError(
            f"{path}: cannot be decoded with this reference ({error}). The file is damaged, or was made with "
            "another reference."
        ) from error


def _memory_file() -> IO[bytes]:
    """A file that lives in memory where the system has such."""
    if hasattr(os, "memfd_create"):
        return os.fdopen(os.memfd_create("genomehub-cram"), "w+b")
    return tempfile.TemporaryFile()


def _records_of(raw: bytes) -> np.ndarray:
    """The record bytes of a whole BAM file in memory."""
    parts, place = [], 0
    while place < len(raw):
        size = block_size(raw, place)
        assert size is not None, "htslib writes BGZF"
        parts.append(inflate_block(raw[place : place + size], "CRAM slice", place))
        place += size
    head = b""
    for part in parts:
        head += part
        end = header_end(head)
        if end is not None:
            return joined(parts)[end:]
    raise AssertionError("htslib writes a header")
