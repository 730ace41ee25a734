"""Counters of a window, base by base: where another base has support, and how likely 0/0 is.

What whole-array arithmetic would do in a dozen passes, in one: most of a genome is looked at here and nowhere
else. ``variants.active_regions`` and ``variants.pileup`` say what the numbers mean.
"""

import numpy as np

from genomehub.kernels._jit import inline, kernel
from genomehub.kernels.pileup import DELETED, DELETIONS, ENDS, INSERTIONS, SPANS


@kernel
def supported_rows(bases, reference, least, fraction):
    """Return (n_rows,) bool: the reference is known, and one other base has enough support.

    Parameters
    ----------
    bases : (n_rows, 2, 4) int32, Pileup.bases; reference : (n_rows,) uint8, codes
    least, fraction : reads, and share of all bases there, that make support enough

    Notes
    -----
    Plain twin  tests/plain/confidence.py
    """
    out = np.zeros(reference.size, dtype=np.bool_)
    for row in range(reference.size):
        if reference[row] > 3:
            continue
        support, total = 0, 0
        for base in range(4):
            count = bases[row, 0, base] + bases[row, 1, base]
            total += count
            if base != reference[row]:
                support = max(support, count)
        out[row] = support >= max(float(least), fraction * total)
    return out


@kernel
def reference_likelihoods(pileup, substitution, indel, tract_start, tract_end, most):
    """Compare 0/0 at each row with genotypes of a substitution and of an indel, by what leaves it less sure.

    Parameters
    ----------
    pileup : Pileup of n_rows
    substitution : (n_rows, at least n_genotypes) float64, log10 likelihoods of 0, 1 ... all chromosomes with
        another base
    indel : (n_genotypes, 2) float64, what a read without, and with, an indel adds to the log10 likelihood of
        0, 1 ... all chromosomes with one, over that of none; row 0 is 0
    tract_start, tract_end : (n_rows,) int32, the tandem repeat at each row; only a read that spans it and a
        base on both sides is one without an indel
    most : largest phred_likelihood

    Returns
    -------
    confidence : (n_rows,) float64, Phred, of 0/0 over one chromosome that differs
    phred_likelihood : (n_rows, n_genotypes) int32, the least is 0
    depth : (n_rows,) int32, bases and deletions

    Notes
    -----
    Reads over the first row of a tract less those that end before it is over span it: exact unless a read
    lies wholly inside.
    Plain twin  tests/plain/confidence.py
    """
    n, n_genotypes = tract_start.size, indel.shape[0]
    confidence = np.empty(n, dtype=np.float64)
    phred_likelihood = np.empty((n, n_genotypes), dtype=np.int32)
    depth = np.empty(n, dtype=np.int32)
    counts = pileup.counts
    ended = np.zeros(n + 2, dtype=np.int64)  # ended[i]: reads whose last base is before row i - 1
    for row in range(n + 1):
        ended[row + 1] = ended[row] + counts[ENDS, row]
    relative = np.zeros(n_genotypes)
    for row in range(n):
        first, last = max(tract_start[row] - 1, 0), min(tract_end[row], n - 1)
        spanning = counts[SPANS, first] - (ended[last + 1] - ended[first + 1])
        different = counts[DELETED, row] + counts[INSERTIONS, row] + counts[DELETIONS, row]
        same = max(spanning - different, 0)
        by_indel = same * indel[1, 0] + different * indel[1, 1]
        by_base = substitution[row, 1] - substitution[row, 0]
        best = 0.0
        for g in range(1, n_genotypes):
            if by_indel > by_base:
                relative[g] = same * indel[g, 0] + different * indel[g, 1]
            else:
                relative[g] = substitution[row, g] - substitution[row, 0]
            best = max(best, relative[g])
        for g in range(n_genotypes):
            phred_likelihood[row, g] = min(np.rint(-10.0 * (relative[g] - best)), most)
        confidence[row] = -10.0 * relative[1]
        depth[row] = _depth(pileup.bases, row) + counts[DELETED, row]
    return confidence, phred_likelihood, depth


@inline
def _depth(bases, row):
    total = 0
    for base in range(4):
        total += bases[row, 0, base] + bases[row, 1, base]
    return total
