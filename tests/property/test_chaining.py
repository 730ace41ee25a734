"""chain_hits: equal to its plain twin, and hand-made chains."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from plain import chaining as plain

from genomehub.align.chains import empty_candidates
from genomehub.kernels.chaining import (
    ChainLimits,
    chain_hits,
    pack_hit,
    room_for_runs,
)
from genomehub.types import AlignmentScoring

BWA = AlignmentScoring(1, 4, 6, 1, 5)
LIMITS = ChainLimits(max_gap=100, max_candidates=24, min_ratio=0.3, min_part=30, scoring=BWA)
hits_of_a_read = st.lists(
    st.tuples(
        st.integers(0, 1),
        st.one_of(st.integers(1000, 1130), st.integers(-40, 40), st.just(5000)),
        st.integers(0, 130),
    ),
    max_size=40,
    unique=True,
)


def chain(hits, k=20, length=150, limits=LIMITS):
    words = np.array([pack_hit(*hit) for hit in hits], np.uint64)
    n = len(hits)
    runs = room_for_runs(n, length)
    out = empty_candidates(1, limits.max_candidates)
    found = chain_hits(words, n, k, length, limits, runs, out, 0)
    return [tuple(int(array[i]) for array in out[1:]) for i in range(found)]


@settings(max_examples=300, deadline=None)
@given(hits_of_a_read)
def test_chain_hits__equals_plain(hits):
    assert chain(hits) == plain.chain_hits(hits, 20, 150, *LIMITS)


@settings(max_examples=100, deadline=None)
@given(hits_of_a_read, st.randoms())
def test_chain_hits__order_of_hits_is_nothing(hits, random):
    shuffled = hits.copy()
    random.shuffle(shuffled)
    assert chain(hits) == chain(shuffled)


def test_chain_hits__one_diagonal():
    assert chain([(0, 700, 0), (0, 700, 30), (0, 700, 40)]) == [(0, 700, 0, 0, 0, 50)]


def test_chain_hits__deletion_joins_two_diagonals():
    hits = [(1, 700, 0), (1, 700, 25), (1, 710, 80), (1, 710, 100), (1, 710, 120)]
    assert chain(hits) == [(1, 710, -10, 0, 80, 60 + 40 - 4)]


def test_chain_hits__strands_stay_apart():
    assert chain([(0, 700, 0), (1, 700, 40)]) == [(0, 700, 0, 0, 0, 20), (1, 700, 0, 0, 40, 20)]


def test_chain_hits__weak_chains_are_dropped():
    hits = [(0, 700, position) for position in range(0, 100, 5)] + [(0, 90_000, 3)]
    assert [candidate[1] for candidate in chain(hits)] == [700]


def test_chain_hits__weak_chain_of_another_part_stays():
    """90 bases on one place, 20 of the rest on another strand far away: the rest of a split read."""
    hits = [(0, 700, position) for position in range(0, 71, 5)] + [(1, 90_000, 10), (0, 80_000, 30)]
    assert chain(hits) == [(0, 700, 0, 0, 0, 90), (1, 90_000, 0, 0, 10, 20)]


def test_chain_hits__gap_that_no_alignment_crosses_leaves_two_chains():
    """A deletion of 60 with 40 bases beyond it costs more than it brings; with 80 beyond it does not."""
    hits = [(0, 700, position) for position in range(0, 91, 5)] + [(0, 760, 110), (0, 760, 125)]
    assert chain(hits) == [(0, 700, 0, 0, 0, 110), (0, 760, 0, 0, 110, 35)]
    hits = [(0, 700, position) for position in range(0, 51, 5)] + [(0, 760, 70), (0, 760, 125)]
    assert [candidate[1:4] for candidate in chain(hits)] == [(700, 0, 60)]


def test_chain_hits__no_hits():
    assert chain([]) == []
