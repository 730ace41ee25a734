"""Mapping quality on bwa-mem's scale: how sure it is that a read belongs where it was placed.

Phred-scaled, 0 to 60. It grows with the lead over the best other place and shrinks with clipping,
mismatches, rivals as good as the runner-up and sequence that was too frequent to be searched. Formulas:
BWA-MEM (Li 2013) as its program computes them, so thresholds that users know keep their meaning.
"""

import math

import numpy as np

from genomehub.kernels._jit import borrowing

MAX_MAPQ = 60
#: Score that is assumed for the runner-up if none was found: a seed of bwa by chance.
FLOOR_SCORE = 19
#: Alignments of fewer bases than this are not trusted less for being longer.
_SURE_LENGTH = 50
#: Its logarithm, which bwa's program keeps as a whole number.
_LOG_SURE_LENGTH = 3.0
_PHRED_PER_POINT = 6.02
_PHRED = 4.343


@borrowing
def _rounded(value):
    return np.int64(value + 0.499)


@borrowing
def lead_quality(lead, match):
    """Phred of a lead of so many points of score."""
    return _rounded(_PHRED_PER_POINT * lead / match)


@borrowing
def rivals_cost(n_rivals):
    """Phred that so many near-best rivals take away."""
    return _rounded(_PHRED * math.log(n_rivals + 1.0)) if n_rivals > 0 else np.int64(0)


@borrowing
def within_scale(quality):
    return min(max(quality, np.int64(0)), np.int64(MAX_MAPQ))


@borrowing
def single_quality(score, second, n_rivals, aligned, unused, scoring):
    """Mapping quality of a read by itself.

    Parameters
    ----------
    score, second : of the alignment and of the best at another place (0: none was found)
    n_rivals : other places about as good as the alignment
    aligned : bp, the longer of the aligned parts of read and reference
    unused : 0 to 1, part of the read in seeds too frequent to be used
    scoring : AlignmentScoring

    Notes
    -----
    Plain twin: tests/plain/mapq.py
    """
    floor = max(second, np.int64(FLOOR_SCORE * scoring.match))
    if floor >= score or aligned <= 0:
        return np.int64(0)
    identity = 1.0 - (aligned * scoring.match - score) / ((scoring.match + scoring.mismatch) * aligned)
    trust = 1.0 if aligned < _SURE_LENGTH else _LOG_SURE_LENGTH / math.log(aligned)
    trust *= identity * identity
    quality = _rounded(_PHRED_PER_POINT * (score - floor) / scoring.match * trust * trust)
    quality = within_scale(quality - rivals_cost(n_rivals))
    return _rounded(quality * (1.0 - unused))


@borrowing
def pair_quality(score, second, n_rivals, unused_1, unused_2, match):
    """Mapping quality of a pair: its score against the second-best pair or the ends by themselves."""
    quality = within_scale(lead_quality(score - second, match) - rivals_cost(n_rivals))
    return _rounded(quality * (1.0 - 0.5 * (unused_1 + unused_2)))


@borrowing
def with_pair(single, pair, lead, match):
    """A read's quality when the pair speaks for it: it may gain 40, and not pass what ``lead`` is worth."""
    quality = single if single > pair else min(pair, single + 40)
    return within_scale(min(quality, lead_quality(lead, match)))
