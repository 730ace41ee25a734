"""align_global: equal to its plain twin; gaps stand leftmost; the CIGAR is worth its score."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from plain import pairwise as plain

from genomehub.kernels.pairwise import align_global

GATK = (200, -150, -260, -11)
SCORINGS = [GATK, (1, -1, -1, -1), (2, -3, -5, 0), (10, -15, -30, -5), (1, 0, 0, 0)]


def text(cigar):
    return "".join(f"{op >> 4}{'MID'[op & 15]}" for op in map(int, cigar))


def run(query, target, scoring=GATK, function=align_global):
    score, cigar = function(np.array(query, np.uint8), np.array(target, np.uint8), *scoring)
    return int(score), text(cigar)


def codes(bases):
    return ["ACGTN".index(base) for base in bases]


short = st.lists(st.integers(0, 2), max_size=12)


@settings(max_examples=300, deadline=None)
@given(short, short, st.sampled_from(SCORINGS))
@example([], [], GATK)
@example([0], [], GATK)
@example([], [0, 1], GATK)
@example([0], [1], GATK)
@example([0, 1, 0, 1, 3], [0, 1, 2], GATK)
def test_align_global__equals_plain_twin(query, target, scoring):
    assert run(query, target, scoring) == run(query, target, scoring, plain.align_global)


@pytest.mark.parametrize("seed", range(12))
def test_align_global__haplotypes_equal_plain_twin(seed):
    rng = np.random.default_rng(seed)
    target = rng.integers(0, 4, rng.integers(1, 120))
    query = target.copy()
    for _ in range(rng.integers(0, 5)):
        at, length = int(rng.integers(0, query.size + 1)), int(rng.integers(1, 25))
        kind = rng.integers(3)
        if kind == 0:
            query = np.delete(query, slice(at, at + length))
        elif kind == 1:
            query = np.insert(query, at, rng.integers(0, 4, length))
        elif query.size:
            query[at % query.size] = rng.integers(0, 6)
    for scoring in SCORINGS:
        assert run(query, target, scoring) == run(query, target, scoring, plain.align_global)


@settings(max_examples=100, deadline=None)
@given(short, short, st.sampled_from(SCORINGS))
def test_align_global__swapping_the_sequences_swaps_the_score_only(query, target, scoring):
    assert run(query, target, scoring)[0] == run(target, query, scoring)[0]


@pytest.mark.parametrize(
    ("query", "target", "cigar"),
    [
        ("GATTACA", "GATTACA", "7M"),
        ("GCAAATC", "GCAAAATC", "2M1D5M"),
        ("GCAAAATC", "GCAAATC", "2M1I5M"),
        ("GTCACACAG", "GTCACAG", "2M2I5M"),
        ("TTTTT", "TTT", "2I3M"),
        ("GGGG" + "ACAC" * 3 + "CCCC", "GGGG" + "GTGT" * 3 + "CCCC", "4M12I12D4M"),
    ],
)
def test_align_global__leftmost_gaps(query, target, cigar):
    found = run(codes(query), codes(target))
    assert found == run(codes(query), codes(target), function=plain.align_global)
    assert found[1] == cigar


def test_align_global__sequences_of_a_thousand_bases():
    rng = np.random.default_rng(1)
    target = rng.integers(0, 4, 1400)
    query = np.concatenate([rng.integers(0, 4, 1), target[1:500], target[900:]])
    query[0] = (target[0] + 1) % 4
    score, cigar = run(query, target)
    assert score == 200 * 999 - 150 - 260 - 11 * 399
    assert cigar.endswith("M")
    assert sum(1 for op in cigar if op == "D") == 1
