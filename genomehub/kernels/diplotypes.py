"""Pairs of haplotypes of one region: what a person can have, against what sites on their own would have.

Sites that are genotyped each for itself let every fragment choose the haplotype it likes best, so two of
them, in one repeat, may between them use three. Where two haplotypes explain the fragments of a region, the
likelihood of a genotype at a site is that of the best pair that has it, other events of the pair at their
prior. Where no pair does (a haplotype is missing, fragments come from elsewhere), sites stay on their own.
"""

import numpy as np

from genomehub.kernels._jit import inline, kernel
from genomehub.kernels.genotype import STAR, allele_of_haplotypes, genotype_number, site_table

#: log10 units by which a fragment must prefer a third haplotype to speak against a pair.
CONTRADICTION = 2.0
#: Share of a region's fragments that may speak against the best pair.
MAX_CONTRADICTIONS = 0.05
#: Weight of the priors of a pair's other events: variants come in clusters, not each for itself.
CLUSTERING = 0.5
_LOG10_HALF = np.log10(0.5)
_TINY, _HUGE = 1e-200, 1e200


@kernel
def pair_likelihoods(fragments):
    """Compute the likelihood of each pair of haplotypes, and whether the best pair will do.

    Parameters
    ----------
    fragments : (n_fragments, n_haplotypes) float64, log10 likelihoods

    Returns
    -------
    pairs : (n_haplotypes, n_haplotypes) float64, log10, relative to each fragment's best haplotype; upper
        triangle (i <= j)
    explained : whether at most MAX_CONTRADICTIONS of the fragments prefer a haplotype outside of the best
        pair

    Notes
    -----
    Cost        O(n_fragments * n_haplotypes**2) multiplications
    Plain twin  tests/plain/diplotypes.py
    """
    n, m = fragments.shape
    share, best = np.empty((m, n)), np.empty(n)
    for f in range(n):
        best[f] = fragments[f].max()
        for h in range(m):
            share[h, f] = 0.5 * 10.0 ** (fragments[f, h] - best[f])
    pairs = np.full((m, m), -np.inf)
    first, second = 0, 0
    for i in range(m):
        for j in range(i, m):
            pairs[i, j] = _log10_product(share[i], share[j])
            if pairs[i, j] > pairs[first, second]:
                first, second = i, j
    against = 0
    for f in range(n):
        against += max(fragments[f, first], fragments[f, second]) < best[f] - CONTRADICTION
    return pairs, against <= MAX_CONTRADICTIONS * n


@inline
def _log10_product(one, two):
    """log10 of the product of one[f] + two[f]."""
    product, exponent = 1.0, 0.0
    for f in range(one.size):
        product *= one[f] + two[f]
        if product < _TINY:
            product, exponent = product * _HUGE, exponent - 200.0
    return np.log10(product) + exponent


@kernel
def pair_priors(events, priors, first, last):
    """Sum the priors of the events of each pair of the haplotypes ``first:last``.

    Parameters
    ----------
    events : Events; priors : (n_events,) float64, log10 probability of a heterozygous such event

    Returns
    -------
    (n_haplotypes, n_haplotypes) float64, log10, upper triangle; an event that both have costs half as much
    again, as in kernels.genotype
    """
    m = last - first
    alone, out = np.zeros(m), np.zeros((m, m))
    for h in range(m):
        for k in range(events.haplotype_offsets[first + h], events.haplotype_offsets[first + h + 1]):
            alone[h] += priors[events.of_haplotype[k]]
    for i in range(m):
        for j in range(i, m):
            out[i, j] = alone[i] + alone[j] + _shared(events, priors, first + i, first + j)
    return out


@inline
def _shared(events, priors, one, two):
    """What events that two haplotypes share were counted too much."""
    total = 0.0
    a, b = events.haplotype_offsets[one], events.haplotype_offsets[two]
    while a < events.haplotype_offsets[one + 1] and b < events.haplotype_offsets[two + 1]:
        left, right = events.of_haplotype[a], events.of_haplotype[b]
        if left == right:
            total += _LOG10_HALF - priors[left]
        a, b = a + (left <= right), b + (right <= left)
    return total


@kernel
def join_sites(
    sites, events, reads, region_haplotypes, fragments, fragment_offsets, fits, event_priors, model, genotypes
):
    """Replace the genotype likelihoods of sites that share a region by those of pairs of haplotypes.

    Parameters
    ----------
    genotypes : Genotypes of diploid ``sites``; its likelihoods are changed in place
    the rest : as in kernels.genotype.genotype_sites

    Notes
    -----
    What kernels.artefacts added to a homozygote is added again, and where it was not the likeliest genotype
    it stays at least as near to that: pairs say nothing about where fragments come from.
    """
    s = 0
    while s < sites.shape[0]:
        r, stop = sites[s, 0], s + 1
        while stop < sites.shape[0] and sites[stop, 0] == r:
            stop += 1
        first, last = region_haplotypes[r], region_haplotypes[r + 1]
        if stop - s > 1 and fragment_offsets[r + 1] > fragment_offsets[r]:
            own = fragments[fragment_offsets[r] : fragment_offsets[r + 1]].reshape(-1, last - first)
            pairs, explained = pair_likelihoods(own)
            if explained:
                priors = pair_priors(events, event_priors, first, last)
                for t in range(s, stop):
                    table, present = site_table(
                        sites[t], events, reads, first, last, fragments, fragment_offsets[r], fits, model
                    )
                    column = allele_of_haplotypes(sites[t], events, first, last)
                    chosen = _columns(genotypes.alleles[t, : genotypes.n_alleles[t]], sites[t])
                    _join_site(
                        pairs, priors, column, chosen, table, present, genotypes.log10_prior[t],
                        genotypes.log10_likelihood[t],
                    )  # fmt: skip
        s = stop


@inline
def _columns(alleles, site):
    """Columns of site_table that hold the alleles of a site."""
    columns = np.zeros(alleles.size, dtype=np.int64)
    for a in range(alleles.size):
        if alleles[a] == STAR:
            columns[a] = 1 + site[2] - site[1]
        elif alleles[a] >= 0:
            columns[a] = 1 + alleles[a] - site[1]
    return columns


@inline
def _join_site(pairs, priors, column, chosen, table, present, own, likelihood):
    gain, behind = _artefacts(chosen, table, present, likelihood)
    place = np.full(table.shape[1], -1, dtype=np.int64)
    for a in range(chosen.size):
        place[chosen[a]] = a
    likelihood[: genotype_number(0, chosen.size)] = -np.inf
    best = -np.inf
    for i in range(column.size):
        for j in range(i, column.size):
            a, b = place[column[i]], place[column[j]]
            if a >= 0 and b >= 0:
                g = genotype_number(a, b)
                value = pairs[i, j] + CLUSTERING * (priors[i, j] - own[g])
                likelihood[g] = max(likelihood[g], value)
                best = max(best, value)
    for a in range(chosen.size):
        g = genotype_number(a, a)
        likelihood[g] = max(likelihood[g] + gain[a], best + behind[a])


@inline
def _artefacts(chosen, table, present, likelihood):
    """What artefact models added to each homozygote, and how far behind the likeliest genotype that left it.

    0 and -inf where they added nothing; the latter also where the homozygote is the likeliest.
    """
    best = likelihood[: genotype_number(0, chosen.size)].max()
    gain, behind = np.zeros(chosen.size), np.full(chosen.size, -np.inf)
    for a in range(chosen.size):
        alone = 0.0
        for f in range(table.shape[0]):
            if present[f]:
                alone += table[f, chosen[a]]
        value = likelihood[genotype_number(a, a)]
        if value > alone + 1e-6:
            gain[a] = value - alone
            behind[a] = value - best if value < best else -np.inf
    return gain, behind
