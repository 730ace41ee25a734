"""Mapping quality: equal to its plain twin, and what it must mean."""

from hypothesis import given, settings
from hypothesis import strategies as st
from plain import mapq as plain

from genomehub.kernels.mapq import pair_quality, single_quality, with_pair
from genomehub.types import AlignmentScoring

BWA = AlignmentScoring(1, 4, 6, 1, 5)
parts = st.floats(0, 1, allow_nan=False)


@settings(deadline=None)  # the first call compiles
@given(st.integers(0, 500), st.integers(0, 500), st.integers(0, 30), st.integers(0, 500), parts)
def test_single_quality__equals_plain(score, second, n_rivals, aligned, unused):
    score = min(score, aligned)
    ours = single_quality(score, second, n_rivals, aligned, unused, BWA)
    assert ours == plain.single_quality(score, second, n_rivals, aligned, unused, BWA)
    assert 0 <= ours <= 60


@settings(deadline=None)  # the first call compiles
@given(st.integers(0, 900), st.integers(-1, 900), st.integers(0, 30), parts, parts)
def test_pair_quality__equals_plain(score, second, n_rivals, unused_1, unused_2):
    ours = pair_quality(score, second, n_rivals, unused_1, unused_2, 1)
    assert ours == plain.pair_quality(score, second, n_rivals, unused_1, unused_2, 1)


@settings(deadline=None)  # the first call compiles
@given(st.integers(0, 60), st.integers(0, 60), st.integers(0, 500))
def test_with_pair__equals_plain(single, pair, lead):
    assert with_pair(single, pair, lead, 1) == plain.with_pair(single, pair, lead, 1)


def test_single_quality__equal_places_are_zero():
    assert single_quality(150, 150, 1, 150, 0.0, BWA) == 0


def test_single_quality__unique_perfect_read_is_sixty():
    assert single_quality(101, 0, 0, 101, 0.0, BWA) == 60
