"""What else could have made these reads of a homozygous sample: DRAGEN's two models of correlated errors.

Base-quality drop: late in a read, and on one strand, sequencing errors repeat; they show by low qualities.
Foreign reads: some fragments come from elsewhere in the genome. Either explains reads of another allele
without a heterozygote, so each may raise the likelihood of a homozygous genotype, never lower it. After the
description in Behera et al. 2024 and GATK's documentation.
"""

from typing import NamedTuple

import numpy as np

from genomehub.kernels._jit import inline, kernel

#: Phred cost of a quality drop per Phred of mean base quality of the reads it is said to hold.
DROP_COST = 2.5


class Traits(NamedTuple):
    """How the fragments at a site were read; one entry per present fragment.

    fragment : (n,) int64, row of the site's table; reverse : (n,) bool
    quality : (n,) float64, base quality at POS; left : (n,) int64, bases of the read that were read after it
    mapping_quality : (n,) float64
    both_strands : (n,) bool, whether reads of both strands of the fragment (overlapping mates) hold POS
    """

    fragment: np.ndarray
    reverse: np.ndarray
    quality: np.ndarray
    left: np.ndarray
    mapping_quality: np.ndarray
    both_strands: np.ndarray


@inline
def _half(f, g):
    """log10 of (10^f + 10^g) / 2."""
    high, low = (f, g) if f >= g else (g, f)
    return high + np.log10(0.5 + 0.5 * 10.0 ** (low - high))


@inline
def _drop_on_strand(table, traits, order, reverse, g, f):
    """Best log10 likelihood of the reads of one strand if those nearest their last base hold errors f."""
    rest = 0.0
    for k in range(order.size):
        if traits.reverse[order[k]] == reverse:
            rest += table[traits.fragment[order[k]], g]
    best, mixed, quality, n = rest, 0.0, 0.0, 0
    for k in range(order.size):
        i = order[k]
        if traits.reverse[i] != reverse or traits.both_strands[i]:
            continue
        row = traits.fragment[i]
        rest -= table[row, g]
        mixed += _half(table[row, f], table[row, g])
        quality += traits.quality[i]
        n += 1
        best = max(best, mixed + rest - 0.1 * DROP_COST * quality / n)
    return best


@kernel
def quality_drop(table, traits, order, g, f):
    """Return the log10 likelihood of g/g if bases f are errors of a quality drop, on each strand its own.

    Parameters
    ----------
    table : (n_fragments, n_columns) float64, log10 likelihoods of alleles
    traits : Traits
    order : (n,) int64, entries of ``traits`` by bases left in the read, ascending
    g, f : columns

    Notes
    -----
    A fragment whose mates both hold the place is never an error: a drop is of one strand, and the other mate
    would disagree. (Amplicons that are shorter than two reads hold no others.)
    """
    return _drop_on_strand(table, traits, order, False, g, f) + _drop_on_strand(
        table, traits, order, True, g, f
    )


@kernel
def foreign_reads(table, traits, g, f, prior):
    """Return the log10 likelihood of g/g if some fragments of f come from elsewhere.

    Parameters
    ----------
    table, traits, g, f : as in quality_drop
    prior : log10 probability that the place a foreign fragment comes from differs like that

    Notes
    -----
    Tried for each mapping quality (fragments of at most that are eligible) and for each strand and both.
    The share of foreign fragments is estimated from the eligible ones, at most a half; it holds for all, so
    that a share of a half fits no better than a heterozygote does.
    """
    best = -np.inf
    tried = np.zeros(256, dtype=np.bool_)
    for t in range(traits.fragment.size):
        limit = traits.mapping_quality[t]
        if tried[int(limit)]:
            continue
        tried[int(limit)] = True
        for strand in range(3):
            best = max(best, prior - 0.1 * limit + _mixture(table, traits, g, f, limit, strand))
    return best


@inline
def _mixture(table, traits, g, f, limit, strand):
    share, n = 0.0, 0
    for i in range(traits.fragment.size):
        if traits.mapping_quality[i] <= limit and (strand == 2 or traits.reverse[i] == (strand == 1)):
            row = traits.fragment[i]
            share += 1.0 / (1.0 + 10.0 ** (table[row, g] - table[row, f]))
            n += 1
    share = min(0.5, share / n) if n else 0.0
    total = 0.0
    for i in range(traits.fragment.size):
        row = traits.fragment[i]
        weight = 1.0 - share
        if traits.mapping_quality[i] <= limit and (strand == 2 or traits.reverse[i] == (strand == 1)):
            weight += share * 10.0 ** min(table[row, f] - table[row, g], 300.0)
        total += table[row, g] + np.log10(weight)
    return total
