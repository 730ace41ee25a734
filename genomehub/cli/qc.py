"""``genomehub qc``: quality metrics of one sample."""

import json
import logging
from pathlib import Path
from typing import Any

import click

from genomehub.cli.options import (
    TerminalProgress,
    json_option,
    reference_option,
    scheduler_option,
    threads_option,
    verbosity_options,
)

_log = logging.getLogger("genomehub.qc")


@click.command()
@reference_option
@click.option(
    "--bam", "alignments", type=click.Path(), metavar="IN.bam|IN.cram", help="Sorted, indexed alignments."
)
@click.option(
    "--calls", type=click.Path(), metavar="IN.vcz", help="Variant store that 'genomehub call' wrote."
)
@click.option("-o", "--output", required=True, type=click.Path(), metavar="DIR", help="Folder to write.")
@click.option(
    "--regions", type=click.Path(), metavar="BED", help="Bases that count for coverage.  [default: all known]"
)
@click.option(
    "--evaluation", type=click.Path(), metavar="JSON", help="Report of 'genomehub evaluate --json'."
)
@click.option(
    "--duplicate-metrics",
    type=click.Path(),
    metavar="FILE",
    help="Metrics of duplicate marking, picard's format.",
)
@click.option(
    "--cost",
    "costs",
    type=click.Path(),
    multiple=True,
    metavar="JSON",
    help="What a step cost (genomehub --cost); may be repeated.",
)
@threads_option
@scheduler_option
@json_option
@verbosity_options
def command(output: str, as_json: bool, **options: Any) -> None:
    """Measure the quality of alignments and calls.

    Writes DIR/qc.json (every number), DIR/qc.html (a page that needs nothing else) and files for MultiQC.

    \b
    Example:
      genomehub qc -r GRCh38.ref --bam NA12878.bam --calls NA12878.vcz -o NA12878.qc
    """
    from genomehub.pipeline.qc import qc  # loads the kernels

    with TerminalProgress() as progress:
        result = qc(
            options["reference"], options["alignments"], options["calls"], output,
            evaluation=options["evaluation"], duplicate_metrics=options["duplicate_metrics"],
            regions=options["regions"], costs=options["costs"], threads=options["threads"],
            scheduler_file=options["scheduler_file"], progress=progress,
        )  # fmt: skip
    for row in result["checks"]:
        if row["level"] in ("look", "poor"):
            _log.warning(
                "%s: %s is %s; expected: %s", result["sample"], row["label"], row["value"], row["good"]
            )
    _log.info("%s: wrote %s", result["sample"], Path(output) / "qc.html")
    if as_json:
        click.echo(
            json.dumps(
                {"sample": result["sample"], "page": str(Path(output) / "qc.html"), **result["summary"]}
            )
        )
