"""Runs of callers on one BAM within a BED, each measured once and remembered in a folder, and their scores.

A measurement also holds what it depends on (versions, input, regions). While that is the same it is read and
not taken again.
"""

import json
import shlex
import statistics
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from aligner_commands import sources_digest
from caller_commands import CALLERS, OURS, identity
from measure import measure, once

#: Bases of the region that shows what start-up costs, and of the one that compiles our kernels before.
_TINY_BP, _WARM_UP_BP = 1_000, 50_000


class Genome(NamedTuple):
    """What reads are aligned to.

    fasta : plain, with .fai
    reference : our reference directory of the same
    """

    fasta: Path
    reference: Path


class Truth(NamedTuple):
    """What calls should be.

    vcf : true variants
    strata : name -> BED; scored apart as well
    """

    vcf: Path
    strata: dict[str, Path]


class CallerRuns:
    """Calls, measurements and scores of one BAM.

    Parameters
    ----------
    name : of the BAM, in tables and file names
    bam : sorted, indexed
    genome : Genome
    bed : where to call and score
    folder : for everything
    say : called with what is going on
    """

    _is_warm = False  # of the program, not of one input

    def __init__(
        self, name: str, bam: Path, genome: Genome, bed: Path, folder: Path, say: Callable[[str], None]
    ) -> None:
        self.name, self.bam, self.genome, self._say = name, bam.resolve(), genome, say
        self.folder = folder.resolve() / "runs" / name
        self.folder.mkdir(parents=True, exist_ok=True)
        self.intervals = read_intervals(bed)
        self.bed = write_intervals(self.folder / "regions.bed", self.intervals)

    @property
    def covered_bp(self) -> int:
        """Length of the regions."""
        return sum(end - start for _, start, end in self.intervals)

    def vcf(self, caller: str) -> Path:
        """What a caller wrote last."""
        return self.folder / f"{caller}.vcf.gz"

    def call(self, caller: str, repeat: int = 0) -> dict[str, Any]:
        """Call the regions; return what that cost."""
        kept = self.folder / f"{caller}.{repeat}.json"
        if not self.vcf(caller).exists():
            kept.unlink(missing_ok=True)

        def work() -> dict[str, Any]:
            if caller == OURS:
                self.warm_up()
            return self._measured(caller, self.bed, self.folder / caller)

        return once(kept, self._depends(caller), work, lambda: self._say(f"{self.name}: {caller}"))

    def speed(self, caller: str, repeats: int) -> dict[str, Any]:
        """Summarise the repeats: the least CPU seconds, the median, and the same for 1 Mbp without start-up.

        ``fixed_seconds`` is the least of two runs on the first 1,000 bp of the regions.
        """
        usages = [self.call(caller, repeat) for repeat in range(repeats)]
        seconds = [usage["core_seconds"] for usage in usages]
        fixed = min(self._start_up(caller, repeat)["core_seconds"] for repeat in range(2))
        megabases = self.covered_bp / 1e6
        return {
            "task": "callers.speed",
            "input": self.name,
            "caller": caller,
            "caller_version": identity(caller),
            "threads": 1,
            "covered_bp": self.covered_bp,
            "seconds": min(seconds),
            "seconds_median": statistics.median(seconds),
            "all_seconds": seconds,
            "wall_seconds": min(usage["wall_seconds"] for usage in usages),
            "fixed_seconds": fixed,
            "per_mbp": min(seconds) / megabases,
            "per_mbp_without_start": (min(seconds) - fixed) / megabases,
            "peak_rss_bytes": max(usage["peak_rss_bytes"] for usage in usages),
        }

    def counted_calls(self, caller: str) -> Path:
        """The records that count (``Caller.least_quality``), as a VCF of their own where that is a choice."""
        self.call(caller)
        least = CALLERS[caller].least_quality
        if least == 0:
            return self.vcf(caller)
        kept = self.folder / f"{caller}.q{least}.vcf.gz"
        with kept.open("wb") as out:
            subprocess.run(
                ["bcftools", "view", "-i", f"QUAL>={least}", "-Oz", str(self.vcf(caller))],
                stdout=out, check=True,
            )  # fmt: skip
        return kept

    def scores(self, caller: str, truth: Truth, annotated: Path | None = None) -> dict[str, Any]:
        """Report of ``genomehub evaluate`` within the regions; ``annotated``: VCF with each decision."""
        calls = self.counted_calls(caller)
        depends = {**self._depends(caller), "truth": _stamp(truth.vcf), "evaluate": sources_digest()}
        depends["strata"] = {name: path.read_text() for name, path in truth.strata.items()}
        kept = self.folder / f"{caller}.scores.json"
        if annotated is not None and not annotated.exists():
            kept.unlink(missing_ok=True)
        return once(
            kept,
            depends,
            lambda: evaluate(self.genome, calls, truth, self.bed, annotated),
            lambda: self._say(f"{self.name}: scores of {caller}"),
        )

    def depth(self) -> float:
        """Mean depth of the regions, duplicates and QC failures left out."""
        command = ["samtools", "bedcov", str(self.bed), str(self.bam)]
        lines = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines()
        return sum(int(line.split()[-1]) for line in lines) / self.covered_bp

    def warm_up(self) -> None:
        """Call the beginning of the regions with genomehub, to compile its kernels; once a program."""
        if not CallerRuns._is_warm:
            CallerRuns._is_warm = True
            self._say(f"{OURS}: compiling")
            self._measured(OURS, self._first(_WARM_UP_BP), self.folder / "warm")

    # --- within ---------------------------------------------------------------------------------------------
    def _start_up(self, caller: str, repeat: int) -> dict[str, Any]:
        def work() -> dict[str, Any]:
            return self._measured(caller, self._first(_TINY_BP), self.folder / f"{caller}.tiny")

        return once(
            self.folder / f"{caller}.start{repeat}.json",
            self._depends(caller),
            work,
            lambda: self._say(f"{self.name}: start-up of {caller}"),
        )

    def _first(self, n_bp: int) -> Path:
        contig, start, end = self.intervals[0]
        bed = self.folder / f"first{n_bp}.bed"
        return write_intervals(bed, [(contig, start, min(end, start + n_bp))])

    def _measured(self, caller: str, bed: Path, out: Path) -> dict[str, Any]:
        words = {"bam": self.bam, "bed": bed, "out": out, "fasta": self.genome.fasta.resolve(),
                 "reference": self.genome.reference.resolve()}  # fmt: skip
        quoted = {name: shlex.quote(str(path)) for name, path in words.items()}
        script = CALLERS[caller].call.format(**quoted)
        return measure(script, out.with_name(f"{out.name}.log"))._asdict()

    def _depends(self, caller: str) -> dict[str, Any]:
        return {
            "caller": identity(caller),
            "bam": _stamp(self.bam),
            "regions": list(map(list, self.intervals)),
        }


def evaluate(
    genome: Genome, calls: Path, truth: Truth, bed: Path, annotated: Path | None = None, *options: str
) -> dict[str, Any]:
    """Run ``genomehub evaluate`` within ``bed``; return its report."""
    report = calls.with_name(f"{calls.name}.evaluation.json")
    command = [sys.executable, "-m", "genomehub", "evaluate", "-q", "-r", str(genome.reference)]
    command += ["--truth", str(truth.vcf), "--confident", str(bed), "--json", str(report), *options]
    command += [word for name, path in truth.strata.items() for word in ("--stratify", f"{name}={path}")]
    if annotated is not None:
        command += ["--output-vcf", str(annotated)]
    subprocess.run([*command, str(calls)], stdout=subprocess.DEVNULL, check=True)
    result: dict[str, Any] = json.loads(report.read_text())
    return result


def build_genome(fasta: Path, reference: Path | None, folder: Path, say: Callable[[str], None]) -> Genome:
    """The genome as all callers need it: plain FASTA with index, reference directory; made if missing."""
    folder.mkdir(parents=True, exist_ok=True)
    if fasta.suffix == ".gz":
        plain = folder / fasta.with_suffix("").name
        if not plain.exists():
            say(f"unpacking {fasta}")
            part = plain.with_suffix(".part")
            with part.open("wb") as out:
                subprocess.run(["gzip", "-dc", str(fasta)], stdout=out, check=True)
            part.rename(plain)
        fasta = plain
    if not Path(f"{fasta}.fai").exists():
        subprocess.run(["samtools", "faidx", str(fasta)], check=True)
    if reference is None:
        reference = folder / f"{fasta.stem}.ref"
        if not reference.exists():
            say(f"building {reference}")
            command = [sys.executable, "-m", "genomehub", "reference", "build", "-q", str(fasta)]
            subprocess.run([*command, "-o", str(reference)], check=True)
    return Genome(fasta, reference)


def inside_and_outside(confident: Path, bed: Path, folder: Path) -> Mapping[str, Path]:
    """BEDs of the confident regions and of what the regions hold besides them."""
    gaps, spans = [], sorted(read_intervals(confident))
    for contig, start, end in read_intervals(bed):
        at = start
        for _, first, last in (span for span in spans if span[0] == contig):
            if last <= at or first >= end:
                continue
            if first > at:
                gaps.append((contig, at, first))
            at = max(at, last)
        if at < end:
            gaps.append((contig, at, end))
    folder.mkdir(parents=True, exist_ok=True)
    inside = write_intervals(folder / "inside.bed", spans)
    return {"confident": inside, "not confident": write_intervals(folder / "outside.bed", gaps)}


def read_intervals(bed: Path) -> list[tuple[str, int, int]]:
    """Contig, start and end of each line of a BED."""
    rows = (line.split() for line in bed.read_text().splitlines())
    return [(row[0], int(row[1]), int(row[2])) for row in rows if len(row) >= 3 and row[0][0] != "#"]


def write_intervals(path: Path, intervals: list[tuple[str, int, int]]) -> Path:
    """Write a BED; return its path."""
    path.write_text("".join(f"{contig}\t{start}\t{end}\n" for contig, start, end in intervals))
    return path


def _stamp(path: Path) -> list[Any]:
    status = path.stat()
    return [str(path.resolve()), status.st_size, status.st_mtime_ns]
