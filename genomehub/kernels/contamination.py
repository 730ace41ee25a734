"""Genotypes of a sample that another person's DNA got into.

A fragment comes with probability 1 - c from the sample's chromosomes, with c from those of one other person,
the contaminant, whose genotype is unknown and summed over. What the contaminant has, given what the sample
has, follows from the rule of the priors (an allele on k of n chromosomes has the rate divided by k, a neutral
population): no allele frequencies are needed. The mixture is VerifyBamID's, for likelihoods of fragments.
"""

import numpy as np

from genomehub.kernels._jit import inline, kernel

_TINY, _HUGE = 1e-200, 1e200


@inline
def log10_product(one, two):
    """log10 of the product of one[f] + two[f]."""
    product, exponent = 1.0, 0.0
    for f in range(one.size):
        product *= one[f] + two[f]
        if product < _TINY:
            product, exponent = product * _HUGE, exponent - 200.0
    return np.log10(product) + exponent


@inline
def _copies(genotypes, n_genotypes, n_alleles):
    copies = np.zeros((n_genotypes, n_alleles), dtype=np.int64)
    for g in range(n_genotypes):
        for k in range(genotypes.shape[1]):
            copies[g, genotypes[g, k]] += 1
    return copies


@inline
def _companion_weights(copies, rates, companions):
    """(n, n) log10 probabilities of the contaminant's genotype (second axis) given the sample's."""
    n = copies.shape[0]
    weight = np.zeros((n, n))
    for g in range(n):
        total = 0.0
        for h in range(n):
            for a in range(1, copies.shape[1]):
                weight[g, h] += companions[copies[g, a], copies[h, a]]
                if copies[g, a] == 0 and copies[h, a] > 0:
                    weight[g, h] += rates[a]
            total += 10.0 ** weight[g, h]
        for h in range(n):
            weight[g, h] -= np.log10(total)
    return weight


@kernel
def contaminated_likelihoods(table, present, chosen, rates, model, likelihood):
    """Compute the likelihood of each genotype of a site if some fragments are another person's.

    Parameters
    ----------
    table : (n_fragments, n_columns) float64, log10 likelihoods, -inf where no haplotype has the allele
    present : (n_fragments,) bool
    chosen : (n_alleles,) int64, columns of the site's alleles, REF first
    rates : (n_alleles,) float64, log10 probability of a heterozygote of each allele; REF's is not used
    model : GenotypeModel with a contamination above 0
    likelihood : (n_genotypes,) float64, out, log10, in the order of model.genotypes

    Notes
    -----
    Cost        O(n_fragments * n_genotypes**2) multiplications, of the site's alleles
    Plain twin  tests/plain/contamination.py
    """
    ploidy = model.genotypes.shape[1]
    n = 0
    while n < model.genotypes.shape[0] and model.genotypes[n, -1] < chosen.size:
        n += 1
    n_present = 0
    for f in range(present.size):
        n_present += present[f]
    drawn, base, i = np.zeros((n, n_present)), 0.0, 0
    for f in range(present.size):
        if present[f]:
            best = -np.inf
            for c in chosen:
                best = max(best, table[f, c])
            for g in range(n):
                for k in range(ploidy):
                    drawn[g, i] += 10.0 ** (table[f, chosen[model.genotypes[g, k]]] - best) / ploidy
            base += best
            i += 1
    weight = _companion_weights(_copies(model.genotypes, n, chosen.size), rates, model.companions)
    value = np.empty(n)
    for g in range(n):
        own, best = (1.0 - model.contamination) * drawn[g], -np.inf
        for h in range(n):
            value[h] = weight[g, h] + log10_product(own, model.contamination * drawn[h])
            best = max(best, value[h])
        total = 0.0
        for h in range(n):
            total += 10.0 ** (value[h] - best) if best > -np.inf else 0.0
        likelihood[g] = base + best + np.log10(total) if total > 0.0 else -np.inf


@kernel
def contaminated_pairs(share, carries, priors, model, clustering):
    """Compute the likelihood of each pair of haplotypes with the contaminant's best pair.

    Parameters
    ----------
    share : (n_haplotypes, n_fragments) float64, half the likelihood, over that of the fragment's best
        haplotype
    carries : (n_haplotypes, n_events) bool; priors : (n_events,) float64, log10 rate of a heterozygote
    model : GenotypeModel of two chromosomes with a contamination above 0
    clustering : weight of all but the least likely difference of sample and contaminant

    Returns
    -------
    (n_haplotypes, n_haplotypes) float64, log10, upper triangle, -inf elsewhere

    Notes
    -----
    Cost        O(n_haplotypes**4 * (n_fragments + n_events)) / 4
    Plain twin  tests/plain/contamination.py
    """
    m, n_events = carries.shape
    n = m * (m + 1) // 2
    pairs = np.full((m, m), -np.inf)
    foreign, copies = np.empty((n, share.shape[1])), np.empty((n, n_events), dtype=np.int64)
    h = 0
    for i in range(m):
        for j in range(i, m):
            foreign[h] = model.contamination * (share[i] + share[j])
            for e in range(n_events):
                copies[h, e] = np.int64(carries[i, e]) + np.int64(carries[j, e])
            h += 1
    g = 0
    ratio = (1.0 - model.contamination) / model.contamination
    for i in range(m):
        for j in range(i, m):
            own = ratio * foreign[g]
            for h in range(n):
                total, least = 0.0, 0.0
                for e in range(n_events):
                    term = model.companions[copies[g, e], copies[h, e]]
                    if copies[g, e] == 0 and copies[h, e] > 0:
                        term += priors[e]
                    total, least = total + term, min(least, term)
                weight = clustering * total + (1.0 - clustering) * least
                pairs[i, j] = max(pairs[i, j], weight + log10_product(own, foreign[h]))
            g += 1
    return pairs
