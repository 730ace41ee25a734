"""How far genomehub align and bwa mem agree on real reads, and what each costs, in one run.

    python benchmarks/alignment_agreement.py                          the slice in reference_data
    python benchmarks/alignment_agreement.py --reference chr20.fa.gz --reads R1.fq.gz R2.fq.gz
    python benchmarks/alignment_agreement.py --json FILE              adds a row to FILE (- prints it)

Agreement: of the reads that bwa mem places with MAPQ >= 30, the part that lies on the same contig and strand
within 5 bp of ours. Of the reads that both align alike (contig, start, strand, CIGAR), the parts with the
same AS and the same MAPQ. CPU seconds are user + system of the whole process, one thread, kernels compiled
and indexes built before. bwa writes SAM, unsorted; genomehub writes BAM, sorted, duplicates marked, indexed:
its figure includes that, and the start of Python. Needs bwa (Debian: bwa).
"""

import argparse
import json
import resource
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import pysam

DATA = Path(__file__).parents[1] / "reference_data"
SURE, NEAR_BP = 30, 5
BINS = (0, 1, 10, 20, 30, 60)
LABELS = ("0", "1-9", "10-19", "20-29", "30-59", "60", "unmapped")


class Place(NamedTuple):
    """Where one read's primary alignment lies."""

    contig: str | None
    start: int
    reverse: bool
    mapping_quality: int
    cigar: str | None
    score: int

    @property
    def quality_bin(self) -> int:
        if self.contig is None:
            return len(BINS)
        return sum(self.mapping_quality >= bound for bound in BINS) - 1


def places(path: Path) -> dict[tuple[str, bool], Place]:
    """The primary alignments of a SAM or BAM file by read name and end."""
    with pysam.AlignmentFile(str(path), check_sq=False) as file:
        return {
            (record.query_name, record.is_read2): Place(
                None if record.is_unmapped else record.reference_name,
                record.reference_start,
                record.is_reverse,
                record.mapping_quality,
                record.cigarstring,
                record.get_tag("AS") if record.has_tag("AS") else 0,
            )
            for record in file.fetch(until_eof=True)
            if not record.is_secondary and not record.is_supplementary
        }


def agree(a: Place, b: Place) -> bool:
    """Whether two alignments lie on the same contig and strand, within NEAR_BP."""
    return a.contig == b.contig and a.reverse == b.reverse and abs(a.start - b.start) <= NEAR_BP


def compare(ours: dict[tuple[str, bool], Place], bwas: dict[tuple[str, bool], Place]) -> dict[str, Any]:
    """Agreement, and how many reads fall in which mapping-quality bins (rows ours, columns bwa's)."""
    if ours.keys() != bwas.keys():
        raise SystemExit(f"reads differ: {len(ours)} of ours and {len(bwas)} of bwa's")
    sure = [read for read, place in bwas.items() if place.contig and place.mapping_quality >= SURE]
    table = [[0] * len(LABELS) for _ in LABELS]
    for read, place in bwas.items():
        table[ours[read].quality_bin][place.quality_bin] += 1
    near = sum(agree(ours[read], bwas[read]) for read in sure)
    alike = [
        (ours[read], place)
        for read, place in bwas.items()
        if place.contig and (*ours[read][:3], ours[read].cigar) == (*place[:3], place.cigar)
    ]
    confident = [read for read in sure if agree(ours[read], bwas[read])]
    return {
        "reads": len(bwas),
        "bwa_sure": len(sure),
        "near_percent": 100 * near / max(1, len(sure)),
        "near_and_sure_percent": 100
        * sum(ours[read].mapping_quality >= SURE for read in confident)
        / max(1, len(sure)),
        "alike": len(alike),
        "same_score_percent": 100 * sum(our.score == bwa.score for our, bwa in alike) / max(1, len(alike)),
        "same_quality_percent": 100
        * sum(our.mapping_quality == bwa.mapping_quality for our, bwa in alike)
        / max(1, len(alike)),
        "quality_table": table,
    }


def cpu_seconds(command: list[str], stdout: Path | None = None) -> float:
    """Run a command; user + system seconds of it and its children."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with (stdout or Path("/dev/null")).open("wb") as out:
        result = subprocess.run(command, stdout=out, stderr=subprocess.PIPE, check=False)
    if result.returncode:
        raise SystemExit(f"{' '.join(command)}: {result.stderr.decode()[-2000:]}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def run_bwa(fasta: Path, reads: list[Path], folder: Path) -> tuple[Path, float]:
    """Align with bwa mem on one thread; its index is built in the folder, untimed."""
    plain = folder / "reference.fa"
    with plain.open("wb") as out:
        subprocess.run(["gzip", "-dcf", str(fasta)], stdout=out, check=True)
    cpu_seconds(["bwa", "index", str(plain)])
    sam = folder / "bwa.sam"
    return sam, cpu_seconds(["bwa", "mem", "-t", "1", str(plain), *map(str, reads)], sam)


def run_ours(fasta: Path, reads: list[Path], folder: Path) -> tuple[Path, float]:
    """Align with genomehub on one thread, twice: the first run compiles."""
    program = [sys.executable, "-m", "genomehub"]
    reference, bam = folder / "reference", folder / "ours.bam"
    cpu_seconds([*program, "reference", "build", str(fasta), "-o", str(reference)])
    command = [*program, "align", "-r", str(reference), "--sample", "S", "--threads", "1", "-o", str(bam)]
    command += map(str, reads)
    cpu_seconds(command)
    return bam, cpu_seconds(command)


def show(row: dict[str, Any]) -> None:
    """Print the result for people."""
    print(
        f"{row['near_percent']:.2f} % of the {row['bwa_sure']:,} reads (of {row['reads']:,}) that bwa mem "
        f"places with MAPQ >= {SURE} lie within {NEAR_BP} bp of ours; {row['near_and_sure_percent']:.2f} % "
        f"do and have MAPQ >= {SURE} with us too"
    )
    print(
        f"of the {row['alike']:,} reads that both align alike {row['same_score_percent']:.2f} % have the "
        f"same AS, {row['same_quality_percent']:.2f} % the same MAPQ"
    )
    print(f"CPU seconds: genomehub {row['genomehub_cpu_s']:.1f}, bwa mem {row['bwa_cpu_s']:.1f}")
    print(
        "\nmapping quality, rows ours, columns bwa's\n" + "".join(f"{label:>10}" for label in ("", *LABELS))
    )
    for label, counts in zip(LABELS, row["quality_table"], strict=True):
        print(f"{label:>10}" + "".join(f"{count:>10,}" for count in counts))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--reference", type=Path, default=DATA / "b37.20_9.5-10.5M.fa.gz")
    default = [DATA / "na12878" / f"NA12878_R{end}.fastq.gz" for end in (1, 2)]
    parser.add_argument("--reads", type=Path, nargs="+", default=default)
    parser.add_argument("--json", metavar="FILE")
    options = parser.parse_args()
    if shutil.which("bwa") is None:
        raise SystemExit("bwa is not installed; on Debian: apt-get install bwa")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        bam, our_seconds = run_ours(options.reference, options.reads, folder)
        sam, bwa_seconds = run_bwa(options.reference, options.reads, folder)
        row = compare(places(bam), places(sam))
    row |= {"genomehub_cpu_s": round(our_seconds, 2), "bwa_cpu_s": round(bwa_seconds, 2)}
    row["inputs"] = [path.name for path in (options.reference, *options.reads)]
    if options.json == "-":
        print(json.dumps(row))
        return
    show(row)
    if options.json:
        with Path(options.json).open("a") as out:
            out.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    main()
