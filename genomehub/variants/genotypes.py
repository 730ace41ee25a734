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
from genomehub.types import INT_FILL, Flag, Records
from genomehub.variants.haplotypes import Haplotypes
from genomehub.variants.likelihoods import indel_prior_table
from genomehub.variants.pileup import Window

_LETTERS = np.array(list("ACGTNN"))
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
        0.1 * config.fragment_cap, 0.1 * config.mapping_weight, config.poor_rate, 0.1 * config.poor_error
    )


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

    genotype : (n_sites, 2) int64, places in ``Genotypes.alleles``, ascending
    genotype_quality : (n_sites,) int64, Phred; quality : (n_sites,) float64, Phred that no ALT is there
    """

    genotype: np.ndarray
    genotype_quality: np.ndarray
    quality: np.ndarray


def _genotype_table() -> np.ndarray:
    return np.array([(a, b) for b in range(MAX_ALLELES) for a in range(b + 1)], dtype=np.int64)


def posteriors(genotypes: Genotypes, config: CallConfig) -> Posteriors:
    """Weigh likelihoods with priors; the genotype with the largest posterior is the call."""
    table = _genotype_table()
    exists = table[None, :, 1] < genotypes.n_alleles[:, None]
    joint = np.where(exists, genotypes.log10_likelihood + genotypes.log10_prior, -np.inf)
    joint -= joint.max(axis=1, keepdims=True, initial=-np.inf)
    weight = 10.0**joint
    total = weight.sum(axis=1)
    best = joint.argmax(axis=1)
    is_alt = genotypes.alleles >= 0
    no_alt = ~(is_alt[:, table[:, 0]] | is_alt[:, table[:, 1]])
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
    """Genotype every site."""
    priors = event_priors(evidence.events, evidence.haplotypes, window, config)
    traits = read_traits(evidence.records, evidence.reads)
    genotypes = kernels.genotype_sites(
        sites, evidence.events, evidence.reads, traits, evidence.haplotypes.region_offsets,
        evidence.fragments, evidence.fragment_offsets, evidence.fits, priors, evidence.model,
    )  # fmt: skip
    join_sites(
        sites, evidence.events, evidence.reads, evidence.haplotypes.region_offsets, evidence.fragments,
        evidence.fragment_offsets, evidence.fits, priors, evidence.model, genotypes,
    )  # fmt: skip
    return genotypes, posteriors(genotypes, config)


def called_alleles(genotypes: Genotypes, result: Posteriors) -> np.ndarray:
    """Return (n_sites, 3) int64: places of the called alleles, REF, then ALTs ascending, -1 where none."""
    called = np.full((result.genotype.shape[0], 3), -1, dtype=np.int64)
    called[:, 0] = 0
    low, high = result.genotype[:, 0], result.genotype[:, 1]
    called[:, 1] = np.where(low > 0, low, high)
    called[:, 2] = np.where((low > 0) & (high != low), high, -1)
    called[called == 0] = -1
    called[:, 0] = 0
    return called


class Called(NamedTuple):
    """Sites that are reported, and what of them is.

    sites : (n, 3) int64, as group_sites; events : (n, 3) int64, event number of each reported allele (-1 REF,
        STAR '*', -3 none)
    places : (n, 3) int64, as called_alleles; genotype : (n, 2) int64, indices into the reported alleles
    """

    sites: np.ndarray
    events: np.ndarray
    places: np.ndarray
    genotype: np.ndarray
    genotype_quality: np.ndarray
    quality: np.ndarray
    likelihood: np.ndarray


def select_called(
    sites: np.ndarray,
    events: Events,
    genotypes: Genotypes,
    result: Posteriors,
    window: Window,
    config: CallConfig,
) -> tuple[Called, np.ndarray]:
    """Keep the sites whose genotype has an ALT.

    Returns
    -------
    called : Called; is_called : (n_sites,) bool
    """
    places = called_alleles(genotypes, result)
    rows = np.arange(places.shape[0])[:, None]
    of_event = np.where(places >= 0, genotypes.alleles[rows, np.maximum(places, 0)], -3)
    keep = (of_event >= 0).any(axis=1) & (result.quality >= config.min_quality)
    unknown = np.concatenate([[0], np.cumsum(window.reference > 3)])
    for i in np.flatnonzero(keep):
        first = events.row[sites[i, 1]]
        keep[i] = unknown[first] == unknown[first + _ref_length(events, of_event[i])]
    genotype = np.stack(
        [np.argmax(places == result.genotype[:, k : k + 1], axis=1) for k in range(2)], axis=1
    )
    chosen = np.flatnonzero(keep)
    return Called(
        sites[chosen], of_event[chosen], places[chosen], genotype[chosen], result.genotype_quality[chosen],
        result.quality[chosen], genotypes.log10_likelihood[chosen],
    ), keep  # fmt: skip


def _ref_length(events: Events, alleles: np.ndarray) -> int:
    return int(events.ref_length[alleles[alleles >= 0]].max())


def allele_texts(called: Called, events: Events, haplotypes: Haplotypes, window: Window) -> np.ndarray:
    """Return (n, 3) strings: REF and ALTs of each site, '' where none."""
    texts = np.full(called.events.shape, "", dtype=np.dtypes.StringDType())
    for i, (site, alleles) in enumerate(zip(called.sites, called.events, strict=True)):
        row, length = events.row[site[1]], _ref_length(events, alleles)
        reference = _text(window.reference[row : row + length])
        texts[i, 0] = reference
        for k in (1, 2):
            e = alleles[k]
            if e >= 0:
                alt = _text(haplotypes.sequences[events.alt_begin[e] : events.alt_end[e]])
                texts[i, k] = alt + reference[events.ref_length[e] :]
            elif e == STAR:
                texts[i, k] = "*"
    return texts


def _text(codes: np.ndarray) -> str:
    return "".join(_LETTERS[codes])


def called_likelihoods(called: Called) -> np.ndarray:
    """Return (n, 6) float64: log10 likelihoods of the genotypes of the reported alleles, NaN behind them."""
    n = called.places.shape[0]
    pairs = [(a, b) for b in range(3) for a in range(b + 1)]
    raw = np.full((n, 6), np.nan)
    for g, (a, b) in enumerate(pairs):
        one, two = called.places[:, a], called.places[:, b]
        exists = (one >= 0) & (two >= 0)
        low, high = np.minimum(one, two), np.maximum(one, two)
        number = np.where(exists, high * (high + 1) // 2 + low, 0)
        raw[:, g] = np.where(exists, called.likelihood[np.arange(n), number], np.nan)
    return raw


def phred_likelihoods(raw: np.ndarray, best: np.ndarray) -> np.ndarray:
    """Return int16: log10 likelihoods ((n, genotypes)) less the best of each row as PL, fill (-2) for NaN."""
    phred = np.rint(np.clip(-10 * (raw - best[:, None]), 0, _MAX_PL))
    return np.where(np.isnan(phred), INT_FILL, phred).astype(np.int16)
