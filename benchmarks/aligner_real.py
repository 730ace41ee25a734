"""Reads without a known truth: agreement with bwa mem, confident places, duplicates by other programs."""

import shlex
import shutil
from pathlib import Path
from typing import Any

import alignment_agreement as agreement
import pysam
from aligner_commands import OURS, why_not
from aligner_runs import Runs
from measure import measure

_SURE = (20, 30)
_DUPLICATE, _NOT_PRIMARY = 0x400, 0x900
_JUDGES = {
    "samtools": "samtools collate -O -u {bam} {out}.collate | samtools fixmate -m -u - - | "
    "samtools sort -u -T {out}.sort - | samtools markdup -c - {out}",
    "PicardCommandLine": "PicardCommandLine MarkDuplicates QUIET=true I={bam} O={out} M={out}.txt",
}


def concordance(runs: Runs) -> dict[str, Any]:
    """Align with genomehub and bwa mem, compare read by read, and judge our duplicates.

    Returns
    -------
    row : as ``alignment_agreement.compare``; ``mapped_percent`` for each aligner and threshold of MAPQ;
        ``duplicates`` for each judge that is installed: how many reads it marks, and how many reads it marks
        otherwise than we do
    """
    reason = why_not("bwa", None)
    if reason:
        raise SystemExit(f"nothing to compare with: {reason}")
    for name in (OURS, "bwa"):
        runs.align(name, 1, 0)
    row = agreement.compare(agreement.places(runs.bam(OURS)), agreement.places(runs.bam("bwa")))
    table = row["quality_table"]
    ours, bwas = [sum(counts) for counts in table], [sum(counts) for counts in zip(*table, strict=True)]
    return {
        "task": "aligners.real",
        "input": runs.data.name,
        "aligner": OURS,
        **row,
        "mapped_percent": {
            name: {str(low): _share(counts, low) for low in (0, *_SURE)}
            for name, counts in ((OURS, ours), ("bwa", bwas))
        },
        "duplicates": _judge_duplicates(runs.bam(OURS), runs.folder),
    }


def _share(counts: list[int], low: int) -> float:
    """Percent of reads with at least this mapping quality; ``counts`` by agreement.BINS, unmapped last."""
    return 100 * sum(counts[agreement.BINS.index(low) : -1]) / max(1, sum(counts))


def _judge_duplicates(bam: Path, folder: Path) -> dict[str, Any]:
    """Mark the duplicates of our BAM again with other programs."""
    ours, n_reads = _duplicates(bam)
    answers: dict[str, Any] = {"reads": n_reads, OURS: {"duplicates": len(ours)}}
    for program, script in _JUDGES.items():
        if shutil.which(program) is None:
            continue
        out = folder / f"duplicates.{program}.bam"
        words = {"bam": shlex.quote(str(bam)), "out": shlex.quote(str(out))}
        measure(script.format(**words), out.with_suffix(".log"))
        theirs, _ = _duplicates(out)
        answers[program] = {
            "duplicates": len(theirs),
            "differ": len(ours ^ theirs),
            "equal_percent": 100 * (1 - len(ours ^ theirs) / max(1, n_reads)),
        }
    return answers


def _duplicates(bam: Path) -> tuple[set[tuple[str, bool]], int]:
    """Name and end of the primary alignments that are marked, and how many there are in all."""
    marked, n_reads = set(), 0
    with pysam.AlignmentFile(str(bam)) as file:
        for record in file.fetch(until_eof=True):
            if record.flag & _NOT_PRIMARY:
                continue
            n_reads += 1
            if record.flag & _DUPLICATE:
                marked.add((record.query_name, record.is_read2))
    return marked, n_reads
