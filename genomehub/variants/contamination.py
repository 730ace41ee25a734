"""How much of a sample's reads are another person's, from the reads alone.

Where the sample has an ALT twice, another person often has REF: on average over a neutral population a
sixth of persons have none of the sample's ALT, a third have one (``companion_table``). So the share of reads
of REF at such places is a third of the contamination, and it comes in steps. Places are found in the same
stretches as gap costs (``variants.error_model``); what looks heterozygous, or stands beside indels or in
tandem repeats, is left out or weighed as such. Not seen: a contaminant without differences (a twin, mostly a
close relative), or of another species.
"""

import dataclasses
import math
from typing import NamedTuple

import numpy as np

from genomehub.config import MAX_CONTAMINATION, CallConfig
from genomehub.kernels.pileup import DELETED, DELETIONS, INSERTIONS
from genomehub.types import Records
from genomehub.variants.pileup import as_alignments, make_window, tally_window, usable_reads, with_qualities

#: Base quality below which a base does not count here: errors would look like contamination.
_MIN_BASE_QUALITY = 20
#: Reads without which a place says too little.
_MIN_READS = 10
#: Places without which nothing is said.
MIN_PLACES = 50
#: bp around reads with indels in which a base is not trusted.
_INDEL_REACH = 10
#: Share of REF above which a place is none of two ALTs.
_MAX_REF = 0.4
#: Natural log units by which contamination must be likelier than none.
_SURE = 3.0
_SHARES = np.concatenate([[0.0], np.geomspace(0.001, MAX_CONTAMINATION, 150)])
#: Share of places that are of no kind: duplicated sequence, misplaced reads.
_STRAYS = 0.005
_N_ROUNDS = 20


class Contamination(NamedTuple):
    """What was found.

    fraction : share of reads; n_places : places where the sample has an ALT twice; 0.0 if these are too few
    """

    fraction: float
    n_places: int

    @property
    def is_known(self) -> bool:
        """Whether there were places enough."""
        return self.n_places >= MIN_PLACES


def companion_table(ploidy: int) -> np.ndarray:
    """Return (ploidy + 1, ploidy + 1) float64: log10 P(another person has j copies | the sample has i).

    In a neutral population an allele is on k of n chromosomes with its rate divided by k, on any k alike. For
    i = 0 and j > 0 the value is over the allele's rate.

    Examples
    --------
    >>> np.round(10 ** companion_table(2)[2], 3).tolist()
    [0.167, 0.333, 0.5]
    """
    table = np.zeros((ploidy + 1, ploidy + 1))
    for i in range(ploidy + 1):
        for j in range(ploidy + 1):
            if i + j:
                ways = math.comb(ploidy, i) * math.comb(ploidy, j) / math.comb(2 * ploidy, i + j)
                table[i, j] = math.log10(max(i, 1) * ways / (i + j))
    return table


class AltPlaces:
    """Bases at places where most reads show one ALT, gathered over stretches of the genome in any order."""

    def __init__(self) -> None:
        self._rows: list[np.ndarray] = []

    def add(self, records: Records, reference: np.ndarray, start: int, config: CallConfig) -> None:
        """Count the bases of one stretch; parameters as of variants.error_model.Slippage.add."""
        window = make_window(0, start, reference)
        records = with_qualities(records, config)
        usable = usable_reads(records, config)
        pileup = tally_window(
            records,
            as_alignments(records),
            usable,
            window,
            dataclasses.replace(config, min_base_quality=_MIN_BASE_QUALITY),
        )
        bases = pileup.bases.sum(axis=1).astype(np.int64)
        n = reference.size
        known = np.flatnonzero((reference <= 3) & (window.period == 0))
        same = bases[known, reference[known]]
        others = bases[known].copy()
        others[np.arange(known.size), reference[known]] = 0
        alt, depth = others.max(axis=1), bases[known].sum(axis=1)
        indels = pileup.counts[[DELETED, INSERTIONS, DELETIONS], :n].sum(axis=0)
        before = np.concatenate([[0], np.cumsum(indels)])
        near = before[np.minimum(known + _INDEL_REACH + 1, n)] - before[np.maximum(known - _INDEL_REACH, 0)]
        keep = (depth >= _MIN_READS) & (alt > same) & (same <= _MAX_REF * (alt + same)) & (near == 0)
        self._rows.append(np.stack([same, alt, depth - same - alt], axis=1)[keep])

    def estimate(self) -> Contamination:
        """Return the likeliest contamination."""
        rows = np.concatenate([*self._rows, np.zeros((0, 3), dtype=np.int64)])
        return contamination_of(rows[:, 0], rows[:, 1], rows[:, 2])


def contamination_of(n_ref: np.ndarray, n_alt: np.ndarray, n_other: np.ndarray) -> Contamination:
    """Estimate the contamination from reads of REF, ALT and other bases, each (n_places,) int64.

    Places are those with at most _MAX_REF of REF. Each is homozygous or heterozygous, and then of three kinds
    by what the contaminant has; or, a few of them, of no kind (any share of REF is as likely). Errors are as
    frequent as bases that are neither REF nor ALT.

    Examples
    --------
    Of 600 places 100 have 3 reads of REF among 30, 200 have 1 or 2:

    >>> n_ref = np.array([3] * 100 + [1, 2] * 100 + [0] * 300)
    >>> 0.09 < contamination_of(n_ref, 30 - n_ref, np.zeros(600, dtype=np.int64)).fraction < 0.11
    True
    """
    depth = n_ref + n_alt
    if depth.size == 0:
        return Contamination(0.0, 0)
    error = (n_other.sum() + 1.0) / (2.0 * (depth + n_other).sum() + 2.0)
    table, foreign = 10.0 ** companion_table(2), np.array([1.0, 0.5, 0.0])
    most = np.floor(_MAX_REF * depth).astype(np.int64)
    stray = _STRAYS / (most + 1.0)
    values, homozygous = np.zeros(_SHARES.size), np.zeros(_SHARES.size)
    for s, share in enumerate(_SHARES):
        of_ref = (1.0 - share) * np.array([[0.0], [0.5]]) + share * foreign  # by the sample's copies of REF
        rates = error + (1.0 - 2.0 * error) * of_ref
        hom, het = (
            sum(kind * _binomial(n_ref, depth, most, rate) for kind, rate in zip(kinds, own, strict=True))
            for kinds, own in zip(table[[2, 1]], rates, strict=True)
        )
        share_of_hom = 0.9
        for _ in range(_N_ROUNDS):
            as_hom, as_het = share_of_hom * hom, (1.0 - share_of_hom) * het
            belongs = as_hom / (as_hom + as_het + stray)
            share_of_hom = (belongs.sum() + 0.9) / (depth.size + 1.0)
        values[s] = np.log(as_hom + as_het + stray).sum()
        homozygous[s] = belongs.sum()
    best = int(values.argmax())
    n_places = round(float(homozygous[best]))
    is_sure = n_places >= MIN_PLACES and values[best] >= values[0] + _SURE
    return Contamination(round(float(_SHARES[best]), 4) if is_sure else 0.0, n_places)


def _binomial(k: np.ndarray, n: np.ndarray, most: np.ndarray, p: float) -> np.ndarray:
    """Probability of k of n if it is at most ``most``; elementwise."""
    depths, place = np.unique(n, return_inverse=True)
    all_k = np.arange(int(most.max(initial=0)) + 1)
    log_factorial = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, depths[-1] + 1)))])
    rest = depths[:, None] - all_k
    ways = log_factorial[depths][:, None] - log_factorial[all_k] - log_factorial[np.maximum(rest, 0)]
    each = np.exp(ways + all_k * math.log(p) + rest * math.log1p(-p))
    return each[place, k] / np.maximum(np.cumsum(each, axis=1)[place, most], 1e-300)
