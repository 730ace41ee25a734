"""Two sequences, or many pairs of them, to their best alignment: for users of the library.

Texts come in, small tuples go out; the work is done by kernels/pairwise.py in the whole matrix of a pair.
Placing reads on a reference is the mapper's business.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from genomehub.config import AlignConfig
from genomehub.errors import ConfigError, InputError
from genomehub.kernels import pairwise
from genomehub.kernels.encode import ASCII_TO_CODE, ASCII_TO_NIBBLE, NO_BASE
from genomehub.types import AlignmentScoring, Base

_MODES = {"global": pairwise.GLOBAL, "local": pairwise.LOCAL, "extension": pairwise.EXTENSION}
#: Scores stay below this, as 32-bit lanes ask; a matrix has at most so many cells, a byte each.
_LARGEST_SCORE, _MOST_CELLS = 2**29, 2**32
_OPERATIONS = "MIDNSHP=X"

#: bwa mem's scores, which reads are aligned with.
DEFAULT_SCORING = AlignmentScoring(
    AlignConfig.match,
    AlignConfig.mismatch,
    AlignConfig.gap_open,
    AlignConfig.gap_extend,
    AlignConfig.end_bonus,
)
_UNIT_COSTS = AlignmentScoring(match=0, mismatch=1, gap_open=0, gap_extend=1, end_bonus=0)


class PairwiseAlignment(NamedTuple):
    """How a query lies on a target.

    score : without end bonus; 0 if nothing aligns
    query_start, query_end, target_start, target_end : aligned parts, 0-based, half-open
    cigar : M (a pair of bases, equal or not), I (in the query only), D (in the target only); "" for nothing
    edit_distance : unequal pairs and bases in gaps (NM)
    """

    score: int
    query_start: int
    query_end: int
    target_start: int
    target_end: int
    cigar: str
    edit_distance: int


def align_pair(
    query: str, target: str, mode: str = "global", scoring: AlignmentScoring = DEFAULT_SCORING
) -> PairwiseAlignment:
    """Align one sequence to another; see `align_pairs`, which is far quicker for many pairs.

    Examples
    --------
    >>> align_pair("GCAAATC", "GCAAAATC").cigar
    '2M1D5M'
    >>> found = align_pair("TTTGATTACATTT", "CCGATTACACC", mode="local")
    >>> found.score, found.query_start, found.target_start, found.cigar
    (7, 3, 2, '7M')
    """
    return align_pairs([query], [target], mode, scoring)[0]


def align_pairs(
    queries: Sequence[str],
    targets: Sequence[str],
    mode: str = "global",
    scoring: AlignmentScoring = DEFAULT_SCORING,
) -> list[PairwiseAlignment]:
    """Align each query to its target with affine gaps, without a band.

    Parameters
    ----------
    queries, targets : DNA of either case, as many of one as of the other; anything but A, C, G and T (N,
        ambiguity codes) matches nothing
    mode : "global": the whole of both; "local": the best part of either; "extension": from the first base of
        both to where it stops to pay (an unclipped end of the query is worth scoring.end_bonus)
    scoring : AlignmentScoring; a gap of k bases costs gap_open + k * gap_extend

    Returns
    -------
    list of PairwiseAlignment, in the order of the pairs

    Raises
    ------
    ConfigError
        The mode, the scores or the numbers of sequences make no sense.
    InputError
        A sequence has a character that is no base, or a pair is too long for a matrix.

    Notes
    -----
    Cost        O(m * n) time and bytes a pair
    Ties        a gap that could stand at several places stands leftmost; see kernels.pairwise.align_pairs

    Examples
    --------
    >>> [found.score for found in align_pairs(["ACGT", "ACGT"], ["ACGT", "ACCT"])]
    [4, -1]
    """
    if mode not in _MODES:
        raise ConfigError(f"mode {mode!r}: expected one of {', '.join(map(repr, _MODES))}.")
    if len(queries) != len(targets):
        raise ConfigError(
            f"{len(queries)} queries and {len(targets)} targets: give as many of one as of the other; "
            "repeat a target that several queries are aligned to."
        )
    query, query_offsets = _codes(queries, "query", Base.N)
    target, target_offsets = _codes(targets, "target", Base.OTHER)
    _check(np.diff(query_offsets), np.diff(target_offsets), scoring)
    spans = pairwise.align_pairs(
        query, query_offsets, target, target_offsets, _MODES[mode], AlignmentScoring(*map(int, scoring))
    )
    *columns, cigars, cigar_offsets = (array.tolist() for array in spans)
    found = []
    for p, (score, query_start, query_end, target_start, target_end) in enumerate(zip(*columns, strict=True)):
        words = cigars[cigar_offsets[p] : cigar_offsets[p + 1]]
        starts = int(query_offsets[p]) + query_start, int(target_offsets[p]) + target_start
        edits = _edits(words, query, starts[0], target, starts[1])
        text = cigar_text(words)
        found.append(PairwiseAlignment(score, query_start, query_end, target_start, target_end, text, edits))
    return found


def edit_distance(query: str, target: str) -> int:
    """Return how many bases must be substituted, inserted or deleted to make one sequence the other.

    Examples
    --------
    >>> edit_distance("GATTACA", "GCATTACC")
    2
    """
    return -align_pair(query, target, "global", _UNIT_COSTS).score


def cigar_text(words: Iterable[int]) -> str:
    """Return BAM's CIGAR words as text.

    Examples
    --------
    >>> cigar_text([10 << 4 | 4, 91 << 4])
    '10S91M'
    """
    return "".join(f"{word >> 4}{_OPERATIONS[word & 15]}" for word in words)


def sequence_codes(text: str | bytes, name: str) -> np.ndarray:
    """Return (n,) uint8 codes of a DNA text of either case; ``name`` is for messages.

    Raises
    ------
    InputError
        A character is no base and no IUPAC code.
    """
    letters = np.frombuffer(text.encode("ascii", "replace") if isinstance(text, str) else text, np.uint8)
    is_strange = ASCII_TO_NIBBLE[letters] == NO_BASE
    if is_strange.any():
        at = int(is_strange.argmax())
        raise InputError(
            f"{name}, base {at + 1}: {text[at : at + 1]!r} is no base; DNA is written in A, C, G, T, N and "
            "IUPAC codes. Remove what is no sequence."
        )
    return ASCII_TO_CODE[letters]


def _codes(texts: Sequence[str], what: str, other: int) -> tuple[np.ndarray, np.ndarray]:
    parts = [sequence_codes(text, f"{what} {number}") for number, text in enumerate(texts, start=1)]
    codes = np.concatenate([np.empty(0, np.uint8), *parts])
    codes[codes == Base.N] = other
    return codes, np.cumsum([0, *(part.size for part in parts)]).astype(np.int64)


def _check(query_lengths: np.ndarray, target_lengths: np.ndarray, scoring: AlignmentScoring) -> None:
    if min(scoring) < 0:
        raise ConfigError(f"{scoring}: scores and penalties are given as positive numbers.")
    lengths = query_lengths + target_lengths
    dearest = max(scoring.match, scoring.mismatch, scoring.gap_open + scoring.gap_extend, scoring.end_bonus)
    cells = (lengths + 1) * (query_lengths + 1)
    is_too_long = (lengths * dearest > _LARGEST_SCORE) | (cells > _MOST_CELLS)
    if is_too_long.any():
        pair = int(is_too_long.argmax())
        raise InputError(
            f"pair {pair + 1}: a query of {query_lengths[pair]:,} and a target of {target_lengths[pair]:,} "
            f"bases are too long for a whole matrix ({_MOST_CELLS:,} cells, and scores below "
            f"{_LARGEST_SCORE:,}). Cut them, or place the query with Aligner."
        )


def _edits(words: list[int], query: np.ndarray, i: int, target: np.ndarray, j: int) -> int:
    edits = 0
    for word in words:
        length, operation = word >> 4, _OPERATIONS[word & 15]
        if operation == "M":
            edits += int((query[i : i + length] != target[j : j + length]).sum())
        else:
            edits += length
        i += length if operation != "D" else 0
        j += length if operation != "I" else 0
    return edits
