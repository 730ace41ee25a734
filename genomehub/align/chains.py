"""Reads to candidates: seeds looked up and chained, before any base is compared."""

import numpy as np

from genomehub.align.index import seed_shape
from genomehub.config import AlignConfig
from genomehub.kernels.candidates import SeedLimits, find_candidates
from genomehub.kernels.chaining import Candidates, ChainLimits
from genomehub.types import ReadBatch, SeedIndex


def chain_reads(batch: ReadBatch, index: SeedIndex, config: AlignConfig) -> tuple[Candidates, np.ndarray]:
    """Find where the reads of a batch may lie.

    Parameters
    ----------
    batch : ReadBatch with read-only arrays
    index : SeedIndex with read-only arrays
    config : AlignConfig

    Returns
    -------
    candidates : Candidates, at most config.max_candidates a read, best first
    unused : (n_reads,) float32, part of each read that lies in seeds too frequent to be used
    """
    n_reads = batch.offsets.size - 1
    seed_limits = SeedLimits(
        config.max_frequency,
        config.max_pair_frequency,
        config.rescue_frequency,
        config.rescue_fraction,
        config.max_hits,
    )
    chain_limits = ChainLimits(config.max_gap, config.max_candidates, config.min_chain_ratio)
    longest = int(np.diff(batch.offsets).max(initial=1))
    out = empty_candidates(n_reads, n_reads * config.max_candidates)
    unused = np.zeros(n_reads, dtype=np.float32)
    n = find_candidates(
        batch.bases, batch.offsets, index, seed_shape(index), seed_limits, chain_limits, longest, out, unused
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
