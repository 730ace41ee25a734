"""align_banded: equal to its plain twin, best of all alignments, unmoved by neighbours in its lanes."""

import itertools
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plain import banded as plain

from genomehub.kernels.banded import LANES, align_banded, check_banded
from genomehub.types import AlignmentScoring

BWA = AlignmentScoring(match=1, mismatch=4, gap_open=6, gap_extend=1, end_bonus=5)
SCORINGS = [
    BWA,
    AlignmentScoring(2, 8, 12, 1, 10),
    AlignmentScoring(2, 1, 1, 0, 1),
    AlignmentScoring(1, 0, 0, 1, 0),
    AlignmentScoring(3, 2, 2, 1, 3),
]


def flat(sequences):
    offsets = np.zeros(len(sequences) + 1, np.int64)
    np.cumsum([len(s) for s in sequences], out=offsets[1:])
    return np.array([base for s in sequences for base in s], np.uint8), offsets


def align(problems, band, scoring, function=align_banded):
    queries, query_offsets = flat([query for query, _ in problems])
    targets, target_offsets = flat([target for _, target in problems])
    check_banded(query_offsets, target_offsets, band, scoring)
    return function(queries, query_offsets, targets, target_offsets, band, scoring)


def rows(result):
    *spans, cigars, offsets = result
    texts = [cigar_text(cigars[a:b]) for a, b in itertools.pairwise(offsets)]
    return list(zip(*(span.tolist() for span in spans), texts, strict=True))


def cigar_text(cigar):
    return "".join(f"{op >> 4}{'MID'[op & 15]}" for op in cigar.tolist())


def codes(text):
    return ["ACGTN".index(base) for base in text]


@st.composite
def problem_sets(draw):
    """A band and problems whose queries are pieces of their targets with edits, so that gaps occur."""
    band = draw(st.integers(0, 5))
    alphabet = st.integers(0, draw(st.integers(0, 4)))
    problems = []
    for _ in range(draw(st.integers(0, 40))):
        m = draw(st.integers(0, 14))
        target = draw(st.lists(alphabet, min_size=m + 2 * band, max_size=m + 2 * band))
        skipped, at = draw(st.integers(0, 2 * band)), draw(st.integers(0, m))
        query = (target[band : band + at] + target[band + at + skipped :] + [0] * m)[:m]
        for edit in draw(st.lists(st.integers(0, max(m - 1, 0)), max_size=2)) if m else []:
            query[edit] = draw(st.integers(0, 4))
        problems.append((query, [5 if base == 4 else base for base in target]))
    return band, problems


@settings(max_examples=150, deadline=None)
@given(problem_sets(), st.sampled_from(SCORINGS))
def test_align_banded__equals_plain_twin(case, scoring):
    band, problems = case
    assert rows(align(problems, band, scoring)) == rows(align(problems, band, scoring, plain.align_banded))


@pytest.mark.parametrize("scoring", SCORINGS)
@pytest.mark.parametrize("seed", range(3))
def test_align_banded__long_reads_equal_plain_twin(seed, scoring):
    rng = np.random.default_rng(seed)
    band, problems = 12, []
    for m in rng.integers(60, 200, 5):
        target = rng.integers(0, 4, m + 2 * band)
        cut = int(rng.integers(10, m - 10))
        query = np.concatenate([target[band : band + cut], target[band + cut + 7 :], rng.integers(0, 4, 7)])[
            :m
        ]
        noise = rng.random(m) < 0.05
        query[noise] = rng.integers(0, 5, noise.sum())
        problems.append((query.tolist(), target.tolist()))
    assert rows(align(problems, band, scoring)) == rows(align(problems, band, scoring, plain.align_banded))


def every_alignment(query, target, band, scoring):
    """Yield (total, unclipped ends) of every local alignment in the band, by brute force."""
    opening, m = scoring.gap_open + scoring.gap_extend, len(query)

    def extend(i, j, total, ends, gap):
        """The alignment reached pair (i, j), or is within a gap that used up i and j."""
        if gap is None:
            yield total + (scoring.end_bonus if i == m - 1 else 0), ends + (i == m - 1)
        for step, (di, dj) in {"M": (1, 1), "I": (1, 0), "D": (0, 1)}.items():
            if step != "M" and gap not in (None, step):
                continue
            a, b = i + di, j + dj
            if a >= m or not 0 <= b - a <= 2 * band:
                continue
            if step == "M":
                equal = query[a] == target[b] and query[a] < 4
                yield from extend(a, b, total + (scoring.match if equal else -scoring.mismatch), ends, None)
            else:
                cost = scoring.gap_extend if gap == step else opening
                yield from extend(a, b, total - cost, ends, step)

    for i in range(m):
        for j in range(i, i + 2 * band + 1):
            equal = query[i] == target[j] and query[i] < 4
            total = scoring.match if equal else -scoring.mismatch
            yield from extend(i, j, total + (scoring.end_bonus if i == 0 else 0), int(i == 0), None)


@settings(max_examples=100, deadline=None)
@given(
    st.integers(0, 1),
    st.lists(st.integers(0, 2), min_size=1, max_size=4),
    st.data(),
    st.sampled_from(SCORINGS),
)
def test_align_banded__best_of_all_alignments(band, query, data, scoring):
    target = data.draw(
        st.lists(st.integers(0, 2), min_size=len(query) + 2 * band, max_size=len(query) + 2 * band)
    )
    row = rows(align([(query, target)], band, scoring))[0]
    total, ends = max(every_alignment(query, target, band, scoring))
    expected = total - ends * scoring.end_bonus
    assert scores(query, target, row, scoring)[0] == max(expected, 0)
    if expected > 0:
        assert (row[1] == 0) + (row[2] == len(query)) == ends


@settings(max_examples=40, deadline=None)
@given(problem_sets(), st.randoms(use_true_random=False))
def test_align_banded__order_and_grouping_do_not_matter(case, random):
    band, problems = case
    alone = [row for problem in problems for row in rows(align([problem], band, BWA))]
    order = list(range(len(problems)))
    random.shuffle(order)
    shuffled = rows(align([problems[p] for p in order], band, BWA))
    assert rows(align(problems, band, BWA)) == alone
    assert shuffled == [alone[p] for p in order]


def scores(query, target, row, scoring):
    """Scores of the alignment of a row, walked base by base: of the whole and of its best part."""
    _, i, query_end, j, target_end, cigar = row
    running = [0]
    for length, op in [(int(x[:-1]), x[-1]) for x in re.findall(r"\d+[MID]", cigar)]:
        if op == "M":
            for _ in range(length):
                equal = query[i] == target[j] and query[i] < 4
                running.append(running[-1] + (scoring.match if equal else -scoring.mismatch))
                i, j = i + 1, j + 1
        else:
            running.append(running[-1] - scoring.gap_open - scoring.gap_extend * length)
            i, j = (i + length, j) if op == "I" else (i, j + length)
    assert (i, j) == (query_end, target_end)
    return running[-1], max(b - a for k, a in enumerate(running) for b in running[k:])


@settings(max_examples=60, deadline=None)
@given(problem_sets(), st.sampled_from(SCORINGS))
def test_align_banded__best_part_of_the_cigar_scores_what_is_said(case, scoring):
    band, problems = case
    for (query, target), row in zip(problems, rows(align(problems, band, scoring)), strict=True):
        assert scores(query, target, row, scoring)[1] == row[0]


def test_align_banded__no_problems():
    assert rows(align([], 3, BWA)) == []


def test_align_banded__all_n_and_empty_queries_align_nowhere():
    problems = [([4] * 10, [0] * 14), ([], [1] * 4), (codes("ACGTACGT"), [5] * 12)]
    assert rows(align(problems, 2, BWA)) == [(0, 0, 0, 0, 0, "")] * 3


def test_align_banded__band_0_is_ungapped():
    query = codes("ACGTACGTACGTTTTT")
    target = codes("ACGTACGTACGTAAAA")
    assert rows(align([(query, target)], 0, BWA)) == [(12, 0, 12, 0, 12, "12M")]


def test_align_banded__end_bonus_buys_a_mismatch_at_the_end():
    query, target = codes("ACGTACGTACGTACGA"), codes("ACGTACGTACGTACGT")
    assert rows(align([(query, target)], 0, BWA)) == [(15, 0, 16, 0, 16, "16M")]
    clipped = AlignmentScoring(1, 4, 6, 1, 3)
    assert rows(align([(query, target)], 0, clipped)) == [(15, 0, 15, 0, 15, "15M")]
    tied = AlignmentScoring(1, 4, 6, 1, 4)  # 15 or 11 + 4: then the unclipped end wins
    assert rows(align([(query, target)], 0, tied)) == [(15, 0, 16, 0, 16, "16M")]


@pytest.mark.parametrize(
    ("query", "target", "cigar"),
    [
        ("GATTACAGCCAAAATCTGAGGCATCG", "GATTACAGCCAAAAATCTGAGGCATCG", "10M1D16M"),
        ("GATTACAGCCAAAAAATCTGAGGCATCG", "GATTACAGCCAAAAATCTGAGGCATCG", "10M1I17M"),
        ("GATTACAGCCTCACACAGGCTTGAGTCG", "GATTACAGCCTCACACACAGGCTTGAGTCG", "11M2D17M"),
    ],
)
def test_align_banded__gap_in_a_repeat_stands_leftmost(query, target, cigar):
    band = 3
    query, target = codes(query), codes(target)
    target = ([5] * band + target + [5] * (2 * band))[: len(query) + 2 * band]
    ((*_, found),) = rows(align([(query, target)], band, BWA))
    assert found == cigar


def test_align_banded__equal_diagonals_prefer_the_middle():
    query, target = [0] * 20, [0] * 28
    assert rows(align([(query, target)], 4, BWA)) == [(20, 0, 20, 4, 24, "20M")]
    off_middle = [5, 5, 5, 5, 5, *([0] * 22), 5]
    assert rows(align([(query, off_middle)], 4, BWA)) == [(20, 0, 20, 5, 25, "20M")]


def test_align_banded__longest_reads_keep_their_score():
    rng = np.random.default_rng(0)
    scoring = AlignmentScoring(2, 8, 12, 2, 10)
    query = rng.integers(0, 4, 1000).tolist()
    problems = [(query, [5] * 4 + query + [5] * 4)] * (LANES + 1)
    assert rows(align(problems, 4, scoring)) == [(2000, 0, 1000, 4, 1004, "1000M")] * (LANES + 1)


def test_align_banded__scores_at_the_edge_of_16_bits():
    scoring = AlignmentScoring(1, 4000, 4000, 90, 40)
    query = codes("ACGTTGCA" * 500)
    problems = [(query, [3, *query, 3]), (query, [3, *query[:2000], 0, *query[2000:]])]
    check_banded(flat([q for q, _ in problems])[1], flat([t for _, t in problems])[1], 1, scoring)
    assert rows(align(problems, 1, scoring))[0] == (4000, 0, 4000, 1, 4001, "4000M")


@pytest.mark.parametrize(
    ("lengths", "band", "scoring", "message"),
    [
        ((10, 13), 2, BWA, "length of its query"),
        ((10, 8), -1, BWA, "length of its query"),
        ((10, 10), 0, AlignmentScoring(0, 4, 6, 1, 5), "match must be at least 1"),
        ((10, 10), 0, AlignmentScoring(1, -4, 6, 1, 5), "not negative"),
        ((5000, 5000), 0, BWA, "range of 16-bit"),
        ((10, 10), 0, AlignmentScoring(1, 5000, 6, 1, 5), "range of 16-bit"),
    ],
)
def test_check_banded__refuses(lengths, band, scoring, message):
    with pytest.raises(ValueError, match=message):
        check_banded(np.array([0, lengths[0]]), np.array([0, lengths[1]]), band, scoring)
