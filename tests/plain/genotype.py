"""Plain twin of genomehub.kernels.genotype and kernels.artefacts: from the formulas, with lists."""

import itertools
import math


def log10_sum(values):
    high = max(values)
    if high == -math.inf:
        return high
    return high + math.log10(sum(10 ** (value - high) for value in values))


def fragment_rows(read_rows, fragments, mapping_qualities, lengths, model):
    """Sum rows of reads (log10 per haplotype) to fragments; (rows by fragment, which reads fit)."""
    n = len(read_rows[0]) if read_rows else 0
    rows, fits = {}, []
    for row, fragment, quality, length in zip(read_rows, fragments, mapping_qualities, lengths, strict=True):
        best = max(row)
        fits.append(best >= -model.poor_error * max(2, math.ceil(length * model.poor_rate)))
        cap = min(model.fragment_cap, model.mapping_weight * quality)
        total = rows.setdefault(fragment, [0.0] * n)
        if fits[-1]:
            rows[fragment] = [t + max(value, best - cap) for t, value in zip(total, row, strict=True)]
    return rows, fits


def allele_row(row, allele_of_haplotype, n_alleles, cap):
    """Likelihood of each allele: of its best haplotype, and at most ``cap`` below the best allele."""
    floor = max(row) - cap
    out = []
    for allele in range(n_alleles):
        own = [value for value, a in zip(row, allele_of_haplotype, strict=True) if a == allele]
        out.append(max(max(own), floor) if own else -math.inf)
    return out


def genotypes(n_alleles, ploidy):
    """Genotypes in VCF's order: the recursion of the specification, section 1.6.2."""
    if ploidy == 1:
        return [(a,) for a in range(n_alleles)]
    return [(*before, a) for a in range(n_alleles) for before in genotypes(a + 1, ploidy - 1)]


def genotype_likelihoods(rows, n_alleles, ploidy=2):
    """log10 likelihoods in VCF's order of genotypes; each fragment is drawn from any of the chromosomes."""
    return [
        sum(log10_sum([row[a] for a in alleles]) - math.log10(ploidy) for row in rows)
        for alleles in genotypes(n_alleles, ploidy)
    ]


def genotype_priors(rates, ploidy):
    """log10 priors: the rate of each allele that is there (REF, the first, is free) by its copies."""
    return [
        sum(rates[a] - math.log10(alleles.count(a)) for a in set(alleles) if a)
        for alleles in genotypes(len(rates), ploidy)
    ]


def quality_drop(rows, reverse, quality, left, both, g, f):
    """g/g if reads of f among those with least left to read are errors; best on each strand.

    Fragments that ``both`` strands read are no errors.
    """
    total = sum(row[g] for row, other in zip(rows, both, strict=True) if other)
    for strand in (False, True):
        mine = (i for i in range(len(rows)) if reverse[i] == strand and not both[i])
        own = sorted(mine, key=lambda i: left[i])
        scores = []
        for n in range(len(own) + 1):
            held, rest = own[:n], own[n:]
            score = sum(log10_sum([rows[i][f], rows[i][g]]) - math.log10(2) for i in held)
            score += sum(rows[i][g] for i in rest)
            scores.append(score - (0.25 * sum(quality[i] for i in held) / n if n else 0))
        total += max(scores)
    return total


def foreign_reads(rows, reverse, mapping_quality, g, f, prior):
    best = -math.inf
    for limit, strands in itertools.product(set(mapping_quality), ([False], [True], [False, True])):
        eligible = [q <= limit and r in strands for q, r in zip(mapping_quality, reverse, strict=True)]
        shares = [1 / (1 + 10 ** (row[g] - row[f])) for row, e in zip(rows, eligible, strict=True) if e]
        share = min(0.5, sum(shares) / len(shares)) if shares else 0.0
        score = prior - limit / 10
        for row, e in zip(rows, eligible, strict=True):
            score += math.log10((share * 10 ** row[f] if e else 0) + (1 - share) * 10 ** row[g])
        best = max(best, score)
    return best


def fisher(a, b, c, d):
    """Two-sided p-value, exact fractions."""
    row, column, total = a + b, a + c, a + b + c + d

    def ways(k):
        return math.comb(column, k) * math.comb(total - column, row - k)

    low, high = max(0, row + column - total), min(row, column)
    return sum(w for k in range(low, high + 1) if (w := ways(k)) <= ways(a)) / math.comb(total, row)


def rank_sum(zeros, ones):
    """Mann-Whitney z with the correction for ties."""
    if not zeros or not ones:
        return math.nan
    u = sum((y > x) + 0.5 * (y == x) for y in ones for x in zeros)
    pool = zeros + ones
    n = len(pool)
    ties = sum(pool.count(v) ** 3 - pool.count(v) for v in set(pool))
    variance = len(zeros) * len(ones) / 12 * (n + 1 - ties / (n * (n - 1)))
    return (u - len(zeros) * len(ones) / 2) / math.sqrt(variance) if variance > 1e-9 else 0.0


def median(values):
    """The middle value, or the mean of the two in the middle, halves up."""
    ordered = sorted(values)
    return (ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2] + 1) // 2
