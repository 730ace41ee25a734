"""Plain twin of kernels/mapq.py: the formulas of BWA-MEM, written from their description."""

import math


def rounded(value):
    return int(value + 0.499)


def within(quality):
    return max(0, min(60, quality))


def rivals_cost(n_rivals):
    return rounded(4.343 * math.log(n_rivals + 1)) if n_rivals else 0


def single_quality(score, second, n_rivals, aligned, unused, scoring):
    second = max(second, 19 * scoring.match)
    if second >= score or aligned <= 0:
        return 0
    identity = 1 - (aligned * scoring.match - score) / (scoring.match + scoring.mismatch) / aligned
    trust = identity**2 * (1 if aligned < 50 else int(math.log(50)) / math.log(aligned))
    quality = within(rounded(6.02 * (score - second) / scoring.match * trust * trust) - rivals_cost(n_rivals))
    return rounded(quality * (1 - unused))


def pair_quality(score, second, n_rivals, unused_1, unused_2, match):
    quality = within(rounded(6.02 * (score - second) / match) - rivals_cost(n_rivals))
    return rounded(quality * (1 - (unused_1 + unused_2) / 2))


def with_pair(single, pair, lead, match):
    raised = max(single, min(pair, single + 40))
    return within(min(raised, rounded(6.02 * lead / match)))
