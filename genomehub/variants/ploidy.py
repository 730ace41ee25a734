"""How many chromosomes a sample has where: sex, the contigs that depend on it, and genotypes of any ploidy.

X, Y and the mitochondrion are known by name and length, so that another species' X is not taken for ours.
Where reads come from is not known here: ``sex_of_depths`` judges depths that pipeline.ploidy has measured.
"""

import functools
import itertools
import math
from collections.abc import Iterable, Sequence
from enum import Enum
from typing import NamedTuple

import numpy as np

from genomehub.types import Contig, Interval

#: Genotypes of seven alleles: 7 for one chromosome, 28 for two, 924 for six.
MAX_PLOIDY = 6
DIPLOID = 2


class Sex(Enum):
    """The sample's sex, for the ploidy of X and Y; UNKNOWN: both diploid."""

    MALE = "male"
    FEMALE = "female"
    UNKNOWN = "unknown"


class SexContig(NamedTuple):
    """A sex chromosome of one build.

    pars : spans, 0-based and half-open, that X and Y share: diploid on X whatever the sex
    """

    name: str
    pars: tuple[tuple[int, int], ...]


#: By plain name and length: GRCh37 (hg19, b37), then GRCh38.
_SEX_CONTIGS = {
    ("X", 155_270_560): SexContig("X", ((60_000, 2_699_520), (154_931_043, 155_260_560))),
    ("Y", 59_373_566): SexContig("Y", ((10_000, 2_649_520), (59_034_049, 59_363_566))),
    ("X", 156_040_895): SexContig("X", ((10_000, 2_781_479), (155_701_382, 156_030_895))),
    ("Y", 57_227_415): SexContig("Y", ((10_000, 2_781_479), (56_887_902, 57_217_415))),
}
#: rCRS, and hg19's older chrM.
_MITOCHONDRIA = {("MT", 16_569), ("MT", 16_571)}
#: Depth over that of autosomes: one X is 0.5, two are 1. Of Y, whose unique part is a third of its bases,
#: males have more than 0.08, females, by misplaced reads, less than 0.04.
_ONE_X, _TWO_X = (0.35, 0.65), (0.8, 1.25)
_HAS_Y, _NO_Y = 0.08, 0.04


def plain_name(name: str) -> str:
    """Return a contig's name without ``chr``, M as MT.

    Examples
    --------
    >>> plain_name("chrM")
    'MT'
    """
    plain = name[3:] if name[:3].lower() == "chr" else name
    return "MT" if plain == "M" else plain


def sex_contig(contig: Contig) -> SexContig | None:
    """Return what is known of X or Y of GRCh37 or GRCh38, None for any other contig."""
    return _SEX_CONTIGS.get((plain_name(contig.name), contig.length))


def unknown_builds(contigs: Sequence[Contig]) -> list[Contig]:
    """Return contigs that are called X or Y but are of no build that is known here."""
    return [c for c in contigs if plain_name(c.name) in ("X", "Y") and sex_contig(c) is None]


class Span(NamedTuple):
    """A stretch of one ploidy; 0 is not called."""

    interval: Interval
    ploidy: int


def ploidy_of_sex(contigs: Sequence[Contig], sex: Sex) -> list[Span]:
    """Return the spans that are not diploid, in order.

    Of males, X outside of its PARs and all of Y are haploid (Y's PARs are masked or their reads are placed on
    X); females have no Y. The mitochondrion is haploid.
    """
    spans = []
    for index, contig in enumerate(contigs):
        known = sex_contig(contig)
        whole = Interval(index, 0, contig.length)
        if (plain_name(contig.name), contig.length) in _MITOCHONDRIA:
            spans.append(Span(whole, 1))
        elif known is None or sex is Sex.UNKNOWN:
            continue
        elif known.name == "Y":
            spans.append(Span(whole, 1 if sex is Sex.MALE else 0))
        elif sex is Sex.MALE:
            edges = [0, *(edge for par in known.pars for edge in par), contig.length]
            outside = zip(edges[::2], edges[1::2], strict=True)
            spans += [Span(Interval(index, *span), 1) for span in outside]
    return spans


class PloidyMap:
    """The ploidy of every base.

    Parameters
    ----------
    default : where no span says otherwise
    spans : sorted, without overlap
    """

    def __init__(self, default: int, spans: Sequence[Span] = ()) -> None:
        self.default = default
        self.spans = tuple(span for span in spans if span.ploidy != default)

    def of(self, interval: Interval) -> int:
        """Return the ploidy of an interval's first base; ``cut`` has seen to it that it is that of all."""
        for (contig_index, start, end), ploidy in self.spans:
            if contig_index == interval.contig_index and start <= interval.start < end:
                return ploidy
        return self.default

    def cut(self, intervals: Iterable[Interval]) -> list[Interval]:
        """Cut intervals where the ploidy changes, and leave out what has ploidy 0.

        Examples
        --------
        >>> PloidyMap(2, [Span(Interval(0, 5, 8), 0)]).cut([Interval(0, 0, 10)])
        [Interval(contig_index=0, start=0, end=5), Interval(contig_index=0, start=8, end=10)]
        """
        pieces = []
        for contig_index, start, end in intervals:
            mine = [span.interval for span in self.spans if span.interval.contig_index == contig_index]
            edges = {edge for span in mine for edge in span[1:] if start < edge < end}
            pieces += [
                Interval(contig_index, *piece) for piece in itertools.pairwise(sorted({start, *edges, end}))
            ]
        return [piece for piece in pieces if self.of(piece) > 0]


def sex_of_depths(x: float, y: float) -> Sex:
    """Judge the depths of X and Y, each over that of autosomes; unclear or unusual ones are UNKNOWN.

    Examples
    --------
    >>> sex_of_depths(0.51, 0.3), sex_of_depths(0.98, 0.01), sex_of_depths(1.0, 0.3)
    (<Sex.MALE: 'male'>, <Sex.FEMALE: 'female'>, <Sex.UNKNOWN: 'unknown'>)
    """
    if _ONE_X[0] <= x <= _ONE_X[1] and y >= _HAS_Y:
        return Sex.MALE
    if _TWO_X[0] <= x <= _TWO_X[1] and y <= _NO_Y:
        return Sex.FEMALE
    return Sex.UNKNOWN


@functools.lru_cache(maxsize=64)
def genotype_table(n_alleles: int, ploidy: int) -> np.ndarray:
    """Return (n_genotypes, ploidy) int64: the unordered genotypes of alleles 0 to n - 1, in VCF's order.

    Alleles ascend within a row. Those of fewer alleles are the first rows of those of more.
    """
    rows = itertools.combinations_with_replacement(range(n_alleles), ploidy)
    return np.array(sorted(rows, key=lambda row: row[::-1]), dtype=np.int64).reshape(-1, ploidy)


def genotype_numbers(genotypes: np.ndarray) -> np.ndarray:
    """Return (n,) int64: the places in VCF's order of genotypes ((n, ploidy) int64, ascending in a row)."""
    numbers = np.zeros(genotypes.shape[0], dtype=np.int64)
    for k in range(genotypes.shape[1]):
        ways = np.array(
            [math.comb(a + k, k + 1) for a in range(genotypes.max(initial=0) + 1)], dtype=np.int64
        )
        numbers += ways[genotypes[:, k]]
    return numbers
