"""Short tandem repeats: where a sequence repeats a unit of 1 to 8 bases, and what that does to gap costs.

Insertions and deletions by polymerase slippage, in the library as in the genome, happen in such tracts; so
the caller asks here for the gap costs of a read (``gap_costs``), for the prior of an indel (``tracts`` with
the tables of ``variants.likelihoods``) and for the edges that an active region may not cut.
"""

import numpy as np

from genomehub.kernels._jit import borrowing, inline, kernel
from genomehub.kernels.vectors import bit_and, equal, less, load, mask_bits, splat, trailing_zeros

#: Longest unit looked for, bp.
MAX_PERIOD = 8
#: Repeats beyond this count as this many; the width of the tables.
MAX_REPEATS = 20
_LANES = 32  # bases that are compared at once
_ABOVE = np.uint64(0xFFFFFFFF00000000)  # bits behind those of such a block


@borrowing
def _matches(codes, i, unit):
    return codes[i] <= 3 and codes[i] == codes[i - unit]


@borrowing
def _block_matches(codes, at, stop, unit):
    """Bit k says whether the base at + k is the one a unit before; bits behind ``stop`` are not set.

    Bits behind the block are set if the sequence goes on: what matches there is not known.
    """
    here = load(codes, at, _LANES)
    same = bit_and(equal(here, load(codes, at - unit, _LANES)), less(here, splat(4, "u8", _LANES)))
    word = mask_bits(same)
    if at + _LANES < stop:
        return word | _ABOVE
    return word & ((np.uint64(1) << np.uint64(stop - at)) - np.uint64(1))


@borrowing
def _next_run(codes, i, stop, unit, length):
    """First base from i on where at least ``length`` bases in a row are those a unit before; stop if none.

    Most sequence repeats nothing: blocks of it are dismissed with a few instructions.
    """
    while i < stop and i + _LANES <= codes.size:
        runs, have = _block_matches(codes, i, stop, unit), 1
        wanted = min(length, _LANES)
        while have < wanted:
            step = min(have, wanted - have)
            runs &= runs >> np.uint64(step)
            have += step
        k = trailing_zeros(runs) if runs else np.uint64(_LANES)
        if k >= np.uint64(_LANES):
            i += _LANES
            continue
        i += np.int64(k)
        end = _run_end(codes, i, stop, unit)
        if end - i >= length:
            return i
        i = end
    while i < stop:
        end = _run_end(codes, i, stop, unit)
        if end - i >= length:
            return i
        i = end + 1
    return stop


@borrowing
def _run_end(codes, i, stop, unit):
    while i < stop and _matches(codes, i, unit):
        i += 1
    return i


@kernel
def tracts(codes, shortest):
    """Find for each base the longest tandem repeat that holds it.

    Parameters
    ----------
    codes : (n,) uint8, codes 0-3; anything else ends a tract
    shortest : (MAX_PERIOD + 1,) int64, fewest bp of a tract by period (index 0 is not used)

    Returns
    -------
    period : (n,) uint8, unit length in bp, 0 where no tract
    start, end : (n,) int32, the tract's bounds; i and i + 1 where no tract

    Notes
    -----
    Of tracts that hold a base the longest counts, of equally long ones that of the shorter unit.
    Raises      nothing
    Cost        O(MAX_PERIOD * n) time
    Plain twin  tests/plain/repeats.py
    """
    n = codes.size
    period = np.zeros(n, dtype=np.uint8)
    start = np.arange(n).astype(np.int32)
    end = start + np.int32(1)
    for unit in range(1, MAX_PERIOD + 1):
        i = _next_run(codes, unit, n, unit, shortest[unit] - unit)
        while i < n:
            first, i = i - unit, _run_end(codes, i, n, unit)
            _claim(period, start, end, unit, first, i)
            i = _next_run(codes, i, n, unit, shortest[unit] - unit)
    return period, start, end


@borrowing
def _claim(period, start, end, unit, first, last):
    for j in range(first, last):
        if period[j] == 0 or end[j] - start[j] < last - first:
            period[j] = unit
            start[j] = first
            end[j] = last


@kernel
def indel_repeats(events, sequences, reference):
    """Find the unit that each indel adds or removes, and how often the reference repeats it there.

    Parameters
    ----------
    events : Events, spelled as in VCF: the base before an indel belongs to it
    sequences : (n_bases,) uint8, what ``alt_begin`` and ``alt_end`` point into
    reference : (n_rows,) uint8

    Returns
    -------
    (n, 2) int64, length of the shortest unit (at most MAX_PERIOD) that the added or removed bases consist of,
    and its copies in the reference behind the base before; 0, 0 for anything but a pure indel of such units

    Notes
    -----
    Plain twin  tests/plain/repeats.py
    """
    out = np.zeros((events.row.size, 2), dtype=np.int64)
    for e in range(events.row.size):
        row, begin = events.row[e], events.alt_begin[e]
        ref_length, alt_length = events.ref_length[e], events.alt_end[e] - begin
        if (ref_length == 1) == (alt_length == 1) or sequences[begin] != reference[row]:
            continue
        if alt_length > 1:
            text = sequences[begin + 1 : events.alt_end[e]]
        else:
            text = reference[row + 1 : row + ref_length]
        unit = _unit_of(text)
        if unit == 0:
            continue
        length, at = 0, row + 1
        while at < reference.size and reference[at] <= 3 and reference[at] == text[length % unit]:
            length, at = length + 1, at + 1
        out[e, 0], out[e, 1] = unit, length // unit
    return out


@inline
def _unit_of(text):
    """Length of the shortest unit that ``text`` repeats wholly, 0 if it is longer than MAX_PERIOD."""
    for unit in range(1, min(MAX_PERIOD, text.size) + 1):
        if text.size % unit:
            continue
        repeats = True
        for i in range(unit, text.size):
            repeats &= text[i] == text[i - unit]
        if repeats:
            return unit
    return 0


@kernel
def gap_costs(codes, offsets, open_table, extend_table, gap_open, gap_extend):
    """Write the Phred costs of opening and continuing a gap at each base of many sequences.

    Parameters
    ----------
    codes : (n_bases,) uint8, codes of reads (0-4)
    offsets : (n_reads + 1,) int64
    open_table, extend_table : (MAX_PERIOD + 1, MAX_REPEATS + 1) uint8, Phred by period and repeats; row 1
        column 1 is the cost outside any repeat
    gap_open, gap_extend : (n_bases,) uint8, out

    Notes
    -----
    Of all periods whose tract holds the base the cheapest opening counts, and its continuation with it.
    """
    _price_gaps(codes, offsets, open_table, extend_table, _least_cheap(open_table), gap_open, gap_extend)


@borrowing
def _price_gaps(codes, offsets, open_table, extend_table, least, gap_open, gap_extend):
    usual_open, usual_extend = open_table[1, 1], extend_table[1, 1]
    for r in range(offsets.size - 1):
        begin, stop = offsets[r], offsets[r + 1]
        for i in range(begin, stop):
            gap_open[i] = usual_open
            gap_extend[i] = usual_extend
        for unit in range(1, MAX_PERIOD + 1):
            matching = (least[unit] - 1) * unit
            i = _next_run(codes, min(begin + unit, stop), stop, unit, matching)
            while i < stop:
                first, i = i - unit, _run_end(codes, i, stop, unit)
                repeats = min((i - first) // unit, MAX_REPEATS)
                if open_table[unit, repeats] < usual_open:
                    _cheapen(
                        gap_open, gap_extend, first, i, open_table[unit, repeats], extend_table[unit, repeats]
                    )
                i = _next_run(codes, i, stop, unit, matching)


@inline
def _least_cheap(open_table):
    """Fewest repeats, at least 2, of each unit that make a gap cheaper than outside of any; else one more
    than the table holds."""
    least = np.empty(MAX_PERIOD + 1, dtype=np.int64)
    for unit in range(1, MAX_PERIOD + 1):
        least[unit] = 2
        while least[unit] <= MAX_REPEATS and open_table[unit, least[unit]] >= open_table[1, 1]:
            least[unit] += 1
    return least


@borrowing
def _cheapen(gap_open, gap_extend, first, last, opening, extension):
    for j in range(first, last):
        if opening < gap_open[j]:
            gap_open[j] = opening
            gap_extend[j] = extension
