"""Plain twin of kernels.nonref, from the description of GATK's ReferenceConfidenceModel."""

import itertools
import math
import statistics


def nonref_likelihoods(rows, ploidy):
    """log10 likelihoods of the genotypes with an unnamed allele, in VCF's order.

    rows : for each fragment, its log10 likelihoods of the named alleles
    """
    n = len(rows[0]) if rows else 0
    genotypes = [g for g in itertools.combinations_with_replacement(range(n + 1), ploidy) if g[-1] == n]
    genotypes.sort(key=lambda genotype: genotype[::-1])
    totals = []
    for genotype in genotypes:
        total = 0.0
        for row in rows:
            lower = [value for value in row if value < max(row)]
            values = [*row, statistics.median(lower) if lower else max(row)]
            total += math.log10(sum(10 ** values[a] for a in genotype) / ploidy)
        totals.append(total)
    return totals
