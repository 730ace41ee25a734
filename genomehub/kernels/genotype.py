"""Read likelihoods to genotypes of any ploidy, site by site.

The fragment (template) is the unit of observation: mates read one molecule, so their likelihoods are summed
per haplotype first, and what one fragment can say is capped by its mapping quality. A site's alleles are
the events of haplotypes at one POS; an allele is as likely as the best haplotype that has it.
"""

from typing import NamedTuple

import numpy as np

from genomehub.kernels._jit import inline, kernel
from genomehub.kernels.artefacts import Traits, foreign_reads, quality_drop
from genomehub.kernels.contamination import contaminated_likelihoods

#: ALT alleles kept at a site; REF and '*' (a deletion that began before the site) come on top.
MAX_ALTS = 5
MAX_ALLELES = MAX_ALTS + 2
#: Event number that stands for '*' in ``Genotypes.alleles``.
STAR = -2
#: log10 units by which a fragment must prefer an allele to be counted for it (GATK's AD).
INFORMATIVE = 0.2
_LOG10_HALF = np.log10(0.5)


class GenotypeModel(NamedTuple):
    """Scalars of the genotype model; log10 units.

    fragment_cap : most that one fragment can hold against an allele, if its mapping is sure
    mapping_weight : of a fragment's Phred MAPQ that caps it too (0.1: the whole of it)
    poor_rate : expected errors per base of a read that belongs here; reads that fit worse take no part
    poor_error : cost of one such error
    genotypes : (n_genotypes, ploidy) int64, alleles of every genotype of MAX_ALLELES alleles, in VCF's order
    contamination : share of the fragments that are another person's; 0: none
    companions : (ploidy + 1, ploidy + 1) float64, log10 probability that the other person has j copies of an
        allele if the sample has i; of i = 0 and j > 0 over the allele's rate
    """

    fragment_cap: float
    mapping_weight: float
    poor_rate: float
    poor_error: float
    genotypes: np.ndarray
    contamination: float
    companions: np.ndarray


class Genotypes(NamedTuple):
    """Genotypes of sites.

    alleles : (n_sites, MAX_ALLELES) int64, event numbers in ``Events`` order, -1 for REF (always first),
        STAR for '*', -3 where none
    n_alleles : (n_sites,) int64
    log10_likelihood : (n_sites, n_genotypes) float64, in the order of GenotypeModel.genotypes; what needs
        an allele that the site does not have is 0
    log10_prior : likewise
    n_fragments : (n_sites,) int32, fragments that overlap the site and fit
    """

    alleles: np.ndarray
    n_alleles: np.ndarray
    log10_likelihood: np.ndarray
    log10_prior: np.ndarray
    n_fragments: np.ndarray


class ReadTraits(NamedTuple):
    """How the reads of regions were read; one entry per entry of RegionReads, but for ``quals``.

    reverse : (n,) bool; mapping_quality : (n,) float64
    last_base : (n,) int64, place in ``quals`` of the base that was read last
    quals : (n_bases,) uint8, Records.quals
    """

    reverse: np.ndarray
    mapping_quality: np.ndarray
    last_base: np.ndarray
    quals: np.ndarray


@inline
def genotype_number(a, b):
    """Place of the unordered genotype a/b in VCF's order."""
    return b * (b + 1) // 2 + a if a <= b else a * (a + 1) // 2 + b


@inline
def homozygote_number(a, ploidy):
    """Place of the genotype of ``ploidy`` times allele a in VCF's order: behind all of alleles up to a."""
    number = 1
    for k in range(ploidy):
        number = number * (a + k + 1) // (k + 1)
    return number - 1


@kernel
def fragment_likelihoods(reads, likelihoods, matrix_offsets, region_haplotypes, mapping_quality, model):
    """Sum read likelihoods to fragments; leave out reads that fit no haplotype.

    Parameters
    ----------
    reads : RegionReads
    likelihoods : (sum of n_reads * n_haplotypes,) float64, log10, region after region in C order
    matrix_offsets : (n_regions + 1,) int64; region_haplotypes : (n_regions + 1,) int64
    mapping_quality : (n_records,) uint8
    model : GenotypeModel

    Returns
    -------
    fragments : flat float64, (n_fragments, n_haplotypes) per region, log10
    fragment_offsets : (n_regions + 1,) int64
    fits : (n_reads,) bool, reads that take part
    """
    n_regions = matrix_offsets.size - 1
    fragment_offsets = np.zeros(n_regions + 1, dtype=np.int64)
    for r in range(n_regions):
        size = np.int64(reads.n_fragments[r]) * (region_haplotypes[r + 1] - region_haplotypes[r])
        fragment_offsets[r + 1] = fragment_offsets[r] + size
    fragments = np.zeros(fragment_offsets[-1], dtype=np.float64)
    fits = np.zeros(reads.record.size, dtype=np.bool_)
    for r in range(n_regions):
        n_haplotypes = region_haplotypes[r + 1] - region_haplotypes[r]
        for i in range(reads.region_offsets[r], reads.region_offsets[r + 1]):
            row = matrix_offsets[r] + (i - reads.region_offsets[r]) * n_haplotypes
            best = likelihoods[row]
            for h in range(1, n_haplotypes):
                best = max(best, likelihoods[row + h])
            errors = np.ceil((reads.end[i] - reads.begin[i]) * model.poor_rate)
            fits[i] = best >= -model.poor_error * max(2.0, errors)
            if not fits[i]:
                continue
            cap = min(model.fragment_cap, model.mapping_weight * mapping_quality[reads.record[i]])
            out = fragment_offsets[r] + reads.fragment[i] * n_haplotypes
            for h in range(n_haplotypes):
                fragments[out + h] += max(likelihoods[row + h], best - cap)
    return fragments, fragment_offsets, fits


@kernel
def genotype_sites(
    sites, events, reads, traits, region_haplotypes, fragments, fragment_offsets, fits, event_priors, model
):
    """Compute the genotype likelihoods and priors of every site.

    Parameters
    ----------
    sites : (n_sites, 3) int64, region, first and behind-last event number
    events : Events; reads : RegionReads; traits : ReadTraits; region_haplotypes : (n_regions + 1,) int64
    fragments, fragment_offsets, fits : from fragment_likelihoods
    event_priors : (n_events,) float64, log10 probability of a heterozygous such event
    model : GenotypeModel

    Returns
    -------
    Genotypes
    """
    n_sites = sites.shape[0]
    alleles = np.full((n_sites, MAX_ALLELES), -3, dtype=np.int64)
    n_alleles = np.zeros(n_sites, dtype=np.int64)
    n_genotypes, ploidy = model.genotypes.shape
    likelihood = np.zeros((n_sites, n_genotypes), dtype=np.float64)
    prior = np.zeros((n_sites, n_genotypes), dtype=np.float64)
    n_fragments = np.zeros(n_sites, dtype=np.int32)
    for s in range(n_sites):
        r = sites[s, 0]
        table, present = site_table(
            sites[s], events, reads, region_haplotypes[r], region_haplotypes[r + 1], fragments,
            fragment_offsets[r], fits, model,
        )  # fmt: skip
        chosen = _choose_alleles(table, present, sites[s, 2] - sites[s, 1])
        n_alleles[s] = chosen.size
        for a in range(chosen.size):
            alleles[s, a] = _event_of(chosen[a], sites[s], table.shape[1])
        for f in range(table.shape[0]):
            if present[f]:
                n_fragments[s] += 1
                if model.contamination > 0.0:
                    continue
                if ploidy == 2:
                    _add_fragment(table[f], chosen, likelihood[s])
                else:
                    _add_fragment_of_ploidy(table[f], chosen, model.genotypes, likelihood[s])
        if model.contamination > 0.0:
            rates = allele_rates(alleles[s], chosen.size, event_priors)
            contaminated_likelihoods(table, present, chosen, rates, model, likelihood[s])
        if ploidy == 2:
            _genotype_priors(alleles[s], chosen.size, event_priors, prior[s])
            low, high = _best_genotype(likelihood[s], prior[s], chosen.size)
        else:
            _priors_of_ploidy(alleles[s], chosen.size, model.genotypes, event_priors, prior[s])
            low, high = _extremes_of_best(likelihood[s], prior[s], chosen.size, model.genotypes)
        if high > 0:
            seen = _traits_at(events.row[sites[s, 1]], r, reads, traits, fits, present)
            _explain_away(
                table, chosen, alleles[s], low, high, seen, events, event_priors, ploidy, likelihood[s]
            )
    return Genotypes(alleles, n_alleles, likelihood, prior, n_fragments)


@inline
def _best_genotype(likelihood, prior, n):
    low, high, best, g = 0, 0, -np.inf, 0
    for b in range(n):
        for a in range(b + 1):
            if likelihood[g] + prior[g] > best:
                low, high, best = a, b, likelihood[g] + prior[g]
            g += 1
    return low, high


@inline
def _traits_at(row, r, reads, traits, fits, present):
    """How the fragments present at a site were read: by their first read that covers POS."""
    n_fragments = reads.n_fragments[r]
    fragment, left = np.empty(n_fragments, dtype=np.int64), np.empty(n_fragments, dtype=np.int64)
    reverse = np.empty(n_fragments, dtype=np.bool_)
    quality, mapping_quality = np.empty(n_fragments), np.empty(n_fragments)
    both = np.zeros(n_fragments, dtype=np.bool_)
    noted = np.full(n_fragments, -1, dtype=np.int64)
    n = 0
    for i in range(reads.region_offsets[r], reads.region_offsets[r + 1]):
        f = reads.fragment[i]
        if not present[f] or not fits[i] or not reads.first_row[i] <= row < reads.last_row[i]:
            continue
        if noted[f] >= 0:
            both[noted[f]] |= reverse[noted[f]] != traits.reverse[i]
            continue
        noted[f] = n
        at = max(reads.begin[i], min(reads.begin[i] + row - reads.first_row[i], reads.end[i] - 1))
        fragment[n], reverse[n], left[n] = f, traits.reverse[i], abs(traits.last_base[i] - at)
        quality[n], mapping_quality[n] = traits.quals[at], traits.mapping_quality[i]
        n += 1
    return Traits(fragment[:n], reverse[:n], quality[:n], left[:n], mapping_quality[:n], both[:n])


@inline
def _explain_away(table, chosen, alleles, low, high, seen, events, event_priors, ploidy, likelihood):
    """Raise the likelihoods of homozygous genotypes by what else explains the called alleles low and high."""
    order = _ascending(seen.left)
    for g in (0, low, high):
        for f in (low, high):
            if f == g or alleles[f] == STAR or alleles[g] == STAR:
                continue
            event = max(alleles[f], alleles[g])
            prior = event_priors[event]
            value = foreign_reads(table, seen, chosen[g], chosen[f], prior)
            if _is_substitution(events, alleles[f]) and _is_substitution(events, alleles[g]):
                value = max(value, quality_drop(table, seen, order, chosen[g], chosen[f]))
            number = homozygote_number(g, ploidy)
            likelihood[number] = max(likelihood[number], value)


@inline
def _is_substitution(events, e):
    return e < 0 or (events.ref_length[e] == 1 and events.alt_end[e] - events.alt_begin[e] == 1)


@inline
def _ascending(values):
    """Indices that sort small integers, ties in their order (a counting sort)."""
    most = 0
    for k in range(values.size):
        most = max(most, values[k])
    starts = np.zeros(most + 2, dtype=np.int64)
    for k in range(values.size):
        starts[values[k] + 1] += 1
    for v in range(most + 1):
        starts[v + 1] += starts[v]
    order = np.empty(values.size, dtype=np.int64)
    for k in range(values.size):
        order[starts[values[k]]] = k
        starts[values[k]] += 1
    return order


@inline
def _event_of(column, site, n_columns):
    if column == 0:
        return np.int64(-1)
    return np.int64(STAR) if column == n_columns - 1 else site[1] + column - 1


@inline
def allele_of_haplotypes(site, events, first, last):
    """Column of each haplotype: 0 REF, 1.. the site's events, n_events + 1 '*'."""
    row = events.row[site[1]]
    column = np.zeros(last - first, dtype=np.int64)
    for h in range(first, last):
        for k in range(events.haplotype_offsets[h], events.haplotype_offsets[h + 1]):
            e = events.of_haplotype[k]
            if site[1] <= e < site[2]:
                column[h - first] = 1 + e - site[1]
            elif events.row[e] < row < events.row[e] + events.ref_length[e]:
                column[h - first] = 1 + site[2] - site[1]
    return column


@kernel
def site_table(site, events, reads, first, last, fragments, fragment_offset, fits, model):
    """Return (n_fragments, n_events + 2) float64 log10 likelihoods of the site's alleles, and who is present.

    The last column is '*'; -inf where no haplotype has the allele. A fragment is present if a read of it that
    fits covers all of REF.
    """
    r = site[0]
    n_columns = site[2] - site[1] + 2
    n_haplotypes = last - first
    column = allele_of_haplotypes(site, events, first, last)
    table = np.full((reads.n_fragments[r], n_columns), -np.inf, dtype=np.float64)
    for f in range(reads.n_fragments[r]):
        best = -np.inf
        for h in range(n_haplotypes):
            value = fragments[fragment_offset + f * n_haplotypes + h]
            table[f, column[h]] = max(table[f, column[h]], value)
            best = max(best, value)
        floor = best - model.fragment_cap
        for c in range(n_columns):
            if table[f, c] > -np.inf:
                table[f, c] = max(table[f, c], floor)
    present = np.zeros(reads.n_fragments[r], dtype=np.bool_)
    low = events.row[site[1]]
    high = low + 1
    for e in range(site[1], site[2]):
        indel = events.ref_length[e] != 1 or events.alt_end[e] - events.alt_begin[e] != 1
        high = max(high, low + events.ref_length[e] + (1 if indel else 0))
    for i in range(reads.region_offsets[r], reads.region_offsets[r + 1]):
        if fits[i] and reads.first_row[i] <= low and reads.last_row[i] >= high:
            present[reads.fragment[i]] = True
    return table, present


@inline
def _choose_alleles(table, present, n_events):
    """Columns to genotype: REF, the MAX_ALTS events that most fragments prefer, '*' if a haplotype has it."""
    votes = np.zeros(n_events + 2, dtype=np.int64)
    star = False
    for f in range(table.shape[0]):
        star |= table[f, n_events + 1] > -np.inf
        if present[f]:
            best = 0
            for c in range(1, n_events + 2):
                if table[f, c] > table[f, best]:
                    best = c
            votes[best] += 1
    kept = np.ones(n_events + 2, dtype=np.bool_)
    kept[n_events + 1] = star
    for _ in range(n_events - MAX_ALTS):
        least = 0
        for c in range(1, n_events + 1):
            if kept[c] and (least == 0 or votes[c] <= votes[least]):
                least = c
        kept[least] = False
    chosen = np.empty(MAX_ALLELES, dtype=np.int64)
    n = 0
    for c in range(n_events + 2):
        if kept[c]:
            chosen[n] = c
            n += 1
    return chosen[:n]


@inline
def log10_sum(a, b):
    """log10(10^a + 10^b) without overflow; -inf stands for zero."""
    high, low = (a, b) if a >= b else (b, a)
    if low == -np.inf:
        return high
    return high + np.log10(1.0 + 10.0 ** (low - high))


@inline
def _add_fragment(row, chosen, likelihood):
    g = 0
    for b in range(chosen.size):
        for a in range(b + 1):
            one, two = row[chosen[a]], row[chosen[b]]
            likelihood[g] += one if a == b else log10_sum(one, two) + _LOG10_HALF
            g += 1


@inline
def _genotype_priors(alleles, n, event_priors, prior):
    """Het by the event's rate, hom-alt half of it, two different ALTs the product; '*' counts as REF.

    A deletion that '*' stands for pays its prior at its own site.
    """
    g = 0
    for b in range(n):
        for a in range(b + 1):
            one = event_priors[alleles[a]] if alleles[a] >= 0 else 0.0
            two = event_priors[alleles[b]] if alleles[b] >= 0 else 0.0
            if a == b and alleles[a] >= 0:
                prior[g] = one + _LOG10_HALF
            else:
                prior[g] = one + two
            g += 1


@inline
def allele_rates(alleles, n, event_priors):
    """log10 probability of a heterozygote of each allele; of '*' that of the site's rarest event."""
    rates, least = np.zeros(n), 0.0
    for a in range(n):
        if alleles[a] >= 0:
            rates[a] = event_priors[alleles[a]]
            least = min(least, rates[a])
    for a in range(n):
        if alleles[a] == STAR:
            rates[a] = least
    return rates


@inline
def _add_fragment_of_ploidy(row, chosen, genotypes, likelihood):
    """As _add_fragment: the fragment is drawn from any of the chromosomes, one as likely as another."""
    best = -np.inf
    for c in chosen:
        best = max(best, row[c])
    weight = np.empty(chosen.size)
    for a in range(chosen.size):
        weight[a] = 10.0 ** (row[chosen[a]] - best) / genotypes.shape[1]
    g = 0
    while g < genotypes.shape[0] and genotypes[g, -1] < chosen.size:
        total = 0.0
        for k in range(genotypes.shape[1]):
            total += weight[genotypes[g, k]]
        likelihood[g] += best + np.log10(total) if total > 0.0 else -np.inf
        g += 1


@inline
def _priors_of_ploidy(alleles, n, genotypes, event_priors, prior):
    """An allele on k chromosomes has its rate divided by k, as if neutral; of several alleles the product.

    That is _genotype_priors for two chromosomes.
    """
    g = 0
    while g < genotypes.shape[0] and genotypes[g, -1] < n:
        copies = 0
        for k in range(genotypes.shape[1]):
            a = genotypes[g, k]
            copies = copies + 1 if k and genotypes[g, k - 1] == a else 1
            is_last = k + 1 == genotypes.shape[1] or genotypes[g, k + 1] != a
            if is_last and alleles[a] >= 0:
                prior[g] += event_priors[alleles[a]] - np.log10(copies)
        g += 1


@inline
def _extremes_of_best(likelihood, prior, n, genotypes):
    """Least and greatest allele of the best genotype; of one chromosome REF and the best other allele.

    One chromosome carries one allele, so that every read of another comes from elsewhere or is an error:
    whichever of the two is called, the other's reads want an explanation.
    """
    best, low, high = -np.inf, np.int64(0), np.int64(0)
    haploid = genotypes.shape[1] == 1
    g = 1 if haploid else 0
    while g < genotypes.shape[0] and genotypes[g, -1] < n:
        if likelihood[g] + prior[g] > best:
            best, low, high = likelihood[g] + prior[g], genotypes[g, 0], genotypes[g, -1]
        g += 1
    return (np.int64(0) if haploid else low), high


@kernel
def observe(sites, columns, events, reads, region_haplotypes, fragments, fragment_offsets, fits, model):
    """Assign the fragments at called sites to the called alleles.

    Parameters
    ----------
    sites : (n_sites, 3) int64, as in genotype_sites, called ones only
    columns : (n_sites, MAX_ALLELES) int64, called alleles as columns of site_table, -1 where none
    the rest : as in genotype_sites

    Returns
    -------
    offsets : (n_sites + 1,) int64, starts into the arrays below, which have a row per present fragment
    entry : (n,) int64, number in ``reads`` of the fragment's first read that covers POS
    allele : (n,) int8, allele that the fragment supports, -1 if it says too little
    """
    offsets = np.zeros(sites.shape[0] + 1, dtype=np.int64)
    for s in range(sites.shape[0]):
        offsets[s + 1] = offsets[s] + reads.n_fragments[sites[s, 0]]
    entry = np.zeros(offsets[-1], dtype=np.int64)
    allele = np.zeros(offsets[-1], dtype=np.int8)
    n = 0
    for s in range(sites.shape[0]):
        r = sites[s, 0]
        table, present = site_table(
            sites[s], events, reads, region_haplotypes[r], region_haplotypes[r + 1], fragments,
            fragment_offsets[r], fits, model,
        )  # fmt: skip
        row = events.row[sites[s, 1]]
        for i in range(reads.region_offsets[r], reads.region_offsets[r + 1]):
            f = reads.fragment[i]
            if present[f] and fits[i] and reads.first_row[i] <= row < reads.last_row[i]:
                entry[n], allele[n] = i, _supported(table[f], columns[s])
                present[f] = False  # noted
                n += 1
        offsets[s + 1] = n
    return offsets, entry[:n], allele[:n]


@inline
def _supported(row, columns):
    best, second, which = -np.inf, -np.inf, -1
    for a in range(columns.size):
        if columns[a] < 0:
            break
        value = row[columns[a]]
        if value > best:
            best, second, which = value, best, a
        elif value > second:
            second = value
    return which if best - second >= INFORMATIVE else -1
