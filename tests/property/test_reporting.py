"""Parts of reads and the rows they become: equal to plain twins; whose alignments are primary."""

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from plain import ranking as plain_ranking
from plain import reporting as plain

from genomehub.align.chains import Oriented, scoring_of
from genomehub.align.extend import empty_alignments
from genomehub.align.pairing import find_parts, rank
from genomehub.config import AlignConfig
from genomehub.kernels.pairing import Choice, PairLimits, choose_alignments
from genomehub.kernels.reporting import ReportLimits, Rows, list_rows

CONFIG = AlignConfig()
LENGTH = 150
IS_ALT = np.array([False, True])
LIMITS = ReportLimits(30, False, 2, 3, 0.8)
PAIRING = PairLimits(400.0, 50.0, 200, 600, 17, 30, 20)
KINDS = ("primary", "supplementary", "other")


@st.composite
def alignment(draw):
    """(strand, first, last, score, is_alt), the span on the read as sequenced."""
    first = 15 * draw(st.integers(0, 8))
    last = min(LENGTH, first + 15 * draw(st.integers(2, 10)))
    return draw(st.integers(0, 1)), first, last, draw(st.integers(20, last - first)), draw(st.booleans())


reads = st.lists(alignment(), min_size=1, max_size=9)


def alignments_of(*ends):
    """Alignments of the reads of a template, far apart from each other."""
    rows = [row for end in ends for row in end]
    out = empty_alignments(len(ends) + 1, len(rows))
    out.offsets[:] = np.cumsum([0, *map(len, ends)])
    for i, (strand, first, last, score, is_alt) in enumerate(rows):
        start, end = (LENGTH - last, LENGTH - first) if strand else (first, last)
        out.strand[i], out.contig_index[i], out.score[i], out.problem[i] = strand, int(is_alt), score, -1
        out.query_start[i], out.query_end[i] = start, end
        out.ref_start[i], out.ref_end[i] = 10_000 * i + start, 10_000 * i + end
    return out


def ranked_of(*ends):
    alignments = alignments_of(*ends)
    offsets = LENGTH * np.arange(len(ends) + 1)
    ranking = rank(alignments, offsets, len(ends), 0, IS_ALT)
    return alignments, offsets, ranking, find_parts(alignments, ranking, Oriented(None, offsets, LENGTH))


def as_plain(alignments, ranking, rows, read=0):
    mine = ranking.rows[ranking.offsets[read] : ranking.offsets[read + 1]]
    return [tuple(rows[i][1:]) for i in mine]


def settle(alignments, offsets, ranking, parts, paired=False):
    n = offsets.size - 1
    choice = Choice(
        np.empty(n, np.int32), np.empty(n, np.uint8), np.empty(n, np.int32), np.empty(n, np.uint8)
    )
    unused = np.zeros(n, np.float32)
    choose_alignments(
        alignments, ranking, parts, offsets, unused, scoring_of(CONFIG), PAIRING, paired, choice
    )
    return choice


def rows_of(alignments, offsets, ranking, parts, choice, limits=LIMITS):
    room = offsets.size - 1 + 2 * alignments.score.size
    dtypes = (np.int32, np.int32, np.uint8, np.bool_, np.uint8, np.int32, np.int32)
    out = Rows(*(np.empty(room, dtype) for dtype in dtypes))
    unused = np.zeros(offsets.size - 1, np.float32)
    n = list_rows(alignments, ranking, parts, choice, offsets, unused, scoring_of(CONFIG), limits, out)
    return Rows(*(array[:n] for array in out))


@settings(max_examples=300, deadline=None)
@given(reads)
def test_mark_parts__equals_plain(rows):
    alignments, _, ranking, parts = ranked_of(rows)
    ranked = as_plain(alignments, ranking, rows)
    keys = [(is_alt, -score) for _, _, score, is_alt in ranked]
    assert keys == sorted(keys)
    assert ranking.alt_starts.tolist() == [sum(not row[3] for row in ranked)]
    assembly, whole = plain_ranking.mark_parts(ranked)
    assert parts.assembly[: len(ranked)].tolist() == assembly
    assert parts.whole[: len(ranked)].tolist() == whole


@settings(max_examples=400, deadline=None)
@given(reads, st.integers(0, 8), st.booleans(), st.sampled_from([0, 2, 20]))
def test_list_rows__equals_plain(rows, place, soft_clip, most):
    """``chosen`` is the best alignment or, as in a pair, another place of it."""
    alignments, offsets, ranking, parts = ranked_of(rows)
    choice = settle(alignments, offsets, ranking, parts)
    ranked = as_plain(alignments, ranking, rows)
    if choice.row[0] >= 0:
        chosen = ranking.rows[: len(ranked)].tolist().index(choice.row[0])
        others = [i for i, master in enumerate(parts.assembly[: len(ranked)]) if master == chosen]
        chosen = [chosen, *others][place % (1 + len(others))]
        choice.row[0] = ranking.rows[chosen]
    limits = ReportLimits(30, soft_clip, most, 3, 0.8)
    out = rows_of(alignments, offsets, ranking, parts, choice, limits)
    assert out.read.tolist() == [0] * out.read.size
    if choice.row[0] < 0:
        assert (out.alignment.tolist(), out.kind.tolist()) == ([-1], [0])
        return
    expected = plain.list_rows(ranked, chosen, limits)
    assert out.alignment.tolist() == [ranking.rows[i] for i, *_ in expected]
    assert [KINDS[kind] for kind in out.kind] == [kind for _, kind, *_ in expected]
    assert out.hard_clip.tolist() == [clip for _, _, clip, _ in expected]
    assert out.alt_score.tolist() == [score for *_, score in expected]
    assembly = [not rows[row][4] for row in out.alignment]
    supplementary = np.array(assembly) & (out.kind == 1)
    assert (out.mapping_quality[supplementary] <= out.mapping_quality[0]).all()


@settings(max_examples=200, deadline=None)
@given(reads)
def test_choose_alignments__alt_contigs_change_nothing_on_the_assembly(rows):
    """A read that the primary assembly can hold lies and is as sure as if there were no ALT contigs."""
    assembly = [row for row in rows if not row[4]]
    assume(any(row[3] >= 30 for row in assembly))
    with_alt = ranked_of([*assembly, *(row for row in rows if row[4])])
    ours, theirs = settle(*with_alt), settle(*ranked_of(assembly))
    for mine, alone in zip(ours, theirs, strict=True):
        assert mine.tolist() == alone.tolist()


def test_choose_alignments__read_on_alt_contigs_only():
    rows = [(0, 0, 150, 150, True), (0, 0, 150, 150, True)]
    *ranked, parts = ranked_of(rows)
    choice = settle(*ranked, parts)
    assert choice.row[0] >= 0
    assert choice.mapping_quality[0] == 0
    assert rows_of(*ranked, parts, choice).kind.tolist() == [0, 2]


def test_choose_alignments__better_alt_is_supplementary_and_sure_of_itself():
    rows = [(0, 0, 150, 120, False), (1, 0, 150, 150, True)]
    *ranked, parts = ranked_of(rows)
    choice = settle(*ranked, parts)
    out = rows_of(*ranked, parts, choice)
    assert out.alignment.tolist() == [0, 1, 0]  # the primary one is another place of the ALT one too
    assert out.kind.tolist() == [0, 1, 2]
    assert out.alt_score.tolist() == [150, 0, 0]
    assert out.second_score.tolist() == [0, 120, 0]
    assert out.hard_clip.tolist() == [False, False, False]


def test_choose_alignments__split_read_is_not_paired():
    """Both parts score enough: the longer one is primary though the shorter one lies near the mate."""
    split = [(0, 0, 90, 90, False), (0, 90, 150, 60, False)]
    mate = [(1, 0, 150, 150, False)]
    alignments, offsets, ranking, _ = ranked_of(split, mate)
    alignments.ref_start[:], alignments.ref_end[:] = [0, 50_000, 50_200], [90, 50_060, 50_350]
    parts = find_parts(alignments, ranking, Oriented(None, offsets, LENGTH))
    choice = settle(alignments, offsets, ranking, parts, paired=True)
    assert choice.row.tolist() == [0, 2]
    assert choice.proper.tolist() == [0, 0]
    out = rows_of(alignments, offsets, ranking, parts, choice)
    assert (out.read.tolist(), out.alignment.tolist()) == ([0, 0, 1], [0, 1, 2])
    assert out.hard_clip.tolist() == [False, True, False]


def test_choose_alignments__split_read_whose_primary_part_faces_the_mate_is_proper():
    split = [(0, 0, 90, 90, False), (0, 90, 150, 60, False)]
    mate = [(1, 0, 150, 150, False)]
    alignments, offsets, ranking, _ = ranked_of(split, mate)
    alignments.ref_start[:], alignments.ref_end[:] = [50_000, 9_000, 50_200], [50_090, 9_060, 50_350]
    parts = find_parts(alignments, ranking, Oriented(None, offsets, LENGTH))
    assert settle(alignments, offsets, ranking, parts, paired=True).proper.tolist() == [1, 1]
