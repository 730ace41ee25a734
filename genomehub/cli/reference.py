"""``genomehub reference``: build a reference directory, show what one holds."""

import json
import logging
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from genomehub.cli.options import TerminalProgress, json_option, verbosity_options
from genomehub.config import IndexConfig
from genomehub.files import size_bytes

_log = logging.getLogger("genomehub.reference")


@click.group()
def command() -> None:
    """Build and inspect reference directories.

    A reference directory holds a genome as the other commands need it: packed bases, seed index, contig
    table with M5 and GA4GH digests, and a FASTA for CRAM. Build it once per genome and share it.
    """


@command.command()
@click.argument("fasta", type=click.Path(), metavar="GENOME.fa[.gz]")
@click.option("-o", "--output", required=True, type=click.Path(), help="Reference directory to make.")
@click.option(
    "--alt", type=click.Path(), metavar="GENOME.fa.alt",
    help="File whose first column names the contigs that are no part of the primary assembly (ALT, decoy, "
    "HLA), as bwa takes it.  [default: the file of this name beside GENOME.fa, if any]",
)  # fmt: skip
@json_option
@verbosity_options
def build(fasta: str, output: str, alt: str | None, as_json: bool) -> None:
    """Make a reference directory from a FASTA file (plain, gzip or bgzip).

    \b
    Example:
      genomehub reference build GRCh38.fa.gz -o GRCh38.ref
    """
    from genomehub.pipeline.reference import build_reference  # loads the kernels

    with TerminalProgress() as progress:
        reference = build_reference(fasta, output, IndexConfig(), progress=progress, alt=alt)
    n_alt = sum(contig.is_alt for contig in reference.contigs)
    _log.info(
        "%s: %d contigs%s, %s bp, digest %s, %.1f MB",
        output, len(reference.contigs), f" ({n_alt} ALT)" if n_alt else "", f"{reference.length:,}",
        reference.digest, size_bytes(output) / 1e6,
    )  # fmt: skip
    if as_json:
        _print_json(reference)


@command.command()
@click.argument("reference", type=click.Path(), metavar="REF")
@json_option
@verbosity_options
def show(reference: str, as_json: bool) -> None:
    """Print the contigs, lengths and digests of a reference directory.

    \b
    Example:
      genomehub reference show GRCh38.ref --json
    """
    from genomehub.store.reference import Reference  # loads the kernels

    opened = Reference.open(reference)
    if as_json:
        _print_json(opened)
        return
    table = Table("contig", box=None, pad_edge=False)
    table.add_column("length (bp)", justify="right")
    has_alt = any(contig.is_alt for contig in opened.contigs)
    if has_alt:
        table.add_column("assembly", no_wrap=True)
    table.add_column("M5", no_wrap=True)
    table.add_column("refget", no_wrap=True)
    for contig in opened.contigs:
        assembly = ["ALT" if contig.is_alt else "primary"] if has_alt else []
        table.add_row(contig.name, f"{contig.length:,}", *assembly, contig.md5, contig.refget)
    console = Console(width=None if Console().is_terminal else 10_000)
    console.print(f"digest  {opened.digest}\nsource  {opened.table['source']}\n", highlight=False)
    console.print(table, highlight=False)


def _print_json(reference: Any) -> None:
    answer = {
        "path": str(reference.path),
        "format_version": reference.table["format_version"],
        "digest": reference.digest,
        "source": reference.table["source"],
        "length": reference.length,
        "config": reference.table["config"],
        "contigs": [contig._asdict() for contig in reference.contigs],
    }
    click.echo(json.dumps(answer, indent=2))
