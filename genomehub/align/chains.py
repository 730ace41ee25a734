"""Reads to candidates: seeds looked up and chained, before any base is compared."""

from typing import NamedTuple

import numpy as np

from genomehub.align.index import seed_shape
from genomehub.config import AlignConfig
from genomehub.kernels import extension
from genomehub.kernels.candidates import MateReach, SeedLimits, find_candidates
from genomehub.kernels.chaining import Candidates, ChainLimits
from genomehub.kernels.lookup import Genome, OrientedReads
from genomehub.types import AlignmentScoring, PackedReference, ReadBatch, SeedIndex

#: Every read is looked up by itself.
NO_MATES = MateReach(0, 0)


class Oriented(NamedTuple):
    """A batch's reads on both strands, for vectors.

    strands : (2 * n_bases + 64,) uint8, all reads, then their reverse complements, then padding
    offsets : (n_reads + 1,) int64
    longest : bp
    """

    strands: np.ndarray
    offsets: np.ndarray
    longest: int


def scoring_of(config: AlignConfig) -> AlignmentScoring:
    """The scores of a configuration, as kernels take them."""
    return AlignmentScoring(
        config.match, config.mismatch, config.gap_open, config.gap_extend, config.end_bonus
    )


def orient_reads(batch: ReadBatch) -> Oriented:
    """Copy the reads on both strands."""
    strands = np.empty(2 * batch.bases.size + 64, dtype=np.uint8)
    extension.orient(batch.bases, batch.offsets, strands)
    return Oriented(strands, batch.offsets, int(np.diff(batch.offsets).max(initial=1)))


def chain_reads(
    reads: Oriented,
    index: SeedIndex,
    bases: PackedReference,
    config: AlignConfig,
    reach: MateReach = NO_MATES,
) -> tuple[Candidates, np.ndarray]:
    """Find where the reads of a batch may lie.

    Parameters
    ----------
    reads : Oriented
    index, bases : SeedIndex and PackedReference of one reference, with read-only arrays
    config : AlignConfig
    reach : MateReach, where reads 2t and 2t + 1 are mates

    Returns
    -------
    candidates : Candidates, at most config.max_candidates a read
    unused : (n_reads,) float32, part of each read that lies in seeds too frequent to be used
    """
    n_reads = reads.offsets.size - 1
    seed_limits = SeedLimits(
        config.max_frequency,
        config.max_pair_frequency,
        config.max_linked_frequency,
        config.rescue_frequency,
        config.rescue_fraction,
        max(config.max_hits, config.max_frequency, config.max_pair_frequency),  # room for one seed at least
    )
    chain_limits = ChainLimits(
        config.max_gap,
        config.max_candidates,
        config.min_chain_ratio,
        -(-config.min_score // config.match),  # a part of fewer bases cannot be reported
        scoring_of(config),
    )
    out = empty_candidates(n_reads, n_reads * config.max_candidates)
    unused = np.zeros(n_reads, dtype=np.float32)
    n = find_candidates(
        OrientedReads(reads.strands, reads.offsets),
        Genome(index, seed_shape(index), bases, bool(bases.is_alt.any())),
        scoring_of(config),
        seed_limits,
        chain_limits,
        reach,
        reads.longest,
        out,
        unused,
    )
    return Candidates(out.offsets, *(array[:n] for array in out[1:])), unused


def empty_candidates(n_reads: int, room: int) -> Candidates:
    """Candidates to be filled; memory that is never written is never taken."""
    return Candidates(
        np.zeros(n_reads + 1, dtype=np.int64),
        np.empty(room, dtype=np.uint8),
        np.empty(room, dtype=np.int64),
        np.empty(room, dtype=np.int32),
        np.empty(room, dtype=np.int32),
        np.empty(room, dtype=np.int32),
        np.empty(room, dtype=np.int32),
    )
