"""Measure the stages of a sample as users run them: commands in processes of their own.

The operating system counts what they use. Each stage runs on a warm-up input with an empty kernel cache
(compilation), on a tiny one (start-up), and on the sample; pipeline.turnaround extrapolates.
"""

import functools
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from genomehub.config import BenchmarkConfig
from genomehub.errors import GenomehubError, NotFoundError
from genomehub.files import size_bytes
from genomehub.pipeline.benchmark_history import machine
from genomehub.pipeline.benchmark_inputs import Inputs, count_reads, subset, write_plain
from genomehub.pipeline.report_inputs import read_json, read_qc
from genomehub.pipeline.turnaround import Sample, Stage, Usage, estimate
from genomehub.store.reference import Reference
from genomehub.types import NoProgress, Progress

_TINY_READS = 50  # templates of the input that shows what start-up costs
_TINY_REFERENCE_BP = 20_000
_WARM_UP_READS = 100_000  # templates of the input that compiles the kernels, at most
_PEERS = ("bwa", "samtools", "bcftools")


def turnaround(
    inputs: Inputs,
    config: BenchmarkConfig | None = None,
    threads: int = 1,
    peers: bool = False,
    keep: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Measure reference, align, call and qc on a sample and extrapolate to a genome.

    Parameters
    ----------
    inputs : genome and reads
    config : the genome to extrapolate to, and the price
    threads : cores for each command
    peers : also measure bwa mem, samtools and bcftools on the same reads, where installed
    keep : folder for the results of the measured run; by default they are removed

    Returns
    -------
    result : as ``turnaround.estimate``, with "reference", "peers", "input", "threads" and "machine"
    """
    config, progress = config or BenchmarkConfig(), progress or NoProgress()
    if peers:
        check_peers(inputs)
    with tempfile.TemporaryDirectory(prefix="genomehub-benchmark-") as scratch:
        folder = Path(scratch)
        cache = folder / "cache"
        progress.start("measure", None, "commands")
        run = functools.partial(_run, cache=cache, progress=progress)
        subsets = {name: subset(inputs, folder / name, n) for name, n in _SUBSETS.items()}
        n_reads, n_bases = count_reads(inputs.reads)
        reference, reference_usage = _reference(inputs, folder, run)
        results = Path(keep) if keep is not None else folder / "sample"
        measured = {
            name: _stages(reference, reads, folder / name, threads, run) for name, reads in subsets.items()
        }
        idle = _stages(reference, subsets["tiny"], folder / "idle", threads, run)  # nothing left to compile
        start_up = _stages(_tiny_reference(folder, run), subsets["tiny"], folder / "start", threads, run)
        measured["sample"] = _stages(reference, inputs.reads, results, threads, run)
        if subsets["warm-up"] == inputs.reads:
            warm = measured["sample"]
        else:
            warm = _stages(reference, subsets["warm-up"], folder / "warm", threads, run)
        sample = _sample(results, n_reads, n_bases, reference)
        stages = [
            Stage(
                name, unit, measured["sample"][name],
                min(measured["tiny"][name], idle[name], key=lambda used: used.core_seconds), start_up[name],
                max(0.0, measured["warm-up"][name].core_seconds - warm[name].core_seconds),
            )
            for name, unit in _UNITS.items()
        ]  # fmt: skip
        result = {
            "input": inputs.name,
            "threads": threads,
            "machine": machine(),
            **estimate(stages, sample, config),
            "reference": None if reference_usage is None else reference_usage._asdict(),
            "peers": _peers(inputs, folder, threads, config, sample, progress) if peers else [],
        }
        progress.finish()
    return result


#: Stage -> field of Sample that its work is counted in.
_UNITS = {"align": "n_bases", "call": "aligned_bases", "qc": "n_bases"}
#: The first input meets an empty cache; the second shows what start-up costs.
_SUBSETS = {"warm-up": _WARM_UP_READS, "tiny": _TINY_READS}

Runner = Callable[..., Usage]


def _run(
    arguments: Sequence[str], inputs: Sequence[Path], outputs: Sequence[Path], cache: Path, progress: Progress
) -> Usage:
    """Run a command of ours as a user would, with a kernel cache of its own."""
    environment = {k: v for k, v in os.environ.items() if k != "NUMBA_CACHE_DIR"} | {
        "GENOMEHUB_CACHE_DIR": str(cache)
    }
    usage = measure([sys.executable, "-m", "genomehub", *arguments], inputs, outputs, environment)
    progress.advance(1)
    return usage


def measure(
    command: Sequence[str],
    inputs: Sequence[Path],
    outputs: Sequence[Path],
    environment: dict[str, str] | None = None,
) -> Usage:
    """Run a command to its end and ask the kernel what it and its children used.

    Raises
    ------
    GenomehubError
        It fails; the message ends with its own last words.
    """
    started = time.perf_counter()
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            log.seek(0)
            words = log.read().decode(errors="replace").strip().splitlines()[-3:]
            raise GenomehubError(f"{shlex.join(command)} failed: {' '.join(words)}")
    unit = 1 if sys.platform == "darwin" else 1024  # ru_maxrss is in bytes there, in KiB elsewhere
    return Usage(
        used.ru_utime + used.ru_stime,
        time.perf_counter() - started,
        used.ru_maxrss * unit,
        sum(size_bytes(path) for path in inputs),
        sum(size_bytes(path) for path in outputs),
    )


def _reference(inputs: Inputs, folder: Path, run: Runner) -> tuple[Path, Usage | None]:
    if inputs.genome.is_dir():
        return inputs.genome, None
    output = folder / "reference"
    arguments = ["reference", "build", str(inputs.genome), "-o", str(output)]
    run(arguments, [], [])  # compiles
    return output, run(arguments, [inputs.genome], [output])


def _tiny_reference(folder: Path, run: Runner) -> Path:
    """A reference of hardly any length, bases by rule."""
    fasta, output = folder / "tiny.fa", folder / "tiny.ref"
    bases = "".join("ACGT"[(i * i + i // 7 + i // 131) % 4] for i in range(_TINY_REFERENCE_BP))
    fasta.write_text(f">tiny\n{bases}\n")
    run(["reference", "build", str(fasta), "-o", str(output)], [], [])
    return output


def _stages(
    reference: Path, reads: tuple[Path, ...], folder: Path, threads: int, run: Runner
) -> dict[str, Usage]:
    """Run align, call and qc on one set of reads."""
    folder.mkdir(parents=True, exist_ok=True)
    bam, calls, pages = folder / "sample.bam", folder / "sample.vcz", folder / "qc"
    common = ["-r", str(reference), "--threads", str(threads)]
    return {
        "align": run(
            ["align", *common, "--sample", "sample", "-o", str(bam), *map(str, reads)], reads, [bam]
        ),
        "call": run(["call", *common, "-o", str(calls), str(bam)], [bam], [calls]),
        "qc": run(
            ["qc", *common, "--bam", str(bam), "--calls", str(calls), "-o", str(pages)], [bam, calls], [pages]
        ),
    }


def _sample(results: Path, n_reads: int, n_bases: int, reference: Path) -> Sample:
    contigs = read_qc(results / "qc" / "qc.json")["coverage"]["contigs"]
    return Sample(
        n_reads, n_bases, sum(c["n_covered"] for c in contigs), sum(c["depth_sum"] for c in contigs),
        Reference.open(reference).length,
    )  # fmt: skip


def check_peers(inputs: Inputs) -> None:
    """Raise NotFoundError, before any work, if the peers cannot be measured."""
    lacking = [name for name in _PEERS if shutil.which(name) is None]
    if lacking:
        raise NotFoundError(f"--peers cannot run: {', '.join(lacking)} not installed.")
    if inputs.genome.is_dir():
        raise NotFoundError("--peers cannot run: --reference must be a FASTA file then.")


def _peers(
    inputs: Inputs, folder: Path, threads: int, config: BenchmarkConfig, sample: Sample, progress: Progress
) -> list[dict[str, Any]]:
    """Measure bwa mem + samtools (sort, mark duplicates) and bcftools on the same reads."""
    fasta, bam, vcf = folder / "peer.fa", folder / "peer.bam", folder / "peer.vcf.gz"
    write_plain(inputs.genome, fasta)
    measure(["bwa", "index", str(fasta)], [], [])
    reads = shlex.join(map(str, inputs.reads))
    align = (
        f"bwa mem -t {threads} -R '@RG\\tID:1\\tSM:sample' {shlex.quote(str(fasta))} {reads} | "
        f"samtools fixmate -m -u - - | samtools sort -u -T {shlex.quote(str(folder / 'sort'))} - | "
        f"samtools markdup -@ {threads} - {shlex.quote(str(bam))} && samtools index {shlex.quote(str(bam))}"
    )
    call = (
        f"bcftools mpileup -f {shlex.quote(str(fasta))} -a AD,DP {shlex.quote(str(bam))} -Ou | "
        f"bcftools call -mv -Oz -o {shlex.quote(str(vcf))}"
    )
    rows = []
    for name, unit, script, given, left in (
        ("bwa mem + samtools sort + markdup", "n_bases", align, list(inputs.reads), bam),
        ("bcftools mpileup + call", "aligned_bases", call, [bam], vcf),
    ):
        usage = measure(["bash", "-o", "pipefail", "-c", script], given, [left])
        progress.advance(1)
        nothing = Usage(0.0, 0.0, 0, 0, 0)
        rows.append(estimate([Stage(name, unit, usage, nothing, nothing, 0.0)], sample, config)["stages"][0])
    return rows


def accuracy(
    inputs: Inputs, truth: Path, confident: Path | None, threads: int = 1, progress: Progress | None = None
) -> dict[str, Any]:
    """Align, call and evaluate a sample; return the report of ``genomehub evaluate``."""
    progress = progress or NoProgress()
    with tempfile.TemporaryDirectory(prefix="genomehub-benchmark-") as scratch:
        folder = Path(scratch)
        progress.start("accuracy", 4, "commands")

        def run(arguments: Sequence[str]) -> None:
            measure([sys.executable, "-m", "genomehub", *arguments], [], [])
            progress.advance(1)

        reference = inputs.genome
        if not reference.is_dir():
            reference = folder / "reference"
            run(["reference", "build", str(inputs.genome), "-o", str(reference)])
        common = ["-r", str(reference), "--threads", str(threads)]
        bam, calls, scores = folder / "sample.bam", folder / "sample.vcz", folder / "scores.json"
        run(["align", *common, "--sample", "sample", "-o", str(bam), *map(str, inputs.reads)])
        run(["call", *common, "-o", str(calls), str(bam)])
        regions = [] if confident is None else ["--confident", str(confident)]
        run(
            [
                "evaluate",
                "-r",
                str(reference),
                "--truth",
                str(truth),
                *regions,
                "--json",
                str(scores),
                str(calls),
            ]
        )
        progress.finish()
        return read_json(scores, "evaluation")
