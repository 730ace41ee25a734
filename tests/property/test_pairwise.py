"""align_global, align_pairs: equal to their plain twins; gaps stand leftmost; free ends are the best ends."""

import itertools

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from plain import pairwise as plain

from genomehub.kernels.pairwise import EXTENSION, GLOBAL, LOCAL, align_global, align_pairs
from genomehub.types import AlignmentScoring

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


BWA = AlignmentScoring(1, 4, 6, 1, 5)
FREE_SCORINGS = [
    BWA,
    AlignmentScoring(2, 3, 5, 2, 0),
    AlignmentScoring(1, 1, 0, 1, 1),
    AlignmentScoring(3, 5, 1, 0, 2),
    AlignmentScoring(0, 1, 0, 1, 0),
]
MODES = [GLOBAL, LOCAL, EXTENSION]


def flat(sequences):
    offsets = np.cumsum([0, *map(len, sequences)]).astype(np.int64)
    return np.array([base for sequence in sequences for base in sequence], np.uint8), offsets


def run_pairs(problems, mode, scoring, function=align_pairs):
    result = function(*flat([q for q, _ in problems]), *flat([t for _, t in problems]), mode, scoring)
    *spans, cigars, offsets = result
    texts = [text(cigars[a:b]) for a, b in itertools.pairwise(offsets)]
    return list(zip(*(span.tolist() for span in spans), texts, strict=True))


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(short, short), max_size=4), st.sampled_from(MODES), st.sampled_from(FREE_SCORINGS))
@example([([], []), ([0], []), ([], [0]), ([0], [1])], LOCAL, BWA)
@example([([], []), ([0], []), ([], [0]), ([0], [1])], EXTENSION, BWA)
@example([([0] * 5, [0] * 5), ([4] * 3, [5] * 3)], LOCAL, BWA)
def test_align_pairs__equals_plain_twin(problems, mode, scoring):
    assert run_pairs(problems, mode, scoring) == run_pairs(problems, mode, scoring, plain.align_pairs)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("seed", range(4))
def test_align_pairs__long_sequences_equal_plain_twin(seed, mode):
    rng = np.random.default_rng(seed)
    target = rng.integers(0, 4, 130)
    query = np.concatenate([rng.integers(0, 4, 5), target[20:60], rng.integers(0, 4, 9), target[63:100]])
    problems = [(query.tolist(), target.tolist()), (target.tolist(), query.tolist())]
    for scoring in FREE_SCORINGS:
        assert run_pairs(problems, mode, scoring) == run_pairs(problems, mode, scoring, plain.align_pairs)


tiny = st.lists(st.integers(0, 2), max_size=6)


@settings(max_examples=100, deadline=None)
@given(tiny, tiny, st.sampled_from(FREE_SCORINGS))
def test_align_pairs__local_is_the_best_global_of_all_parts(query, target, scoring):
    parts = [
        (query[a:b], target[c:d])
        for a, b in itertools.combinations(range(len(query) + 1), 2)
        for c, d in itertools.combinations(range(len(target) + 1), 2)
    ]
    best = max([0, *(row[0] for row in run_pairs(parts, GLOBAL, scoring))])
    assert run_pairs([(query, target)], LOCAL, scoring)[0][0] == best


@settings(max_examples=100, deadline=None)
@given(tiny, tiny, st.sampled_from(FREE_SCORINGS))
def test_align_pairs__extension_is_the_best_global_of_all_prefixes(query, target, scoring):
    prefixes = [(query[:a], target[:b]) for a in range(len(query) + 1) for b in range(len(target) + 1)]
    best = max(
        row[0] + (scoring.end_bonus if len(part) == len(query) else 0)
        for (part, _), row in zip(prefixes, run_pairs(prefixes, GLOBAL, scoring), strict=True)
    )
    score, _, query_end, *_ = run_pairs([(query, target)], EXTENSION, scoring)[0]
    assert score + (scoring.end_bonus if query_end == len(query) else 0) == best
