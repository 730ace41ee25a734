"""``genomehub call``: alignments to genotypes."""

import json
import logging
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
from genomehub.config import CallConfig

#: Values of ``--sex``; pipeline.ploidy says what they mean, but loads the kernels.
SEXES = ("auto", "male", "female", "unknown")
_log = logging.getLogger("genomehub.call")


class ShareOrAuto(click.ParamType):
    """A share of reads, or ``auto``, which is None."""

    name = "share"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float | None:
        """Return the share; CallConfig checks its range."""
        if isinstance(value, float) or value == "auto":
            return None if value == "auto" else value
        try:
            return float(value)
        except ValueError:
            self.fail(f"{value!r} is neither a share of reads, such as 0.02, nor auto.", param, ctx)


@click.command()
@click.argument("alignments", type=click.Path(), metavar="IN.bam|IN.cram")
@reference_option
@click.option("-o", "--output", required=True, type=click.Path(), help="Variant store to write (VCF Zarr).")
@click.option("--vcf", type=click.Path(), help="Also write the calls as VCF (.gz: bgzip and index).")
@click.option("--gvcf", type=click.Path(), help="Also write calls and reference blocks as gVCF.")
@click.option(
    "--gvcf-allele", type=click.Choice(["NON_REF", "*"]), default="NON_REF", show_default=True,
    help="What stands for any other allele in the gVCF: GATK's and GLnexus' name, or bcftools'.",
)  # fmt: skip
@click.option("--regions", type=click.Path(), metavar="BED", help="Call these intervals only.")
@click.option("--targets", type=click.Path(), metavar="BED", help="Call these targets of an exome or panel.")
@click.option(
    "--padding", type=click.IntRange(min=0), default=0, show_default=True, metavar="BP",
    help="Call so far beyond each target, too.",
)  # fmt: skip
@click.option(
    "--alleles", type=click.Path(), metavar="VCF", help="Genotype and report these alleles in any case."
)
@click.option(
    "--sex", type=click.Choice(SEXES), default="auto", show_default=True,
    help="For the ploidy of X and Y in GRCh37 and GRCh38; auto: from their depth. Unknown: diploid.",
)  # fmt: skip
@click.option(
    "--ploidy", type=click.IntRange(1, 6), default=CallConfig.ploidy, show_default=True,
    help="Chromosomes of the sample; more than 2 for pools.",
)  # fmt: skip
@click.option(
    "--ploidy-regions", type=click.Path(), metavar="BED",
    help="Ploidy of intervals in the fourth column, 0 for none, in place of --sex.",
)  # fmt: skip
@click.option(
    "--contamination", type=ShareOrAuto(), default=CallConfig.contamination, show_default=True,
    metavar="FRACTION|auto",
    help="Share of reads that are another person's, which genotypes allow for; auto: measure it.",
)  # fmt: skip
@click.option("--sample", help="Sample of the file to call, or its name if the file does not say.")
@click.option(
    "--features",
    is_flag=True,
    help="Also keep what is known of every candidate site, as arrays of the store.",
)
@click.option(
    "--min-mapping-quality", type=click.IntRange(0, 254), default=CallConfig.min_mapping_quality,
    show_default=True, help="Ignore reads of lower MAPQ.",
)  # fmt: skip
@click.option(
    "--partition-bp", type=click.IntRange(min=1_000), default=CallConfig.partition_bp, show_default=True,
    help="Span of one task, bp; calls do not depend on it.",
)  # fmt: skip
@click.option(
    "--calibrate/--no-calibrate", default=CallConfig.calibrate, show_default=True,
    help="Measure on the sample how often reads err in tandem repeats, or take usual rates.",
)  # fmt: skip
@click.option(
    "--calibrate-on", type=click.Path(), metavar="BED",
    help="Measure on these intervals, in place of those to call: pieces of a genome then agree.",
)  # fmt: skip
@threads_option
@scheduler_option
@json_option
@verbosity_options
def command(
    alignments: str, reference: str, output: str, min_mapping_quality: int, partition_bp: int,
    calibrate: bool, ploidy: int, contamination: float | None, as_json: bool, **options: Any,
) -> None:  # fmt: skip
    """Call SNVs, indels and reference blocks of one sample.

    The result is a VCF Zarr store with genotypes and, beside them, blocks that say where and how surely the
    sample has the reference's bases. VCF and gVCF are exports of it. Where more than 500 reads begin within
    100 bp of the genome, a fixed draw of them by name is looked at. A stopped run goes on where it was.

    \b
    Example:
      genomehub call -r GRCh38.ref -o NA12878.vcz --vcf NA12878.vcf.gz NA12878.bam
    """
    from genomehub.pipeline.call import Exports, call  # loads the kernels
    from genomehub.pipeline.call_scope import CallScope

    config = CallConfig(
        min_mapping_quality=min_mapping_quality, partition_bp=partition_bp, calibrate=calibrate,
        ploidy=ploidy, contamination=contamination,
    )  # fmt: skip
    scope = CallScope(**{name: options.pop(name) for name in CallScope._fields})
    exports = Exports(**{name: options.pop(name) for name in Exports._fields})
    with TerminalProgress() as progress:
        summary = call(
            reference, alignments, output, scope, exports, config=config, progress=progress, **options
        )
    _log.info(
        "%s: sample %s, %d sites, %d pass (%d SNVs, %d indels), %s bp of reference blocks",
        output, summary.sample, summary.n_variants, summary.n_pass, summary.n_snvs, summary.n_indels,
        f"{summary.called_bp:,}",
    )  # fmt: skip
    if as_json:
        click.echo(json.dumps(summary._asdict(), indent=2))
