"""``genomehub run``: the whole workflow, thin over Snakemake."""

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from genomehub.cli.options import json_option, verbosity_options

if TYPE_CHECKING:
    from genomehub.pipeline.workflow import Run


@click.command(context_settings={"ignore_unknown_options": False})
@click.argument("config", type=click.Path(), required=False, metavar="CONFIG.yaml")
@click.argument("extra", nargs=-1, type=click.UNPROCESSED, metavar="[-- SNAKEMAKE_OPTIONS...]")
@click.option(
    "-c", "--cores", type=click.IntRange(min=1), help="Cores to use.  [default: all of this machine]"
)
@click.option(
    "--profile", metavar="NAME|PATH",
    help="Where and how jobs run: 'slurm', or a Snakemake profile of yours.  [default: this machine]",
)  # fmt: skip
@click.option(
    "-d", "--directory", type=click.Path(file_okay=False), default=".",
    help="Working directory; everything comes below results/ in it.  [default: here]",
)  # fmt: skip
@click.option("-n", "--dry-run", is_flag=True, help="Check the configuration and show what would be done.")
@click.option("--check", is_flag=True, help="Run nothing; check that every result is there and whole.")
@click.option("--summary", is_flag=True, help="Run nothing; print what a finished run has achieved.")
@click.option("--init", is_flag=True, help="Write a commented CONFIG.yaml and samples.tsv to start from.")
@json_option
@verbosity_options
def command(
    config: str | None, extra: tuple[str, ...], cores: int | None, profile: str | None, directory: str,
    dry_run: bool, check: bool, summary: bool, init: bool, as_json: bool,
) -> None:  # fmt: skip
    """Run the whole workflow, FASTQ to catalogue, from a configuration file.

    What is finished is never done again: after an interruption, a lost node or a mended error, give the
    same command. Options after a double dash go to Snakemake as they are.

    \b
    Example:
      genomehub run --init config.yaml
      genomehub run config.yaml --dry-run
      genomehub run config.yaml --cores 16
      genomehub run config.yaml --profile slurm -- --jobs 20 --forcerun call
    """
    from genomehub.pipeline import workflow

    if init:
        for path in workflow.write_templates(config or "config.yaml"):
            click.echo(f"wrote {path}")
        return
    if config is None:
        raise click.UsageError("CONFIG.yaml is missing; 'genomehub run --init' writes one to start from.")
    run = workflow.read_run(config)
    folder = Path(directory).absolute()
    if check:
        _check(run, folder, as_json)
        return
    if not summary:
        from genomehub.pipeline.launch import Launch, run_workflow

        run_workflow(Launch(Path(config).absolute(), folder, cores, profile, dry_run, extra))
    if not dry_run:
        _summarise(run, folder, as_json)


def _check(run: "Run", folder: Path, as_json: bool) -> None:
    from genomehub.pipeline.completeness import check_outputs

    outputs = check_outputs(run, folder)
    if as_json:
        click.echo(json.dumps([dataclasses.asdict(output) for output in outputs], indent=2))
        return
    click.echo("file\tsize_bytes")
    for output in outputs:
        click.echo(f"{output.path}\t{output.size_bytes}")


def _summarise(run: "Run", folder: Path, as_json: bool) -> None:
    from genomehub.pipeline.summary import as_text, summarise

    found = summarise(run, folder)
    click.echo(json.dumps(dataclasses.asdict(found), indent=2) if as_json else as_text(found))
