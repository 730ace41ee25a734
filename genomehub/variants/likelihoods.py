"""Reads against haplotypes: what PairHMM is asked, with gap costs that know tandem repeats.

The tables follow the shape of DRAGEN's: a gap is the cheaper the longer the repeat it stands in, for
errors of the polymerase (``gap_open_table``) and, in ``indel_priors``, for variants.
"""

import numpy as np

from genomehub.config import CallConfig
from genomehub.kernels import region_reads as kernels
from genomehub.kernels.pairhmm import log10_likelihoods
from genomehub.kernels.region_reads import RegionReads
from genomehub.kernels.repeats import MAX_PERIOD, MAX_REPEATS, gap_costs
from genomehub.types import Records
from genomehub.variants.haplotypes import Haplotypes

# Phred cost of opening a gap by number of repeats (1, 2, ...; the last value holds for more). Units of 1 and
# 2 bp after DRAGEN's published defaults; for longer units a smooth curve through the same range.
_GAP_OPEN = {
    1: (45, 45, 45, 45, 45, 45, 40, 33, 28, 24, 22),
    2: (45, 40, 40, 40, 36, 30, 27, 25, 24),
    3: (45, 41, 41, 41, 40, 38, 35, 34, 33, 32, 31, 30, 29),
}
_LONGER_GAP_OPEN = (45, 40, 40, 38, 35, 33, 31, 30)
#: Phred of going on with a gap, divided by the unit: whole units come and go at once.
_GAP_EXTEND = 10
# Phred probability that a base before such a repeat carries an indel of whole units.
_INDEL = {
    1: (39, 39, 37, 35, 32, 26, 20, 16, 12, 10, 8, 7, 7, 6, 6, 5, 5, 4),
    2: (39, 30, 29, 22, 17, 14, 11, 8, 6, 5, 4, 4, 3),
}
_LONGER_INDEL = (39, 28, 22, 15, 11, 9, 7, 5, 4, 3)


def _table(rows: dict[int, tuple[int, ...]], longer: tuple[int, ...]) -> np.ndarray:
    table = np.zeros((MAX_PERIOD + 1, MAX_REPEATS + 1), dtype=np.float64)
    for period in range(1, MAX_PERIOD + 1):
        row = rows.get(period, longer)
        table[period, 1:] = [row[min(i, len(row) - 1)] for i in range(MAX_REPEATS)]
    return table


def gap_open_table(config: CallConfig) -> np.ndarray:
    """Return (MAX_PERIOD + 1, MAX_REPEATS + 1) uint8: Phred of opening a gap by unit length and repeats.

    As measured on the sample (``config.gap_open``, by ``variants.error_model``), else the defaults above.
    """
    if config.gap_open:
        return np.array(config.gap_open, dtype=np.uint8)
    return np.minimum(_table(_GAP_OPEN, _LONGER_GAP_OPEN), config.max_gap_open).astype(np.uint8)


def gap_extend_table() -> np.ndarray:
    """Return (MAX_PERIOD + 1, MAX_REPEATS + 1) uint8: Phred of continuing a gap."""
    period = np.maximum(np.arange(MAX_PERIOD + 1), 1)
    return np.broadcast_to(
        np.maximum(_GAP_EXTEND // period, 1)[:, None], (MAX_PERIOD + 1, MAX_REPEATS + 1)
    ).astype(np.uint8)


def indel_prior_table(config: CallConfig) -> np.ndarray:
    """Return (MAX_PERIOD + 1, MAX_REPEATS + 1) float64: log10 P(a base is heterozygous for an indel)."""
    table = -0.1 * _table(_INDEL, _LONGER_INDEL)
    return np.maximum(table, np.log10(config.indel_rate))


def compared_qualities(quals: np.ndarray, config: CallConfig) -> np.ndarray:
    """Return base qualities for PairHMM: those below a threshold are lowered, as in GATK."""
    return np.where(quals < config.low_base_quality, np.uint8(config.lowered_base_quality), quals)


def read_likelihoods(
    records: Records, reads: RegionReads, haplotypes: Haplotypes, config: CallConfig
) -> tuple[np.ndarray, np.ndarray]:
    """Compare every read of a region with every haplotype of it.

    Returns
    -------
    likelihoods : flat float64, log10, the (n_reads, n_haplotypes) matrix of each region in C order
    matrix_offsets : (n_regions + 1,) int64
    """
    offsets = np.concatenate([[0], np.cumsum(reads.end - reads.begin)]).astype(np.int64)
    bases, quals = np.empty(offsets[-1], dtype=np.uint8), np.empty(offsets[-1], dtype=np.uint8)
    kernels.cut_reads(records.bases, reads.begin, reads.end, offsets, bases)
    kernels.cut_reads(records.quals, reads.begin, reads.end, offsets, quals)
    gap_open, gap_extend = np.empty_like(quals), np.empty_like(quals)
    gap_costs(bases, offsets, gap_open_table(config), gap_extend_table(), gap_open, gap_extend)
    likelihoods = log10_likelihoods(
        bases, compared_qualities(quals, config), gap_open, gap_open, gap_extend, offsets,
        haplotypes.sequences, haplotypes.offsets, reads.region_offsets, haplotypes.region_offsets,
    )  # fmt: skip
    sizes = np.diff(reads.region_offsets) * np.diff(haplotypes.region_offsets)
    return likelihoods, np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
