"""Pairs of haplotypes of one region: what a person can have, against what sites on their own would have.

Sites that are genotyped each for itself let every fragment choose the haplotype it likes best, so two of
them, in one repeat, may between them use three. Where two haplotypes explain the fragments of a region, the
likelihood of a genotype at a site is that of the best pair that has it, other events of the pair at their
prior. Where no pair does (a haplotype is missing, fragments come from elsewhere), sites stay on their own.
"""

import numpy as np

from genomehub.kernels._jit import inline, kernel
from genomehub.kernels.contamination import contaminated_likelihoods, contaminated_pairs, log10_product
from genomehub.kernels.genotype import (
    STAR,
    allele_of_haplotypes,
    allele_rates,
    genotype_number,
    site_table,
)

#: log10 units by which a fragment must prefer a third haplotype to speak against a pair.
CONTRADICTION = 2.0
#: Share of a region's fragments that may speak against the best pair.
MAX_CONTRADICTIONS = 0.05
#: Weight of the priors of a pair's other events: variants come in clusters, not each for itself.
CLUSTERING = 0.5
_LOG10_HALF = np.log10(0.5)


@kernel
def pair_likelihoods(fragments, carries, priors, model):
    """Compute the likelihood of each pair of haplotypes, and whether the best pair will do.

    Parameters
    ----------
    fragments : (n_fragments, n_haplotypes) float64, log10 likelihoods
    carries : (n_haplotypes, n_events) bool; priors : (n_events,) float64, log10 rates of heterozygotes;
        looked at only if ``model`` (GenotypeModel) knows of contamination

    Returns
    -------
    pairs : (n_haplotypes, n_haplotypes) float64, log10, relative to each fragment's best haplotype; upper
        triangle (i <= j)
    explained : whether at most MAX_CONTRADICTIONS of the fragments, and twice the contamination, prefer a
        haplotype outside of the best pair

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
    if model.contamination > 0.0:
        pairs = contaminated_pairs(share, carries, priors, model, CLUSTERING)
    else:
        pairs = np.full((m, m), -np.inf)
        for i in range(m):
            for j in range(i, m):
                pairs[i, j] = log10_product(share[i], share[j])
    first, second = 0, 0
    for i in range(m):
        for j in range(i, m):
            if pairs[i, j] > pairs[first, second]:
                first, second = i, j
    against = 0
    for f in range(n):
        against += max(fragments[f, first], fragments[f, second]) < best[f] - CONTRADICTION
    return pairs, against <= (MAX_CONTRADICTIONS + 2.0 * model.contamination) * n


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
    Where artefact models (kernels.artefacts) raised a homozygote of the site on its own and it was the
    likeliest genotype, as much is added again; where it was not, it stays at least as near to the likeliest:
    pairs say nothing about where fragments come from. In the latter case nothing is added: a fragment that
    several sites tell from a pair is charged once, and would be forgiven as often as there are sites.
    """
    s = 0
    while s < sites.shape[0]:
        r, stop = sites[s, 0], s + 1
        while stop < sites.shape[0] and sites[stop, 0] == r:
            stop += 1
        first, last = region_haplotypes[r], region_haplotypes[r + 1]
        if stop - s > 1 and fragment_offsets[r + 1] > fragment_offsets[r]:
            own = fragments[fragment_offsets[r] : fragment_offsets[r + 1]].reshape(-1, last - first)
            low, high = sites[s, 1], sites[stop - 1, 2]
            carries = _carried(events, low, high if model.contamination > 0.0 else low, first, last)
            pairs, explained = pair_likelihoods(own, carries, event_priors[low:high], model)
            if explained:
                priors = pair_priors(events, event_priors, first, last)
                for t in range(s, stop):
                    table, present = site_table(
                        sites[t], events, reads, first, last, fragments, fragment_offsets[r], fits, model
                    )
                    column = allele_of_haplotypes(sites[t], events, first, last)
                    chosen = _columns(genotypes.alleles[t, : genotypes.n_alleles[t]], sites[t])
                    rates = allele_rates(genotypes.alleles[t], chosen.size, event_priors)
                    alone = _homozygotes(table, present, chosen, rates, model)
                    _join_site(
                        pairs, priors, column, chosen, alone, genotypes.log10_prior[t],
                        genotypes.log10_likelihood[t],
                    )  # fmt: skip
        s = stop


@inline
def _carried(events, low, high, first, last):
    """(haplotypes ``first:last``, events ``low:high``) bool: which carry which."""
    carries = np.zeros((last - first, high - low), dtype=np.bool_)
    for h in range(first, last):
        for k in range(events.haplotype_offsets[h], events.haplotype_offsets[h + 1]):
            e = events.of_haplotype[k]
            if low <= e < high:
                carries[h - first, e - low] = True
    return carries


@inline
def _homozygotes(table, present, chosen, rates, model):
    """Likelihood of each homozygote of a site before artefact models."""
    alone = np.zeros(chosen.size)
    if model.contamination > 0.0:
        likelihood = np.zeros(model.genotypes.shape[0])
        contaminated_likelihoods(table, present, chosen, rates, model, likelihood)
        for a in range(chosen.size):
            alone[a] = likelihood[genotype_number(a, a)]
        return alone
    for a in range(chosen.size):
        for f in range(table.shape[0]):
            if present[f]:
                alone[a] += table[f, chosen[a]]
    return alone


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
def _join_site(pairs, priors, column, chosen, alone, own, likelihood):
    gain, behind = _artefacts(alone, likelihood)
    place = np.full(max(chosen.max(), column.max()) + 1, -1, dtype=np.int64)
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
        if behind[a] == -np.inf:
            likelihood[g] += gain[a]
        likelihood[g] = max(likelihood[g], best + behind[a])


@inline
def _artefacts(alone, likelihood):
    """What artefact models added to each homozygote, and how far behind the likeliest genotype that left it.

    0 and -inf where they added nothing; the latter also where the homozygote is the likeliest.
    """
    best = likelihood[: genotype_number(0, alone.size)].max()
    gain, behind = np.zeros(alone.size), np.full(alone.size, -np.inf)
    for a in range(alone.size):
        value = likelihood[genotype_number(a, a)]
        if value > alone[a] + 1e-6:
            gain[a] = value - alone[a]
            behind[a] = value - best if value < best else -np.inf
    return gain, behind
