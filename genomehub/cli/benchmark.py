"""``genomehub benchmark``: turnaround per genome, accuracy, kernels."""

import json
import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from genomehub.cli.options import TerminalProgress, json_option, verbosity_options
from genomehub.config import BenchmarkConfig
from genomehub.errors import ConfigError, NotFoundError

_log = logging.getLogger("genomehub.benchmark")


@click.group()
def command() -> None:
    """Measure turnaround per genome, accuracy and kernels.

    \b
    Example:
      genomehub benchmark turnaround --peers
    """


def _input_options(function: Any) -> Any:
    for option in (
        click.option("--reference", "genome", type=click.Path(), metavar="FASTA|DIR",
                     help="Genome, or a reference directory.  [default: the slice of a checkout]"),
        click.option("--r1", "read1", type=click.Path(), metavar="FASTQ",
                     help="Reads, or first reads of pairs."),
        click.option("--r2", "read2", type=click.Path(), metavar="FASTQ", help="Second reads of pairs."),
        click.option("-t", "--threads", type=click.IntRange(min=1), default=1, show_default=True,
                     help="Cores."),
        click.option("--history", type=click.Path(dir_okay=False), metavar="JSONL",
                     help="Append the results here.  [default: benchmarks/history.jsonl of a checkout]"),
        click.option("--no-history", is_flag=True, help="Append them nowhere."),
        json_option,
        verbosity_options,
    ):  # fmt: skip
        function = option(function)
    return function


@command.command("turnaround")
@click.option("--price-per-core-hour", type=click.FloatRange(min=0), show_default=True, help="Money.",
              default=BenchmarkConfig.price_per_core_hour)  # fmt: skip
@click.option("--genome-bp", type=click.IntRange(min=1), default=BenchmarkConfig.genome_bp, show_default=True,
              help="Length of the genome to extrapolate to.")  # fmt: skip
@click.option("--depth", type=click.FloatRange(min=0, min_open=True), default=BenchmarkConfig.depth,
              show_default=True, help="And its depth.")  # fmt: skip
@click.option("--peers", is_flag=True, help="Also measure bwa mem, samtools and bcftools, where installed.")
@click.option(
    "--keep", type=click.Path(file_okay=False), metavar="DIR", help="Keep the sample's results here."
)
@_input_options
def turnaround_command(
    genome: str | None, read1: str | None, read2: str | None, threads: int, history: str | None,
    no_history: bool, as_json: bool, peers: bool, keep: str | None, **genome_config: Any,
) -> None:  # fmt: skip
    """Core-hours and money per genome, extrapolated from a sample.

    Runs every stage as a command of its own and counts what it and its children use: core-seconds (user and
    system), wall time, peak memory, bytes in and out. Start-up and compilation are measured apart.

    \b
    Example:
      genomehub benchmark turnaround --reference chr20.fa.gz --r1 R1.fastq.gz --r2 R2.fastq.gz
    """
    from genomehub.pipeline import benchmark, benchmark_history, benchmark_inputs
    from genomehub.pipeline.turnaround import caveats

    inputs = benchmark_inputs.find_inputs(genome, read1, read2)
    with TerminalProgress() as progress:
        result = benchmark.turnaround(
            inputs, BenchmarkConfig(**genome_config), threads, peers, keep, progress
        )
    if not no_history:
        benchmark_history.append_history(
            history or benchmark_history.default_history(), benchmark_history.turnaround_rows(result)
        )
    if as_json:
        click.echo(json.dumps(result, indent=1))
        return
    _print_turnaround(result)
    for line in caveats(result):
        click.echo(f"- {line}")


def _print_turnaround(result: dict[str, Any]) -> None:
    genome = result["genome"]
    target = f"{genome['genome_bp'] / 1e9:g} Gbp, {genome['depth']:g}x"
    table = Table(title=f"{result['input']}, {result['threads']} thread(s), {result['machine']['cpu']}")
    for head in ("stage", "core s", "wall s", "peak MB", "MB in", "MB out", "start-up s",
                 "reference s", "compile s", "core s per Gb", f"core-hours\n{target}"):  # fmt: skip
        table.add_column(head, justify="left" if head == "stage" else "right")
    if result["reference"] is not None:
        table.add_row("reference (once)", *_usage_cells(result["reference"]))
    for row in result["stages"]:
        table.add_row(row["stage"], *_usage_cells(row), *_model_cells(row))
    table.add_section()
    table.add_row("genome", *[""] * 9, _number(result["core_hours"], 2), style="bold")
    table.add_row(f"price at {genome['price_per_core_hour']:g}", *[""] * 9, _number(result["price"], 2))
    if result["peers"]:
        table.add_section()
        for row in result["peers"]:
            table.add_row(row["stage"], *_usage_cells(row), *_model_cells(row))
    # A pipe has no width: the table must not be cut there.
    Console(width=None if sys.stdout.isatty() else 150).print(table)


def _usage_cells(row: dict[str, Any]) -> list[str]:
    megabytes = (row[key] / 1e6 for key in ("peak_rss_bytes", "input_bytes", "output_bytes"))
    return [
        f"{row['core_seconds']:.1f}",
        f"{row['wall_seconds']:.1f}",
        *(f"{value:,.0f}" if value >= 100 else f"{value:.1f}" for value in megabytes),
    ]


def _model_cells(row: dict[str, Any]) -> list[str]:
    return [
        f"{row['fixed_core_seconds']:.1f}",
        f"{row['reference_core_seconds']:.1f}",
        f"{row['compile_seconds']:.1f}",
        _number(row["per_gigaunit"], 1),
        _number(row["genome_core_hours"], 2),
    ]


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:,.{digits}f}"


@command.command("accuracy")
@click.option("--truth", type=click.Path(), metavar="VCF", help="Truth set.  [default: that of the slice]")
@click.option("--confident", type=click.Path(), metavar="BED", help="Where the truth is known.")
@_input_options
def accuracy_command(
    genome: str | None, read1: str | None, read2: str | None, threads: int, history: str | None,
    no_history: bool, as_json: bool, truth: str | None, confident: str | None,
) -> None:  # fmt: skip
    """Precision, recall and F1 of reads aligned and called, against a truth set.

    \b
    Example:
      genomehub benchmark accuracy
    """
    from genomehub.pipeline import benchmark, benchmark_history, benchmark_inputs

    inputs = benchmark_inputs.find_inputs(genome, read1, read2)
    if truth is None:
        if genome is not None:
            raise ConfigError("--truth is needed with reads of your own.")
        data = inputs.reads[0].parent
        truth, confident = str(data / "truth.union.vcf.gz"), str(data / "confident.bed")
    with TerminalProgress() as progress:
        report = benchmark.accuracy(
            inputs, Path(truth), Path(confident) if confident else None, threads, progress
        )
    kinds = [kind for kind in ("snv", "indel", "mnp", "all") if report.get(kind)]
    rows = [
        {"task": f"accuracy.{kind}", "input": inputs.name, "threads": threads, **report[kind]}
        for kind in kinds
    ]
    if not no_history:
        benchmark_history.append_history(history or benchmark_history.default_history(), rows)
    if as_json:
        click.echo(json.dumps({"input": inputs.name, **{kind: report[kind] for kind in kinds}}, indent=1))
        return
    table = Table("", "TP", "FP", "FN", "precision", "recall", "F1", title=inputs.name)
    for kind, row in zip(kinds, rows, strict=True):
        shares = (_number(row[key], 4) for key in ("precision", "recall", "f1"))
        table.add_row(kind, *(str(row[key]) for key in ("tp_truth", "fp", "fn")), *shares)
    Console(width=None if sys.stdout.isatty() else 100).print(table)


@command.command("kernels", context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def kernels_command(arguments: tuple[str, ...]) -> None:
    """Speed of the vector kernels (needs a source checkout).

    ARGUMENTS go to benchmarks/kernels.py; "-- --help" tells which there are.

    \b
    Example:
      genomehub benchmark kernels --json kernels.jsonl
    """
    from genomehub.pipeline import benchmark_inputs

    root = benchmark_inputs.checkout()
    script = None if root is None else root / "benchmarks" / "kernels.py"
    if script is None or not script.exists():
        raise NotFoundError("benchmarks/kernels.py is not here: run this in a source checkout of genomehub.")
    done = subprocess.run([sys.executable, str(script), *arguments])
    if done.returncode:
        sys.exit(done.returncode)
