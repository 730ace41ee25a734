"""Which alleles of neighbouring sites lie on one chromosome: links within a stretch, phase sets over all.

``link_called`` works on one partition and a little of what follows it; ``phase_calls`` joins the links of all
partitions once they are called. A link depends on its two sites and their fragments alone, so phase sets
reach over the edges of partitions and do not depend on where these lie.
"""

from typing import NamedTuple

import numpy as np

from genomehub.config import CallConfig
from genomehub.kernels import phasing as kernels
from genomehub.kernels.genotype import STAR
from genomehub.types import INT_MISSING, NO_LINKS
from genomehub.variants.genotypes import Called, Evidence
from genomehub.variants.pileup import Window


class Phase(NamedTuple):
    """Phase of called sites, as the store names its arrays.

    genotype : (n, 1, ploidy) int8, alleles of a set's chromosomes in one order; (n, 1) each: phased (bool),
    phase_set (int32, POS of the set's first site, -1 if not phased), quality (int8, -1 if not phased)
    """

    genotype: np.ndarray
    phased: np.ndarray
    phase_set: np.ndarray
    quality: np.ndarray


def link_called(
    called: Called, evidence: Evidence, first: int, last: int, window: Window, config: CallConfig
) -> np.ndarray:
    """Link the heterozygous sites in rows ``first`` to ``last`` with those that follow, also beyond ``last``.

    Returns
    -------
    (n, 4) int32, contig, POS of two sites, and Phred that their lesser alleles lie on one chromosome
        (negative: on two)
    """
    if config.ploidy != 2:
        return NO_LINKS
    row = evidence.events.row[called.sites[:, 1]]
    is_het = _is_heterozygous(called.genotype)
    chosen = np.flatnonzero(is_het & (row >= first) & (row < last + config.phase_reach))
    if chosen.size < 2:
        return NO_LINKS
    offsets, template, preference = kernels.preferences(
        called.sites[chosen], _columns(called, chosen), evidence.events, evidence.reads,
        evidence.haplotypes.region_offsets, evidence.fragments, evidence.fragment_offsets, evidence.fits,
        evidence.records.name_hash, evidence.model,
    )  # fmt: skip
    row = row[chosen]
    links = kernels.link_sites(
        row, offsets, template, preference, config.phase_reach, config.phase_neighbours,
        10 ** (-0.1 * config.phase_fragment_cap),
    )  # fmt: skip
    links = links[row[links[:, 0]] < last]
    position = window.start + row + 1
    contig = np.full(links.shape[0], window.contig_index)
    return np.stack(
        [contig, position[links[:, 0]], position[links[:, 1]], links[:, 2]], axis=1, dtype=np.int32
    )


def _columns(called: Called, chosen: np.ndarray) -> np.ndarray:
    """Return (n, 2) int64: the two called alleles of sites as columns of genotype.site_table."""
    sites = called.sites[chosen]
    event = np.take_along_axis(called.events[chosen], called.genotype[chosen], axis=1)
    first, last = sites[:, 1:2], sites[:, 2:3]
    return np.where(event >= 0, event - first + 1, np.where(event == STAR, last - first + 1, 0))


def phase_calls(
    contig: np.ndarray, position: np.ndarray, genotype: np.ndarray, links: np.ndarray, config: CallConfig
) -> Phase:
    """Join links to phase sets and put the alleles of their genotypes in order.

    Parameters
    ----------
    contig, position : (n,) integers, of all called sites, ascending; one site per POS
    genotype : (n, 1, ploidy), lesser allele first
    links : (m, 4) int32, as from link_called; those to sites that are not there, or are no diploid
        heterozygotes (behind the edge of a pseudo-autosomal region), are left out

    Notes
    -----
    The first site of a set keeps its lesser allele first. A site in no set stays as it was.
    """
    key, ends = _place(contig, position), [_place(links[:, 0], links[:, k]) for k in (1, 2)]
    number = np.stack([np.searchsorted(key, end) for end in ends], axis=1)
    padded = np.append(key, -1)
    is_het = np.append(_is_heterozygous(genotype[:, 0]), False)
    there = np.flatnonzero(((padded[number] == np.stack(ends, axis=1)) & is_het[number]).all(axis=1))
    number, phred = number[there], links[there, 3].astype(np.int64)
    order = np.lexsort((number[:, 0], number[:, 1]))
    table = np.column_stack([number, phred])[order]
    first, swapped, quality = kernels.join_sites(table, key.size, config.phase_quality)
    other_order = np.concatenate([genotype[..., 1::-1], genotype[..., 2:]], axis=-1)
    phased = np.bincount(first, minlength=key.size)[first] > 1
    return Phase(
        np.where(swapped[:, None, None], other_order, genotype).astype(np.int8),
        phased[:, None],
        np.where(phased, position[first], INT_MISSING).astype(np.int32)[:, None],
        np.where(phased, quality, INT_MISSING).astype(np.int8)[:, None],
    )


def _is_heterozygous(genotype: np.ndarray) -> np.ndarray:
    """Whether (n, ploidy) allele numbers (-1 missing, -2 fill) are diploid with two different alleles."""
    return (
        (genotype[:, :2] >= 0).all(axis=1)
        & (genotype[:, 2:] < 0).all(axis=1)
        & (genotype[:, 0] != genotype[:, 1])
    )


def _place(contig: np.ndarray, position: np.ndarray) -> np.ndarray:
    return (contig.astype(np.int64) << 32) + position
