"""genomehub call beside other callers: errors by class, CPU seconds, memory, F1 by depth; our stages.

    python benchmarks/callers.py quick --folder OUT               two minutes, on the slice of chr20
    python benchmarks/callers.py compare --folder OUT --reference chr20.fa --bam our=A.bam bwa=B.bam \\
        --truth phased.vcf.gz --regions span.bed [--confident confident.bed]
    python benchmarks/callers.py depth --folder OUT               NA12878's slice at 30, 20, 10 and 5x
    python benchmarks/callers.py real --folder OUT [--peer-calls GATK=gatk.vcf ...]
    python benchmarks/callers.py profile --folder OUT --reference chr20.fa --bam our=A.bam --regions span.bed

All is kept in --folder: calls, scores and each measurement, which is not taken again while the caller's
version (ours: its sources), the BAM and the regions are the same. Without data of their own, subcommands take
the real reads in reference_data/, aligned by genomehub. --json FILE appends rows as in
benchmarks/history.jsonl. docs/benchmarks.md says what is measured how.
"""

import argparse
import statistics
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import caller_profile
import caller_real
import caller_tables as tables
from caller_commands import CALLERS, OURS, why_not
from caller_runs import CallerRuns, Genome, Truth, build_genome, inside_and_outside

from genomehub.pipeline.benchmark_history import append_history

ROOT = Path(__file__).parents[1]
DATA = ROOT / "reference_data"
SLICE_FASTA = DATA / "b37.20_9.5-10.5M.fa.gz"
GATK = {"GATK4": "gatk4.vcf.gz", "GATK4 DRAGEN mode": "gatk4.DRAGEN.vcf.gz"}
TRIO = ("HG001", "NA12891", "NA12892")  # child, father, mother


def say(text: str) -> None:
    """Tell what goes on."""
    print(text, file=sys.stderr, flush=True)


def contestants(options: argparse.Namespace) -> list[str]:
    """The callers that were asked for and are there."""
    names = []
    for name in options.callers:
        reason = why_not(name)
        if reason:
            say(f"{name} is left out: {reason}")
        else:
            names.append(name)
    return names


# --- data ---------------------------------------------------------------------------------------------------
def genome_of(options: argparse.Namespace) -> Genome:
    """The genome that was named, or the slice."""
    fasta = options.reference or SLICE_FASTA
    return build_genome(fasta, options.reference_dir, options.folder / "genome", say)


def slice_bam(options: argparse.Namespace, folder: Path, sample: str) -> Path:
    """Reads of reference_data, aligned to the slice by genomehub."""
    bam = options.folder / f"{sample}.bam"
    if not bam.exists():
        say(f"aligning {sample}")
        reads = [str(DATA / folder / f"{sample}_R{end}.fastq.gz") for end in (1, 2)]
        command = [sys.executable, "-m", "genomehub", "align", "-q", "-r", str(genome_of(options).reference)]
        subprocess.run([*command, "--sample", sample, "-o", str(bam), *reads], check=True)
    return bam


def slice_runs(options: argparse.Namespace, bam: Path | None = None, name: str = "NA12878") -> CallerRuns:
    """NA12878's slice as input; ``bam``: other reads of it."""
    bed = DATA / "na12878" / "slice.bed"
    bam = bam or slice_bam(options, Path("na12878"), "NA12878")
    return CallerRuns(name, bam, genome_of(options), bed, options.folder, say)


def slice_truth() -> Truth:
    """The truth of NA12878's slice, and the regions where it is complete."""
    folder = DATA / "na12878"
    return Truth(folder / "truth.union.vcf.gz", {"confident": folder / "confident.bed"})


def given_runs(options: argparse.Namespace) -> list[CallerRuns]:
    """One for each BAM of the command line, or the slice."""
    if not options.bam:
        return [slice_runs(options)]
    if options.reference is None or options.regions is None:
        raise SystemExit("a BAM needs its genome and the regions to call: --reference, --regions")
    genome = genome_of(options)
    return [
        CallerRuns(name, path, genome, options.regions, options.folder, say)
        for name, path in (_named(text) for text in options.bam)
    ]


def _named(text: str) -> tuple[str, Path]:
    name, equals, path = text.partition("=")
    return (name, Path(path)) if equals else (Path(text).stem, Path(text))


# --- subcommands --------------------------------------------------------------------------------------------
def compare(options: argparse.Namespace) -> list[dict[str, Any]]:
    """Speed, memory and errors by class of all callers."""
    names, rows = contestants(options), []
    for runs in given_runs(options):
        # Repeats go round: what disturbs the machine for a while disturbs all.
        for repeat in range(options.repeats):
            for name in names:
                runs.call(name, repeat)
        speed = [runs.speed(name, options.repeats) for name in names]
        tables.print_speed(speed)
        rows += speed
        truth = _truth(options, runs)
        if truth is None:
            say("no scores: no --truth was given")
            continue
        reports = {name: runs.scores(name, truth) for name in names}
        for stratum in (None, *truth.strata):
            tables.print_scores(runs.name, reports, OURS, stratum)
        plot = runs.folder / "errors.png"
        tables.plot_errors(reports, OURS, plot)
        say(f"wrote {plot}; each report of evaluate lies beside it")
        rows += [_score_row(runs, name, report) for name, report in reports.items()]
    return rows


def _truth(options: argparse.Namespace, runs: CallerRuns) -> Truth | None:
    if not options.bam:
        return slice_truth()
    if options.truth is None:
        return None
    strata: dict[str, Path] = {}
    if options.confident:
        strata |= inside_and_outside(options.confident, runs.bed, runs.folder)
    return Truth(
        options.truth, {**strata, **{name: Path(bed) for name, bed in map(_named, options.stratify)}}
    )


def _score_row(runs: CallerRuns, name: str, report: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A row of the history: classes of the whole, kinds of the strata."""
    classes = {"/".join(place): tables.cell(report, place) for _, place in tables.CLASSES}
    kept = ("tp_truth", "tp_calls", "fp", "fn", "f1")
    strata = {
        stratum: {kind: {key: part[kind][key] for key in kept} for kind in ("snv", "indel")}
        for stratum, part in report["strata"].items()
    }
    return {
        "task": "callers.scores",
        "input": runs.name,
        "caller": name,
        "covered_bp": runs.covered_bp,
        **more,
        "classes": {place: {key: row[key] for key in kept} for place, row in classes.items()},
        "strata": strata,
    }


def depth(options: argparse.Namespace) -> list[dict[str, Any]]:
    """F1 of SNVs and indels when fewer reads are there."""
    names, whole = contestants(options), slice_runs(options)
    truth, full = slice_truth(), slice_runs(options).depth()
    rows = []
    for wanted in sorted(options.depths):
        share = min(1.0, wanted / full)
        draws = range(1 if share == 1.0 else options.draws)
        inputs = [slice_runs(options, _thinned(whole, share, draw), f"{wanted}x.{draw}") for draw in draws]
        for name in names:
            reports = [runs.scores(name, truth)["strata"]["confident"] for runs in inputs]
            row = {kind: _mean([report[kind] for report in reports]) for kind in ("snv", "indel")}
            rows.append({"task": "callers.depth", "input": "NA12878 slice", "caller": name,
                         "depth": full * share, "draws": len(inputs), **row})  # fmt: skip
    tables.print_depth(rows)
    plot = options.folder / "depth.png"
    tables.plot_depth(rows, plot)
    say(f"wrote {plot}")
    return rows


def _thinned(runs: CallerRuns, share: float, draw: int) -> Path:
    """A share of the templates, the same ones for the same ``draw``."""
    if share == 1.0:
        return runs.bam
    bam = runs.folder / f"share{share:.4f}.{draw}.bam"
    if not bam.exists():
        command = ["samtools", "view", "-b", "-s", f"{draw + share:.4f}", "--write-index"]
        subprocess.run([*command, "-o", f"{bam}##idx##{bam}.bai", str(runs.bam)], check=True)
    return bam


def _mean(scores: Sequence[dict[str, Any]]) -> dict[str, Any]:
    known = {key: [row[key] for row in scores if row[key] is not None] for key in ("fp", "fn", "f1")}
    return {key: statistics.fmean(values) if values else None for key, values in known.items()}


def real(options: argparse.Namespace) -> list[dict[str, Any]]:
    """Real reads: the slice against its truth, each difference from GATK's calls, the trio's inheritance."""
    names, runs, truth = contestants(options), slice_runs(options), slice_truth()
    reports = {name: runs.scores(name, truth) for name in names}
    tables.print_scores("NA12878 slice", reports, OURS, "confident")
    rows = [_score_row(runs, name, report) for name, report in reports.items()]
    peers = dict(map(_named, options.peer_calls)) or {
        name: ROOT / "tests" / "data" / "gatk" / file for name, file in GATK.items()
    }
    for peer, path in peers.items():
        calls = caller_real.without_blocks(path, runs.folder)
        differ, n_same = caller_real.differences(
            runs, runs.counted_calls(OURS), calls, truth, truth.strata["confident"]
        )
        tables.print_differences(peer, differ, n_same)
        rows.append({"task": "callers.differences", "input": runs.name, "caller": OURS, "peer": peer,
                     "same": n_same, "differences": differ})  # fmt: skip
    return [*rows, _trio(options)]


def _trio(options: argparse.Namespace) -> dict[str, Any]:
    bed, stores = DATA / "trio" / "slice.bed", []
    for sample in TRIO:
        bam = slice_bam(options, Path("trio"), sample)
        runs = CallerRuns(sample, bam, genome_of(options), bed, options.folder, say)
        runs.call(OURS)
        stores.append(runs.vcf(OURS).with_name(f"{OURS}.vcz"))
    row = caller_real.trio(stores, DATA / "trio" / "confident.bed")
    tables.print_trio(row)
    return {"input": "trio slice", **row}


def profile(options: argparse.Namespace) -> list[dict[str, Any]]:
    """CPU seconds of each stage of genomehub call."""
    rows = []
    for runs in given_runs(options):
        runs.warm_up()
        row = caller_profile.profile(runs.genome.reference, runs.bam, runs.bed, runs.folder)
        rows.append({**row, "input": runs.name, "covered_bp": runs.covered_bp})
        tables.print_profile(rows[-1])
    return rows


def quick(options: argparse.Namespace) -> list[dict[str, Any]]:
    """All of it on the slice: tells whether the benchmark runs, and little about speed."""
    return [*compare(options), *depth(options), *real(options), *profile(options)]


# --- command line -------------------------------------------------------------------------------------------
def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)

    def add(name: str, work: Callable[..., Any], *groups: Callable[[argparse.ArgumentParser], None]) -> None:
        command = commands.add_parser(name, help=(work.__doc__ or "").split("\n")[0])
        command.add_argument("--folder", type=Path, required=True, help="for all that is made; kept")
        command.add_argument("--json", type=Path, metavar="FILE", help="append rows to FILE")
        command.set_defaults(
            work=work, reference=None, reference_dir=None, bam=None, regions=None, truth=None, confident=None,
            stratify=[], repeats=1, depths=[30, 20, 10, 5], draws=3, peer_calls=[],
        )  # fmt: skip
        for group in groups:
            group(command)

    add("quick", quick, _callers)
    add("compare", compare, _callers, _input, _scoring)
    add("depth", depth, _callers, _depths)
    add("real", real, _callers, _peer_calls)
    add("profile", profile, _input)
    return parser.parse_args()


def _callers(command: argparse.ArgumentParser) -> None:
    command.add_argument("--callers", nargs="+", choices=CALLERS, default=list(CALLERS), metavar="NAME")


def _input(command: argparse.ArgumentParser) -> None:
    command.add_argument("--reference", type=Path, metavar="FASTA")
    command.add_argument(
        "--reference-dir", type=Path, metavar="REF", help="made by genomehub reference build"
    )
    command.add_argument("--bam", nargs="+", metavar="[NAME=]BAM", help="sorted, indexed, duplicates marked")
    command.add_argument("--regions", type=Path, metavar="BED", help="what to call and score")


def _scoring(command: argparse.ArgumentParser) -> None:
    command.add_argument("--truth", type=Path, metavar="VCF")
    command.add_argument("--confident", type=Path, metavar="BED", help="score inside and outside of it apart")
    command.add_argument("--stratify", nargs="+", default=[], metavar="NAME=BED", help="further such parts")
    command.add_argument("--repeats", type=int, default=1)


def _depths(command: argparse.ArgumentParser) -> None:
    command.add_argument("--depths", type=int, nargs="+", default=[30, 20, 10, 5])
    command.add_argument("--draws", type=int, default=3, help="of reads at each depth; the mean is shown")


def _peer_calls(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--peer-calls", nargs="+", default=[], metavar="NAME=VCF",
        help="calls of NA12878's slice by others, VCF or gVCF; default: GATK's in tests/data",
    )  # fmt: skip


def main() -> None:
    options = parse()
    options.folder.mkdir(parents=True, exist_ok=True)
    rows = options.work(options)
    if options.json:
        append_history(options.json, rows)


if __name__ == "__main__":
    main()
