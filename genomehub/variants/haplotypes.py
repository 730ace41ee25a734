"""Candidate haplotypes of active regions, and the events that they consist of.

First what aligned reads carry (``kernels.haplotypes``): cheap, and right wherever reads span the region and are
aligned well. Where they are clipped or few span, local assembly (``kernels.assembly``) adds paths.
"""

from typing import NamedTuple

import numpy as np

from genomehub.config import CallConfig
from genomehub.kernels import haplotypes as kernels
from genomehub.kernels.events import Events, haplotype_events
from genomehub.kernels.region_reads import RegionReads
from genomehub.types import Records
from genomehub.variants.pileup import Window

#: bp that a haplotype reaches further than the reads cut for its region, besides room for its longest deletion.
_OVERHANG = 20
_MAX_HAPLOTYPE_BP = 4_000


class Haplotypes(NamedTuple):
    """Candidate haplotypes, region after region; the first of each is the reference.

    sequences : (n_bases,) uint8, codes; offsets : (n_haplotypes + 1,) int64
    region_offsets : (n_regions + 1,) int64
    low, high : (n_regions,) int64, rows of the window that the region's haplotypes span
    """

    sequences: np.ndarray
    offsets: np.ndarray
    region_offsets: np.ndarray
    low: np.ndarray
    high: np.ndarray


def candidate_haplotypes(
    records: Records,
    reads: RegionReads,
    regions: np.ndarray,
    has_clips: np.ndarray,
    window: Window,
    config: CallConfig,
) -> Haplotypes:
    """Propose the haplotypes of each region."""
    differences = kernels.read_events(
        records, records.quals, reads, regions, window.reference, window.start, config.min_base_quality
    )
    candidates = kernels.candidate_sets(
        reads, differences, regions, config.min_support, config.min_support_fraction, config.max_haplotypes
    )
    flank = config.flank + _OVERHANG + np.minimum(regions[:, 1] - regions[:, 0], config.max_tract)
    sequences, offsets = kernels.spell(
        records, differences, candidates, regions, flank, window.reference, _MAX_HAPLOTYPE_BP
    )
    low = np.maximum(regions[:, 0] - flank, 0)
    high = np.minimum(regions[:, 1] + flank, window.reference.size)
    return Haplotypes(sequences, offsets, candidates.set_offsets, low, high)


def events_of(haplotypes: Haplotypes, regions: np.ndarray, window: Window) -> Events:
    """Align haplotypes to the reference and list the events that they consist of."""
    return haplotype_events(
        haplotypes.sequences, haplotypes.offsets, haplotypes.region_offsets, haplotypes.low, haplotypes.high, regions,
        window.reference,
    )  # fmt: skip
