"""``genomehub report``: one page for a whole run."""

import json
import logging
from pathlib import Path

import click

from genomehub.cli.options import json_option, verbosity_options
from genomehub.config import BenchmarkConfig
from genomehub.errors import ConfigError

_log = logging.getLogger("genomehub.report")


@click.command()
@click.argument("results", required=False, type=click.Path(), metavar="[RESULTS]")
@click.option("-o", "--output", required=True, type=click.Path(), metavar="HTML", help="Page to write.")
@click.option("--sample", "samples", multiple=True, metavar="NAME=QC_DIR", help="Folder of 'genomehub qc'.")
@click.option(
    "--evaluation", "evaluations", multiple=True, metavar="NAME=JSON", help="Report of 'genomehub evaluate'."
)
@click.option(
    "--entry",
    "entries",
    multiple=True,
    metavar="NAME=JSON",
    help="Answer of 'genomehub hub register --json'.",
)
@click.option(
    "--cost", "costs", multiple=True, metavar="STEP[:NAME]=JSON", help="File of 'genomehub --cost'."
)
@click.option(
    "--benchmark",
    "benchmarks",
    multiple=True,
    metavar="STEP[:NAME]=TSV",
    help="Benchmark table of Snakemake.",
)
@click.option(
    "--price-per-core-hour", type=click.FloatRange(min=0), default=BenchmarkConfig.price_per_core_hour,
    show_default=True, help="Money.",
)  # fmt: skip
@json_option
@verbosity_options
def command(
    results: str | None, output: str, price_per_core_hour: float, as_json: bool, **named: tuple[str, ...]
) -> None:  # fmt: skip
    """Write one page for a run: quality, accuracy and cost of every sample.

    RESULTS is the results folder of 'genomehub run'; files elsewhere are named by options, which may be
    repeated and win over what is found in RESULTS.

    \b
    Example:
      genomehub report -o results/report.html results
      genomehub report -o run.html --sample NA12878=NA12878.qc --cost align:NA12878=align.json
    """
    from genomehub.pipeline.report import RunFiles, find_files, report  # loads matplotlib

    files = find_files(results) if results is not None else RunFiles({}, {}, {}, {}, {})
    for option, target in (
        ("samples", files.qc),
        ("evaluations", files.evaluations),
        ("entries", files.entries),
    ):
        target.update(_named(named[option]))
    for option, stages in (("costs", files.costs), ("benchmarks", files.benchmarks)):
        stages.update({_stage(name): path for name, path in _named(named[option]).items()})
    run = report(files, output, price_per_core_hour)
    _log.info("%s: %d samples, %.1f core-seconds", output, run["n_samples"], run["core_seconds"])
    if as_json:
        click.echo(json.dumps({"page": output, **run}, indent=1))


def _named(values: tuple[str, ...]) -> dict[str, Path]:
    found = {}
    for value in values:
        name, separator, path = value.partition("=")
        if not (name and separator and path):
            raise ConfigError(f"{value!r}: NAME=PATH was expected.")
        found[name] = Path(path)
    return found


def _stage(name: str) -> tuple[str, str]:
    stage, _, sample = name.partition(":")
    return stage, sample
