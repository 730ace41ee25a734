"""Plain twin of kernels/pairhmm.py: the forward algorithm in exact fractions or in floats, by lists."""

import math

N = 4


def log10_likelihoods(
    bases,
    base_quals,
    insertion_quals,
    deletion_quals,
    gap_quals,
    read_offsets,
    haplotypes,
    haplotype_offsets,
    region_reads,
    region_haplotypes,
):
    """Same arguments as the kernel; a list."""
    out = []
    for region in range(len(region_reads) - 1):
        for r in range(region_reads[region], region_reads[region + 1]):
            read = slice(read_offsets[r], read_offsets[r + 1])
            for h in range(region_haplotypes[region], region_haplotypes[region + 1]):
                haplotype = haplotypes[haplotype_offsets[h] : haplotype_offsets[h + 1]]
                quals = [q[read].tolist() for q in (base_quals, insertion_quals, deletion_quals, gap_quals)]
                out.append(log10_likelihood(bases[read].tolist(), *quals, haplotype.tolist()))
    return out


def log10_sum(*terms):
    greatest = max(terms)
    if greatest == -math.inf:
        return greatest
    return greatest + math.log10(math.fsum(10 ** (term - greatest) for term in terms))


def log10(value):
    return math.log10(value) if value > 0 else -math.inf


def log10_likelihood(read, base_quals, insertion_quals, deletion_quals, gap_quals, haplotype):
    """The three states in log10 throughout, so that nothing underflows."""
    if not read:
        return 0.0
    n = len(haplotype)
    if n == 0:
        return -math.inf
    M, X, Y = [-math.inf] * (n + 1), [-math.inf] * (n + 1), [-math.log10(n)] * (n + 1)
    for i, base in enumerate(read):
        insert, delete, go_on = -insertion_quals[i] / 10, -deletion_quals[i] / 10, -gap_quals[i] / 10
        match = log10(max(0.0, 1 - (10**insert + 10**delete)))
        come_back = log10(1 - 10**go_on)
        error = 10 ** (-base_quals[i] / 10)
        M2, X2, Y2 = [-math.inf] * (n + 1), [-math.inf] * (n + 1), [-math.inf] * (n + 1)
        for j in range(1, n + 1):
            alike = base == haplotype[j - 1] or base >= N or haplotype[j - 1] >= N
            emission = log10(1 - error if alike else error / 3)
            M2[j] = emission + log10_sum(match + M[j - 1], come_back + X[j - 1], come_back + Y[j - 1])
            X2[j] = log10_sum(insert + M[j], go_on + X[j])
            Y2[j] = log10_sum(delete + M2[j - 1], go_on + Y2[j - 1])
        M, X, Y = M2, X2, Y2
    return log10_sum(*M[1:], *X[1:])
