"""Called sites to annotations, filters and the arrays of the store."""

from typing import NamedTuple

import numpy as np

from genomehub.config import CallConfig
from genomehub.kernels import genotype as kernels
from genomehub.kernels.genotype import MAX_ALLELES, STAR
from genomehub.kernels.statistics import fisher_strand, rank_sum
from genomehub.types import FLOAT32_MISSING, INT_FILL, Flag
from genomehub.variants.genotypes import Called, Evidence, allele_texts, phred_likelihoods
from genomehub.variants.pileup import Window

#: Names and meanings of filters, in the order of variant_filter's columns after PASS.
FILTERS = ("LowQual", "LowDepth", "StrandBias", "LowMQ")


def filter_descriptions(config: CallConfig) -> dict[str, str]:
    """Return the filters' names and what they mean with this configuration."""
    texts = (
        f"QUAL is less than {config.low_quality:g}",
        f"DP is less than {config.low_depth}",
        f"FS is more than {config.strand_bias_snv:g} (SNVs) or {config.strand_bias_indel:g} (indels)",
        f"MQ is less than {config.low_mapping_quality:g}",
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


def observe_called(called: Called, evidence: Evidence) -> Observations:
    """Assign fragments to the alleles of called sites and look up where and how they were read."""
    columns = np.full((called.sites.shape[0], MAX_ALLELES), -1, dtype=np.int64)
    first = called.sites[:, 1:2]
    star = called.sites[:, 2:3] - first + 1
    columns[:, :3] = np.where(
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


def annotate(seen: Observations) -> Annotations:
    """Summarise the observations of each site."""
    n = seen.site_offsets.size - 1
    site = np.repeat(np.arange(n), np.diff(seen.site_offsets))
    depth = np.diff(seen.site_offsets)
    allele_depth = np.zeros((n, 3), dtype=np.int64)
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
    notes = annotate(observe_called(called, evidence))
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
        **{name: _float32(values) for name, values in infos.items()},
        "call_genotype": called.genotype[:, None, :].astype(np.int8),
        "call_GQ": called.genotype_quality[:, None].astype(np.int8),
        "call_DP": notes.depth[:, None].astype(np.int32),
        "call_AD": np.where(exists, notes.allele_depth, INT_FILL)[:, None, :].astype(np.int32),
        "call_PL": phred_likelihoods(called)[:, None, :],
        "call_SB": notes.strand[:, None, :].astype(np.int32),
    }


def _float32(values: np.ndarray) -> np.ndarray:
    out = values.astype(np.float32)
    out[np.isnan(values)] = FLOAT32_MISSING
    return out
