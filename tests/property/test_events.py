"""Events of haplotypes: they spell the haplotype, are normalised, and come in VCF's spelling."""

import numpy as np
import pytest
from builders.calling import codes, random_sequence
from hypothesis import example, given, settings
from hypothesis import strategies as st
from plain import events as plain

from genomehub.kernels.events import haplotype_events

LEFT, RIGHT = "GATTACAGATCGTCG", "TCGACTGACCTGATC"


def events(haplotype, reference):
    """[(place, REF, ALT)] that the kernel finds."""
    sequence, target = codes(haplotype), codes(reference)
    offsets = np.array([0, sequence.size])
    found, key, found_offsets = haplotype_events(
        sequence, offsets, np.array([0]), np.array([target.size]), target
    )
    assert found_offsets.tolist() == [0, len(found)]
    assert len(key) == len(found)
    return [(row, reference[row : row + n], haplotype[a:b]) for row, n, a, b in found.tolist()]


letters = st.text("AC", max_size=12)


@settings(deadline=None)
@given(letters, letters)
@example("", "")
@example("A", "")
@example("", "CA")
@example("ACACAC", "ACAC")
@example("AAAA", "AAAAAA")
@example("CCA", "ACC")
def test_haplotype_events__spell_the_haplotype(middle, other):
    reference, haplotype = LEFT + middle + RIGHT, LEFT + other + RIGHT
    found = events(haplotype, reference)
    assert plain.apply(reference, found) == haplotype
    ends = [place + len(ref) for place, ref, _ in found]
    assert all(end <= place for end, (place, *_) in zip(ends, found[1:], strict=False))
    assert all(ref and alt and ref != alt for _, ref, alt in found)


@settings(deadline=None)
@given(letters, letters)
@example("ACACAC", "ACAC")
@example("AAAA", "AAAAAA")
def test_haplotype_events__one_event_is_normalised(middle, other):
    reference, haplotype = LEFT + middle + RIGHT, LEFT + other + RIGHT
    found = events(haplotype, reference)
    if len(found) == 1:
        assert found[0] == plain.normalise(reference, *found[0])


@pytest.mark.parametrize(
    ("reference", "haplotype", "expected"),
    [
        ("C", "G", [(15, "C", "G")]),
        ("AAAA", "AAA", [(14, "GA", "G")]),
        ("TAAAAG", "TAAAAAAG", [(15, "T", "TAA")]),
        ("TACACACG", "TACACG", [(15, "TAC", "T")]),
        ("CTGCA", "GTGCT", [(15, "C", "G"), (19, "A", "T")]),
        ("CT", "GA", [(15, "C", "G"), (16, "T", "A")]),
        ("CTTGAC", "GGAC", [(14, "GCT", "G"), (17, "T", "G")]),  # the gap stands as far left as it can
    ],
    ids=["snv", "homopolymer", "insertion", "dinucleotide", "two_snvs", "mnp", "complex"],
)
def test_haplotype_events__by_hand(reference, haplotype, expected):
    assert events(LEFT + haplotype + RIGHT, LEFT + reference + RIGHT) == expected


def test_haplotype_events__long_insertion_and_distant_snv():
    reference = random_sequence(200, seed=11)
    inserted = random_sequence(60, seed=12)
    substituted = "C" if reference[150] != "C" else "G"
    haplotype = reference[:80] + inserted + reference[80:150] + substituted + reference[151:]
    found = events(haplotype, reference)
    assert plain.apply(reference, found) == haplotype
    assert [len(alt) - len(ref) for _, ref, alt in found] == [60, 0]


def test_haplotype_events__gap_in_a_long_repeat_before_another_event():
    reference = LEFT + "AC" * 15 + "GATTACAGGATCATGACCATG" + RIGHT
    haplotype = LEFT + "AC" * 13 + "GATTACAGGATCTTATGACCATG" + RIGHT
    assert events(haplotype, reference)[0][0] == 14


def test_haplotype_events__indel_does_not_move_past_a_substitution():
    # AACAA: a C in a run of A with one A less behind it; moving the gap to the run's start would spell ACAAA
    reference, haplotype = LEFT + "TAAAAAAT" + RIGHT, LEFT + "TAACAAT" + RIGHT
    found = events(haplotype, reference)
    assert plain.apply(reference, found) == haplotype
