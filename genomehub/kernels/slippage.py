"""How long reads say that tandem repeats are: what the error model of a sample is measured from."""

import numpy as np

from genomehub.kernels._jit import inline, kernel
from genomehub.kernels.pileup import D, I, uses_reference

#: Changes of length beyond this count as this one, bp.
MAX_CHANGE = 10
#: Indels of one read that are looked at.
_MAX_INDELS = 32


@kernel
def tally_lengths(alignments, usable, window_start, first, last, flank):
    """Count the reads over each tract by how much longer than the reference they say it is.

    Parameters
    ----------
    alignments : Alignments of one contig
    usable : (n_reads,) bool, reads that count
    window_start : 0-based bp of row 0
    first, last : (n_tracts,) int64, rows, half-open, ascending by ``first``
    flank : aligned bp on both sides of a tract without which a read has no say

    Returns
    -------
    (n_tracts, 2 * MAX_CHANGE + 1) int32, reads by change of length; column MAX_CHANGE: as in the reference

    Notes
    -----
    An indel counts for the tracts that it touches: a deletion by a base, an insertion also at their edges.
    Cost        O(reads * tracts under a read)
    Plain twin  tests/plain/slippage.py
    """
    counts = np.zeros((first.size, 2 * MAX_CHANGE + 1), dtype=np.int32)
    indels = np.empty((_MAX_INDELS, 3), dtype=np.int64)
    for read in range(alignments.start.size):
        if not usable[read]:
            continue
        begin = np.int64(alignments.start[read]) - window_start
        end = np.int64(alignments.end[read]) - window_start
        n_indels = _indels_of(alignments, read, begin, indels)
        tract = np.searchsorted(first, begin + flank)
        while tract < first.size and first[tract] + flank < end:
            if last[tract] + flank <= end:
                change = _change_in(indels, n_indels, first[tract], last[tract])
                counts[tract, MAX_CHANGE + min(max(change, -MAX_CHANGE), MAX_CHANGE)] += 1
            tract += 1
    return counts


@inline
def _indels_of(alignments, read, row, indels):
    """Write (first row, row behind the deleted bases, change) of each indel; how many there are."""
    n = 0
    for c in range(alignments.cigar_offsets[read], alignments.cigar_offsets[read + 1]):
        op, length = alignments.cigars[c] & 15, np.int64(alignments.cigars[c] >> 4)
        if op in (D, I) and n < indels.shape[0]:
            indels[n, 0] = row
            indels[n, 1] = row + length if op == D else row
            indels[n, 2] = -length if op == D else length
            n += 1
        if uses_reference(op):
            row += length
    return n


@inline
def _change_in(indels, n_indels, first, last):
    change = 0
    for k in range(n_indels):
        if indels[k, 2] < 0:
            touches = indels[k, 0] < last and indels[k, 1] > first
        else:
            touches = first <= indels[k, 0] <= last
        change += indels[k, 2] if touches else 0
    return change
