"""Local assembly: equal to the plain twin; long events by hand; regions and cuts."""

import math
from itertools import pairwise

import numpy as np
from builders.calling import codes, random_sequence, read_codes
from hypothesis import example, given, settings
from hypothesis import strategies as st
from plain import assembly as plain
from plain import regions as plain_regions

from genomehub.kernels.assembly import AssemblyLimits, assemble, sequence_keys
from genomehub.kernels.regions import cut_long, distance_to, grow_over_copies, grow_over_tracts, merge_spans
from genomehub.kernels.repeats import tracts
from genomehub.variants.pileup import SHORTEST_TRACT


def run(reads, reference, kmers, least_weight=2, max_paths=8, quals=None):
    texts = [read_codes(read) for read in reads]
    flat = np.concatenate([np.zeros(0, np.uint8), *texts])
    quals = np.full(flat.size, 30, np.uint8) if quals is None else quals
    offsets = np.cumsum([0, *map(len, texts)])
    limits = AssemblyLimits(10, least_weight, max_paths, 2_000)
    sequences, starts = assemble(flat, quals, offsets, codes(reference), np.array(kmers), limits)
    return ["".join("ACGT"[c] for c in sequences[a:b]) for a, b in pairwise(starts)]


words = st.text("AC", min_size=4, max_size=14)


@settings(deadline=None)
@given(words, st.lists(st.text("ACN", max_size=14), max_size=6), st.integers(2, 4), st.integers(1, 2))
@example("ACCA", [], 2, 1)
@example("AAAA", ["AAAA"], 2, 1)
@example("AACCCA", ["AACCA", "AACCA"], 3, 2)
def test_assemble__equals_plain(reference, reads, k, least_weight):
    got = run(reads, reference, [k], least_weight, max_paths=50)
    expected = plain.assemble(reads, reference, k, least_weight, 50)
    if expected is None:
        assert got == []
        return
    assert sorted(got) == sorted(sequence for _, sequence in expected)
    scores = {sequence: score for score, sequence in expected}
    order = [scores[sequence] for sequence in got]
    assert all(a >= b - 1e-9 for a, b in pairwise(order))
    assert all(score <= 0 or math.isclose(score, 0) for score in order)


def tiles(sequence, length=80, step=8):
    return [sequence[i : i + length] for i in range(0, len(sequence) - length + 1, step)]


def test_assemble__long_insertion():
    left, right, inserted = (random_sequence(n, seed) for n, seed in ((150, 1), (150, 2), (90, 3)))
    with_insertion = left + inserted + right
    assert run(tiles(with_insertion) + tiles(left + right), left + right, [15, 25]) in (
        [with_insertion, left + right],
        [left + right, with_insertion],
    )


def test_assemble__takes_a_larger_k_in_a_repeat():
    reference = random_sequence(80, 4) + "GATA" * 7 + random_sequence(80, 5)
    longer = reference.replace("GATA" * 7, "GATA" * 9)
    assert run(tiles(longer), reference, [15, 25]) == []
    assert longer in run(tiles(longer), reference, [15, 25, 35, 45])


def test_assemble__bases_of_low_quality_take_no_part():
    reference = random_sequence(120, 6)
    other = reference[:60] + ("A" if reference[60] != "A" else "C") + reference[61:]
    quals = np.full(3 * 120, 30, np.uint8)
    quals[60::120] = 5
    assert run([other] * 3, reference, [15], quals=quals) == [reference]
    assert other in run([other] * 3, reference, [15])


def test_assemble__unknown_reference_or_too_short():
    assert run(["ACGT"], "ACGTNACGT", [3]) == []
    assert run(["ACGT"], "ACG", [15]) == []


def test_assemble__keeps_the_likeliest_paths():
    parts = [random_sequence(40, seed) for seed in range(10, 16)]
    reference = "A".join(parts)
    other = "C".join(parts)
    assert len(run([other] * 3 + [reference] * 3, reference, [15], max_paths=4)) == 4


def test_sequence_keys__equal_for_equal():
    text = codes("ACGTACGTAC")
    keys = sequence_keys(text, np.array([0, 4, 0]), np.array([4, 8, 5]))
    assert keys[0] == keys[1] != keys[2]


def test_merge_spans__touching_and_apart():
    merged = merge_spans(np.array([0, 8, 40]), np.array([5, 10, 41]), 5)
    assert merged.tolist() == [[0, 10], [40, 41]]


def test_grow_over_tracts__at_most_so_far():
    start, end = np.arange(50, dtype=np.int32), np.arange(1, 51, dtype=np.int32)
    start[10:40], end[10:40] = 10, 40
    first, last = np.array([20]), np.array([21])
    grow_over_tracts(first, last, start, end, 5)
    assert (first[0], last[0]) == (14, 27)
    grow_over_tracts(first, last, start, end, 100)
    assert (first[0], last[0]) == (9, 41)


@st.composite
def repeating(draw):
    """A text of which parts are copies of others, nearly."""
    unit = draw(st.text("ACGT", min_size=9, max_size=14))
    parts = []
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(unit) - 1))
        parts += [unit[:at], draw(st.sampled_from("ACGTN")), unit[at + 1 :]]
    return draw(st.text("ACGT", max_size=12)) + "".join(parts) + draw(st.text("AC", max_size=12))


@settings(deadline=None)
@given(
    repeating(),
    st.integers(0, 60),
    st.integers(0, 8),
    st.integers(6, 12),
    st.integers(5, 40),
    st.integers(9, 80),
)
@example("ACGTTGCATGACGT" * 3, 20, 1, 8, 40, 80)
@example("ACGTTGCATGACGT" * 3, 20, 1, 8, 40, 30)
@example("AC" * 20, 20, 1, 8, 40, 80)
def test_grow_over_copies__equals_plain(text, first, length, least, max_growth, max_span):
    reference = codes(text)
    first = min(first, reference.size - 1)
    span = [first, min(first + length, reference.size)]
    _, _, tract_end = tracts(reference, SHORTEST_TRACT)
    spans, copied = np.array([span]), np.zeros(reference.size, bool)
    grow_over_copies(spans, reference, tract_end, 15, least, max_growth, max_span, copied)
    *grown, rows = plain_regions.grow(reference, tract_end, span, 9, 15, least, max_growth, max_span, -3)
    assert spans[0].tolist() == grown
    assert set(np.flatnonzero(copied).tolist()) == rows


@settings(deadline=None)
@given(st.lists(st.integers(0, 299), min_size=1, max_size=20), st.integers(0, 60))
def test_cut_long__neighbouring_windows_agree(active, shift):
    rows = np.zeros(300, bool)
    rows[active] = True
    span = np.array([[0, 300]])
    cuts = cut_long(span, distance_to(rows), 1_000, 50)
    assert cuts[0, 0] == 0
    assert cuts[-1, 1] == 300
    assert (cuts[1:, 0] == cuts[:-1, 1]).all()
    later = cut_long(np.array([[0, 300 - shift]]), distance_to(rows[shift:]), 1_000 + shift, 50)
    inner = {int(cut) for cut in cuts[:, 0] if cut > shift + 75}
    assert (
        inner == {int(cut) + shift for cut in later[:, 0] if cut + shift > shift + 75}
        or not rows[shift:].any()
    )
