"""Likelihoods of the allele that a record does not name: what gVCF calls <NON_REF>.

Two cohorts' sites meet when samples are called jointly; one that did not name an allele must still say how
likely it is. As in GATK, a fragment is as likely under an unnamed allele as under the median of the named
ones that it does not prefer.
"""

import numpy as np

from genomehub.kernels._jit import inline, kernel
from genomehub.kernels.genotype import site_table


@kernel
def nonref_likelihoods(
    sites, columns, ploidy, out, events, reads, region_haplotypes, fragments, fragment_offsets, fits, model
):  # fmt: skip
    """Compute the likelihoods of the genotypes with an unnamed allele.

    Parameters
    ----------
    sites, columns : as in genotype.observe
    ploidy : (n_sites,) int64, at least 1
    out : (n_sites, n) float64, NaN; gets the log10 likelihoods in VCF's order (as the unnamed allele is the
        last, they follow those of named alleles) and stays NaN behind a site's own
    the rest : as in genotype.observe

    Notes
    -----
    Raises      nothing
    Cost        O(fragments * genotypes * ploidy) per site
    Plain twin  tests/plain/nonref.py
    """
    for s in range(sites.shape[0]):
        r = sites[s, 0]
        table, present = site_table(
            sites[s], events, reads, region_haplotypes[r], region_haplotypes[r + 1], fragments,
            fragment_offsets[r], fits, model,
        )  # fmt: skip
        named = _named(columns[s])
        weights = _weights(table, present, columns[s], named)
        others = np.zeros(ploidy[s] - 1, dtype=np.int64)
        g = 0
        while others.size == 0 or others[-1] <= named:
            total = 0.0
            for f in range(weights.shape[0]):
                weight = weights[f, named]
                for k in range(others.size):
                    weight += weights[f, others[k]]
                total += np.log10(weight / ploidy[s]) + weights[f, named + 1]
            out[s, g] = total
            g += 1
            if others.size == 0:
                break
            _next_multiset(others)


@inline
def _named(columns):
    n = 0
    while n < columns.size and columns[n] >= 0:
        n += 1
    return n


@inline
def _weights(table, present, columns, named):
    """Likelihoods of present fragments relative to their best, that of the unnamed, then log10 best."""
    out = np.zeros((np.sum(present), named + 2))
    n = 0
    below = np.empty(named)
    for f in range(table.shape[0]):
        if not present[f]:
            continue
        best = -np.inf
        for a in range(named):
            best = max(best, table[f, columns[a]])
        lower = 0
        for a in range(named):
            value = table[f, columns[a]]
            out[n, a] = 10.0 ** (value - best)
            if value < best:
                below[lower] = value
                lower += 1
        out[n, named] = 10.0 ** (np.median(below[:lower]) - best) if lower else 1.0
        out[n, named + 1] = best
        n += 1
    return out


@inline
def _next_multiset(others):
    """Step ascending allele numbers to the next ones in VCF's order of genotypes."""
    for k in range(others.size):
        if k + 1 == others.size or others[k] < others[k + 1]:
            others[k] += 1
            others[:k] = 0
            return
