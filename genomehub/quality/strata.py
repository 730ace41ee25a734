"""Classes of variants that need no BED file: how long an indel is, on how many haplotypes, in what repeat.

Each variant has one class of each sort, found from itself and the reference alone, so both sides of a
comparison can be counted by class. The counting itself is the business of ``scores.py``.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from genomehub.kernels.repeats import tracts
from genomehub.quality.compare import Kind, TrimmedVariants

#: Codes of the reference: (contig_index, start, end) -> (end - start,) uint8, 0-3 for bases.
ReferenceCodes = Callable[[int, int, int], np.ndarray]

#: Indels by the largest number of bases that come or go: name -> first and last bp.
SIZES: dict[str, tuple[int, int]] = {
    "1": (1, 1), "2-5": (2, 5), "6-15": (6, 15), "16-60": (16, 60), "61+": (61, 1 << 62),
}  # fmt: skip
GENOTYPES = ("het", "hom")
#: Where a variant is in no tract, in one of a single base, or in one of a longer unit.
REPEATS = ("elsewhere", "homopolymer", "str")
#: Tracts by length: name -> kind of tract, first and last bp; about those of GIAB's stratification.
TRACTS: dict[str, tuple[str, int, int]] = {
    "homopolymer_7-11": ("homopolymer", 7, 11),
    "homopolymer_12-20": ("homopolymer", 12, 20),
    "homopolymer_21+": ("homopolymer", 21, 1 << 62),
    "str_10-19": ("str", 10, 19),
    "str_20-49": ("str", 20, 49),
    "str_50+": ("str", 50, 1 << 62),
}
#: Fewest bp of a tract by unit length (index 0 is not used).
SHORTEST_TRACT = np.array([0, 7, 10, 14, 16, 18, 20, 21, 24], dtype=np.int64)

_CHUNK = 1 << 20
#: Reference on both sides of a chunk, bp; a tract that goes on beyond belongs to the longest class anyway.
_MARGIN = 256


class Classes(NamedTuple):
    """Classes of the variants of one side.

    size : (n,) int8, index into SIZES, -1 where no allele changes the length
    genotype : (n,) int8, index into GENOTYPES: whether both haplotypes get the same bases
    repeat : (n,) int8, index into REPEATS
    tract : (n,) int8, index into TRACTS, -1 elsewhere
    """

    size: np.ndarray
    genotype: np.ndarray
    repeat: np.ndarray
    tract: np.ndarray


def classify(variants: TrimmedVariants, reference_codes: ReferenceCodes) -> Classes:
    """Find the classes of each variant.

    Parameters
    ----------
    variants : TrimmedVariants of one side
    reference_codes : codes of the reference, shorter where the contig ends

    Notes
    -----
    A variant is in a tract that holds one of the bases it replaces or one beside them; of several tracts the
    longest counts. Cost: one look at each stretch of 1 Mbp that holds variants, 20 ms each.
    """
    period, length = _tracts_at(variants, reference_codes)
    repeat = np.select([period == 0, period == 1], [0, 1], 2).astype(np.int8)
    tract = np.full(period.size, -1, dtype=np.int8)
    for i, (name, first, last) in enumerate(TRACTS.values()):
        tract[(repeat == REPEATS.index(name)) & (length >= first) & (length <= last)] = i
    return Classes(_sizes(variants), _genotypes(variants), repeat, tract)


def _sizes(variants: TrimmedVariants) -> np.ndarray:
    spans = (variants.end - variants.start).tolist()
    changes = np.array(
        [
            max(abs(len(bases) - span) for bases in pair if bases is not None)
            for span, pair in zip(spans, variants.bases, strict=True)
        ],
        dtype=np.int64,
    )
    size = np.full(changes.size, -1, dtype=np.int8)
    for i, (first, last) in enumerate(SIZES.values()):
        size[(variants.kind == Kind.INDEL) & (changes >= first) & (changes <= last)] = i
    return size


def _genotypes(variants: TrimmedVariants) -> np.ndarray:
    return np.array([first == second for first, second in variants.bases], dtype=np.int8)


def _tracts_at(variants: TrimmedVariants, reference_codes: ReferenceCodes) -> tuple[np.ndarray, np.ndarray]:
    """Return unit and length (bp) of the longest tract at each variant, 0 where there is none."""
    period = np.zeros(variants.start.size, dtype=np.int64)
    length = np.zeros(variants.start.size, dtype=np.int64)
    chunk = variants.start // _CHUNK
    order = np.lexsort((chunk, variants.contig_index))
    keys = np.stack([variants.contig_index[order], chunk[order]])
    edges = np.flatnonzero(np.any(np.diff(keys, axis=1) != 0, axis=0)) + 1
    for members in np.split(order, edges) if order.size else ():
        contig, first = int(variants.contig_index[members[0]]), int(chunk[members[0]]) * _CHUNK
        start = max(first - _MARGIN, 0)
        end = max(first + _CHUNK, int(variants.end[members].max())) + _MARGIN
        units, tract_start, tract_end = tracts(reference_codes(contig, start, end), SHORTEST_TRACT)
        # The longest tract wins, of equally long ones the shorter unit; a last row ends the last span.
        keyed = np.where(units > 0, (tract_end - tract_start) * 16 + 15 - units.astype(np.int32), 0)
        rows = np.stack([variants.start[members] - 1, variants.end[members] + 1], axis=1) - start
        rows = rows.clip(0, units.size).ravel()
        best = np.maximum.reduceat(np.append(keyed, 0), rows)[::2]
        period[members] = np.where(best > 0, 15 - best % 16, 0)
        length[members] = best // 16
    return period, length
