"""``genomehub evaluate``: score calls against a truth set."""

from typing import Any

import click

from genomehub.cli.options import TerminalProgress, reference_option, threads_option, verbosity_options


def _strata(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    strata: dict[str, str] = {}
    for value in values:
        name, equals, path = value.partition("=")
        if not (name and equals and path):
            raise click.BadParameter(f"{value!r} was given; NAME=BED is needed, such as repeats=repeats.bed")
        if name in strata:
            raise click.BadParameter(f"the name {name!r} is given twice")
        strata[name] = path
    return strata


@click.command()
@click.argument("calls", type=click.Path(), metavar="CALLS.vcf.gz|CALLS.vcz")
@reference_option
@click.option("--truth", required=True, type=click.Path(), help="True variants: VCF, BCF or .vcz.")
@click.option(
    "--confident", type=click.Path(), metavar="BED",
    help="Count only within these regions, where the truth is known to be complete.",
)  # fmt: skip
@click.option(
    "--stratify", "strata", multiple=True, callback=_strata, metavar="NAME=BED",
    help="Repeat the scores for what lies in these regions. May be given several times.",
)  # fmt: skip
@click.option("--sample", help="Sample to read from CALLS if it has several.")
@click.option("--truth-sample", help="Sample to read from the truth if it has several.")
@click.option(
    "--pass-only/--all", "passing_only", default=True, show_default=True,
    help="Read only records whose FILTER is PASS or missing, or all.",
)  # fmt: skip
@click.option("--json", "output_json", type=click.Path(dir_okay=False), help="Write the report as JSON.")
@click.option(
    "--output-vcf", type=click.Path(dir_okay=False),
    help="Write every variant of both sides with its decision (TP, FP, FN).",
)  # fmt: skip
@click.option(
    "--plot", "output_plot", type=click.Path(dir_okay=False), metavar="FILE.png|.svg|.pdf",
    help="Draw missed against false variants by threshold of QUAL and of GQ.",
)  # fmt: skip
@click.option(
    "--classes", "with_classes", is_flag=True,
    help="Also print the scores of each class: indels by size, het and hom, homopolymers and other short "
    "tandem repeats by length. The JSON has them, and their combinations, in any case.",
)  # fmt: skip
@threads_option
@verbosity_options
def command(threads: int | None, with_classes: bool, **arguments: Any) -> None:
    """Score calls against a truth set, haplotype-aware.

    Variants match when they spell the same pair of haplotypes, however they are written: an indel anywhere in
    its repeat, an MNP or its SNVs, one multi-allelic record or two. Genotypes count as a whole, phase does
    not; a missing allele (./1), * and <DEL> count as the reference, a haploid genotype as homozygous.

    A table goes to standard output: true positives in the truth's and in the calls' spelling, false
    positives, false negatives, and how many of the latter were called with another genotype. --json has it
    all: the scores by size of indel, het and hom, and repeat, for the whole and for each --stratify BED, and
    tables of precision and recall by QUAL and GQ (ROC). The comparison uses one thread.

    \b
    Example:
      genomehub evaluate -r genome.ref --truth truth.vcf.gz --confident confident.bed \\
          --stratify exons=exons.bed --classes --json scores.json --plot roc.png NA12878.vcz
    """
    from genomehub.pipeline.evaluate import evaluate, table_lines  # loads NumPy, Zarr, pysam

    with TerminalProgress() as progress:
        report = evaluate(arguments.pop("reference"), progress=progress, **arguments)
    click.echo("\n".join(table_lines(report, with_classes)))
