"""Candidates to alignments: along the diagonal first, with gaps where a gap could score more."""

from typing import NamedTuple

import numpy as np

from genomehub.align.chains import Oriented, scoring_of
from genomehub.config import AlignConfig
from genomehub.kernels import extension
from genomehub.kernels.banded import align_banded, check_banded
from genomehub.kernels.chaining import Candidates
from genomehub.kernels.extension import Alignments
from genomehub.types import AlignmentScoring, PackedReference

# Chains that score or cover less than this part of the read's best are not aligned with gaps: they could
# not become the best or a close second. With an exact best only a close second counts.
_RATIO, _RATIO_BESIDE_EXACT = 0.6, 0.85


class Cigars(NamedTuple):
    """Answers of banded alignment: ``cigars[offsets[p] : offsets[p + 1]]`` is problem p's, without clips."""

    cigars: np.ndarray
    offsets: np.ndarray


def no_cigars() -> Cigars:
    """Cigars of no problem."""
    return Cigars(np.empty(0, dtype=np.uint32), np.zeros(1, dtype=np.int64))


def extend_candidates(
    candidates: Candidates, reads: Oriented, bases: PackedReference, config: AlignConfig
) -> tuple[Alignments, Cigars]:
    """Align reads at their candidates.

    Parameters
    ----------
    candidates : Candidates of the reads
    reads : Oriented
    bases : PackedReference with read-only arrays
    config : AlignConfig

    Returns
    -------
    alignments : Alignments, a row for each candidate
    cigars : Cigars of the alignments with gaps
    """
    n = candidates.strand.size
    out = empty_alignments(candidates.offsets.size, n)
    exact = np.empty(n, dtype=np.bool_)
    scoring = scoring_of(config)
    extension.extend_ungapped(
        candidates, reads.strands, reads.offsets, bases, scoring, reads.longest, out, exact
    )
    chosen = np.empty(n, dtype=np.int32)
    n_chosen = extension.choose_gapped(
        candidates, out, exact, config.max_gapped, _RATIO, _RATIO_BESIDE_EXACT, chosen
    )
    chosen = chosen[:n_chosen]
    wide = (candidates.high[chosen] - candidates.low[chosen]) > config.narrow_band // 2
    parts = [no_cigars()]
    for band, some in ((config.narrow_band, chosen[~wide]), (config.max_gap + 16, chosen[wide])):
        if some.size:
            first = sum(part.offsets.size - 1 for part in parts)
            parts.append(_align_gapped(candidates, some, reads, bases, scoring, band, first, out))
    return out, join_cigars(parts)


def _align_gapped(
    candidates: Candidates,
    chosen: np.ndarray,
    reads: Oriented,
    bases: PackedReference,
    scoring: AlignmentScoring,
    band: int,
    first_problem: int,
    out: Alignments,
) -> Cigars:
    read = np.searchsorted(candidates.offsets, chosen, side="right") - 1
    n_query = int(np.diff(reads.offsets)[read].sum())
    queries = np.empty(n_query, dtype=np.uint8)
    targets = np.empty(n_query + 2 * band * chosen.size, dtype=np.uint8)
    query_offsets = np.empty(chosen.size + 1, dtype=np.int64)
    target_offsets = np.empty(chosen.size + 1, dtype=np.int64)
    extension.lay_out_problems(
        candidates, out.contig_index, chosen, reads.strands, reads.offsets, bases, band,
        queries, query_offsets, targets, target_offsets,
    )  # fmt: skip
    check_banded(query_offsets, target_offsets, band, scoring)
    *spans, cigars, cigar_offsets = align_banded(
        queries, query_offsets, targets, target_offsets, band, scoring
    )
    extension.take_answers(candidates, chosen, band, first_problem, tuple(spans), out)
    return Cigars(cigars, cigar_offsets)


def join_cigars(parts: list[Cigars]) -> Cigars:
    """Number the problems of all parts through."""
    starts = np.cumsum([0, *(part.cigars.size for part in parts)])
    offsets = [part.offsets[:-1] + start for part, start in zip(parts, starts, strict=False)]
    return Cigars(np.concatenate([part.cigars for part in parts]), np.concatenate([*offsets, starts[-1:]]))


def empty_alignments(n_offsets: int, n: int) -> Alignments:
    """Alignments to be filled, n rows."""
    return Alignments(
        np.empty(n_offsets, dtype=np.int64),
        np.empty(n, dtype=np.uint8),
        np.empty(n, dtype=np.int32),
        np.empty(n, dtype=np.int32),
        np.empty(n, dtype=np.int32),
        np.empty(n, dtype=np.int32),
        np.empty(n, dtype=np.int64),
        np.empty(n, dtype=np.int64),
        np.empty(n, dtype=np.int32),
    )
