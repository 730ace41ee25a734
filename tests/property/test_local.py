"""local_scores: equal to its plain twin in both widths, to align_banded, and unmoved by neighbours."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plain import local as plain

from genomehub.kernels.banded import align_banded
from genomehub.kernels.local import check_local, local_scores
from genomehub.types import AlignmentScoring

BWA = AlignmentScoring(match=1, mismatch=4, gap_open=6, gap_extend=1, end_bonus=5)
WIDE = AlignmentScoring(20, 80, 120, 20, 0)  # the same choices with 16-bit scores
SCORINGS = [
    BWA,
    WIDE,
    AlignmentScoring(2, 1, 1, 0, 0),
    AlignmentScoring(1, 0, 0, 1, 0),
    AlignmentScoring(90, 70, 1, 250, 0),
    AlignmentScoring(3, 254, 2, 1, 0),
]


def flat(sequences):
    offsets = np.zeros(len(sequences) + 1, np.int64)
    np.cumsum([len(s) for s in sequences], out=offsets[1:])
    return np.array([base for s in sequences for base in s], np.uint8), offsets


def score(problems, scoring, function=local_scores):
    queries, query_offsets = flat([query for query, _ in problems])
    check_local(query_offsets, scoring)
    result = function(queries, query_offsets, *flat([target for _, target in problems]), scoring)
    return list(zip(*(column.tolist() for column in result), strict=True))


@st.composite
def problem_sets(draw):
    alphabet = st.integers(0, draw(st.integers(0, 5)))
    sequences = st.tuples(st.lists(alphabet, max_size=10), st.lists(alphabet, max_size=14))
    return draw(st.lists(sequences, max_size=70))


@settings(max_examples=120, deadline=None)
@given(problem_sets(), st.sampled_from(SCORINGS))
def test_local_scores__equals_plain_twin(problems, scoring):
    assert score(problems, scoring) == score(problems, scoring, plain.local_scores)


def mates(seed, n, length):
    """Reads with noise and a gap, each hidden in a longer window."""
    rng = np.random.default_rng(seed)
    problems = []
    for _ in range(n):
        m, window = int(rng.integers(length // 2, length + 1)), int(rng.integers(length, 3 * length))
        target = rng.integers(0, 4, window)
        at = int(rng.integers(0, window - m + 1))
        query = np.delete(target[at : at + m], slice(m // 3, m // 3 + int(rng.integers(0, 6))))
        noise = rng.random(query.size) < 0.04
        query[noise] = rng.integers(0, 5, noise.sum())
        target[rng.random(window) < 0.01] = 5
        problems.append((query.tolist(), target.tolist()))
    return problems


@pytest.mark.parametrize("scoring", SCORINGS)
def test_local_scores__mates_equal_plain_twin(scoring):
    problems = mates(1, 6, 110)
    assert score(problems, scoring) == score(problems, scoring, plain.local_scores)


def test_local_scores__both_widths_agree():
    problems = mates(2, 200, 150)
    narrow, wide = score(problems, BWA), score(problems, WIDE)
    assert [(20 * points, i, j) for points, i, j in narrow] == wide


def test_local_scores__is_align_banded_without_band_and_bonus():
    band, scoring = 300, BWA._replace(end_bonus=0)
    queries, targets = [], []
    for query, target in mates(3, 40, 100):
        queries.append(query)
        targets.append(([5] * band + target + [5] * (len(query) + 2 * band))[: len(query) + 2 * band])
    banded = align_banded(*flat(queries), *flat(targets), band, scoring)
    problems = list(zip(queries, targets, strict=True))
    assert [row[0] for row in score(problems, scoring)] == banded[0].tolist()


@settings(max_examples=30, deadline=None)
@given(problem_sets(), st.randoms(use_true_random=False))
def test_local_scores__order_and_grouping_do_not_matter(problems, random):
    alone = [score([problem], BWA)[0] for problem in problems]
    order = list(range(len(problems)))
    random.shuffle(order)
    assert score(problems, BWA) == alone
    assert score([problems[p] for p in order], BWA) == [alone[p] for p in order]


def test_local_scores__nothing_matches():
    assert score([], BWA) == []
    assert score([([4] * 5, [4, 5, 0]), ([], [0]), ([0], []), ([1], [0])], BWA) == [(0, 0, 0)] * 4


def test_local_scores__first_place_on_the_target_wins():
    assert score([([0, 1, 2], [3, 0, 1, 2, 3, 0, 1, 2])], BWA) == [(3, 3, 4)]


@pytest.mark.parametrize("length", [250, 251, 252, 255, 256, 300])
def test_local_scores__at_the_edge_of_8_bits(length):
    query = np.random.default_rng(0).integers(0, 4, length).tolist()
    found = score([(query, [5] * 700 + query), (query, query[:-1])], BWA)
    assert found == [(length, length, 700 + length), (length - 1, length - 1, length - 1)]


def test_local_scores__at_the_edge_of_16_bits():
    scoring = AlignmentScoring(200, 800, 1200, 200, 0)
    query = np.random.default_rng(0).integers(0, 4, 320).tolist()
    assert score([(query, query)], scoring) == [(64000, 320, 320)]


def test_local_scores__windows_over_65535_bases():
    target = np.full(70_000, 5)
    target[69_000:69_020] = np.arange(20) % 4
    assert score([((np.arange(20) % 4).tolist(), target.tolist())], BWA) == [(20, 20, 69_020)]


@pytest.mark.parametrize(
    ("length", "scoring", "message"),
    [
        (100, BWA._replace(match=0), "match must be at least 1"),
        (100, BWA._replace(gap_open=-1), "not negative"),
        (70_000, BWA, "range of 16-bit"),
        (10, BWA._replace(gap_open=65_535), "range of 16-bit"),
    ],
)
def test_check_local__refuses(length, scoring, message):
    with pytest.raises(ValueError, match=message):
        check_local(np.array([0, length]), scoring)
