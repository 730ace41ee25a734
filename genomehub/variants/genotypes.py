"""Sites to genotypes with posteriors, and the alleles and likelihoods of those that are reported."""

from typing import NamedTuple

import numpy as np

from genomehub.config import CallConfig
from genomehub.kernels import genotype as kernels
from genomehub.kernels.diplotypes import join_sites
from genomehub.kernels.events import Events
from genomehub.kernels.genotype import MAX_ALLELES, STAR, GenotypeModel, Genotypes, ReadTraits
from genomehub.kernels.region_reads import RegionReads
from genomehub.kernels.repeats import MAX_REPEATS, indel_repeats
from genomehub.types import INT_FILL, INT_MISSING, Flag, Records
from genomehub.variants.contamination import companion_table
from genomehub.variants.haplotypes import Haplotypes
from genomehub.variants.likelihoods import indel_prior_table
from genomehub.variants.pileup import Window
from genomehub.variants.ploidy import DIPLOID, genotype_numbers, genotype_table

_LETTERS = np.frombuffer(b"ACGTNN", dtype=np.uint8)
_MAX_PL = 9999
_MAX_QUALITY = 9999.0


class Evidence(NamedTuple):
    """All that genotyping looks at; region by region."""

    records: Records
    reads: RegionReads
    haplotypes: Haplotypes
    events: Events
    fragments: np.ndarray
    fragment_offsets: np.ndarray
    fits: np.ndarray
    model: GenotypeModel


def make_model(config: CallConfig) -> GenotypeModel:
    """Return the kernel's scalars, in log10 units."""
    return GenotypeModel(
        0.1 * config.fragment_cap, 0.1 * config.mapping_weight, config.poor_rate, 0.1 * config.poor_error,
        genotype_table(MAX_ALLELES, config.ploidy), config.contamination or 0.0,
        companion_table(config.ploidy),
    )  # fmt: skip


def group_sites(events: Events) -> np.ndarray:
    """Return (n_sites, 3) int64: region, first and behind-last number of the events at one POS."""
    region = np.repeat(np.arange(events.region_offsets.size - 1), np.diff(events.region_offsets))
    new = np.ones(events.row.size, dtype=bool)
    new[1:] = (np.diff(events.row) != 0) | (np.diff(region) != 0)
    first = np.flatnonzero(new)
    last = np.append(first, events.row.size)[1:]
    return np.stack([region[first], first, last], axis=1).astype(np.int64)


def event_priors(events: Events, haplotypes: Haplotypes, window: Window, config: CallConfig) -> np.ndarray:
    """Return (n_events,) float64: log10 probability that the place is heterozygous for the event.

    An indel of whole units that the reference repeats there has the repeat's rate, any other the base rate.
    """
    change = (events.alt_end - events.alt_begin) - events.ref_length
    unit, repeats = indel_repeats(events, haplotypes.sequences, window.reference).T
    table = indel_prior_table(config)
    rate = np.where(
        repeats > 0, table[np.maximum(unit, 1), np.clip(repeats, 1, MAX_REPEATS)], np.log10(config.indel_rate)
    )
    return np.where(change == 0, np.log10(config.snv_rate), rate)


class Posteriors(NamedTuple):
    """Best genotypes of sites.

    genotype : (n_sites, ploidy) int64, places in ``Genotypes.alleles``, ascending
    genotype_quality : (n_sites,) int64, Phred; quality : (n_sites,) float64, Phred that no ALT is there
    """

    genotype: np.ndarray
    genotype_quality: np.ndarray
    quality: np.ndarray


def posteriors(genotypes: Genotypes, config: CallConfig) -> Posteriors:
    """Weigh likelihoods with priors; the genotype with the largest posterior is the call."""
    table = genotype_table(MAX_ALLELES, config.ploidy)
    exists = table[None, :, -1] < genotypes.n_alleles[:, None]
    joint = np.where(exists, genotypes.log10_likelihood + genotypes.log10_prior, -np.inf)
    joint -= joint.max(axis=1, keepdims=True, initial=-np.inf)
    weight = 10.0**joint
    total = weight.sum(axis=1)
    best = joint.argmax(axis=1)
    is_alt = genotypes.alleles >= 0
    no_alt = ~is_alt[:, table].any(axis=2)
    none = np.where(no_alt, weight, 0).sum(axis=1)
    weight[np.arange(best.size), best] = 0
    with np.errstate(divide="ignore"):
        wrong = -10 * np.log10(weight.sum(axis=1) / total)
        quality = -10 * np.log10(none / total)
    return Posteriors(
        table[best],
        np.minimum(np.rint(np.minimum(wrong, 1e6)), config.max_genotype_quality).astype(np.int64),
        np.minimum(quality, _MAX_QUALITY),
    )


def read_traits(records: Records, reads: RegionReads) -> ReadTraits:
    """Return strand, mapping quality and the base read last of every entry of ``reads``."""
    reverse = (records.flag[reads.record] & np.uint16(Flag.REVERSE)) != 0
    last = np.where(reverse, records.offsets[reads.record], records.offsets[reads.record + 1] - 1)
    mapping_quality = records.mapping_quality[reads.record].astype(np.float64)
    return ReadTraits(reverse, mapping_quality, last, records.quals)


def genotype_all(
    sites: np.ndarray, evidence: Evidence, window: Window, config: CallConfig
) -> tuple[Genotypes, Posteriors]:
    """Genotype every site; those of diploid regions jointly where two haplotypes explain the region."""
    priors = event_priors(evidence.events, evidence.haplotypes, window, config)
    traits = read_traits(evidence.records, evidence.reads)
    genotypes = kernels.genotype_sites(
        sites, evidence.events, evidence.reads, traits, evidence.haplotypes.region_offsets,
        evidence.fragments, evidence.fragment_offsets, evidence.fits, priors, evidence.model,
    )  # fmt: skip
    if config.ploidy == DIPLOID:
        join_sites(
            sites, evidence.events, evidence.reads, evidence.haplotypes.region_offsets, evidence.fragments,
            evidence.fragment_offsets, evidence.fits, priors, evidence.model, genotypes,
        )  # fmt: skip
    return genotypes, posteriors(genotypes, config)


def called_alleles(genotype: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """List the alleles to report: REF, the called ones, those that were asked for.

    Parameters
    ----------
    genotype : (n_sites, ploidy) int64, places; asked : (n_sites, MAX_ALLELES) bool, by place

    Returns
    -------
    (n_sites, n) int64, places ascending, -1 where none; n is at least 3 and more than the ploidy
    """
    reported = asked.copy()
    np.put_along_axis(reported, genotype, True, axis=1)
    reported[:, 0] = True
    order = np.argsort(~reported, axis=1, kind="stable")
    places = np.where(np.take_along_axis(reported, order, axis=1), order, -1)
    width = max(3, genotype.shape[1] + 1, int(reported.sum(axis=1).max(initial=0)))
    return places[:, : min(width, MAX_ALLELES)]


class Called(NamedTuple):
    """Sites that are reported, and what of them is.

    sites : (n, 3) int64, as group_sites; events : (n, n_alleles) int64, event number of each reported allele
        (-1 REF, STAR '*', -3 none)
    places : (n, n_alleles) int64, as called_alleles
    genotype : (n, ploidy) int64, indices into the reported alleles, missing if no fragment was seen
    is_asked : (n, n_alleles) bool, whether the allele was asked for (``--alleles``)
    """

    sites: np.ndarray
    events: np.ndarray
    places: np.ndarray
    genotype: np.ndarray
    genotype_quality: np.ndarray
    quality: np.ndarray
    likelihood: np.ndarray
    is_asked: np.ndarray


def select_called(
    sites: np.ndarray,
    events: Events,
    genotypes: Genotypes,
    result: Posteriors,
    window: Window,
    config: CallConfig,
    asked: np.ndarray | None = None,
) -> tuple[Called, np.ndarray]:
    """Keep the sites whose genotype has an ALT, or where an event was asked for ((n_events,) bool).

    Returns
    -------
    called : Called; is_called : (n_sites,) bool
    """
    is_event = genotypes.alleles >= 0
    is_asked = np.zeros_like(is_event)
    if asked is not None:
        is_asked[is_event] = asked[genotypes.alleles[is_event]]
    places = called_alleles(result.genotype, is_asked)
    rows = np.arange(places.shape[0])[:, None]
    of_event = np.where(places >= 0, genotypes.alleles[rows, np.maximum(places, 0)], -3)
    has_alt = (np.take_along_axis(genotypes.alleles, result.genotype, axis=1) >= 0).any(axis=1)
    keep = (has_alt & (result.quality >= config.min_quality)) | is_asked.any(axis=1)
    unknown = np.concatenate([[0], np.cumsum(window.reference > 3)])
    for i in np.flatnonzero(keep):
        first = events.row[sites[i, 1]]
        keep[i] = unknown[first] == unknown[first + _ref_length(events, of_event[i])]
    genotype = np.stack(
        [np.argmax(places == result.genotype[:, k : k + 1], axis=1) for k in range(config.ploidy)], axis=1
    )
    genotype[genotypes.n_fragments == 0] = INT_MISSING
    chosen = np.flatnonzero(keep)
    asked_places = is_asked[rows, places] & (places >= 0)
    return Called(
        sites[chosen], of_event[chosen], places[chosen], genotype[chosen], result.genotype_quality[chosen],
        result.quality[chosen], genotypes.log10_likelihood[chosen], asked_places[chosen],
    ), keep  # fmt: skip


def _ref_length(events: Events, alleles: np.ndarray) -> int:
    return int(events.ref_length[alleles[alleles >= 0]].max())


def allele_texts(called: Called, events: Events, haplotypes: Haplotypes, window: Window) -> np.ndarray:
    """Return (n, n_alleles) strings: REF and ALTs of each site, '' where none."""
    texts = np.full(called.events.shape, "", dtype=np.dtypes.StringDType())
    for i, (site, alleles) in enumerate(zip(called.sites, called.events, strict=True)):
        row, length = events.row[site[1]], _ref_length(events, alleles)
        reference = as_text(window.reference[row : row + length])
        texts[i, 0] = reference
        for k, e in enumerate(alleles[1:], start=1):
            if e >= 0:
                alt = as_text(haplotypes.sequences[events.alt_begin[e] : events.alt_end[e]])
                texts[i, k] = alt + reference[events.ref_length[e] :]
            elif e == STAR:
                texts[i, k] = "*"
    return texts


def as_text(codes: np.ndarray) -> str:
    """Return the letters of codes of Base."""
    return _LETTERS[codes].tobytes().decode()


def called_likelihoods(called: Called) -> np.ndarray:
    """Return (n, genotypes) float64: log10 likelihoods of the genotypes of the reported alleles.

    In VCF's order of as many alleles as the widest site has; NaN where a site lacks an allele.
    """
    n, n_alleles = called.places.shape
    table = genotype_table(n_alleles, called.genotype.shape[1])
    raw = np.full((n, table.shape[0]), np.nan)
    for g, alleles in enumerate(table):
        places = np.sort(called.places[:, alleles], axis=1)
        exists = places[:, 0] >= 0
        number = np.where(exists, genotype_numbers(places), 0)
        raw[:, g] = np.where(exists, called.likelihood[np.arange(n), number], np.nan)
    return raw


def phred_likelihoods(raw: np.ndarray, best: np.ndarray) -> np.ndarray:
    """Return int16: log10 likelihoods ((n, genotypes)) less the best of each row as PL, fill (-2) for NaN."""
    phred = np.rint(np.clip(-10 * (raw - best[:, None]), 0, _MAX_PL))
    return np.where(np.isnan(phred), INT_FILL, phred).astype(np.int16)
