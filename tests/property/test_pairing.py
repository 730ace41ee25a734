"""Pairing: the best combination equals the plain twin's; rescue by votes finds what was planted."""

import numpy as np
from builders.reads import random_codes
from hypothesis import given, settings
from hypothesis import strategies as st
from plain import pairing as plain

from genomehub.align.chains import Oriented, scoring_of
from genomehub.align.extend import empty_alignments
from genomehub.align.pairing import find_parts, rank
from genomehub.config import AlignConfig
from genomehub.kernels.pairing import Choice, PairLimits, choose_alignments
from genomehub.kernels.rescue import Votes, best_diagonal

CONFIG = AlignConfig()
LENGTH = 100
LIMITS = PairLimits(400.0, 50.0, 200, 600, 17, 30, 20)
places = st.tuples(
    st.integers(0, 1),
    st.integers(0, 1),
    st.integers(0, 12).map(lambda step: 1000 + 60 * step),
    st.integers(18, 100),
)
ends = st.lists(places, max_size=5, unique_by=lambda place: place[:3])


def alignments_of(first, second):
    rows = [*first, *second]
    out = empty_alignments(3, len(rows))
    out.offsets[:] = [0, len(first), len(rows)]
    for i, (contig, strand, start, score) in enumerate(rows):
        out.contig_index[i], out.strand[i], out.score[i] = contig, strand, score
        out.ref_start[i], out.ref_end[i] = start + 10_000 * contig, start + 10_000 * contig + LENGTH
        out.query_start[i], out.query_end[i], out.problem[i] = 0, LENGTH, -1
    return out


def settle(first, second, first_template=0):
    alignments = alignments_of(first, second)
    out = Choice(np.empty(2, np.int32), np.empty(2, np.uint8), np.empty(2, np.int32), np.empty(2, np.uint8))
    offsets = np.array([0, LENGTH, 2 * LENGTH])
    ranking = rank(alignments, offsets, 2, first_template, np.zeros(2, np.bool_))
    parts = find_parts(alignments, ranking, Oriented(np.empty(0, np.uint8), offsets, LENGTH))
    choose_alignments(
        alignments, ranking, parts, offsets, np.zeros(2, np.float32), scoring_of(CONFIG), LIMITS, True, out
    )
    return out


@settings(max_examples=200, deadline=None)
@given(ends, ends, ends, ends)
def test_rank__takes_over_reads_without_new_alignments(first, second, more_first, more_second):
    """Alignments are added to none, one or both of the reads; old rows keep their order and stand first."""
    offsets, is_alt = np.array([0, LENGTH, 2 * LENGTH]), np.zeros(2, np.bool_)
    old = alignments_of(first, second)
    new = alignments_of(first + more_first, second + more_second)
    anew = rank(new, offsets, 2, 7, is_alt)
    taken = rank(new, offsets, 2, 7, is_alt, earlier=(old, rank(old, offsets, 2, 7, is_alt)))
    n = anew.offsets[-1]
    for name in ("offsets", "alt_starts"):
        np.testing.assert_array_equal(getattr(taken, name), getattr(anew, name))
    for name in ("rows", "ends"):
        np.testing.assert_array_equal(getattr(taken, name)[:n], getattr(anew, name)[:n])
    np.testing.assert_array_equal(taken.ties[taken.rows[:n]], anew.ties[anew.rows[:n]])


@settings(max_examples=300, deadline=None)
@given(ends, ends)
def test_choose_alignments__equals_plain(first, second):
    out = settle(first, second)
    rows = [[(c, s, x, x + LENGTH, score) for c, s, x, score in end] for end in (first, second)]
    best, _, winners = plain.best_two(*rows, LIMITS, 1)
    alone = [max((row[4] for row in end), default=0) for end in rows]
    allowed = {(i, j) for i, j in winners if max(rows[0][i][4], rows[1][j][4]) >= 30}
    allowed = {(i, j) for i, j in allowed if min(rows[0][i][4], rows[1][j][4]) >= 20}
    if best > sum(alone) - 17 and allowed == winners and winners:
        assert (out.row[0], out.row[1] - len(first)) in winners
        assert out.proper.tolist() == [1, 1]
    elif best <= sum(alone) - 17:
        assert out.proper.tolist() == [0, 0]
        for end in range(2):
            mapped = out.row[end] >= 0
            assert mapped == (alone[end] >= 30)
            assert not mapped or [*first, *second][out.row[end]][3] == alone[end]


def test_choose_alignments__mate_decides_between_copies():
    copies = [(0, 0, 1000, 100), (0, 0, 5000, 100)]
    out = settle(copies, [(0, 1, 5300, 100)])
    assert out.row.tolist() == [1, 2]
    assert out.mapping_quality[0] > 20
    assert out.mapping_quality[1] == 60


def test_choose_alignments__two_equal_pairs_have_quality_zero_and_vary_by_template():
    first, second = [(0, 0, 1000, 100), (0, 0, 5000, 100)], [(0, 1, 1300, 100), (0, 1, 5300, 100)]
    chosen = set()
    for template in range(20):
        out = settle(first, second, template)
        assert out.mapping_quality.tolist() == [0, 0]
        assert out.row[1] == out.row[0] + 2
        chosen.add(int(out.row[0]))
    assert chosen == {0, 1}
    assert settle(first, second, 7).row.tolist() == settle(first, second, 7).row.tolist()


def test_choose_alignments__both_unmapped():
    out = settle([], [])
    assert out.row.tolist() == [-1, -1]
    assert out.proper.tolist() == [0, 0]


def votes_for(window, longest=150):
    codes = np.concatenate([window, np.zeros(64, np.uint8)])
    return Votes(
        np.full(4**8, -1, np.int16), np.empty(longest, np.int16), np.empty(longest, np.int32),
        np.zeros(4**8 // 64, np.uint64), np.zeros(longest + codes.size + 64, np.int16), codes,
    )  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(0, 400), st.integers(0, 12))
def test_best_diagonal__finds_the_planted_read(seed, at, n_wrong):
    rng = np.random.default_rng(seed)
    window = random_codes(rng, 500)
    read = window[at : at + 100].copy()
    wrong = rng.integers(0, 100, n_wrong)
    read[wrong] = (read[wrong] + 1) % 4
    votes = votes_for(window)
    diagonal, _ = best_diagonal(read, 0, 100, 500, votes)
    words = [tuple(read[i : i + 8]) for i in range(93)]
    there = [tuple(window[at + i : at + i + 8]) for i in range(93)]
    if sum(a == b for a, b in zip(words, there, strict=True)) > 10:
        assert diagonal == at
    # Working arrays are left as they were found.
    assert (votes.head == -1).all()
    assert (votes.diagonals == 0).all()


def test_best_diagonal__nothing_shared():
    votes = votes_for(np.zeros(200, np.uint8))
    assert best_diagonal(np.full(100, 2, np.uint8), 0, 100, 200, votes)[1] == 0


def test_best_diagonal__n_does_not_vote():
    votes = votes_for(np.full(200, 4, np.uint8))
    assert best_diagonal(np.full(100, 4, np.uint8), 0, 100, 200, votes)[1] == 0
