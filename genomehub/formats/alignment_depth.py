"""Records piece by piece, fewer of them where they pile up: amplicons, centromeres, collapsed repeats.

What is kept depends on names and starts of the reads alone, not on how the file came in pieces.
"""

from collections.abc import Iterable, Iterator

import numpy as np

from genomehub.formats.alignment_reader import concatenate_records
from genomehub.kernels import depth as kernels
from genomehub.kernels.depth import STRETCH
from genomehub.types import Records


def thinned(pieces: Iterable[Records], most: int) -> Iterator[Records]:
    """Yield records, at most ``most`` (and mates of these) that start in the same 100 bp of a contig.

    Parameters
    ----------
    pieces : records of one contig, sorted by start
    most : of more, those with the least draws are kept; a draw is made of the read's name

    Notes
    -----
    Cost        nothing is copied where no reads pile up; memory for a piece more than what is kept
    """
    held: Records | None = None
    for piece in pieces:
        if piece.start.size == 0:
            continue
        if held is not None:
            tail = int(np.searchsorted(held.start, held.start[-1] // STRETCH * STRETCH))
            border = (held.start[-1] // STRETCH + 1) * STRETCH
            n_more = int(np.searchsorted(piece.start, border))
            if n_more and (n_more == piece.start.size or held.start.size - tail + n_more > most):
                if tail:
                    yield slice_records(held, 0, tail)
                piece = concatenate_records([slice_records(held, tail, held.start.size), piece])
            else:
                yield held
        keep = kernels.keep_starts(piece.start, piece.name_hash, most)
        held = piece if keep.all() else select_records(piece, keep)
    if held is not None:
        yield held


def slice_records(records: Records, first: int, last: int) -> Records:
    """Return views of records ``first`` to ``last`` (exclusive)."""
    parts = {}
    for flat, offsets in ((("cigars",), records.cigar_offsets), (("bases", "quals"), records.offsets)):
        begin, end = offsets[first], offsets[last]
        parts.update({name: getattr(records, name)[begin:end] for name in flat})
    parts["cigar_offsets"] = records.cigar_offsets[first : last + 1] - records.cigar_offsets[first]
    parts["offsets"] = records.offsets[first : last + 1] - records.offsets[first]
    rows = {name: getattr(records, name)[first:last] for name in Records._fields if name not in parts}
    return Records(**rows, **parts)


def select_records(records: Records, keep: np.ndarray) -> Records:
    """Return the records where ``keep`` ((n,) bool) says so."""

    def ragged(values: np.ndarray, offsets: np.ndarray) -> np.ndarray:
        return values[np.repeat(keep, np.diff(offsets))]

    def starts(offsets: np.ndarray) -> np.ndarray:
        return np.concatenate([[0], np.cumsum(np.diff(offsets)[keep])]).astype(np.int64)

    flat = {"cigars", "cigar_offsets", "bases", "quals", "offsets"}
    rows = {name: getattr(records, name)[keep] for name in Records._fields if name not in flat}
    return Records(
        cigars=ragged(records.cigars, records.cigar_offsets), cigar_offsets=starts(records.cigar_offsets),
        bases=ragged(records.bases, records.offsets), quals=ragged(records.quals, records.offsets),
        offsets=starts(records.offsets), **rows,
    )  # fmt: skip
