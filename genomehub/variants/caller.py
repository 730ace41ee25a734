"""Records of one stretch of the genome to its calls: joins the rooms of calling, in order.

counters -> active regions -> reads, haplotypes -> likelihoods -> genotypes -> variants, links, blocks

``call_interval`` sees the stretch with padding on both sides and answers for the stretch alone. What it finds
at a base depends on reads and reference around the base, not on where the stretch begins or ends.
"""

from typing import NamedTuple

import numpy as np

from genomehub.config import CallConfig
from genomehub.kernels import genotype as kernels
from genomehub.kernels.pileup import Alignments
from genomehub.types import Interval, Records, RegionCalls
from genomehub.variants import genotypes as rooms
from genomehub.variants.active_regions import find_regions
from genomehub.variants.annotations import variant_arrays
from genomehub.variants.asked import AskedAlleles, asked_events, asked_rows, with_asked
from genomehub.variants.features import candidate_arrays
from genomehub.variants.haplotypes import candidate_haplotypes, events_of, spanning_reads, with_assembled
from genomehub.variants.likelihoods import read_likelihoods
from genomehub.variants.phasing import link_called
from genomehub.variants.pileup import (
    ReferenceConfidence,
    Window,
    as_alignments,
    edge_depths,
    make_window,
    reference_blocks,
    reference_confidence,
    tally_window,
    usable_reads,
    with_qualities,
)
from genomehub.variants.ploidy import genotype_table
from genomehub.variants.region_reads import select_reads


class Genotyped(NamedTuple):
    """Every site of a window with its genotype, reported or not."""

    sites: np.ndarray
    evidence: rooms.Evidence
    genotypes: kernels.Genotypes
    result: rooms.Posteriors
    asked: np.ndarray | None


def call_interval(
    records: Records, reference: np.ndarray, reference_start: int, interval: Interval, config: CallConfig,
    asked: AskedAlleles | None = None, features: bool = False,
) -> RegionCalls:  # fmt: skip
    """Call the variants and reference blocks of ``interval``.

    Parameters
    ----------
    records : all records that overlap the window (the interval with ``config.padding_bp`` on both sides,
        cut at the contig's ends), sorted by start
    reference : (n_rows,) uint8, codes of the window
    reference_start : 0-based bp of the window's first base
    interval : what to answer for
    config : parameters; ``ploidy`` is that of all of the interval
    asked : alleles to report whatever the genotype
    features : describe every candidate site, too (variants.features)

    Returns
    -------
    RegionCalls : variants whose POS and blocks whose bases lie in the interval, links that begin in it
    """
    window = make_window(interval.contig_index, reference_start, reference)
    records = with_qualities(records, config)
    usable = usable_reads(records, config)
    alignments = as_alignments(records)
    pileup = tally_window(records, alignments, usable, window, config)
    first, last = interval.start - reference_start, interval.end - reference_start
    asked = asked.in_window(window) if asked is not None else None
    regions, is_uncertain = find_regions(pileup, window, config, asked_rows(asked, window))
    # Regions just outside may hold a deletion that reaches in, or an indel that moves in when left-aligned;
    # those behind may hold sites to link with.
    near = (regions[:, 0] < last + max(config.max_region, config.phase_reach)) & (
        regions[:, 1] > first - config.max_region
    )
    found = genotype_regions(
        records, alignments, usable, regions[near], is_uncertain[near], window, config, asked
    )
    called, is_called = rooms.select_called(
        found.sites, found.evidence.events, found.genotypes, found.result, window, config, found.asked
    )
    confidence = reference_confidence(pileup, window, config)
    lower_confidence(confidence, found, ~is_called, config)
    occupied = _occupied(called, found.evidence, reference.size)
    row = found.evidence.events.row[called.sites[:, 1]]
    inside = np.flatnonzero((row >= first) & (row < last))
    mine = rooms.Called(*(field[inside] for field in called))
    blocks = reference_blocks(confidence, window, first, last, occupied, config)
    return RegionCalls(
        variant_arrays(mine, found.evidence, window, config),
        blocks,
        link_called(called, found.evidence, first, last, window, config),
        _features(found, is_called, window, first, last) if features else None,
        edge_depths(confidence, window, blocks),
    )


def _features(
    found: Genotyped, is_called: np.ndarray, window: Window, first: int, last: int
) -> dict[str, np.ndarray]:
    """Features of the candidates at rows ``first:last``."""
    row = found.evidence.events.row[found.sites[:, 1]]
    inside = np.flatnonzero((row >= first) & (row < last))
    genotypes = kernels.Genotypes(*(field[inside] for field in found.genotypes))
    result = rooms.Posteriors(*(field[inside] for field in found.result))
    return candidate_arrays(found.sites[inside], found.evidence, genotypes, result, is_called[inside], window)


def genotype_regions(
    records: Records, alignments: Alignments, usable: np.ndarray, regions: np.ndarray,
    is_uncertain: np.ndarray, window: Window, config: CallConfig, asked: AskedAlleles | None = None,
) -> Genotyped:  # fmt: skip
    """Genotype every event of every candidate haplotype of the regions ((n, 2) int64, rows).

    Regions whose alignments are ``is_uncertain`` ((n,) bool), those that few reads span, and those with more
    candidates than are tried are assembled.
    """
    reads = select_reads(records, alignments, usable, regions, config.flank, window, config)
    haplotypes = candidate_haplotypes(alignments, reads, regions, window, config)
    full = np.diff(haplotypes.region_offsets) >= config.max_haplotypes
    few = spanning_reads(reads, regions) < config.min_spanning
    uncertain = np.flatnonzero(is_uncertain | few | full)
    if uncertain.size:
        wide = select_reads(
            records, alignments, usable, regions[uncertain], config.assembly_flank, window, config
        )
        haplotypes = with_assembled(haplotypes, alignments, wide, uncertain, window, config)
    if asked is not None:
        haplotypes, is_asked = with_asked(haplotypes, regions, asked, window)
    events = events_of(haplotypes, regions, window)
    likelihoods, matrix_offsets = read_likelihoods(records, reads, haplotypes, config)
    model = rooms.make_model(config)
    fragments, fragment_offsets, fits = kernels.fragment_likelihoods(
        reads, likelihoods, matrix_offsets, haplotypes.region_offsets, records.mapping_quality, model
    )
    evidence = rooms.Evidence(records, reads, haplotypes, events, fragments, fragment_offsets, fits, model)
    sites = rooms.group_sites(events)
    wanted = asked_events(events, is_asked) if asked is not None else None
    return Genotyped(sites, evidence, *rooms.genotype_all(sites, evidence, window, config), wanted)


def lower_confidence(
    confidence: ReferenceConfidence, found: Genotyped, rejected: np.ndarray, config: CallConfig
) -> None:
    """Where a candidate was looked at and not reported, 0/0 is no surer than that look says; in place."""
    for i in np.flatnonzero(rejected):
        row = found.evidence.events.row[found.sites[i, 1]]
        is_reference = found.result.genotype[i, -1] == 0
        quality = found.result.genotype_quality[i] if is_reference else 0
        if quality < confidence.genotype_quality[row]:
            confidence.genotype_quality[row] = quality
            confidence.phred_likelihood[row] = np.maximum(
                _reference_likelihood(found.genotypes, int(i), config), 0
            )


def _reference_likelihood(genotypes: kernels.Genotypes, site: int, config: CallConfig) -> np.ndarray:
    """PL of 0, 1 ... all chromosomes with the best other alleles."""
    table = genotype_table(int(genotypes.n_alleles[site]), config.ploidy)
    values = genotypes.log10_likelihood[site, : table.shape[0]]
    n_other = (table > 0).sum(axis=1)
    best = np.array([values[n_other == n].max() for n in range(config.ploidy + 1)])
    return np.minimum(np.rint(-10 * (best - best.max())), 9999).astype(np.int32)


def _occupied(called: rooms.Called, evidence: rooms.Evidence, n_rows: int) -> np.ndarray:
    """Rows that a reported variant's REF covers."""
    occupied = np.zeros(n_rows, dtype=bool)
    for site, alleles in zip(called.sites, called.events, strict=True):
        row = evidence.events.row[site[1]]
        occupied[row : row + int(evidence.events.ref_length[alleles[alleles >= 0]].max())] = True
    return occupied
