"""What a benchmark measures: the user's files or the slice of a checkout, cut to size and counted."""

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from isal import igzip

from genomehub.errors import ConfigError
from genomehub.files import require_file
from genomehub.formats.bgzf import ByteSource

_BUFFER_BYTES = 1 << 24


class Inputs(NamedTuple):
    """What is measured: a genome (FASTA or reference directory) and reads."""

    genome: Path
    reads: tuple[Path, ...]
    name: str


def checkout() -> Path | None:
    """The source checkout that this package runs from; None if it was installed."""
    root = Path(__file__).resolve().parents[2]
    return root if (root / "reference_data").is_dir() and (root / "benchmarks").is_dir() else None


def find_inputs(genome: str | None, read1: str | None, read2: str | None) -> Inputs:
    """Return the user's files, or the slice of NA12878 that a checkout holds.

    Raises
    ------
    ConfigError
        Only some were named, or none and there is no checkout.
    """
    if genome is None and read1 is None and read2 is None:
        root = checkout()
        if root is None:
            raise ConfigError(
                "no input: name --reference FASTA and --r1 READS [--r2 READS]. (Only a source checkout has "
                "the slice of NA12878.)"
            )
        data = root / "reference_data"
        reads = tuple(data / "na12878" / f"NA12878_R{end}.fastq.gz" for end in (1, 2))
        return Inputs(data / "b37.20_9.5-10.5M.fa.gz", reads, "NA12878 20:10.0-10.1M")
    if genome is None or read1 is None:
        raise ConfigError("--reference and --r1 belong together (and --r2 for pairs).")
    paths = [read1, *([read2] if read2 else [])]
    if not Path(genome).is_dir():
        require_file(genome, "genome FASTA")
    return Inputs(Path(genome), tuple(require_file(path, "reads") for path in paths), Path(read1).name)


def subset(inputs: Inputs, folder: Path, n_templates: int) -> tuple[Path, ...]:
    """The first templates of the reads; the reads themselves if there are no more."""
    folder.mkdir()
    heads = [_head(path, 4 * n_templates) for path in inputs.reads]
    if all(is_whole for _, is_whole in heads):
        return inputs.reads
    paths = tuple(folder / f"R{end}.fastq.gz" for end in range(1, len(heads) + 1))
    for path, (text, _) in zip(paths, heads, strict=True):
        path.write_bytes(igzip.compress(text, 1))
    return paths


def _head(path: Path, n_lines: int) -> tuple[bytes, bool]:
    """The first lines of a FASTQ file, and whether that is all of it."""
    opener = igzip.open if path.read_bytes()[:2] == b"\x1f\x8b" else open
    with opener(path, "rb") as handle:
        lines = list(itertools.islice(handle, n_lines))
        return b"".join(lines), not handle.readline()


def count_reads(paths: Sequence[Path]) -> tuple[int, int]:
    """Reads and bases of FASTQ files."""
    n_reads = n_bases = 0
    buffer = np.empty(_BUFFER_BYTES, np.uint8)
    for path in paths:
        line, length = 0, 0  # line of the record, bases of the sequence line so far
        with ByteSource(path, "reads") as source:
            while n := source.read_into(buffer):
                ends = np.flatnonzero(buffer[:n] == 10)
                starts = np.concatenate(([0], ends + 1))
                lengths = np.append(ends, n) - starts
                lengths[0] += length
                which = (line + np.arange(len(lengths))) % 4
                n_bases += int(lengths[:-1][which[:-1] == 1].sum())
                n_reads += int((which[:-1] == 1).sum())
                line, length = int(which[-1]), int(lengths[-1])
    return n_reads, n_bases


def write_plain(genome: Path, output: Path) -> None:
    """Write a FASTA file without compression."""
    buffer = np.empty(1 << 20, np.uint8)
    with ByteSource(genome) as source, output.open("wb") as out:
        while n := source.read_into(buffer):
            out.write(buffer[:n].data)
