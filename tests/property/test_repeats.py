"""Tandem repeats: equal to the plain twin."""

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st
from plain import repeats as plain

from genomehub.config import CallConfig
from genomehub.kernels.events import Events
from genomehub.kernels.repeats import MAX_PERIOD, gap_costs, indel_repeats, tracts
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


@settings(deadline=None)
@given(repetitive.filter(len), repetitive.filter(len), st.booleans())
@example([0, 1, 1, 1], [1], True)
@example([0, 1, 2, 1, 2, 1], [1, 2, 1, 2], True)
@example([0, 1, 1], [2, 2], True)
@example([0] + [1] * 9, [1], False)
def test_indel_repeats__equals_plain(reference, text, inserted):
    if not inserted:
        reference = reference[:1] + text + reference[1:]
    anchor, row = reference[:1], np.zeros(1, np.int64)
    alt = np.array(anchor + text * inserted, np.uint8)
    ref_length = np.array([1 + len(text) * (not inserted)])
    none = np.zeros(0, np.int64)
    events = Events(row, ref_length, row, np.array([alt.size]), none, none, none)
    got = indel_repeats(events, alt, np.array(reference, np.uint8))
    removed, added = ([], text) if inserted else (text, [])
    assert tuple(got[0].tolist()) == plain.indel_repeats(reference, 0, removed, added, MAX_PERIOD)


def test_indel_repeats__substitution_is_none():
    one, none = np.zeros(1, np.int64), np.zeros(0, np.int64)
    events = Events(one, one + 1, one, one + 1, none, none, none)
    assert indel_repeats(events, np.array([2], np.uint8), np.array([1, 1], np.uint8)).tolist() == [[0, 0]]
