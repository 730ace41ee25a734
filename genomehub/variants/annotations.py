"""Called sites to annotations, filters and the arrays of the store.

What fragments say is looked up once (``observe_called``); everything here is counted from that, from the
genotypes' likelihoods, or from the reference around the site.
"""

import math
from typing import NamedTuple

import numpy as np

from genomehub.config import CallConfig
from genomehub.kernels import genotype as kernels
from genomehub.kernels.genotype import MAX_ALLELES, STAR
from genomehub.kernels.nonref import nonref_likelihoods
from genomehub.kernels.statistics import fisher_strand, rank_sum
from genomehub.types import FLOAT32_MISSING, INT_FILL, INT_MISSING, STRING_MISSING, Flag
from genomehub.variants.genotypes import (
    Called,
    Evidence,
    allele_texts,
    as_text,
    called_likelihoods,
    phred_likelihoods,
)
from genomehub.variants.pileup import Window

#: Names and meanings of filters, in the order of variant_filter's columns after PASS.
FILTERS = ("LowQual", "LowDepth", "StrandBias", "LowMQ", "ReadBias", "HighDepth")
#: Homopolymers are counted to so many bp.
MAX_RUN = 100
#: Repeats of a unit are counted to so many, in so many bp of the reference behind POS.
MAX_UNITS, _REPEAT_REACH = 1000, 1000


def filter_descriptions(config: CallConfig) -> dict[str, str]:
    """Return the filters' names and what they mean with this configuration."""
    texts = (
        f"QUAL is less than {config.low_quality:g}",
        f"DP is less than {config.low_depth}",
        f"FS is more than {config.strand_bias_snv:g} (SNVs) or {config.strand_bias_indel:g} (indels)",
        f"MQ is less than {config.low_mapping_quality:g}",
        f"A share of less than {config.read_bias_share_snv:g} (SNVs) or {config.read_bias_share_indel:g} "
        "(indels) of the reads has ALT, and MQRankSum, BaseQRankSum or ReadPosRankSum is less than "
        f"{config.read_bias_z:g}",
        f"DP exceeds the median of the contig by more than {config.high_depth:g} standard deviations",
    )
    return dict(zip(FILTERS, texts, strict=True))


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


def site_columns(called: Called) -> np.ndarray:
    """Return (n, MAX_ALLELES) int64: the reported alleles as columns of ``site_table``, -1 where none."""
    columns = np.full((called.sites.shape[0], MAX_ALLELES), -1, dtype=np.int64)
    first = called.sites[:, 1:2]
    star = called.sites[:, 2:3] - first + 1
    columns[:, : called.events.shape[1]] = np.where(
        called.events >= 0, called.events - first + 1,
        np.where(called.events == STAR, star, np.where(called.events == -1, 0, -1)),
    )  # fmt: skip
    return columns


def observe_called(called: Called, columns: np.ndarray, evidence: Evidence) -> Observations:
    """Assign fragments to the alleles of called sites and look up where and how they were read."""
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
    """Counts and tests over the observations of each called site; see store.schema for the meanings.

    allele_depth : (n, 2, alleles) int64, fragments by strand (forward, reverse) and allele that they support
    strand : (n, 4) int64, REF forward, REF reverse, ALT forward, ALT reverse
    """

    depth: np.ndarray
    allele_depth: np.ndarray
    strand: np.ndarray
    mapping_quality: np.ndarray
    strand_p: np.ndarray
    odds_ratio: np.ndarray
    rank_sums: dict[str, np.ndarray]


def annotate(seen: Observations, n_alleles: int) -> Annotations:
    """Summarise the observations of each site; ``n_alleles`` columns of alleles."""
    n = seen.site_offsets.size - 1
    site = np.repeat(np.arange(n), np.diff(seen.site_offsets))
    depth = np.diff(seen.site_offsets)
    informative = seen.allele >= 0
    cell = (2 * site + seen.reverse) * n_alleles + seen.allele
    allele_depth = np.bincount(cell[informative], minlength=2 * n * n_alleles).reshape(n, 2, n_alleles)
    strand = np.concatenate([allele_depth[:, :, 0], allele_depth[:, :, 1:].sum(axis=2)], axis=1)
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
    """Return (n, 1 + number of FILTERS) bool: PASS, then each filter.

    HighDepth is none of a site alone: the store sets it (store.assembly.depth_limits).
    """
    indel = is_indel(texts)
    bias = np.where(indel, config.strand_bias_indel, config.strand_bias_snv)
    failed = np.stack(
        [
            called.quality < config.low_quality,
            notes.depth < config.low_depth,
            phred(notes.strand_p) > bias,
            notes.mapping_quality < config.low_mapping_quality,
            _biased_reads(called, notes, indel, config),
            np.zeros(indel.size, dtype=bool),
        ],
        axis=1,
    )
    return np.concatenate([~failed.any(axis=1, keepdims=True), failed], axis=1)


def _biased_reads(called: Called, notes: Annotations, indel: np.ndarray, config: CallConfig) -> np.ndarray:
    """Return (n,) bool: an ALT beside REF that too few reads have, and those are worse than the others."""
    share = notes.strand[:, 2:].sum(axis=1) / np.maximum(notes.strand.sum(axis=1), 1)
    least = np.where(indel, config.read_bias_share_indel, config.read_bias_share_snv)
    with_reference = (called.genotype == 0).any(axis=1)
    z = np.stack(list(notes.rank_sums.values()), axis=1)
    return with_reference & (share < least) & (z < config.read_bias_z).any(axis=1)


def phred(p: np.ndarray) -> np.ndarray:
    """Return probabilities on Phred's scale."""
    return np.abs(-10 * np.log10(np.maximum(p, 1e-320)))  # abs: no -0.0


def variant_arrays(
    called: Called, evidence: Evidence, window: Window, config: CallConfig
) -> dict[str, np.ndarray]:
    """Return the variant_* and call_* arrays of called sites, as store.schema names them."""
    texts = allele_texts(called, evidence.events, evidence.haplotypes, window)
    columns = site_columns(called)
    notes = annotate(observe_called(called, columns, evidence), texts.shape[1])
    n = texts.shape[0]
    row = evidence.events.row[called.sites[:, 1]]
    likelihood = called_likelihoods(called)
    best = likelihood.max(axis=1, initial=-np.inf, where=~np.isnan(likelihood))
    absent = (texts == "")[:, None, :]
    by_strand = np.where(absent, INT_FILL, notes.allele_depth).astype(np.int32)
    informative = np.maximum(notes.strand.sum(axis=1), 1)
    infos = {
        "variant_MQ": notes.mapping_quality,
        "variant_QD": called.quality / informative,
        "variant_FS": phred(notes.strand_p),
        "variant_SOR": notes.odds_ratio,
        **notes.rank_sums,
    }
    return {
        "variant_contig": np.full(n, window.contig_index, dtype=np.int32),
        "variant_position": (window.start + row + 1).astype(np.int32),
        "variant_allele": texts,
        "variant_quality": np.round(called.quality, 2).astype(np.float32),
        "variant_filter": apply_filters(called, notes, texts, config),
        "variant_DP": notes.depth.astype(np.int32),
        "variant_ASKED": _asked(called, texts != ""),
        **{name: _float32(values) for name, values in infos.items()},
        **tandem_repeats(texts, row, window),
        "variant_HRun": homopolymers(window.reference, row, np.strings.str_len(texts[:, 0])),
        "call_genotype": called.genotype[:, None, :].astype(np.int8),
        "call_GQ": called.genotype_quality[:, None].astype(np.int8),
        "call_DP": notes.depth[:, None].astype(np.int32),
        "call_AD": np.where(absent, INT_FILL, notes.allele_depth.sum(axis=1, keepdims=True)).astype(np.int32),
        "call_ADF": by_strand[:, :1],
        "call_ADR": by_strand[:, 1:],
        "call_PL": phred_likelihoods(likelihood, best)[:, None, :],
        "nonref_PL": phred_likelihoods(nonref_genotypes(called, columns, evidence), best)[:, None, :],
        "call_SB": notes.strand[:, None, :].astype(np.int32),
    }


def nonref_genotypes(called: Called, columns: np.ndarray, evidence: Evidence) -> np.ndarray:
    """Return (n, genotypes) float64: log10 likelihoods with an allele that the site does not name, or NaN."""
    most_alleles, most_copies = called.places.shape[1], called.genotype.shape[1]
    out = np.full((columns.shape[0], math.comb(most_alleles + most_copies - 1, most_copies - 1)), np.nan)
    ploidy = np.full(columns.shape[0], most_copies, dtype=np.int64)
    nonref_likelihoods(
        called.sites, columns, ploidy, out, evidence.events, evidence.reads,
        evidence.haplotypes.region_offsets, evidence.fragments, evidence.fragment_offsets, evidence.fits,
        evidence.model,
    )  # fmt: skip
    return out


def homopolymers(reference: np.ndarray, row: np.ndarray, length: np.ndarray) -> np.ndarray:
    """Return (n,) int64: longest run of one base that holds any of rows ``row`` - 1 to ``row + length``.

    reference : (n_rows,) uint8 codes; runs count at most 100 bp, so that where the window ends is no matter
    """
    first = np.flatnonzero(np.diff(reference, prepend=255))
    run = np.minimum(np.diff(first, append=reference.size), MAX_RUN)
    run[reference[first] > 3] = 0
    low, high = np.maximum(row - 1, 0), np.minimum(row + length, reference.size - 1)
    begin = np.searchsorted(first, low, side="right") - 1
    end = np.searchsorted(first, high, side="right")
    spans = np.stack([begin, end], axis=1).ravel()
    return np.maximum.reduceat(np.append(run, 0), spans)[::2] if row.size else np.zeros(0, dtype=np.int64)


def tandem_repeats(texts: np.ndarray, row: np.ndarray, window: Window) -> dict[str, np.ndarray]:
    """Return STR, RU and RPA of (n, alleles) texts at rows ``row``, as GATK's TandemRepeat says."""
    is_repeat = np.zeros(texts.shape[0], dtype=bool)
    unit = np.full(texts.shape[0], STRING_MISSING, dtype=np.dtypes.StringDType())
    units = np.full(texts.shape, INT_MISSING, dtype=np.int64)
    lengths = np.strings.str_len(texts)
    for i in np.flatnonzero(is_indel(texts) & (lengths[:, 0] <= MAX_UNITS)).tolist():
        alleles = [text for text in texts[i].tolist() if text]
        codes = window.reference[row[i] + 1 : row[i] + 1 + _REPEAT_REACH]
        found = repeat_units(alleles, as_text(codes))
        if found is not None:
            is_repeat[i], unit[i] = True, found[0]
            units[i, : len(alleles)] = found[1]
    return {"variant_STR": is_repeat, "variant_RU": unit, "variant_RPA": units}


def repeat_units(alleles: list[str], following: str) -> tuple[str, list[int]] | None:
    """Return the unit and how often each allele repeats it; None unless all ALTs change whole units.

    Parameters
    ----------
    alleles : REF and ALTs, all with the base before the indel; "*" counts as missing (-1)
    following : reference from the base behind that one

    Examples
    --------
    >>> repeat_units(["GCA", "G", "GCACA"], "CACACATT")
    ('CA', [3, 2, 4])
    """
    reference, *others = (allele[1:] for allele in alleles)
    unit, counts = "", [0]
    for allele, bases in zip(alleles[1:], others, strict=True):
        if allele == "*":
            counts.append(INT_MISSING)
            continue
        longer = bases if len(bases) > len(reference) else reference
        if len(bases) == len(reference):
            return None
        this_unit = _smallest_unit(longer)
        if unit not in ("", this_unit):
            return None
        unit = this_unit
        within = _leading_units(unit, reference)
        counts[0] = _leading_units(unit, reference + following) - within
        counts.append(_leading_units(unit, bases + following) - within)
    return None if 0 in counts else (unit, [min(count, MAX_UNITS) for count in counts])


def _smallest_unit(bases: str) -> str:
    sizes = (size for size in range(1, len(bases) + 1) if len(bases) % size == 0)
    return next(bases[:size] for size in sizes if bases[:size] * (len(bases) // size) == bases)


def _leading_units(unit: str, bases: str) -> int:
    count = 0
    while bases.startswith(unit, count * len(unit)):
        count += 1
    return count


def is_indel(texts: np.ndarray) -> np.ndarray:
    """Return (n,) bool: whether any ALT ('*' apart) of (n, alleles) texts differs from REF in length."""
    lengths = np.strings.str_len(texts)
    return ((lengths != lengths[:, :1]) & (lengths > 0) & (texts != "*")).any(axis=1)


def _asked(called: Called, exists: np.ndarray) -> np.ndarray:
    """Return (n, n_alleles - 1) int32: whether each ALT was asked for; missing where none of a site was."""
    of_site = np.where(called.is_asked.any(axis=1, keepdims=True), called.is_asked, INT_MISSING)
    return np.where(exists, of_site, INT_FILL)[:, 1:].astype(np.int32)


def _float32(values: np.ndarray) -> np.ndarray:
    out = values.astype(np.float32)
    out[np.isnan(values)] = FLOAT32_MISSING
    return out
