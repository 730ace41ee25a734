"""Tandem repeats: equal to the plain twin."""

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st
from plain import repeats as plain

from genomehub.config import CallConfig
from genomehub.kernels.repeats import gap_costs, tracts
from genomehub.variants.likelihoods import gap_extend_table, gap_open_table
from genomehub.variants.pileup import SHORTEST_TRACT

repetitive = st.lists(
    st.tuples(st.lists(st.integers(0, 5), min_size=1, max_size=4), st.integers(1, 5)), max_size=6
).map(lambda parts: [code for unit, n in parts for code in unit * n])


@settings(deadline=None)
@given(repetitive)
@example([])
@example([0])
@example([5, 5, 5, 5, 5, 5])
@example([0] * 7)
@example([0, 1] * 5 + [2])
def test_tracts__equals_plain(sequence):
    period, start, end = tracts(np.array(sequence, np.uint8), SHORTEST_TRACT)
    expected = plain.tracts(sequence, SHORTEST_TRACT.tolist())
    assert list(zip(period.tolist(), start.tolist(), end.tolist(), strict=True)) == expected


def test_tracts__dinucleotide_between_others():
    period, start, end = tracts(np.array([3, 0, 1, 0, 1, 0, 1, 2], np.uint8), SHORTEST_TRACT)
    assert period.tolist() == [0, 2, 2, 2, 2, 2, 2, 0]
    assert (start[3], end[3]) == (1, 7)


@settings(deadline=None)
@given(repetitive, repetitive)
@example([4, 4, 4], [])
@example([0] * 25, [1, 2] * 12)
def test_gap_costs__equals_plain(one, two):
    bases = np.array(one + two, np.uint8)
    offsets = np.array([0, len(one), len(one) + len(two)])
    opening, extension = gap_open_table(CallConfig()), gap_extend_table()
    out = np.empty_like(bases), np.empty_like(bases)
    gap_costs(bases, offsets, opening, extension, *out)
    expected = [
        costs for part in (one, two) for costs in plain.gap_costs(part, opening.tolist(), extension.tolist())
    ]
    assert list(zip(out[0].tolist(), out[1].tolist(), strict=True)) == expected


def test_gap_open_table__falls_with_repeats():
    table = gap_open_table(CallConfig())
    assert table[1, 1] == 45
    assert (np.diff(table[:, 1:].astype(int), axis=1)[1:] <= 0).all()
