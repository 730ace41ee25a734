"""Read pairs whose names tell where they come from: ART on a genome, or on the two haplotypes of a person.

    python benchmarks/simulate_reads.py chr20.fa OUT/reads --vcf phased.vcf.gz --pairs 1000000
    python benchmarks/simulate_reads.py genome.fa OUT/reads --pairs 1000000 --length 100

writes OUT/reads_R1.fq.gz and OUT/reads_R2.fq.gz, in random order. A pair is named

    h<haplotype>_<contig>_<first 1>-<last 1>_<reverse 1>_<first 2>-<last 2>_<reverse 2>_<number>

with the 1-based positions of the reads' outermost bases on the reference, the lower one first (haplotype 0 if
there are no variants). Positions on a haplotype are lifted back through the chain file of ``bcftools
consensus``. Needs art_illumina (Debian: art-nextgen-simulation-tools), and bcftools where variants are given.
The same options and seed give the same bytes.
"""

import argparse
import gzip
import itertools
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

#: ART leaves out reads over runs of N: so much more is asked for than needed.
_MARGIN = 1.02
_NAMES_PER_WRITE = 50_000


class Protocol(NamedTuple):
    """How reads are sequenced: bases a read, fragment length in bp, ART's name of the machine, seed."""

    length: int = 150
    insert_mean: int = 420
    insert_sd: int = 90
    system: str = "HS25"
    seed: int = 101


class Lift(NamedTuple):
    """Blocks that take positions of one haplotype's contig to the reference.

    haplotype, reference : (n_blocks,) int64, 0-based first base of each block, ascending
    length : (n_blocks,) int64, bp; what lies between two blocks of the haplotype is inserted
    """

    haplotype: np.ndarray
    reference: np.ndarray
    length: np.ndarray

    def to_reference(self, start: np.ndarray) -> np.ndarray:
        """Lift 0-based positions, (n,) int64; an inserted base goes to the base before the insertion.

        Examples
        --------
        >>> insertion_of_three_after_10 = Lift(np.array([0, 13]), np.array([0, 10]), np.array([10, 90]))
        >>> insertion_of_three_after_10.to_reference(np.array([0, 9, 10, 12, 13, 20])).tolist()
        [0, 9, 9, 9, 10, 17]
        """
        block = np.searchsorted(self.haplotype, start, side="right") - 1
        within = np.minimum(start - self.haplotype[block], self.length[block] - 1)
        return self.reference[block] + within


def read_chain(path: Path) -> dict[str, Lift]:
    """Read the chain file of ``bcftools consensus``: one chain a contig, both strands forward."""
    lifts = {}
    with path.open() as file:
        for line in file:
            fields = line.split()
            if not fields or fields[0] != "chain":
                continue
            blocks = [[int(field) for field in row.split()] for row in itertools.takewhile(str.strip, file)]
            length = np.array([block[0] for block in blocks], np.int64)
            gaps = np.array([block[1:] for block in blocks[:-1]], np.int64).reshape(-1, 2)
            starts = np.zeros((len(blocks), 2), np.int64)
            starts[1:] = np.cumsum(length[:-1, None] + gaps, axis=0)
            starts += [int(fields[5]), int(fields[10])]
            lifts[fields[2]] = Lift(starts[:, 1], starts[:, 0], length)
    return lifts


class Haplotype(NamedTuple):
    """A sequence to take reads from, and how its positions become the reference's (None: as they are)."""

    number: int
    fasta: Path
    lifts: dict[str, Lift] | None


def make_haplotypes(fasta: Path, vcf: Path, folder: Path) -> list[Haplotype]:
    """Write the two haplotypes of the first sample of a phased VCF."""
    haplotypes = []
    for number in (1, 2):
        out, chain = folder / f"haplotype{number}.fa", folder / f"haplotype{number}.chain"
        command = ["bcftools", "consensus", "-f", str(fasta), "-H", str(number), "-c", str(chain)]
        _run([*command, "-o", str(out), str(vcf)])
        haplotypes.append(Haplotype(number, out, read_chain(chain)))
    return haplotypes


class Pairs(NamedTuple):
    """Simulated pairs.

    names : n_pairs texts without a number
    bases, qualities : of each end, (n_pairs, length) uint8 as in FASTQ
    """

    names: list[str]
    bases: tuple[np.ndarray, np.ndarray]
    qualities: tuple[np.ndarray, np.ndarray]


def simulate_haplotype(haplotype: Haplotype, depth: float, protocol: Protocol, folder: Path) -> Pairs:
    """Run ART and take its reads together with the places in its SAM, which is never on disk."""
    prefix = folder / f"art{haplotype.number}_"
    sam = Path(f"{prefix}.sam")
    os.mkfifo(sam)
    names: list[str] = []
    reader = threading.Thread(
        target=lambda: names.extend(_true_names(sam, haplotype, protocol.length)), daemon=True
    )
    reader.start()
    _run([
        "art_illumina", "-ss", protocol.system, "-p", "-l", str(protocol.length), "-f", f"{depth:.6f}",
        "-m", str(protocol.insert_mean), "-s", str(protocol.insert_sd), "-sam", "-na", "-q",
        "-rs", str(protocol.seed + haplotype.number), "-i", str(haplotype.fasta), "-o", str(prefix),
    ])  # fmt: skip
    reader.join()
    ends = [_take_fastq(Path(f"{prefix}{end}.fq"), protocol.length) for end in (1, 2)]
    if not len(names) == len(ends[0][0]) == len(ends[1][0]):
        raise SystemExit(f"{prefix}: {len(names)} pairs in ART's SAM, {len(ends[0][0])} in its FASTQ")
    return Pairs(names, (ends[0][0], ends[1][0]), (ends[0][1], ends[1][1]))


def _true_names(sam: Path, haplotype: Haplotype, length: int) -> Iterator[str]:
    """Names of pairs, from ART's SAM, which has a pair's two reads one after the other."""
    contigs: list[str] = []
    placed: list[tuple[int, int]] = []
    with sam.open() as file:
        for line in file:
            if line[0] == "@":
                continue
            fields = line.split("\t", 4)
            contigs.append(fields[2])
            placed.append((int(fields[3]) - 1, int(fields[1])))
    start, flag = np.array(placed, np.int64).reshape(-1, 2).T
    last = start + length - 1  # sequencing errors that are indels move it by a base or two
    if haplotype.lifts is not None:
        names = np.array(contigs)
        for contig, lift in haplotype.lifts.items():
            there = names == contig
            start[there], last[there] = lift.to_reference(start[there]), lift.to_reference(last[there])
    # The first of a pair's two lines is not always the first end.
    first = np.arange(0, start.size, 2) + (flag[::2] & 0x40 == 0)
    second = first ^ 1
    ends = [column[rows] for rows in (first, second) for column in (start + 1, last + 1, (flag >> 4) & 1)]
    for line, *places in np.stack([first, *ends], axis=1).tolist():
        place1, place2 = ["{}-{}_{}".format(*places[end : end + 3]) for end in (0, 3)]
        yield f"h{haplotype.number}_{contigs[line]}_{place1}_{place2}"


def _take_fastq(path: Path, length: int) -> tuple[np.ndarray, np.ndarray]:
    """Bases and qualities of a FASTQ file of equally long reads, each (n, length) uint8; removes the file."""
    text = np.fromfile(path, np.uint8)
    path.unlink()
    ends = np.flatnonzero(text == ord("\n")).reshape(-1, 4)
    span = np.arange(-length, 0)
    return text[ends[:, 1, None] + span], text[ends[:, 3, None] + span]


def write_pairs(parts: list[Pairs], n_pairs: int, seed: int, prefix: Path) -> tuple[Path, Path]:
    """Write so many pairs of all parts in random order; the first may be fewer than there are."""
    n_all = sum(len(part.names) for part in parts)
    if n_all < n_pairs:
        raise SystemExit(f"{prefix}: ART gave {n_all} pairs, {n_pairs} were asked for")
    order = np.random.default_rng(seed).permutation(n_all)[:n_pairs]
    names = [name for part in parts for name in part.names]
    paths = Path(f"{prefix}_R1.fq.gz"), Path(f"{prefix}_R2.fq.gz")
    for end, path in enumerate(paths):
        bases = np.concatenate([part.bases[end] for part in parts])
        qualities = np.concatenate([part.qualities[end] for part in parts])
        partial = path.with_suffix(".part")
        with partial.open("wb") as raw, gzip.GzipFile("", "wb", 1, raw, mtime=0) as out:
            for first in range(0, n_pairs, _NAMES_PER_WRITE):
                chosen = order[first : first + _NAMES_PER_WRITE]
                rows = zip(chosen.tolist(), bases[chosen], qualities[chosen], strict=True)
                out.write(
                    b"".join(
                        b"@%s_%d\n%s\n+\n%s\n" % (names[k].encode(), first + i, b.tobytes(), q.tobytes())
                        for i, (k, b, q) in enumerate(rows)
                    )
                )
        partial.rename(path)
    return paths


def simulate(
    fasta: Path, prefix: Path, n_pairs: int, vcf: Path | None = None, protocol: Protocol | None = None
) -> tuple[Path, Path]:
    """Simulate pairs from a FASTA file, or from the two haplotypes of a person.

    Parameters
    ----------
    fasta : reference, plain or bgzipped
    prefix : of the two files that are written, ``_R1.fq.gz`` and ``_R2.fq.gz`` are added
    n_pairs : in all
    vcf : phased variants of one sample, indexed; None takes the reads from the reference itself
    protocol : Protocol
    """
    protocol = protocol or Protocol()
    prefix.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=prefix.parent, prefix=f".{prefix.name}.") as name:
        folder = Path(name)
        plain = folder / "reference.fa"
        if fasta.suffix == ".gz":
            with gzip.open(fasta) as source, plain.open("wb") as out:
                shutil.copyfileobj(source, out, 1 << 20)
        else:
            plain.symlink_to(fasta.resolve())
        haplotypes = [Haplotype(0, plain, None)] if vcf is None else make_haplotypes(plain, vcf, folder)
        depth = n_pairs * 2 * protocol.length / _known_bases(plain) * _MARGIN / len(haplotypes)
        parts = [simulate_haplotype(haplotype, depth, protocol, folder) for haplotype in haplotypes]
        return write_pairs(parts, n_pairs, protocol.seed, prefix)


def _known_bases(fasta: Path) -> int:
    """Bases other than N of a plain FASTA file."""
    total = 0
    with fasta.open("rb") as file:
        while lines := file.readlines(1 << 24):
            text = np.frombuffer(b"".join(line for line in lines if line[:1] != b">"), np.uint8)
            total += int((text & 0xDF != ord("N")).sum()) - int((text < ord(" ")).sum())
    return total


def _run(command: list[str]) -> None:
    if shutil.which(command[0]) is None:
        raise SystemExit(f"{command[0]} is not installed; see the head of benchmarks/simulate_reads.py")
    result = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False)
    if result.returncode:
        raise SystemExit(f"{' '.join(command)}: {result.stderr.decode(errors='replace')[-1000:]}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("fasta", type=Path)
    parser.add_argument("prefix", type=Path)
    parser.add_argument("--vcf", type=Path, help="phased variants of one sample, indexed")
    parser.add_argument("--pairs", type=int, default=1_000_000)
    parser.add_argument("--length", type=int, default=Protocol().length)
    parser.add_argument("--seed", type=int, default=Protocol().seed)
    options = parser.parse_args()
    protocol = Protocol(length=options.length, seed=options.seed)
    for path in simulate(options.fasta, options.prefix, options.pairs, options.vcf, protocol):
        print(path, file=sys.stderr)


if __name__ == "__main__":
    main()
