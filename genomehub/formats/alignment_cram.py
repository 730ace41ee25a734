"""CRAM as pieces of BAM record bytes: htslib decodes slices with the reference's own FASTA.

By region through pysam; from start to end in a process of its own, so that decoding has a core to itself and
a file that brings htslib down does not bring us down.
"""

import contextlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO

import numpy as np
import pysam
from isal import igzip

from genomehub.errors import InputError
from genomehub.formats.alignment_bam import header_end
from genomehub.formats.alignment_blocks import COPY_AGAIN, Piece, block_size, inflate_block, joined
from genomehub.formats.alignment_header import parse_header
from genomehub.formats.alignment_index import find_index
from genomehub.formats.cram_check import check_cram

#: The containers that end a file of CRAM 3.x and 2.1 (CRAM 3.1, section 9).
_EOF_CONTAINERS = (
    bytes.fromhex("0f000000ffffffff0fe0454f4600000000010005bdd94f0001000606010001000100ee63014b"),
    bytes.fromhex("0b000000ffffffff0fe0454f460000000001000001000606010001000100"),
)
_PIECE_READS = 1 << 16
_STREAM_BYTES = 16 << 20
#: Primary records as uncompressed BAM on standard output.
_BRIDGE = "import sys, pysam; pysam.view(*sys.argv[1:], catch_stdout=False)"
_UNKNOWN_CONTIG = re.compile(r"(?:fetch reference|populate reference|reference mismatch at) \"?([^\s\":]+)")
#: htslib's input options for reads without tags: all fields of a record (bits 0 to 10) and its read group
#: (12), and no NM and MD made up.
_WITHOUT_TAGS = ("required_fields=0x17ff", "decode_md=0")
_BRIDGE_OPTIONS = ("--no-PG", "-h", "-u", "-F", "0x900", "--input-fmt-option", "decode_md=0", "-o", "-")


class CramSource:
    """The reads of one CRAM file.

    Parameters
    ----------
    path : an existing file that starts with the letters CRAM
    fasta : the reference's FASTA, with .fai (and .gzi) beside it; None if only the header is wanted
    tags : whether ``pieces`` give tags besides RG

    Raises
    ------
    InputError
        The end of the file is missing, or its header cannot be read.
    """

    def __init__(self, path: Path, fasta: Path | None, tags: bool = True) -> None:
        self.path = path
        self._options = None if tags else list(_WITHOUT_TAGS)
        self._fasta = fasta
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
        assert self._fasta is not None, "needed to decode"
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
        if span[0] == -2:
            check_cram(self.path)
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

    def records(self, missing: Sequence[str] = ()) -> Generator[Piece]:
        """Yield the primary records in file order; needs no index.

        Parameters
        ----------
        missing : contigs that the FASTA lacks, for messages
        """
        files = ["-T", str(self._fasta), str(self.path.absolute())]
        command = [sys.executable, "-P", "-c", _BRIDGE, *_BRIDGE_OPTIONS, *files]
        # Without REF_PATH, htslib may ask a server for sequences that the FASTA lacks.
        environment = {"REF_PATH": os.devnull, **os.environ}
        with (
            ThreadPoolExecutor(1) as checker,
            tempfile.TemporaryFile() as errors,
            subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, env=environment) as bridge,
        ):
            assert bridge.stdout is not None
            stop, is_whole = threading.Event(), False
            checked = checker.submit(check_cram, self.path, stop)
            try:
                yield from _stream(igzip.IGzipFile(fileobj=bridge.stdout))
                is_whole = True
            except (EOFError, igzip.BadGzipFile):  # the bridge broke down; it says why
                pass
            except BaseException:
                stop.set()
                bridge.kill()
                raise
            code = bridge.wait()
            if not missing or code == 0:
                checked.result()
            if code != 0 or not is_whole:
                errors.seek(0)
                raise self._bridge_error(errors.read().decode(errors="replace"), missing)

    def _bridge_error(self, text: str, missing: Sequence[str]) -> InputError:
        wanted = _UNKNOWN_CONTIG.search(text)
        if wanted and wanted[1] in missing:
            return InputError(
                f'{self.path}: was made with another reference: its reads are kept as differences to "'
                f'{wanted[1]}", which is not in {self._fasta}. Convert it with its own: samtools view -b -T '
                "ITS_REFERENCE.fa -o READS.bam, or let REF_PATH or REF_CACHE name a folder of its sequences."
            )
        said = next((line for line in text.splitlines() if line.startswith("[E::")), "htslib broke down")
        return InputError(f"{self.path}: cannot be decoded as CRAM ({said[:200]}). {COPY_AGAIN}")

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
        fasta = None if self._fasta is None else str(self._fasta)
        try:
            return pysam.AlignmentFile(
                str(self.path), "rc", reference_filename=fasta, index_filename=index, check_sq=False,
                format_options=self._options,
            )  # fmt: skip
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


def _stream(source: igzip.IGzipFile) -> Generator[Piece]:
    """The records of a BAM that comes from a pipe."""
    head = b""
    while (end := header_end(head)) is None:
        more = source.read(1 << 16)
        if not more:
            raise EOFError
        head += more
    data, done = np.frombuffer(head[end:], np.uint8).copy(), 0
    while data.size:
        yield Piece(data, done > 0, f"after byte {done:,} of its records")
        done += data.size
        data = np.empty(_STREAM_BYTES, np.uint8)
        view, filled = memoryview(data), 0  # type: ignore[arg-type]
        while filled < data.size and (n := source.readinto(view[filled:])):
            filled += n
        data = data[:filled]


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
