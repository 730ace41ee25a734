"""log10_likelihoods: equal to its plain twin, unmoved by neighbours, sound where float32 gives up."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plain import pairhmm as plain

from genomehub.kernels.pairhmm import _plan, log10_likelihoods

SINGLE, DOUBLE = 1e-5, 1e-9  # promised accuracy in log10


def flat(sequences):
    offsets = np.zeros(len(sequences) + 1, np.int64)
    np.cumsum([len(s) for s in sequences], out=offsets[1:])
    return np.array([base for s in sequences for base in s], np.uint8), offsets


def arguments(regions):
    """Flat arrays of regions, each (reads, haplotypes); a read is a list of (base, bq, iq, dq, gq)."""
    reads = [read for region_reads, _ in regions for read in region_reads]
    columns = [flat([[base[k] for base in read] for read in reads]) for k in range(5)]
    haplotypes, haplotype_offsets = flat([h for _, region_haplotypes in regions for h in region_haplotypes])
    starts = [np.cumsum([0] + [len(region[k]) for region in regions]) for k in (0, 1)]
    return (*(data for data, _ in columns), columns[0][1], haplotypes, haplotype_offsets, *starts)


def check(regions, tolerance):
    found = log10_likelihoods(*arguments(regions))
    expected = np.array(plain.log10_likelihoods(*arguments(regions)))
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance)
    return found


def read_of(bases, base_qual=30, insertion=45, deletion=45, gap=10):
    return [(base, base_qual, insertion, deletion, gap) for base in bases]


@st.composite
def regions_of(draw, least_gap_qual=10, most_gap_qual=50):
    """Regions whose reads and haplotypes are pieces of one sequence with edits."""
    regions = []
    for _ in range(draw(st.integers(0, 3))):
        source = draw(st.lists(st.integers(0, 3), max_size=16))
        haplotypes, reads = [], []
        for _ in range(draw(st.integers(0, 4))):
            cut = draw(st.integers(0, len(source)))
            haplotypes.append(source[:cut] + draw(st.lists(st.integers(0, 4), max_size=3)) + source[cut:])
        gap_qual = st.integers(least_gap_qual, most_gap_qual)
        for _ in range(draw(st.integers(0, 20))):
            begin, end = sorted((draw(st.integers(0, len(source))), draw(st.integers(0, len(source)))))
            quals = draw(st.tuples(st.integers(2, 60), gap_qual, gap_qual, st.integers(1, 40)))
            read = [(base, *quals) for base in source[begin:end]]
            if read:
                at = draw(st.integers(0, len(read) - 1))
                read[at] = (draw(st.integers(0, 4)), draw(st.integers(2, 60)), *read[at][2:])
                read[at] = (*read[at][:2], draw(gap_qual), draw(gap_qual), draw(st.integers(1, 40)))
            reads.append(read)
        regions.append((reads, haplotypes))
    return regions


@settings(max_examples=150, deadline=None)
@given(regions_of())
def test_log10_likelihoods__equals_plain_twin(regions):
    check(regions, SINGLE)


@settings(max_examples=60, deadline=None)
@given(regions_of(least_gap_qual=0, most_gap_qual=93))
def test_log10_likelihoods__any_gap_quality_equals_plain_twin(regions):
    check(regions, SINGLE)


def test_log10_likelihoods__reads_of_sequencing_length_equal_plain_twin():
    rng = np.random.default_rng(2)
    reference = rng.integers(0, 4, 220)
    alternative = np.concatenate([reference[:90], rng.integers(0, 4, 6), reference[95:]])
    reads = []
    for length in rng.integers(20, 152, 9):
        start = int(rng.integers(0, 220 - length))
        bases = reference[start : start + length].copy()
        bases[rng.random(length) < 0.02] = 4
        quals = rng.integers([2, 25, 25, 8], [42, 46, 46, 12], (length, 4))
        reads.append([(int(base), *map(int, q)) for base, q in zip(bases, quals, strict=True)])
    check([(reads, [reference.tolist(), alternative.tolist(), reference[:-3].tolist()])], SINGLE)


@settings(max_examples=40, deadline=None)
@given(regions_of(), st.randoms(use_true_random=False))
def test_log10_likelihoods__neighbours_do_not_move_a_bit(regions, random):
    together = log10_likelihoods(*arguments(regions))
    alone = [
        log10_likelihoods(*arguments([([read], [haplotype])]))[0]
        for reads, haplotypes in regions
        for read in reads
        for haplotype in haplotypes
    ]
    assert together.tobytes() == np.array(alone, np.float64).tobytes()


def test_log10_likelihoods__unlike_reads_are_rescued_in_float64():
    rng = np.random.default_rng(3)
    haplotype = rng.integers(0, 4, 300).tolist()
    opposite = [3 - base for base in haplotype]
    reads = [read_of(opposite[20:length], 60) for length in (110, 170, 290)]
    found = check([(reads, [haplotype])], DOUBLE)
    assert found[0] < -60, "below what the kernel trusts to float32"
    assert found[2] < -250


def test_log10_likelihoods__long_reads_below_the_range_of_float64():
    read = read_of([0] * 400, 60, 50, 50, 40)
    found = check([([read], [[1] * 320])], DOUBLE)
    assert found[0] < -330, "below the range of float64"
    read = read_of([0] * 300, 93, 60, 60, 90)
    assert check([([read], [[1] * 310])], DOUBLE)[0] < -330


def test_log10_likelihoods__both_sides_of_the_rescue_agree():
    haplotype = [0, 1, 2, 3, 3, 1, 0, 2] * 12
    regions = []
    for n_wrong in range(4, 30):
        bases = haplotype[8:88]
        bases[: 2 * n_wrong : 2] = [(base + 1) % 4 for base in bases[: 2 * n_wrong : 2]]
        regions.append(([read_of(bases, 40)], [haplotype]))
    found = check(regions, SINGLE)
    assert found.max() > -45
    assert found.min() < -60


def test_log10_likelihoods__n_matches_everything():
    same, unknown_read, unknown_haplotype = log10_likelihoods(
        *arguments(
            [
                ([read_of([0, 1, 2])], [[0, 1, 2]]),
                ([read_of([0, 4, 2])], [[0, 1, 2]]),
                ([read_of([0, 1, 2])], [[0, 4, 2]]),
            ]
        )
    )
    assert unknown_read == pytest.approx(same, abs=1e-3)
    assert unknown_haplotype == pytest.approx(same, abs=1e-3)
    assert same == pytest.approx(np.log10((1 - 2 * 10**-4.5) ** 2 * 0.999**3 * 0.9 / 3), abs=1e-4)


def test_log10_likelihoods__empty_reads_and_haplotypes():
    found = log10_likelihoods(*arguments([([[], read_of([0])], [[], [0]])]))
    assert found.tolist()[:3] == [0.0, 0.0, -np.inf]
    assert np.isfinite(found[3])


@pytest.mark.parametrize("regions", [[], [([], [])], [([read_of([0])], []), ([], [[0]]), ([], [])]])
def test_log10_likelihoods__nothing_to_do(regions):
    assert log10_likelihoods(*arguments(regions)).size == 0


def test_log10_likelihoods__quality_0_makes_a_match_impossible():
    found = log10_likelihoods(*arguments([([read_of([0, 0, 0], 0)], [[0, 0, 0]])]))
    assert found[0] == -np.inf


def test_log10_likelihoods__leaves_denormals_as_they_were():
    log10_likelihoods(*arguments([([read_of([0])], [[0]])]))
    assert (np.full(4, 1e-30, np.float32) * np.float32(1e-10) > 0).all()


# --- the plan of shared prefixes ----------------------------------------------------------------------------
def walked(haplotypes):
    """Follow a plan with strings for columns; return each haplotype's text and the bases computed."""
    data, offsets = flat(haplotypes)
    slots, texts, n_columns = {0: []}, {}, 0
    for haplotype, source, target, first, last, ends in _plan(data, offsets, 0, len(haplotypes)).tolist():
        assert len(slots[source]) == first
        if first < last:
            slots[target] = slots[source] + haplotypes[haplotype][first:last]
            n_columns += last - first
            source = target
        if ends:
            texts[haplotype] = slots[source]
    return texts, n_columns


@settings(max_examples=200, deadline=None)
@given(st.lists(st.lists(st.integers(0, 2), max_size=5), max_size=8))
def test_plan__every_haplotype_and_each_prefix_once(haplotypes):
    texts, n_columns = walked(haplotypes)
    assert texts == dict(enumerate(haplotypes))
    assert n_columns == len({tuple(h[: k + 1]) for h in haplotypes for k in range(len(h))})


def test_plan__slots_fit():
    haplotypes = [[0] * k + [1] for k in range(20)]
    data, offsets = flat(haplotypes)
    assert _plan(data, offsets, 0, 20)[:, 2].max() <= 20 + 1
