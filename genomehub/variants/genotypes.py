"""Sites to genotypes with posteriors, annotations and filters, as the store wants them."""

from typing import NamedTuple

import numpy as np

from genomehub.config import CallConfig
from genomehub.kernels import genotype as kernels
from genomehub.kernels.events import Events
from genomehub.kernels.genotype import MAX_ALLELES, STAR, GenotypeModel, Genotypes, ReadTraits
from genomehub.kernels.region_reads import RegionReads
from genomehub.kernels.repeats import MAX_REPEATS
from genomehub.kernels.statistics import fisher_strand, rank_sum
from genomehub.types import FLOAT32_MISSING, INT_FILL, INT_MISSING, Flag, Records
from genomehub.variants.haplotypes import Haplotypes
from genomehub.variants.likelihoods import indel_prior_table
from genomehub.variants.pileup import Window
from genomehub.variants.ploidy import genotype_numbers, genotype_table

#: Names and meanings of filters, in the order of variant_filter's columns after PASS.
FILTERS = ("LowQual", "LowDepth", "StrandBias", "LowMQ")
_LETTERS = np.array(list("ACGTNN"))
_MAX_PL = 9999
_MAX_QUALITY = 9999.0


def filter_descriptions(config: CallConfig) -> dict[str, str]:
    """Return the filters' names and what they mean with this configuration."""
    texts = (
        f"QUAL is less than {config.low_quality:g}",
        f"DP is less than {config.low_depth}",
        f"FS is more than {config.strand_bias_snv:g} (SNVs) or {config.strand_bias_indel:g} (indels)",
        f"MQ is less than {config.low_mapping_quality:g}",
    )
    return dict(zip(FILTERS, texts, strict=True))


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
        genotype_table(MAX_ALLELES, config.ploidy),
    )  # fmt: skip


def group_sites(events: Events) -> np.ndarray:
    """Return (n_sites, 3) int64: region, first and behind-last number of the events at one POS."""
    region = np.repeat(np.arange(events.region_offsets.size - 1), np.diff(events.region_offsets))
    new = np.ones(events.row.size, dtype=bool)
    new[1:] = (np.diff(events.row) != 0) | (np.diff(region) != 0)
    first = np.flatnonzero(new)
    last = np.append(first, events.row.size)[1:]
    return np.stack([region[first], first, last], axis=1).astype(np.int64)


def event_priors(events: Events, window: Window, config: CallConfig) -> np.ndarray:
    """Return (n_events,) float64: log10 probability that the place is heterozygous for the event.

    An indel of whole units of the tandem repeat behind it has the repeat's rate, any other the base rate.
    """
    change = (events.alt_end - events.alt_begin) - events.ref_length
    row = np.minimum(events.row + 1, window.reference.size - 1)
    period = window.period[row].astype(np.int64)
    repeats = np.where(
        period > 0, (window.tract_end[row] - window.tract_start[row]) // np.maximum(period, 1), 1
    )
    whole = (period > 0) & (change % np.maximum(period, 1) == 0)
    table = indel_prior_table(config)
    rate = np.where(whole, table[np.maximum(period, 1), np.clip(repeats, 1, MAX_REPEATS)], table[1, 1])
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
    """Genotype every site."""
    priors = event_priors(evidence.events, window, config)
    traits = read_traits(evidence.records, evidence.reads)
    genotypes = kernels.genotype_sites(
        sites, evidence.events, evidence.reads, traits, evidence.haplotypes.region_offsets,
        evidence.fragments, evidence.fragment_offsets, evidence.fits, priors, evidence.model,
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
        reference = _text(window.reference[row : row + length])
        texts[i, 0] = reference
        for k, e in enumerate(alleles[1:], start=1):
            if e >= 0:
                alt = _text(haplotypes.sequences[events.alt_begin[e] : events.alt_end[e]])
                texts[i, k] = alt + reference[events.ref_length[e] :]
            elif e == STAR:
                texts[i, k] = "*"
    return texts


def _text(codes: np.ndarray) -> str:
    return "".join(_LETTERS[codes])


def phred_likelihoods(called: Called, config: CallConfig) -> np.ndarray:
    """Return (n, n_genotypes) int16: PL of the genotypes of the reported alleles, -2 where there is none."""
    n, n_alleles = called.places.shape
    table = genotype_table(n_alleles, config.ploidy)
    out = np.full((n, table.shape[0]), INT_FILL, dtype=np.int64)
    raw = np.full((n, table.shape[0]), np.nan)
    for g, alleles in enumerate(table):
        places = np.sort(called.places[:, alleles], axis=1)
        exists = places[:, 0] >= 0
        number = np.where(exists, genotype_numbers(places), 0)
        raw[:, g] = np.where(exists, called.likelihood[np.arange(n), number], np.nan)
    if n:
        phred = np.rint(np.minimum(-10 * (raw - np.nanmax(raw, axis=1, keepdims=True)), _MAX_PL))
        out = np.where(np.isnan(phred), INT_FILL, phred)
    return out.astype(np.int16)


class Observations(NamedTuple):
    """What fragments say about called alleles: one row per fragment and site.

    site_offsets : (n_sites + 1,) int64
    allele : (n,) int8, allele of the site that the fragment supports, -1 if it says too little
    reverse : (n,) bool, strand of the read that covers POS; mapping_quality : (n,) uint8, of it
    base_quality : (n,) uint8, at POS; position : (n,) int64, bp from the nearer end of the read to POS
    """

    site_offsets: np.ndarray
    allele: np.ndarray
    reverse: np.ndarray
    mapping_quality: np.ndarray
    base_quality: np.ndarray
    position: np.ndarray


def observe_called(called: Called, evidence: Evidence) -> Observations:
    """Assign fragments to the alleles of called sites and look up where and how they were read."""
    columns = np.full((called.sites.shape[0], MAX_ALLELES), -1, dtype=np.int64)
    first = called.sites[:, 1:2]
    star = called.sites[:, 2:3] - first + 1
    columns[:, : called.events.shape[1]] = np.where(
        called.events >= 0, called.events - first + 1,
        np.where(called.events == STAR, star, np.where(called.events == -1, 0, -1)),
    )  # fmt: skip
    reads, records = evidence.reads, evidence.records
    offsets, entry, allele = kernels.observe(
        called.sites, columns, evidence.events, reads, evidence.haplotypes.region_offsets, evidence.fragments,
        evidence.fragment_offsets, evidence.fits, evidence.model,
    )  # fmt: skip
    row = np.repeat(evidence.events.row[called.sites[:, 1]], np.diff(offsets))
    read = reads.record[entry]
    # exact unless an indel of the read lies before POS: good enough for an annotation
    at = np.clip(reads.begin[entry] + row - reads.first_row[entry], reads.begin[entry], reads.end[entry] - 1)
    return Observations(
        offsets, allele, (records.flag[read] & np.uint16(Flag.REVERSE)) != 0, records.mapping_quality[read],
        records.quals[at], np.minimum(at - records.offsets[read], records.offsets[read + 1] - 1 - at),
    )  # fmt: skip


class Annotations(NamedTuple):
    """Counts and tests over the observations of each called site; see store.schema for the meanings."""

    depth: np.ndarray
    allele_depth: np.ndarray
    strand: np.ndarray
    mapping_quality: np.ndarray
    strand_p: np.ndarray
    odds_ratio: np.ndarray
    rank_sums: dict[str, np.ndarray]


def annotate(seen: Observations, n_alleles: int) -> Annotations:
    """Summarise the observations of each site, which has at most ``n_alleles`` alleles."""
    n = seen.site_offsets.size - 1
    site = np.repeat(np.arange(n), np.diff(seen.site_offsets))
    depth = np.diff(seen.site_offsets)
    allele_depth = np.zeros((n, n_alleles), dtype=np.int64)
    informative = seen.allele >= 0
    np.add.at(allele_depth, (site[informative], seen.allele[informative]), 1)
    strand = np.zeros((n, 4), dtype=np.int64)
    cell = 2 * (seen.allele[informative] > 0) + seen.reverse[informative]
    np.add.at(strand, (site[informative], cell), 1)
    square = np.zeros(n)
    np.add.at(square, site, seen.mapping_quality.astype(np.float64) ** 2)
    group = np.where(informative, seen.allele > 0, -1).astype(np.int8)
    values = {"BaseQ": seen.base_quality, "MQ": seen.mapping_quality, "ReadPos": seen.position}
    values = {name: value.astype(np.int64) for name, value in values.items()}
    sums = {
        f"variant_{name}RankSum": rank_sum(seen.site_offsets, np.lexsort((value, site)), group, value)
        for name, value in values.items()
    }
    rms = np.sqrt(square / np.maximum(depth, 1))
    return Annotations(
        depth, allele_depth, strand, rms, fisher_strand(strand), strand_odds_ratio(strand), sums
    )


def strand_odds_ratio(strand: np.ndarray) -> np.ndarray:
    """Return (n,) float64: GATK's symmetric odds ratio of REF and ALT by strand, natural logarithm."""
    a, b, c, d = (strand + 1.0).T
    ratio = a * d / (b * c)
    reference, other = np.minimum(a, b) / np.maximum(a, b), np.minimum(c, d) / np.maximum(c, d)
    return np.log(ratio + 1 / ratio) + np.log(reference) - np.log(other)


def apply_filters(called: Called, notes: Annotations, texts: np.ndarray, config: CallConfig) -> np.ndarray:
    """Return (n, 1 + number of FILTERS) bool: PASS, then each filter."""
    lengths = np.strings.str_len(texts)
    indel = ((lengths != lengths[:, :1]) & (lengths > 0) & (texts != "*")).any(axis=1)
    bias = np.where(indel, config.strand_bias_indel, config.strand_bias_snv)
    failed = np.stack(
        [
            called.quality < config.low_quality,
            notes.depth < config.low_depth,
            _phred(notes.strand_p) > bias,
            notes.mapping_quality < config.low_mapping_quality,
        ],
        axis=1,
    )
    return np.concatenate([~failed.any(axis=1, keepdims=True), failed], axis=1)


def _phred(p: np.ndarray) -> np.ndarray:
    return np.abs(-10 * np.log10(np.maximum(p, 1e-320)))  # abs: no -0.0


def variant_arrays(
    called: Called, evidence: Evidence, window: Window, config: CallConfig
) -> dict[str, np.ndarray]:
    """Return the variant_* and call_* arrays of called sites, as store.schema names them."""
    texts = allele_texts(called, evidence.events, evidence.haplotypes, window)
    notes = annotate(observe_called(called, evidence), texts.shape[1])
    n = texts.shape[0]
    exists = texts != ""
    with_alt = np.maximum(notes.allele_depth.sum(axis=1), 1)
    infos = {
        "variant_MQ": notes.mapping_quality,
        "variant_QD": called.quality / with_alt,
        "variant_FS": _phred(notes.strand_p),
        "variant_SOR": notes.odds_ratio,
        **notes.rank_sums,
    }
    return {
        "variant_contig": np.full(n, window.contig_index, dtype=np.int32),
        "variant_position": (window.start + evidence.events.row[called.sites[:, 1]] + 1).astype(np.int32),
        "variant_allele": texts,
        "variant_quality": np.round(called.quality, 2).astype(np.float32),
        "variant_filter": apply_filters(called, notes, texts, config),
        "variant_DP": notes.depth.astype(np.int32),
        "variant_ASKED": _asked(called, exists),
        **{name: _float32(values) for name, values in infos.items()},
        "call_genotype": called.genotype[:, None, :].astype(np.int8),
        "call_GQ": called.genotype_quality[:, None].astype(np.int8),
        "call_DP": notes.depth[:, None].astype(np.int32),
        "call_AD": np.where(exists, notes.allele_depth, INT_FILL)[:, None, :].astype(np.int32),
        "call_PL": phred_likelihoods(called, config)[:, None, :],
        "call_SB": notes.strand[:, None, :].astype(np.int32),
    }


def _asked(called: Called, exists: np.ndarray) -> np.ndarray:
    """Return (n, n_alleles - 1) int32: whether each ALT was asked for; missing where none of a site was."""
    of_site = np.where(called.is_asked.any(axis=1, keepdims=True), called.is_asked, INT_MISSING)
    return np.where(exists, of_site, INT_FILL)[:, 1:].astype(np.int32)


def _float32(values: np.ndarray) -> np.ndarray:
    out = values.astype(np.float32)
    out[np.isnan(values)] = FLOAT32_MISSING
    return out
