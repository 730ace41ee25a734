"""Plain twin of genomehub.kernels.diplotypes: every pair of haplotypes, from the formulas."""

import itertools
import math

from plain.genotype import log10_sum


def pairs_of(n):
    return list(itertools.combinations_with_replacement(range(n), 2))


def pair_likelihoods(rows, contradiction, most):
    """({pair: log10 likelihood}, whether the best pair explains the fragments)."""
    likelihood = {}
    for i, j in pairs_of(len(rows[0])):
        terms = [log10_sum([row[i], row[j]]) - math.log10(2) - max(row) for row in rows]
        likelihood[i, j] = sum(terms)
    i, j = max(likelihood, key=likelihood.get)
    against = sum(max(row[i], row[j]) < max(row) - contradiction for row in rows)
    return likelihood, against <= most * len(rows)


def pair_priors(events_of_haplotype, priors):
    """{pair: log10 prior}; an event of both haplotypes is homozygous: half its rate."""
    out = {}
    for i, j in pairs_of(len(events_of_haplotype)):
        one, two = set(events_of_haplotype[i]), set(events_of_haplotype[j])
        out[i, j] = sum(priors[e] for e in one | two) + math.log10(0.5) * len(one & two)
    return out


def genotype_likelihoods(likelihood, priors, alleles, own, clustering):
    """{genotype: log10 likelihood} of a site: the best pair that has it, other events at their priors."""
    out = {}
    for (i, j), value in likelihood.items():
        genotype = tuple(sorted((alleles[i], alleles[j])))
        total = value + clustering * (priors[i, j] - own[genotype])
        out[genotype] = max(out.get(genotype, -math.inf), total)
    return out
