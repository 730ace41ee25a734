"""Fragments over heterozygous sites to links, links to phase sets.

A link says how sure the fragments that cover two sites are that the first alleles of both lie on one
chromosome. Links look at two sites and the fragments over both, nothing else; so those of the whole genome
can be found piece by piece and joined once, at the end.
"""

import numpy as np

from genomehub.kernels._jit import inline, kernel
from genomehub.kernels.genotype import site_table

#: Phred at which the quality of a phase ends.
MAX_QUALITY = 99


@kernel
def preferences(
    sites, columns, events, reads, region_haplotypes, fragments, fragment_offsets, fits, names, model
):
    """Find by how much each fragment at a site prefers the one called allele to the other.

    Parameters
    ----------
    sites : (n_sites, 3) int64, region, first and behind-last event number; heterozygous sites
    columns : (n_sites, 2) int64, the two called alleles as columns of site_table
    names : (n_records,) uint64, equal for reads of one template
    the rest : as in genotype.genotype_sites

    Returns
    -------
    offsets : (n_sites + 1,) int64, starts into the arrays below, which have a row per present fragment
    template : (n,) uint64, its name, ascending within a site
    preference : (n,) float64, log10 likelihood of the first allele less that of the second
    """
    offsets = np.zeros(sites.shape[0] + 1, dtype=np.int64)
    for s in range(sites.shape[0]):
        offsets[s + 1] = offsets[s] + reads.n_fragments[sites[s, 0]]
    template = np.zeros(offsets[-1], dtype=np.uint64)
    preference = np.zeros(offsets[-1], dtype=np.float64)
    n = 0
    for s in range(sites.shape[0]):
        r = sites[s, 0]
        table, present = site_table(
            sites[s], events, reads, region_haplotypes[r], region_haplotypes[r + 1], fragments,
            fragment_offsets[r], fits, model,
        )  # fmt: skip
        first = n
        for i in range(reads.region_offsets[r], reads.region_offsets[r + 1]):
            f = reads.fragment[i]
            if present[f]:
                template[n] = names[reads.record[i]]
                preference[n] = table[f, columns[s, 0]] - table[f, columns[s, 1]]
                present[f] = False  # noted
                n += 1
        order = np.argsort(template[first:n])
        template[first:n] = template[first:n][order]
        preference[first:n] = preference[first:n][order]
        offsets[s + 1] = n
    return offsets, template[:n], preference[:n]


@inline
def same_chromosome(x, y, switch):
    """log10 odds that a fragment shows the first alleles together, of its preferences at two sites.

    ``switch`` is the probability that the fragment is no piece of one chromosome: what it says has an end.
    """
    together = 1.0 / (1.0 + (10.0**x + 10.0**y) / (1.0 + 10.0 ** (x + y)))
    return np.log10(
        ((1.0 - switch) * together + switch * (1.0 - together))
        / ((1.0 - switch) * (1.0 - together) + switch * together)
    )


@kernel
def link_sites(row, offsets, template, preference, reach, most, switch):
    """Link each site with the ``most`` next ones that are at most ``reach`` rows away.

    Parameters
    ----------
    row : (n_sites,) int64, ascending
    offsets, template, preference : from preferences
    switch : probability that a fragment shows two chromosomes

    Returns
    -------
    links : (n, 3) int64, numbers of two sites, and Phred that their first alleles lie on one chromosome
        (negative: on two); pairs without a fragment, or with a sum of 0, are left out
    """
    links = np.empty((row.size * most, 3), dtype=np.int64)
    n = 0
    for i in range(row.size):
        for j in range(i + 1, min(i + 1 + most, row.size)):
            if row[j] - row[i] > reach:
                break
            total, a, b = 0.0, offsets[i], offsets[j]
            while a < offsets[i + 1] and b < offsets[j + 1]:
                if template[a] < template[b]:
                    a += 1
                elif template[b] < template[a]:
                    b += 1
                else:
                    total += same_chromosome(preference[a], preference[b], switch)
                    a, b = a + 1, b + 1
            phred = np.int64(np.rint(10.0 * total))
            if phred != 0:
                links[n, 0], links[n, 1], links[n, 2] = i, j, phred
                n += 1
    return links[:n]


@inline
def _find(parent, swapped, site):
    """First site of a site's set, and whether the site's alleles are swapped against it."""
    parity = False
    while parent[site] != site:
        parity ^= swapped[site]
        site = parent[site]
    return site, parity


@kernel
def join_sites(links, n_sites, least):
    """Join linked sites to phase sets.

    Parameters
    ----------
    links : (n, 3) int64, as from link_sites, sorted by their second site, then by their first
    n_sites : number of sites
    least : Phred that the links from one set to a site must reach to take the site in

    Returns
    -------
    first : (n_sites,) int64, first site of each site's set
    swapped : (n_sites,) bool, its alleles are to be swapped so that first ones of the set share a chromosome
    quality : (n_sites,) int64, Phred that its alleles are in the wrong order, 0 if it is alone

    Notes
    -----
    From left to right each site joins every set that links to it strongly enough (union-find with parity).
    Then sites that all their links together want the other way round are swapped until none is left; each
    swap raises the sum of the links, so that ends.
    """
    parent, swapped = np.arange(n_sites), np.zeros(n_sites, dtype=np.bool_)
    begin = 0
    while begin < links.shape[0]:
        site, end = links[begin, 1], begin
        while end < links.shape[0] and links[end, 1] == site:
            end += 1
        _take_in(links[begin:end], site, parent, swapped, least)
        begin = end
    first = np.empty(n_sites, dtype=np.int64)
    for site in range(n_sites):
        # parents come before their children: theirs are final
        if parent[site] != site:
            swapped[site] ^= swapped[parent[site]]
        first[site] = site if parent[site] == site else first[parent[site]]
    _swap_unhappy(links, first, swapped)
    return first, swapped, _qualities(links, first, swapped)


@inline
def _take_in(links, site, parent, swapped, least):
    """Join ``site`` with the sets its links come from, if they say clearly enough how."""
    roots = np.empty(links.shape[0], dtype=np.int64)
    evidence = np.zeros(links.shape[0], dtype=np.int64)
    n = 0
    for k in range(links.shape[0]):
        root, parity = _find(parent, swapped, links[k, 0])
        at = 0
        while at < n and roots[at] != root:
            at += 1
        if at == n:
            roots[n] = root
            n += 1
        evidence[at] += -links[k, 2] if parity else links[k, 2]
    for at in range(n):
        if abs(evidence[at]) < least:
            continue
        own, parity = _find(parent, swapped, site)
        other = roots[at]
        # the earlier site is the root; the alleles of roots are not swapped
        low, high = min(own, other), max(own, other)
        parent[high] = low
        swapped[high] = parity ^ (evidence[at] < 0)


@inline
def _touching(links, first):
    """Links within a set by site: (n_sites + 1,) starts into numbers of links."""
    starts = np.zeros(first.size + 1, dtype=np.int64)
    for k in range(links.shape[0]):
        if first[links[k, 0]] == first[links[k, 1]]:
            starts[links[k, 0] + 1] += 1
            starts[links[k, 1] + 1] += 1
    for site in range(first.size):
        starts[site + 1] += starts[site]
    numbers, at = np.empty(starts[-1], dtype=np.int64), starts.copy()
    for k in range(links.shape[0]):
        if first[links[k, 0]] == first[links[k, 1]]:
            for end in range(2):
                numbers[at[links[k, end]]] = k
                at[links[k, end]] += 1
    return starts, numbers


@inline
def _kept(link, swapped):
    """What a link says for the order of its two sites as it is."""
    return link[2] if swapped[link[0]] == swapped[link[1]] else -link[2]


@inline
def _swap_unhappy(links, first, swapped):
    """Swap sites that their links want the other way round; the first of a set then counts as not swapped."""
    starts, numbers = _touching(links, first)
    changed = True
    while changed:
        changed = False
        for site in range(first.size):
            total = 0
            for k in numbers[starts[site] : starts[site + 1]]:
                total += _kept(links[k], swapped)
            if total < 0:
                swapped[site] ^= True
                changed = True
    for site in range(first.size - 1, -1, -1):  # the first one last
        swapped[site] ^= swapped[first[site]]


@inline
def _qualities(links, first, swapped):
    """The lesser of two: all links of the site itself, and all that reach over the place before it."""
    own, over = np.zeros(first.size, dtype=np.int64), np.zeros(first.size, dtype=np.int64)
    alone = np.ones(first.size, dtype=np.bool_)
    for k in range(links.shape[0]):
        i, j = links[k, 0], links[k, 1]
        if first[i] != first[j]:
            continue
        value = _kept(links[k], swapped)
        alone[i] = alone[j] = False
        own[i] += value
        own[j] += value
        for site in range(i + 1, j + 1):
            if first[site] == first[i]:
                over[site] += value
    quality = np.zeros(first.size, dtype=np.int64)
    for site in range(first.size):
        if not alone[site]:
            least = own[site] if first[site] == site else min(own[site], over[site])
            quality[site] = max(0, min(MAX_QUALITY, least))
    return quality
