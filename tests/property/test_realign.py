"""Reads that one gap fits better: as cheap as the best of all gaps; hand cases."""

import numpy as np
from builders.calling import OPS, Read, codes, make_records
from hypothesis import given, settings
from hypothesis import strategies as st
from plain import realign as plain

from genomehub.kernels.realign import GapLimits, realign
from genomehub.variants.pileup import as_alignments

REFERENCE = "GATTACAGGTTCCTTCCTTCCTTCTTTCCTTCCTTCCGATCGGATTACATCATATATATCAGGCTTAAC"
LIMITS = GapLimits(longest=9, least_part=3, least_quality=10)


def realigned(read, reference=REFERENCE, limits=LIMITS, begin=0, end=None):
    """(start, first row, last row, CIGAR) of the better alignment, None if there is none."""
    records = make_records([read])
    end = len(read.bases) if end is None else end
    found = realign(
        as_alignments(records), np.array([0]), np.array([begin]), np.array([end]), codes(reference), 0, limits
    )
    if not found.entry.size:
        return None
    cigar = [(int(c >> 4), OPS[c & 15]) for c in found.cigars]
    return int(found.start[0]), int(found.first_row[0]), int(found.last_row[0]), cigar


@st.composite
def reads(draw):
    """A read of REFERENCE with a gap, as an aligner may have put it: with one, without or clipped."""
    start = draw(st.integers(2, 30))
    left, right, gap = draw(st.integers(3, 15)), draw(st.integers(3, 15)), draw(st.integers(0, 8))
    if draw(st.booleans()):
        text = draw(st.text("ACGT", min_size=gap, max_size=gap))
        bases = REFERENCE[start : start + left] + text + REFERENCE[start + left : start + left + right]
        true = [(left, "M"), (gap, "I"), (right, "M")]
    else:
        bases = REFERENCE[start : start + left] + REFERENCE[start + left + gap :][:right]
        true = [(left, "M"), (gap, "D"), (right, "M")]
    n = len(bases)
    head, tail = draw(st.integers(0, min(4, n // 3))), draw(st.integers(0, min(6, n // 3)))
    kept = [(head, "S"), (n - head - tail, "M"), (tail, "S")]
    cigar = [item for item in draw(st.sampled_from([true, kept])) if item[0]]
    shift = draw(st.integers(-2, 2)) + (head if cigar[0][1] == "S" else 0)
    for _ in range(draw(st.integers(0, 2))):
        i = draw(st.integers(0, n - 1))
        bases = bases[:i] + draw(st.sampled_from("ACGTN")) + bases[i + 1 :]
    quals = draw(st.lists(st.sampled_from([5, 30]), min_size=n, max_size=n))
    return Read(start + shift, cigar, bases, quals)


@settings(deadline=None, max_examples=300)
@given(reads())
def test_realign__as_cheap_as_the_best_of_all_gaps(read):
    own = plain.cost(read.bases, read.quals, read.cigar, read.start, REFERENCE, LIMITS.least_quality)
    got = realigned(read)
    if own is None:  # a part of it lies outside
        assert got is None
        return
    price, length = plain.best_gap(read, REFERENCE, *LIMITS)
    assert (got is None) == (length == 0)
    if got is None:
        return
    start, first_row, last_row, cigar = got
    assert plain.cost(read.bases, read.quals, cigar, start, REFERENCE, LIMITS.least_quality) == price < own
    assert length in [n for n, op in cigar if op in "ID"]
    rows = [row for _, row in plain.base_by_base(cigar, start) if row is not None]
    assert (first_row, last_row) == (rows[0], rows[-1] + 1)


def test_realign__two_substitutions_at_the_end_of_a_repeat_are_one_deletion():
    bases = REFERENCE[13:25] + REFERENCE[29:50]  # without the TTCC behind TTCT
    read = Read(17, [(33, "M")], bases, 30)
    assert realigned(read) == (13, 13, 50, [(12, "M"), (4, "D"), (21, "M")])


def test_realign__a_clip_behind_a_repeat_is_an_insertion():
    bases = REFERENCE[3:25] + "TTCC" + REFERENCE[25:45]
    read = Read(3, [(34, "M"), (12, "S")], bases, 30)
    assert realigned(read) == (3, 3, 45, [(34, "M"), (4, "I"), (8, "M")])


def test_realign__a_part_keeps_its_own_gaps_and_clips():
    bases = "CC" + REFERENCE[2:6] + REFERENCE[8:25] + REFERENCE[29:50]
    read = Read(2, [(2, "S"), (4, "M"), (2, "D"), (38, "M")], bases, 30)
    start, first_row, last_row, cigar = realigned(read)
    assert (start, first_row, last_row) == (2, 0, 50)
    assert cigar == [(2, "S"), (4, "M"), (2, "D"), (25, "M"), (4, "D"), (13, "M")]


def test_realign__of_a_cut_read_only_the_cut_counts():
    bases = "AAAA" + REFERENCE[13:25] + REFERENCE[29:50]
    read = Read(13, [(37, "M")], bases, 30)
    assert realigned(read, begin=4) == (13, 13, 50, [(12, "M"), (4, "D"), (21, "M")])


def test_realign__what_is_left_alone():
    exact = Read(10, [(20, "M")], REFERENCE[10:30], 30)
    one_snv = Read(10, [(20, "M")], REFERENCE[10:20] + "A" + REFERENCE[21:30], 30)
    poor = Read(19, [(31, "M")], REFERENCE[13:25] + REFERENCE[29:48], 5)
    skips = Read(10, [(10, "M"), (9, "N"), (10, "M")], REFERENCE[10:20] + REFERENCE[33:43], 30)
    outside = Read(50, [(30, "M")], REFERENCE[50:].ljust(30, "A"), 30)
    assert [realigned(read) for read in (exact, one_snv, poor, skips, outside)] == [None] * 5
