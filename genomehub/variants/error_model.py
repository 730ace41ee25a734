"""How often reads of this sample get the length of a tandem repeat wrong: gap costs measured, not assumed.

Polymerases slip in repeats, and how often depends on the library: PCR-free ones err ten times less than
amplified ones. Before calling, the reads over repeats of a part of the genome are counted by the length that
they show; what neither the repeat's commonest length nor a second one (a heterozygote) explains is an
error. ``variants.likelihoods`` takes the costs from here in place of its defaults. The idea is DRAGEN's and
Strelka2's; the estimate is a plain mixture, fitted by expectation maximisation for each unit length and
number of repeats on its own.
"""

import numpy as np

from genomehub.config import CallConfig
from genomehub.kernels.repeats import MAX_PERIOD, MAX_REPEATS
from genomehub.kernels.slippage import tally_lengths
from genomehub.types import Records
from genomehub.variants.likelihoods import gap_extend_table, gap_open_table
from genomehub.variants.pileup import as_alignments, make_window, usable_reads

#: Aligned bp beside a repeat; nearer to its end an aligner prefers mismatches to a gap.
_FLANK = 10
#: Reads over a repeat without which its genotype is anybody's guess.
_MIN_READS = 8
#: The default costs weigh as much as so many reads: ten repeats at 30x, lest one of strange spelling decides.
_DEFAULT_READS = 300.0
_N_ROUNDS = 20
#: Two lengths that are wrong are as likely: a unit more, a unit less.
_SHARE_OF_LENGTH = 0.5


class Slippage:
    """Lengths of repeats as reads show them, gathered over stretches of the genome in any order."""

    def __init__(self) -> None:
        self._rows: list[np.ndarray] = []

    def add(self, records: Records, reference: np.ndarray, start: int, config: CallConfig) -> None:
        """Count the reads of one stretch.

        Parameters
        ----------
        records : all records that overlap the stretch, sorted by start
        reference : (n,) uint8, codes of the stretch; start : 0-based bp of its first base
        """
        window = make_window(0, start, reference)
        first = np.flatnonzero((window.period > 0) & (window.tract_start == np.arange(reference.size)))
        last = window.tract_end[first].astype(np.int64)
        counts = tally_lengths(
            as_alignments(records), usable_reads(records, config), start, first.astype(np.int64), last, _FLANK
        )
        period = window.period[first].astype(np.int64)
        repeats = np.minimum((last - first) // period, MAX_REPEATS)
        ranked = np.sort(counts, axis=1)
        n_reads = ranked.sum(axis=1)
        n_off = n_reads - ranked[:, -1]
        row = np.stack([period, repeats, n_reads, n_off, n_off - ranked[:, -2]], axis=1)
        self._rows.append(row[n_reads >= _MIN_READS])

    def gap_open(self, config: CallConfig) -> tuple[tuple[int, ...], ...]:
        """Return Phred costs of opening a gap by unit length and repeats, as ``CallConfig.gap_open``."""
        costs = gap_open_table(config).astype(np.int64)
        rows = np.concatenate([*self._rows, np.zeros((0, 5), dtype=np.int64)])
        for period in range(1, MAX_PERIOD + 1):
            for repeats in range(2, MAX_REPEATS + 1):
                here = rows[(rows[:, 0] == period) & (rows[:, 1] == repeats)]
                if here.shape[0]:
                    scale = wrong_lengths_per_gap(period, repeats)
                    usual = scale * 10.0 ** (-0.1 * costs[period, repeats])
                    rate = slippage_rate(here[:, 2], here[:, 3], here[:, 4], usual)
                    cost = np.rint(-10.0 * np.log10(rate / scale))
                    costs[period, repeats] = np.clip(cost, 1, config.max_gap_open)
        return tuple(tuple(int(cost) for cost in row) for row in costs)


def wrong_lengths_per_gap(period: int, repeats: int) -> float:
    """Return what PairHMM's cost of a gap means: P(a read's repeat is a unit off) over P(a gap opens).

    A unit more or less may begin at any base of the repeat, and must go on to its end.

    Examples
    --------
    >>> round(wrong_lengths_per_gap(1, 10), 1)
    18.0
    """
    extend = 10.0 ** (-0.1 * float(gap_extend_table()[period, repeats]))
    return 2.0 * (period * (repeats - 1) + 1) * extend ** (period - 1) * (1.0 - extend)


def slippage_rate(n_reads: np.ndarray, n_off: np.ndarray, n_neither: np.ndarray, usual: float) -> float:
    """Estimate the share of reads that show a wrong length, over repeats of unknown genotypes.

    Parameters
    ----------
    n_reads, n_off, n_neither : (n_repeats,) int64, reads, those of other than the commonest length, those of
        other than the two commonest
    usual : what is expected without data

    Examples
    --------
    Hundred repeats, ninety of them without an error, ten heterozygotes:

    >>> n, neither = np.full(100, 30), np.zeros(100, dtype=np.int64)
    >>> off = np.array([0] * 90 + [15] * 10)
    >>> round(slippage_rate(n, off, neither, usual=0.01), 5)
    0.00091
    """
    rate, het = usual, 0.1
    for _ in range(_N_ROUNDS):
        wrong, right = np.log(_SHARE_OF_LENGTH * rate), np.log1p(-rate)
        as_hom = np.log1p(-het) + n_off * wrong + (n_reads - n_off) * right
        as_het = np.log(het) + n_neither * wrong + (n_reads - n_neither) * (right + np.log(0.5))
        p_het = 1.0 / (1.0 + np.exp(np.clip(as_hom - as_het, -700, 700)))
        errors = ((1.0 - p_het) * n_off + p_het * n_neither).sum()
        rate = (errors + _DEFAULT_READS * usual) / (n_reads.sum() + _DEFAULT_READS)
        het = (p_het.sum() + 0.1) / (n_reads.size + 1.0)
    return float(rate)
