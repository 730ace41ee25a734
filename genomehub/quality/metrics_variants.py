"""Variants to metrics: kinds, Ti/Tv, het/hom, indel lengths, QUAL, GQ, DP and allele balance.

Rows come as arrays named in store.schema, one sample; nothing here reads a store. Kinds and Ti/Tv count as
``bcftools stats`` does (docs/qc.md); only sites where the sample carries an ALT allele count.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from genomehub.quality.metrics_alignments import ratio
from genomehub.types import is_missing

#: Arrays of the store that are needed.
ARRAYS = (
    "variant_allele", "variant_quality", "variant_filter", "call_genotype", "call_GQ", "call_DP", "call_AD",
)  # fmt: skip
KINDS = ("snv", "mnp", "insertion", "deletion", "other")
SNV, MNP, INSERTION, DELETION, OTHER = range(5)
#: Longest indel that is counted on its own, bp; longer ones share the ends of the histogram.
MAX_INDEL = 60
_QUALITY_STEP, _QUALITY_BINS = 10, 100  # QUAL 0-1000
_BALANCE_BINS = 50
_CODES = np.full(256, 4, np.uint8)
_CODES[np.frombuffer(b"ACGTacgt", np.uint8)] = [0, 1, 2, 3, 0, 1, 2, 3]


class VariantTally:
    """Counters of variants; ``add`` takes them batch by batch. Index 0 counts all, 1 those that pass.

    kinds : (2, 5) ALT alleles carried, by kind
    substitutions : (2, 4, 4) carried SNVs, REF by ALT
    zygosity : (2, 5, 2) sites by kind of their first carried allele: heterozygous, homozygous
    indels : (2, 2 * MAX_INDEL + 1) carried indels by length, deletions below MAX_INDEL
    quality, genotype_quality, depth : (2, n) sites by QUAL in steps of 10, GQ, DP
    allele_balance : (2, 50) heterozygous biallelic SNVs by share of reads with ALT
    sites : (2,) sites where the sample carries an ALT allele; no_variant, no_call : other sites
    multiallelic : (2,) sites with two different ALT alleles
    filters : sites by filter
    """

    def __init__(self, filters: Iterable[str]) -> None:
        self.filter_names = tuple(filters)
        self.kinds = np.zeros((2, len(KINDS)), np.int64)
        self.substitutions = np.zeros((2, 4, 4), np.int64)
        self.zygosity = np.zeros((2, len(KINDS), 2), np.int64)
        self.indels = np.zeros((2, 2 * MAX_INDEL + 1), np.int64)
        self.quality = np.zeros((2, _QUALITY_BINS + 1), np.int64)
        self.genotype_quality = np.zeros((2, 101), np.int64)
        self.depth = np.zeros((2, 301), np.int64)
        self.allele_balance = np.zeros((2, _BALANCE_BINS), np.int64)
        self.sites = np.zeros(2, np.int64)
        self.multiallelic = np.zeros(2, np.int64)
        self.filters = np.zeros(len(self.filter_names), np.int64)
        self.no_variant = self.no_call = 0

    def add(self, rows: Mapping[str, np.ndarray], sample: int = 0) -> None:
        """Count the sites of ``rows`` (arrays ``ARRAYS``) in one sample."""
        genotype = rows["call_genotype"][:, sample].astype(np.int64)
        carried = (genotype > 0).any(axis=1)
        called = (genotype >= 0).any(axis=1)
        self.no_call += int((~called).sum())
        self.no_variant += int((called & ~carried).sum())
        rows = {name: array[carried] for name, array in rows.items()}
        genotype = genotype[carried]
        filters = rows["variant_filter"]
        passes = filters[:, 0] | ~filters.any(axis=1)
        self.filters += filters.sum(axis=0)
        kinds, lengths = classify(rows["variant_allele"])
        for group, chosen in enumerate((np.ones(len(genotype), bool), passes)):
            self._add_alleles(group, rows["variant_allele"], kinds, lengths, genotype, chosen)
            self._add_sites(group, rows, kinds, genotype, chosen, sample)

    def _add_alleles(
        self, group: int, alleles: np.ndarray, kinds: np.ndarray, lengths: np.ndarray, genotype: np.ndarray,
        chosen: np.ndarray,
    ) -> None:  # fmt: skip
        for alt in range(1, alleles.shape[1]):
            site = chosen & (genotype == alt).any(axis=1)
            kind = kinds[site, alt]
            self.kinds[group] += np.bincount(kind, minlength=len(KINDS))
            snv = np.flatnonzero(site)[kind == SNV]
            if snv.size:
                changes = single_bases(alleles[snv, 0], alleles[snv, alt])
                np.add.at(self.substitutions[group], changes, 1)
            length = lengths[site, alt][(kind == INSERTION) | (kind == DELETION)]
            self.indels[group] += np.bincount(
                length.clip(-MAX_INDEL, MAX_INDEL) + MAX_INDEL, minlength=2 * MAX_INDEL + 1
            )

    def _add_sites(
        self, group: int, rows: Mapping[str, np.ndarray], kinds: np.ndarray, genotype: np.ndarray,
        chosen: np.ndarray, sample: int,
    ) -> None:  # fmt: skip
        genotype, kinds = genotype[chosen], kinds[chosen]
        first = np.where(genotype[:, 0] > 0, genotype[:, 0], genotype.max(axis=1))
        is_hom = ((genotype == first[:, None]) | (genotype == -2)).all(axis=1)
        kind = kinds[np.arange(len(first)), first]
        np.add.at(self.zygosity[group], (kind, is_hom.astype(np.int64)), 1)
        self.sites[group] += len(first)
        self.multiallelic[group] += int(((genotype > 0).all(axis=1) & ~is_hom).sum())
        quality = rows["variant_quality"][chosen]
        known = quality[~is_missing(quality) & np.isfinite(quality)]
        _count(self.quality[group], known // _QUALITY_STEP)
        _count(self.genotype_quality[group], rows["call_GQ"][chosen, sample])
        _count(self.depth[group], rows["call_DP"][chosen, sample])
        depths = rows["call_AD"][chosen, sample]
        balanced = ~is_hom & (genotype == 0).any(axis=1) & (kind == SNV)
        self._add_balance(group, depths[balanced], first[balanced])

    def _add_balance(self, group: int, depths: np.ndarray, alt: np.ndarray) -> None:
        depths = depths.clip(min=0).astype(np.int64)
        with_alt, total = depths[np.arange(len(alt)), alt], depths[:, 0] + depths[np.arange(len(alt)), alt]
        share = with_alt[total > 0] / total[total > 0]
        _count(self.allele_balance[group], (share * _BALANCE_BINS).clip(max=_BALANCE_BINS - 1))

    def section(self) -> dict[str, Any]:
        """Return the section ``variants`` of qc.json; PASS sites stand under ``passing``."""
        return {
            "with_alt": int(self.sites[0]),
            "without_alt": self.no_variant,
            "no_call": self.no_call,
            "pass_fraction": ratio(self.sites[1], self.sites[0]),
            "filters": dict(zip(self.filter_names, self.filters.tolist(), strict=True)),
            **self._group(0),
            "passing": self._group(1),
        }

    def _group(self, group: int) -> dict[str, Any]:
        changes, zygosity = self.substitutions[group], self.zygosity[group]
        transitions = int(changes[[0, 2, 1, 3], [2, 0, 3, 1]].sum())
        heterozygous, homozygous = zygosity.sum(axis=0).tolist()
        indel = zygosity[[INSERTION, DELETION]].sum(axis=0)
        lengths = self.indels[group]
        return {
            "sites": int(self.sites[group]),
            "multiallelic_sites": int(self.multiallelic[group]),
            **dict(zip(KINDS, self.kinds[group].tolist(), strict=True)),
            "transitions": transitions,
            "transversions": int(changes.sum()) - transitions,
            "ti_tv": ratio(transitions, int(changes.sum()) - transitions, 4),
            "heterozygous": heterozygous,
            "homozygous": homozygous,
            "het_hom": ratio(heterozygous, homozygous, 4),
            "snv_het_hom": ratio(zygosity[SNV, 0], zygosity[SNV, 1], 4),
            "indel_het_hom": ratio(indel[0], indel[1], 4),
            "insertion_deletion": ratio(self.kinds[group, INSERTION], self.kinds[group, DELETION], 4),
            "frame_preserving_fraction": ratio(
                lengths[(np.arange(lengths.size) - MAX_INDEL) % 3 == 0].sum(), lengths.sum()
            ),
            "substitutions": changes.tolist(),
            "indel_lengths": lengths.tolist(),
            "quality_histogram": self.quality[group].tolist(),
            "genotype_quality_histogram": self.genotype_quality[group].tolist(),
            "depth_histogram": self.depth[group].tolist(),
            "allele_balance_histogram": self.allele_balance[group].tolist(),
        }


def _count(histogram: np.ndarray, values: np.ndarray) -> None:
    """Add values to a histogram, those beyond its end to the last; negative ones (missing) are left out."""
    values = values[values >= 0].astype(np.int64)
    histogram += np.bincount(values.clip(max=histogram.size - 1), minlength=histogram.size)


def classify(alleles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Kind of each allele and its length less that of REF.

    Parameters
    ----------
    alleles : (n, n_alleles) strings, REF first, "" where a site has fewer

    Returns
    -------
    kinds : (n, n_alleles) int64, index into KINDS; of REF and "" without meaning (OTHER)
    lengths : (n, n_alleles) int64, bp

    Examples
    --------
    >>> kinds, lengths = classify(np.array([["A", "G", "AT", "*"]], dtype=np.dtypes.StringDType()))
    >>> kinds.tolist(), lengths.tolist()
    ([[4, 0, 2, 4]], [[0, 0, 1, 0]])
    """
    size = np.strings.str_len(alleles).astype(np.int64)
    lengths = size - size[:, :1]
    kinds = np.select([lengths > 0, lengths < 0, size == 1], [INSERTION, DELETION, SNV], MNP)
    symbolic = np.strings.startswith(alleles, "<") | (alleles == "*") | (size == 0)
    kinds[symbolic] = OTHER
    kinds[:, 0] = OTHER
    for row, column in np.argwhere(kinds == MNP).tolist():
        if sum(a != b for a, b in zip(alleles[row, 0], alleles[row, column], strict=True)) == 1:
            kinds[row, column] = SNV  # the other bases only repeat REF
    lengths[symbolic] = 0
    return kinds, lengths


def single_bases(ref: np.ndarray, alt: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Codes (0-3) of the base that differs between REF and ALT of SNVs; of those with a known base."""
    pairs = [
        next((_CODES[ord(a)], _CODES[ord(b)]) for a, b in zip(r, q, strict=True) if a != b)
        if len(r) > 1
        else (_CODES[ord(r)], _CODES[ord(q)])
        for r, q in zip(ref.tolist(), alt.tolist(), strict=True)
    ]
    table = np.array(pairs, np.int64).reshape(-1, 2)
    known = (table < 4).all(axis=1)
    return table[known, 0], table[known, 1]
