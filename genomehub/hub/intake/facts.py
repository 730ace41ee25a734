"""What intake says about a file: a summary, and what is wrong with it."""

import dataclasses
import enum
from typing import Any

from genomehub.errors import InputError

#: Contigs of which a summary names the counts, the fullest first.
SHOWN_CONTIGS = 100


@dataclasses.dataclass(frozen=True)
class HeaderContig:
    """A contig as a file's header names it; None where the header does not say."""

    name: str
    length: int | None = None
    md5: str | None = None


@dataclasses.dataclass(frozen=True)
class Facts:
    """What was seen of a content.

    format : bam, cram, vcf, gvcf, bcf, vcz, fastq, phenopacket, table, or of an index bai, csi, tbi, crai
    compression : bgzf, gzip, zip, none
    samples : names in it (SM tags, VCF header, rows of a table)
    sexes : by sample, where it says
    contigs : number; counts : reads or variants of the fullest contigs, by name, where an index tells
    n_reads, n_mapped, n_variants : None where only reading the whole file would tell
    detail : what only some formats have: version, sort order, programs, read length, arrays ...
    """

    format: str
    compression: str = "none"
    samples: tuple[str, ...] = ()
    sexes: dict[str, str] = dataclasses.field(default_factory=dict)
    n_contigs: int | None = None
    counts: dict[str, int] = dataclasses.field(default_factory=dict)
    n_reads: int | None = None
    n_mapped: int | None = None
    n_variants: int | None = None
    detail: dict[str, Any] = dataclasses.field(default_factory=dict)


class Weight(enum.Enum):
    """How much a finding weighs: WRONG always refuses, LACKING only where intake is strict."""

    WRONG = "wrong"
    LACKING = "lacking"


@dataclasses.dataclass(frozen=True)
class Finding:
    """Something that is not as it should be, in a sentence."""

    weight: Weight
    text: str


class NotThatFormatError(InputError):
    """The content is not of the format that it was taken for."""


def fullest(counts: dict[str, int]) -> dict[str, int]:
    """Return the largest counts that are not 0, at most ``SHOWN_CONTIGS``."""
    some = sorted(((n, name) for name, n in counts.items() if n), key=lambda one: (-one[0], one[1]))
    return {name: n for n, name in some[:SHOWN_CONTIGS]}
