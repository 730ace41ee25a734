"""Plain twin of genomehub.kernels.phasing: links as sums over shared templates, sets as lists of members."""

import math


def link(one, two, switch):
    """Phred that two sites' first alleles share a chromosome; each site maps template to log10 preference."""
    total = 0.0
    for template in sorted(one.keys() & two.keys()):
        x, y = one[template], two[template]
        first, second = 10**x / (1 + 10**x), 10**y / (1 + 10**y)
        together = first * second + (1 - first) * (1 - second)
        apart = 1 - together
        total += math.log10(
            ((1 - switch) * together + switch * apart) / ((1 - switch) * apart + switch * together)
        )
    return 10 * total


def join_sites(links, n_sites, least):
    """(first site of the set, swapped, quality) of every site."""
    members, swapped = {site: [site] for site in range(n_sites)}, [False] * n_sites
    first = list(range(n_sites))

    def kept(i, j, phred):
        return phred if swapped[i] == swapped[j] else -phred

    for site in range(n_sites):
        evidence = {}
        for i, j, phred in links:
            if j == site:
                # against the site's own order as it is before this step
                evidence[first[i]] = evidence.get(first[i], 0) + (-phred if swapped[i] else phred)
        for root, phred in evidence.items():
            if abs(phred) < least:
                continue
            own = first[site]
            turn = swapped[site] != (phred < 0)
            low, high = sorted((own, root))
            for member in members.pop(high):
                first[member] = low
                swapped[member] ^= turn
                members[low].append(member)
    inside = [(i, j, phred) for i, j, phred in links if first[i] == first[j]]
    changed = True
    while changed:
        changed = False
        for site in range(n_sites):
            if sum(kept(i, j, phred) for i, j, phred in inside if site in (i, j)) < 0:
                swapped[site] ^= True
                changed = True
    swapped = [s != swapped[first[site]] for site, s in enumerate(swapped)]
    quality = []
    for site in range(n_sites):
        own = sum(kept(i, j, phred) for i, j, phred in inside if site in (i, j))
        over = sum(kept(i, j, p) for i, j, p in inside if first[i] == first[site] and i < site <= j)
        quality.append(max(0, min(99, own if first[site] == site else min(own, over))))
    return first, swapped, quality
