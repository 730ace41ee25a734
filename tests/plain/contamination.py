"""Plain twin of genomehub.kernels.contamination: sums over the other person's genotypes, by formulas."""

import itertools
import math

from plain.diplotypes import pairs_of
from plain.genotype import genotypes, log10_sum


def joint_prior(i, j, ploidy, rate):
    """P(sample has i copies, the other person j) of an allele in a neutral population, i + j above 0.

    By counting: of the 2 * ploidy chromosomes any k are as likely to be the carriers, k at ``rate`` / k.
    """
    k = i + j
    carriers = list(itertools.combinations(range(2 * ploidy), k))
    fitting = [own for own in carriers if sum(c < ploidy for c in own) == i]
    return rate / k * len(fitting) / len(carriers)


def companion(i, j, ploidy, rate):
    """P(the other person has j copies | the sample has i), for i = 0 not yet normalised."""
    if i == 0:
        return joint_prior(0, j, ploidy, rate) if j else 1.0
    return joint_prior(i, j, ploidy, rate) / (rate / i)


def likelihoods(rows, rates, ploidy, contamination):
    """log10 likelihoods of the sample's genotypes; ``rates``: of each allele, plain, REF's is not used."""
    every = genotypes(len(rates), ploidy)
    out = []
    for own in every:
        weights = [
            math.prod(companion(own.count(a), other.count(a), ploidy, rates[a]) for a in range(1, len(rates)))
            for other in every
        ]
        terms = []
        for other, weight in zip(every, weights, strict=True):
            total = math.log10(weight / sum(weights))
            for row in rows:
                mine = sum(10 ** row[a] for a in own) / ploidy
                foreign = sum(10 ** row[a] for a in other) / ploidy
                total += math.log10((1 - contamination) * mine + contamination * foreign)
            terms.append(total)
        out.append(log10_sum(terms))
    return out


def pairs(rows, events_of_haplotype, rates, contamination, clustering):
    """{pair: log10 likelihood with the other's best pair}, relative to each fragment's best haplotype."""
    out = {}
    for own in pairs_of(len(rows[0])):
        values = []
        for other in pairs_of(len(rows[0])):
            logs = [
                math.log10(
                    companion(
                        sum(e in events_of_haplotype[h] for h in own),
                        sum(e in events_of_haplotype[h] for h in other), 2, rate,
                    )
                )
                for e, rate in enumerate(rates)
            ]  # fmt: skip
            value = clustering * sum(logs) + (1 - clustering) * min([0.0, *logs])
            for row in rows:
                mine, foreign = (sum(10 ** (row[h] - max(row)) for h in pair) / 2 for pair in (own, other))
                value += math.log10((1 - contamination) * mine + contamination * foreign)
            values.append(value)
        out[own] = max(values)
    return out
