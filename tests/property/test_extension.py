"""Ungapped extension: best stretch equal to its plain twin; windows stay inside their contig."""

import numpy as np
from builders.reads import pack_reference, random_codes
from hypothesis import given, settings
from hypothesis import strategies as st
from plain import extension as plain

from genomehub.align.chains import empty_candidates
from genomehub.align.extend import empty_alignments
from genomehub.kernels.extension import best_stretch, choose_gapped, contig_at, read_window
from genomehub.types import AlignmentScoring

BWA = AlignmentScoring(1, 4, 6, 1, 5)


def padded(codes):
    return np.concatenate([np.array(codes, np.uint8), np.full(64, 5, np.uint8)])


def points_of(read, window, start, end):
    return [1 if read[i] == window[i] else -4 for i in range(start, end)]


@st.composite
def problems(draw):
    window = draw(st.lists(st.integers(0, 3), min_size=1, max_size=150))
    n_wrong = draw(st.integers(0, min(12, len(window))))
    read = list(window)
    for at in draw(st.lists(st.integers(0, len(window) - 1), min_size=n_wrong, max_size=n_wrong)):
        read[at] = draw(st.integers(0, 4))
    return read, window


@settings(max_examples=300, deadline=None)
@given(problems())
def test_best_stretch__equals_plain(problem):
    read, window = problem
    total, score, start, end = best_stretch(padded(read), 0, padded(window), len(read), BWA)
    best = plain.best_total(read, window, 1, 4, 5)
    # With 10 or less the bonuses alone may make the total: such a stretch is no alignment.
    assert total == best or best <= 10
    if total > 0:
        points = points_of(read, window, start, end)
        assert score == plain.best_part(points)
        assert total == sum(points) + 5 * (start == 0) + 5 * (end == len(read))


def test_best_stretch__mismatch_at_the_last_base_is_not_clipped():
    window = [0] * 50
    assert best_stretch(padded([0] * 49 + [1]), 0, padded(window), 50, BWA) == (55, 49, 0, 50)


def test_best_stretch__n_never_matches():
    assert best_stretch(padded([4] * 50), 0, padded([5] * 50), 50, BWA)[0] == 0


def test_read_window__other_outside_the_contig():
    rng = np.random.default_rng(2)
    contigs = [random_codes(rng, 101), random_codes(rng, 77)]
    bases = pack_reference(contigs)
    out = np.empty(700, np.uint8)
    start = int(bases.contig_offsets[1])
    read_window(bases, 1, start - 600, start + 100, out, 0)
    assert (out[:600] == 5).all()
    assert out[600:677].tolist() == contigs[1].tolist()
    assert (out[677:700] == 5).all()
    assert contig_at(bases, start + 5) == 1
    assert contig_at(bases, start - 600) == 0


def test_read_window__wholly_outside():
    bases = pack_reference([np.zeros(50, np.uint8)])
    out = np.zeros(30, np.uint8)
    read_window(bases, 0, -40, -10, out, 0)
    assert (out == 5).all()


@given(st.lists(st.integers(1, 2000), min_size=1, max_size=40), st.data())
def test_contig_at__is_the_last_contig_that_does_not_start_later(lengths, data):
    bases = pack_reference([[0] * length for length in lengths])
    position = data.draw(st.integers(0, int(bases.contig_offsets[-1]) + lengths[-1]))
    assert contig_at(bases, position) == max(0, np.searchsorted(bases.contig_offsets, position, "right") - 1)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.lists(st.tuples(st.integers(20, 40), st.integers(0, 40), st.booleans()), max_size=9), max_size=4
    ),
    st.integers(1, 4),
)
def test_choose_gapped__equals_plain(reads, most):
    rows = [row for read in reads for row in read]
    candidates = empty_candidates(len(reads), len(rows))
    candidates.offsets[:] = np.cumsum([0, *map(len, reads)])
    alignments = empty_alignments(len(reads) + 1, len(rows))
    exact = np.array([row[2] for row in rows], dtype=np.bool_)
    for i, (covered, score, _) in enumerate(rows):
        candidates.covered[i], alignments.score[i] = covered, score
    chosen = np.empty(len(rows), dtype=np.int32)
    n = choose_gapped(candidates, alignments, exact, most, 0.5, 0.9, chosen)
    assert chosen[:n].tolist() == plain.choose_gapped(reads, most, 0.5, 0.9)
