"""Short tandem repeats: where a sequence repeats a unit of 1 to 8 bases, and what that does to gap costs.

Insertions and deletions by polymerase slippage, in the library as in the genome, happen in such tracts; so
the caller asks here for the gap costs of a read (``gap_costs``), for the prior of an indel (``tracts`` with
the tables of ``variants.likelihoods``) and for the edges that an active region may not cut.
"""

import numpy as np

from genomehub.kernels._jit import inline, kernel

#: Longest unit looked for, bp.
MAX_PERIOD = 8
#: Repeats beyond this count as this many; the width of the tables.
MAX_REPEATS = 20


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
        i = unit
        while i < n:
            if codes[i] > 3 or codes[i] != codes[i - unit]:
                i += 1
                continue
            first = i - unit
            while i < n and codes[i] <= 3 and codes[i] == codes[i - unit]:
                i += 1
            if i - first >= shortest[unit]:
                _claim(period, start, end, unit, first, i)
    return period, start, end


@inline
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
    for r in range(offsets.size - 1):
        begin, stop = offsets[r], offsets[r + 1]
        for i in range(begin, stop):
            gap_open[i] = open_table[1, 1]
            gap_extend[i] = extend_table[1, 1]
        for unit in range(1, MAX_PERIOD + 1):
            i = begin + unit
            while i < stop:
                if codes[i] > 3 or codes[i] != codes[i - unit]:
                    i += 1
                    continue
                first = i - unit
                while i < stop and codes[i] <= 3 and codes[i] == codes[i - unit]:
                    i += 1
                repeats = min((i - first) // unit, MAX_REPEATS)
                if repeats >= 2 and open_table[unit, repeats] < open_table[1, 1]:
                    _cheapen(
                        gap_open, gap_extend, first, i, open_table[unit, repeats], extend_table[unit, repeats]
                    )


@inline
def _cheapen(gap_open, gap_extend, first, last, opening, extension):
    for j in range(first, last):
        if opening < gap_open[j]:
            gap_open[j] = opening
            gap_extend[j] = extension
