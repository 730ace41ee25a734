"""genomehub align beside other aligners: placement, MAPQ, CPU seconds, memory, index; where our time goes.

    python benchmarks/aligners.py quick --folder OUT              a minute, on a slice of chr20
    python benchmarks/aligners.py compare --folder OUT --reference chr20.fa.gz --vcf phased.vcf.gz
    python benchmarks/aligners.py compare --folder OUT --genome hard400 --pairs 500000
    python benchmarks/aligners.py compare --folder OUT --genome human --aligners genomehub bwa --threads 2
    python benchmarks/aligners.py compare --folder OUT --reference genome.fa --reads R1.fq.gz R2.fq.gz
    python benchmarks/aligners.py real --folder OUT --reference chr20.fa.gz --reads R1.fq.gz R2.fq.gz
    python benchmarks/aligners.py sizes --folder OUT --reference chr20.fa.gz --vcf phased.vcf.gz --repeats 5
    python benchmarks/aligners.py index --folder OUT --reference chr20.fa.gz
    python benchmarks/aligners.py profile --folder OUT --reference chr20.fa.gz --reads R1.fq.gz R2.fq.gz
    python benchmarks/aligners.py score X.bam ...                 placement of simulated reads alone

All is kept in --folder: genomes, reads, indexes, BAM files and each measurement, which is not taken again
while the aligner's version (ours: its sources) and the reads are the same. An interrupted run goes on where
it was. --json FILE appends rows as in benchmarks/history.jsonl. docs/benchmarks.md says what is measured how.
"""

import argparse
import json
import statistics
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aligner_index
import aligner_profile
import aligner_real
import placement
from aligner_commands import ALIGNERS, OURS, why_not
from aligner_runs import Dataset, Runs
from aligner_tables import (
    print_accuracy,
    print_index,
    print_profile,
    print_real,
    print_sharing,
    print_sizes,
    print_speed,
)
from simulate_genome import SIZES, simulate_genome
from simulate_reads import Protocol, simulate

from genomehub.pipeline.benchmark_history import append_history

SLICE = Path(__file__).parents[1] / "reference_data"
DEFAULT = ("genomehub", "bwa", "minimap2", "snap", "bwa-mem3", "strobealign", "minibwa")


def say(text: str) -> None:
    """Tell what goes on."""
    print(text, file=sys.stderr, flush=True)


# --- data ---------------------------------------------------------------------------------------------------
def dataset(options: argparse.Namespace) -> Dataset:
    """The genome and the reads that the options ask for, made if they are not there yet."""
    folder = options.folder
    if options.genome:
        name, fasta = options.genome, folder / options.genome / "genome.fa"
        if not fasta.exists():
            say(f"making {fasta}")
            simulate_genome(fasta, SIZES[options.genome])
    elif options.reference:
        name, fasta = options.reference.name.split(".fa")[0], options.reference
    else:
        raise SystemExit("name a genome: --genome or --reference")
    if options.command == "index":
        return Dataset(options.name or name, fasta, ())
    if options.reads:
        return Dataset(
            options.name or f"{name}-{options.reads[0].name.split('.')[0]}", fasta, tuple(options.reads)
        )
    name = options.name or f"{name}{'-haplotypes' if options.vcf else ''}"
    prefix = folder / name / f"reads{options.length}x{options.pairs}"
    reads = Path(f"{prefix}_R1.fq.gz"), Path(f"{prefix}_R2.fq.gz")
    if not all(path.exists() for path in reads):
        say(f"simulating {options.pairs:,} pairs of 2x{options.length} bp")
        simulate(fasta, prefix, options.pairs, options.vcf, Protocol(length=options.length))
    return Dataset(f"{name}-2x{options.length}", fasta, reads)


# --- subcommands --------------------------------------------------------------------------------------------
def compare(options: argparse.Namespace) -> list[dict[str, Any]]:
    """Speed, memory, index and placement of all aligners."""
    runs = Runs(dataset(options), options.folder, options.bwa_mem3_index, say)
    names = [name for name in options.aligners if not _skipped(name, options)]
    rows = []
    for name in names:
        index = runs.index(name, max(options.threads))
        if index is not None:
            rows.append(index)
    print_index(rows)
    for threads in options.threads:
        # Repeats go round: what disturbs the machine for a while disturbs all.
        for repeat in range(options.repeats):
            for name in names:
                runs.align(name, threads, repeat)
        speed = [runs.speed(name, threads, options.repeats) for name in names]
        print_speed(_with_ratios(speed), threads)
        rows += speed
    if runs.data.has_truth():
        accuracy = [runs.accuracy(name) for name in names]
        print_accuracy(accuracy)
        plot = options.folder / f"{runs.data.name}-mapping-quality"
        _plot(accuracy, plot)
        rows += [{key: value for key, value in row.items() if key != "calibration"} for row in accuracy]
    return rows


def _skipped(name: str, options: argparse.Namespace) -> bool:
    reason = why_not(name, options.bwa_mem3_index)
    if reason:
        say(f"{name} is left out: {reason}")
    return bool(reason)


def _with_ratios(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Add ``ratio``: the median over repeats of our CPU seconds by theirs, start-up included."""
    ours = next((row for row in rows if row["aligner"] == OURS), None)
    for row in rows:
        if ours is not None:
            pairs = zip(ours["all_seconds"], row["all_seconds"], strict=True)
            row["ratio"] = statistics.median(mine / theirs for mine, theirs in pairs)
    return rows


def _plot(rows: list[dict[str, Any]], prefix: Path) -> None:
    from calibration_plot import plot  # matplotlib takes a second to load

    prefix.with_suffix(".json").write_text(
        json.dumps({row["aligner"]: row["calibration"] for row in rows}, indent=1) + "\n"
    )
    plot({row["aligner"]: row for row in rows}, prefix.with_suffix(".png"))
    say(f"wrote {prefix.with_suffix('.png')} and {prefix.with_suffix('.json')}")


def sizes(options: argparse.Namespace) -> list[dict[str, Any]]:
    """Throughput of genomehub on a made-up genome of 3.1 Gbp beside that on another, in turn."""
    made_up = dict.fromkeys(("reference", "vcf", "name")) | {
        "genome": options.large,
        "reads": options.large_reads,
    }
    datasets = dataset(options), dataset(argparse.Namespace(**vars(options) | made_up))
    other, large = (Runs(data, options.folder, None, say) for data in datasets)
    rows = []
    for threads in options.threads:
        for repeat in range(options.repeats):
            for runs in (other, large):
                runs.align(OURS, threads, repeat)
        speeds = [runs.speed(OURS, threads, options.repeats) for runs in (other, large)]
        print_sizes(speeds, threads)
        rows += speeds
    return rows


def real(options: argparse.Namespace) -> list[dict[str, Any]]:
    """Agreement with bwa mem on reads without a known truth, and duplicates beside samtools and picard."""
    runs = Runs(dataset(options), options.folder, None, say)
    row = aligner_real.concordance(runs)
    print_real(row)
    return [row]


def index(options: argparse.Namespace) -> list[dict[str, Any]]:
    """Build and size of the indexes; loading and sharing of ours."""
    runs = Runs(dataset(options), options.folder, None, say)
    names = [name for name in options.aligners if name != "bwa-mem3" and not _skipped(name, options)]
    rows = [row for name in names for threads in options.threads if (row := runs.index(name, threads))]
    print_index(rows)
    return [*rows, _sharing(runs)]


def _sharing(runs: Runs) -> dict[str, Any]:
    index = runs.require_index(OURS)
    row: dict[str, Any] = {"task": "aligners.sharing", "input": runs.data.name, "aligner": OURS}
    row |= aligner_index.sharing(index / "genome.ref")
    print_sharing(row)
    return row


def profile(options: argparse.Namespace) -> list[dict[str, Any]]:
    """CPU seconds of each stage of genomehub align."""
    runs = Runs(dataset(options), options.folder, None, say)
    runs.warm_up()
    index = runs.require_index(OURS) / "genome.ref"
    row = aligner_profile.profile(index, runs.data.reads, runs.folder)
    print_profile(row)
    return [{**row, "input": runs.data.name}]


def quick(options: argparse.Namespace) -> list[dict[str, Any]]:
    """All of it, small: tells whether the benchmark runs, and little about speed."""
    options.genome = "tiny"
    rows = [*compare(options), _sharing(Runs(dataset(options), options.folder, None, say))]
    options.genome, options.reference = None, SLICE / "b37.20_9.5-10.5M.fa.gz"
    options.reads = [SLICE / "na12878" / f"NA12878_R{end}.fastq.gz" for end in (1, 2)]
    return [*rows, *real(options), *profile(options)]


def score(options: argparse.Namespace) -> list[dict[str, Any]]:
    """Placement of simulated reads in BAM or SAM files."""
    rows = [
        {"task": "aligners.accuracy", "aligner": str(path), **placement.summary(placement.score(path))}
        for path in options.bam
    ]
    print_accuracy(rows, calibration=True)
    return rows


# --- command line -------------------------------------------------------------------------------------------
def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)

    def add(name: str, work: Callable[..., Any], *groups: Callable[[argparse.ArgumentParser], None]) -> None:
        command = commands.add_parser(name, help=(work.__doc__ or "").split("\n")[0])
        command.add_argument("--json", type=Path, metavar="FILE", help="append rows to FILE")
        command.set_defaults(
            work=work, genome=None, reference=None, reads=None, vcf=None, name=None, bwa_mem3_index=None,
            pairs=1_000_000, length=150,
        )  # fmt: skip
        for group in groups:
            group(command)

    add("quick", quick, _folder, _contestants, _quick)
    add("compare", compare, _folder, _genome, _reads, _contestants)
    add("sizes", sizes, _folder, _genome, _reads, _large, _repeats)
    add("real", real, _folder, _genome, _reads)
    add("index", index, _folder, _genome, _contestants)
    add("profile", profile, _folder, _genome, _reads)
    add("score", score, _bam)
    return parser.parse_args()


def _bam(command: argparse.ArgumentParser) -> None:
    command.add_argument("bam", type=Path, nargs="+", metavar="BAM")


def _folder(command: argparse.ArgumentParser) -> None:
    command.add_argument("--folder", type=Path, required=True, help="for all that is made; kept")


def _genome(command: argparse.ArgumentParser) -> None:
    group = command.add_mutually_exclusive_group(required=True)
    group.add_argument("--genome", choices=SIZES, help="made up (simulate_genome.py)")
    group.add_argument("--reference", type=Path, metavar="FASTA")
    command.add_argument("--name", help="of the data set, in tables and file names")


def _reads(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--reads", type=Path, nargs=2, metavar=("R1", "R2"), help="instead of simulated ones"
    )
    command.add_argument("--vcf", type=Path, help="simulate from the haplotypes of these phased variants")
    command.add_argument("--pairs", type=int, default=1_000_000, help="simulated")
    command.add_argument("--length", type=int, default=150, help="of simulated reads, bp")


def _contestants(command: argparse.ArgumentParser) -> None:
    command.add_argument("--aligners", nargs="+", choices=ALIGNERS, default=DEFAULT, metavar="NAME")
    _repeats(command)
    command.add_argument("--bwa-mem3-index", type=Path, metavar="PREFIX")


def _repeats(command: argparse.ArgumentParser) -> None:
    command.add_argument("--threads", type=int, nargs="+", default=[1])
    command.add_argument("--repeats", type=int, default=1)


def _large(command: argparse.ArgumentParser) -> None:
    command.add_argument("--large", choices=SIZES, default="human", help="the made-up genome")
    command.add_argument("--large-reads", type=Path, nargs=2, metavar=("R1", "R2"), help="of it")


def _quick(command: argparse.ArgumentParser) -> None:
    command.add_argument("--pairs", type=int, default=10_000, help="simulated")


def main() -> None:
    options = parse()
    rows = options.work(options)
    if options.json:
        append_history(options.json, rows)


if __name__ == "__main__":
    main()
