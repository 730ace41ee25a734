"""``genomehub align``: FASTQ, BAM or CRAM to BAM or CRAM."""

import json
import logging
from pathlib import Path
from typing import Any

import click

from genomehub.cli.options import (
    TerminalProgress,
    reference_option,
    scheduler_option,
    threads_option,
    verbosity_options,
)
from genomehub.config import DUPLICATE_TAGS, AlignConfig, ReadConfig, SortConfig
from genomehub.errors import ConfigError
from genomehub.files import atomic_output
from genomehub.types import ReadGroup

_log = logging.getLogger("genomehub.align")
_FIELDS = ("ID", "LB", "PL", "PU")


@click.command()
@reference_option
@click.option("-s", "--sample", required=True, help="Sample name (SM of all read groups).")
@click.option(
    "-o", "--output", required=True, type=click.Path(), help="OUT.bam or OUT.cram; the index goes beside it."
)
@click.option(
    "--library",
    default=None,
    help="Library (LB) where a read group names none.  [default: the sample's name]",
)
@click.option("--platform", default="ILLUMINA", show_default=True, help="Platform (PL) where none is named.")
@click.option(
    "--read-group", "read_group", default="", metavar="FIELDS",
    help="Read group of READS1 READS2, as ID=..,LB=..,PL=..,PU=..  [default: flow cell and lane from the "
    "first read's name]",
)  # fmt: skip
@click.option(
    "--lane", "lanes", nargs=3, multiple=True, metavar="FIELDS READS1 READS2",
    help="A lane with its read group, for several lanes; repeat as needed. FIELDS as for --read-group, '-' "
    "for none; READS2 '-' for single reads, BAM and CRAM, '=' for interleaved FASTQ.",
)  # fmt: skip
@click.option(
    "--interleaved", is_flag=True, help="READS1 is FASTQ in which each read is followed by its mate."
)
@click.option(
    "--comments", is_flag=True,
    help="What follows the names in FASTQ are SAM tags (BX:Z:.., RX:Z:..) that records carry.",
)  # fmt: skip
@click.option(
    "--trim-adapters", is_flag=True,
    help="Keep adapters at the ends of reads out of the alignment; they stay in the record as soft clips.",
)  # fmt: skip
@click.option(
    "--trim-poly-g", type=click.IntRange(min=1), default=None, metavar="BP",
    help="Likewise tails of at least BP times G, as two-colour instruments read from short templates; 10 is "
    "usual.  [default: none]",
)  # fmt: skip
@click.option(
    "--level", type=click.IntRange(1, 9), default=None,
    help=f"Compression, 1 (quick) to 9 (small).  [default: {SortConfig.level} for BAM, "
    f"{SortConfig.cram_level} for CRAM]",
)  # fmt: skip
@click.option(
    "--optical-distance", type=click.IntRange(0, 2**20 - 1), default=SortConfig.optical_distance,
    show_default=True, metavar="PIXELS",
    help="Duplicates so close on a tile are optical; 2500 for patterned flow cells.",
)  # fmt: skip
@click.option(
    "--duplicate-tags", type=click.Choice(DUPLICATE_TAGS), default=SortConfig.duplicate_tags,
    show_default=True,
    help="Duplicates that get a DT tag: optical ones SQ, with 'all' the others LB.",
)  # fmt: skip
@click.option(
    "--sort-memory", type=click.IntRange(1), default=SortConfig.spill_buffer_bytes >> 20, show_default=True,
    metavar="MIB", help="Memory for aligned records before they are written to bins on disk.",
)  # fmt: skip
@click.option(
    "--aligner", type=click.Choice(["genomehub", "bwa", "bwa-mem3", "bam"]), default="genomehub",
    show_default=True,
    help="Who places the reads: genomehub, bwa mem, bwa-mem3, or a BAM whose alignments are taken over and "
    "which then stands in place of READS1. All else is the same.",
)  # fmt: skip
@click.option(
    "--aligner-index", metavar="PREFIX",
    help="Index of bwa or bwa-mem3.  [default: bwa's is built in the reference directory]",
)  # fmt: skip
@click.option("--metrics", type=click.Path(dir_okay=False), help="Write duplicate metrics, as picard does.")
@click.option("--json", "json_path", type=click.Path(dir_okay=False), help="Write a summary as JSON.")
@click.option(
    "--tmp", "temporary", type=click.Path(file_okay=False),
    help="Folder for records on their way, about the size of the uncompressed BAM.  [default: beside "
    "the output]",
)  # fmt: skip
@click.option(
    "--soft-clip-supplementary", is_flag=True,
    help="Keep all bases of a split read in its supplementary rows too (bwa mem -Y).",
)  # fmt: skip
@click.option(
    "--xa", "max_other_places", type=click.IntRange(0, 20), default=AlignConfig.max_other_places,
    show_default=True, metavar="N",
    help="Name the other places of a read in XA if they are at most N; 0 for no XA tags.",
)  # fmt: skip
@threads_option
@scheduler_option
@verbosity_options
@click.argument("reads", nargs=-1, type=click.Path(), metavar="[READS1 [READS2]]")
def command(
    reference: str, sample: str, output: str, library: str | None, platform: str, read_group: str,
    lanes: tuple[tuple[str, str, str], ...], interleaved: bool, comments: bool, trim_adapters: bool,
    trim_poly_g: int | None, level: int | None, optical_distance: int, duplicate_tags: str,
    sort_memory: int, aligner: str, aligner_index: str | None, metrics: str | None, json_path: str | None,
    temporary: str | None, soft_clip_supplementary: bool, max_other_places: int, threads: int | None,
    scheduler_file: str | None, reads: tuple[str, ...],
) -> None:  # fmt: skip
    """Align reads and write them sorted, duplicate-marked and indexed, as BAM or CRAM.

    READS1 and READS2 are FASTQ files (plain, gzip or bgzip); leave READS2 out for single reads. READS1 alone
    may also be BAM or CRAM, aligned or not: its reads are aligned anew, with the read groups of its header.

    \b
    Example:
      genomehub align -r GRCh38.ref --sample NA12878 -o NA12878.cram R1.fastq.gz R2.fastq.gz

    \b
    Two lanes of two libraries:
      genomehub align -r GRCh38.ref --sample NA12878 -o NA12878.bam \\
        --lane ID=L1,LB=A L1_R1.fastq.gz L1_R2.fastq.gz \\
        --lane ID=L2,LB=B L2_R1.fastq.gz L2_R2.fastq.gz
    """
    from genomehub.pipeline.align import align  # loads the kernels

    given = [*_positional(read_group, reads, interleaved), *lanes]
    _spare_reads("--json", json_path)
    _spare_reads("--metrics", metrics)
    make_lane = _alignments_lane if aligner == "bam" else _lane
    with TerminalProgress() as progress:
        summary = align(
            reference,
            [make_lane(fields, r1, r2, sample, library or sample, platform) for fields, r1, r2 in given],
            output,
            AlignConfig(soft_clip_supplementary=soft_clip_supplementary, max_other_places=max_other_places),
            SortConfig(
                spill_buffer_bytes=sort_memory << 20,
                optical_distance=optical_distance,
                duplicate_tags=duplicate_tags,
                level=level or SortConfig.level,
                cram_level=level or SortConfig.cram_level,
            ),
            ReadConfig(comments=comments, trim_adapters=trim_adapters, trim_poly_g=trim_poly_g or 0),
            threads=threads,
            scheduler_file=scheduler_file,
            metrics=metrics,
            temporary=temporary,
            progress=progress,
            aligner=aligner,
            aligner_index=aligner_index,
        )
    _report(summary, output)
    if json_path is not None:
        with atomic_output(json_path) as path:
            path.write_text(json.dumps(summary.as_json(), indent=2) + "\n")


def _spare_reads(option: str, path: str | None) -> None:
    """Refuse to write over reads: of ``--json R1 R2`` the first would be taken for the summary."""
    if path is None or not Path(path).is_file():
        return
    with Path(path).open("rb") as there:
        first = there.read(4)
    if first.startswith((b"\x1f\x8b", b"@", b"CRAM")):
        raise ConfigError(
            f"{option} {path}: there are reads in this file, which would be lost. Name another file to "
            f"write, such as {option} summary.{'json' if option == '--json' else 'txt'}, before the reads."
        )


def _positional(fields: str, reads: tuple[str, ...], interleaved: bool) -> list[tuple[str, str, str]]:
    if len(reads) > 2:
        raise ConfigError(
            f"{len(reads)} FASTQ files were given, but READS1 and READS2 are one lane. Give each lane with "
            "--lane FIELDS READS1 READS2."
        )
    if interleaved and len(reads) != 1:
        raise ConfigError(
            f"--interleaved means that READS1 holds both mates, but {len(reads)} files were given. Give one, "
            "or leave --interleaved out; of a --lane, give '=' as READS2."
        )
    return [(fields, reads[0], reads[1] if len(reads) == 2 else "=" if interleaved else "-")] if reads else []


def _lane(fields: str, reads1: str, reads2: str, sample: str, library: str, platform: str) -> Any:
    from genomehub.formats.alignment_reads import alignment_kind, open_lane
    from genomehub.formats.fastq import Lane, default_read_group

    given = _parse_fields(fields)
    if (kind := alignment_kind(reads1)) is not None:
        if reads2 != "-":
            raise ConfigError(
                f"{reads1}: is {kind}, which holds both mates, but {reads2!r} was given with it. Leave "
                "READS2 (or --interleaved) out."
            )
        spare = (given.get("ID", sample), sample, given.get("LB", library), given.get("PL", platform))
        return open_lane(reads1, ReadGroup(*spare, given.get("PU", "")))
    group = default_read_group(reads1, sample, given.get("LB", library), given.get("PL", platform))
    if "ID" in given:
        group = group._replace(id=given["ID"])
    if "PU" in given:
        group = group._replace(platform_unit=given["PU"])
    return Lane(group, reads1, None if reads2 in ("-", "=") else reads2, reads2 == "=")


def _alignments_lane(
    fields: str, alignments: str, second: str, sample: str, library: str, platform: str
) -> Any:
    """A file of alignments: it names its own read groups unless FIELDS name one for all its reads."""
    from genomehub.formats.fastq import Lane
    from genomehub.types import ReadGroup

    given = _parse_fields(fields)
    if given and "ID" not in given:
        raise ConfigError(
            f"read group {fields!r}: a read group for all reads of {alignments} needs an ID. Add ID=.., or "
            "leave the fields out to keep those of the file."
        )
    group = ReadGroup(
        given.get("ID", ""), sample, given.get("LB", library), given.get("PL", platform), given.get("PU", "")
    )
    return Lane(group, alignments, None if second == "-" else second)


def _parse_fields(text: str) -> dict[str, str]:
    fields: dict[str, str] = {}
    for word in text.split(",") if text not in ("", "-") else []:
        tag, equals, value = word.partition("=")
        if tag not in _FIELDS or not equals or not value.isprintable() or not value:
            raise ConfigError(
                f"read group {text!r}: {word!r} is no field. Write ID=..,LB=..,PL=..,PU=.. with any of "
                "these, separated by commas."
            )
        fields[tag] = value
    return fields


def _report(summary: Any, output: str) -> None:
    share = 100 / max(summary.reads, 1)
    _log.info(
        "%s: %s reads, %.2f %% mapped, %.2f %% properly paired, %.2f %% duplicates; %.1f core-seconds",
        Path(output).name, f"{summary.reads:,}", summary.mapped * share, summary.properly_paired * share,
        summary.duplicates * share, summary.core_seconds,
    )  # fmt: skip
    if summary.orphans:
        _log.warning(
            "%s: %s reads of pairs had no mate in the input and were aligned as single reads",
            Path(output).name, f"{summary.orphans:,}",
        )  # fmt: skip
    if summary.hard_clipped:
        _log.warning(
            "%s: %s reads of the input had lost bases to hard clips, which cannot be brought back",
            Path(output).name, f"{summary.hard_clipped:,}",
        )  # fmt: skip
    if summary.trimmed is not None:
        _log.info(
            "%s: adapters clipped from %s reads, tails of G from %s",
            Path(output).name, f"{summary.trimmed.adapter_reads:,}", f"{summary.trimmed.poly_g_reads:,}",
        )  # fmt: skip
