"""Alignments of both mates to each read's place and rows, and the insert sizes that this needs."""

import numpy as np

from genomehub.align.chains import Oriented, empty_candidates, scoring_of
from genomehub.align.extend import Cigars, empty_alignments, extend_candidates, join_cigars
from genomehub.config import AlignConfig
from genomehub.kernels import pairing, ranking, reporting, rescue
from genomehub.kernels.chaining import Candidates
from genomehub.kernels.extension import Alignments
from genomehub.kernels.pairing import Choice, PairLimits
from genomehub.kernels.ranking import Parts, Ranking
from genomehub.kernels.reporting import ReportLimits, Rows
from genomehub.types import InsertSizeModel, PackedReference

# Pairs that insert sizes are estimated from: both mates this sure, not further apart than this (bp).
_SURE, _FARTHEST = 20, 10_000
# Bounds of proper pairs, as bwa sets them: quartiles widened by so many interquartile ranges, at least so
# many standard deviations; outliers left out of mean and deviation.
_OUTLIER_RANGES, _PROPER_RANGES, _PROPER_DEVIATIONS = 2.0, 3.0, 4.0


def rank(
    alignments: Alignments,
    offsets: np.ndarray,
    n_ends: int,
    first_template: int,
    is_alt: np.ndarray,
    earlier: tuple[Alignments, Ranking] | None = None,
) -> Ranking:
    """Distinct alignments of each read, best first, those on ALT contigs (``is_alt``) last.

    offsets : (n_reads + 1,) int64, of the reads
    earlier : the alignments to which some were added, and their ranking: the other reads keep theirs
    """
    n = alignments.score.size
    out = Ranking(
        np.empty(alignments.offsets.size, dtype=np.int64),
        np.empty(alignments.offsets.size - 1, dtype=np.int64),
        np.empty(n, dtype=np.int32),
        np.empty(n, dtype=np.int64),
        np.empty(n, dtype=np.uint64),
    )
    old_offsets, before = np.empty(0, dtype=np.int64), out
    if earlier is not None:
        old_offsets, before = earlier[0].offsets, earlier[1]
    ranking.rank_alignments(alignments, offsets, n_ends, first_template, is_alt, old_offsets, before, out)
    return out


def find_parts(alignments: Alignments, ranked: Ranking, reads: Oriented) -> Parts:
    """Which alignments of each read compete over one part of it."""
    out = Parts(np.empty(ranked.rows.size, dtype=np.int32), np.empty(ranked.rows.size, dtype=np.int32))
    ranking.mark_parts(alignments, ranked, reads.offsets, out)
    return out


def pair_limits(model: InsertSizeModel, config: AlignConfig) -> PairLimits:
    """What the kernels need of an insert-size model."""
    return PairLimits(
        float(model.mean),
        float(model.standard_deviation),
        int(model.low),
        int(model.high),
        config.unpaired_penalty,
        config.min_score,
        config.min_mate_score,
    )


def rescue_mates(
    alignments: Alignments,
    cigars: Cigars,
    ranked: Ranking,
    reads: Oriented,
    bases: PackedReference,
    limits: PairLimits,
    config: AlignConfig,
) -> tuple[Alignments, Cigars]:
    """Add alignments found beside mates that have no partner; the input itself if there are none."""
    n_reads = reads.offsets.size - 1
    out = empty_candidates(n_reads, n_reads * config.max_rescues)
    n = rescue.rescue_mates(
        alignments,
        ranked,
        reads.strands,
        reads.offsets,
        bases,
        limits,
        config.max_rescues,
        reads.longest,
        out,
    )
    if n == 0:
        return alignments, cigars
    candidates = Candidates(out.offsets, *(array[:n] for array in out[1:]))
    found, found_cigars = extend_candidates(candidates, reads, bases, config)
    merged = empty_alignments(alignments.offsets.size, alignments.score.size + n)
    rescue.merge_alignments(alignments, found, cigars.offsets.size - 1, merged)
    return merged, join_cigars([cigars, found_cigars])


def choose(
    alignments: Alignments,
    ranked: Ranking,
    parts: Parts,
    reads: Oriented,
    unused: np.ndarray,
    limits: PairLimits | None,
    config: AlignConfig,
) -> Choice:
    """Settle each read's place: mates together if ``limits`` are given, else each read by itself."""
    n_reads = reads.offsets.size - 1
    out = Choice(
        np.empty(n_reads, dtype=np.int32),
        np.empty(n_reads, dtype=np.uint8),
        np.empty(n_reads, dtype=np.int32),
        np.empty(n_reads, dtype=np.uint8),
    )
    paired = limits is not None
    limits = limits or pair_limits(model_of(np.empty(0, dtype=np.int64), config), config)
    pairing.choose_alignments(
        alignments, ranked, parts, reads.offsets, unused, scoring_of(config), limits, paired, out
    )
    return out


def report(
    alignments: Alignments,
    ranked: Ranking,
    parts: Parts,
    choice: Choice,
    reads: Oriented,
    unused: np.ndarray,
    config: AlignConfig,
) -> Rows:
    """The rows of every read: the chosen alignment, and what else bwa mem would report."""
    n_reads = reads.offsets.size - 1
    room = n_reads + 2 * int(ranked.offsets[-1])  # each alignment as a row and as another row's other place
    limits = ReportLimits(
        config.min_score,
        config.soft_clip_supplementary,
        config.max_other_places,
        config.max_alt_places,
        config.other_place_ratio,
    )
    out = Rows(
        np.empty(room, dtype=np.int32),
        np.empty(room, dtype=np.int32),
        np.empty(room, dtype=np.uint8),
        np.empty(room, dtype=np.bool_),
        np.empty(room, dtype=np.uint8),
        np.empty(room, dtype=np.int32),
        np.empty(room, dtype=np.int32),
    )
    n = reporting.list_rows(
        alignments, ranked, parts, choice, reads.offsets, unused, scoring_of(config), limits, out
    )
    return Rows(*(array[:n] for array in out))


def insert_sizes(
    alignments: Alignments, choice: Choice, reads: Oriented, config: AlignConfig
) -> InsertSizeModel:
    """Estimate the insert-size model from mates that were placed by themselves (see model_of)."""
    out = np.empty((reads.offsets.size - 1) // 2, dtype=np.int64)
    n = pairing.confident_distances(alignments, choice, reads.offsets, _SURE, _FARTHEST, out)
    return model_of(out[:n], config)


def model_of(distances: np.ndarray, config: AlignConfig) -> InsertSizeModel:
    """Robust model of outer distances.

    Parameters
    ----------
    distances : (n,) int64, bp, of pairs placed surely
    config : AlignConfig; its default model is returned if there are fewer than config.min_mates

    Returns
    -------
    InsertSizeModel : mean and standard deviation without outliers, bounds of proper pairs

    Examples
    --------
    >>> model_of(np.array([300, 310, 320, 330, 340] * 10), AlignConfig())[:4]
    (320.0, 14.142135623730951, 250, 390)
    """
    n = distances.size
    if n < config.min_mates:
        mean, deviation = config.default_insert_mean, config.default_insert_sd
        return InsertSizeModel(
            mean, deviation, max(1, round(mean - 3 * deviation)), round(mean + 4 * deviation), 0
        )
    ordered = np.sort(distances)
    low_quartile, high_quartile = float(ordered[n // 4]), float(ordered[3 * n // 4])
    spread = high_quartile - low_quartile
    inner = ordered[
        (ordered >= low_quartile - _OUTLIER_RANGES * spread)
        & (ordered <= high_quartile + _OUTLIER_RANGES * spread)
    ]
    mean, deviation = float(inner.mean()), max(1.0, float(inner.std()))
    low = min(low_quartile - _PROPER_RANGES * spread, mean - _PROPER_DEVIATIONS * deviation)
    high = max(high_quartile + _PROPER_RANGES * spread, mean + _PROPER_DEVIATIONS * deviation)
    return InsertSizeModel(mean, deviation, max(1, round(low)), round(high), n)
