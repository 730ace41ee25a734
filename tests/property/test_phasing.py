"""Links and phase sets: equal to plain twins, and right where the truth is known."""

import itertools

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st
from plain import genotype as plain_genotype
from plain import phasing as plain
from property.test_genotype import MODEL, matrices, region

from genomehub.kernels import genotype, phasing

SWITCH = 0.01


def as_arrays(sites):
    """Sites (row -> template -> preference) as link_sites takes them."""
    offsets = np.cumsum([0, *(len(seen) for _, seen in sites)])
    template = np.array([t for _, seen in sites for t in sorted(seen)], np.uint64)
    preference = np.array([seen[t] for _, seen in sites for t in sorted(seen)], np.float64)
    return np.array([row for row, _ in sites], np.int64), offsets, template, preference


seen_at_site = st.dictionaries(st.integers(0, 6), st.floats(-9, 9), max_size=6)


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 400), seen_at_site), max_size=6, unique_by=lambda site: site[0]))
@example([])
@example([(0, {1: 4.5}), (700, {1: 4.5}), (1401, {1: 4.5})])  # the reach is inclusive
def test_link_sites__equals_plain(sites):
    sites.sort(key=lambda site: site[0])
    got = phasing.link_sites(*as_arrays(sites), 700, 3, SWITCH)
    found = {(i, j): phred for i, j, phred in got.tolist()}
    for i, j in itertools.combinations(range(len(sites)), 2):
        near = sites[j][0] - sites[i][0] <= 700 and j - i <= 3
        expected = plain.link(sites[i][1], sites[j][1], SWITCH) if near else 0
        assert abs(found.pop((i, j), 0) - expected) <= 0.5 + 1e-6
    assert not found


@st.composite
def linked(draw):
    n = draw(st.integers(1, 9))
    pairs = [(i, j) for j in range(n) for i in range(max(0, j - 4), j)]
    chosen = draw(st.lists(st.sampled_from(pairs), unique=True)) if pairs else []
    order = sorted(chosen, key=lambda pair: (pair[1], pair[0]))
    return n, [(i, j, draw(st.integers(-60, 60).filter(bool))) for i, j in order]


@settings(deadline=None, max_examples=400)
@given(linked())
@example((1, []))
@example((4, [(0, 2, 50), (1, 3, -50), (0, 3, 10), (2, 3, 25)]))  # two sets that stand in each other
@example((4, [(0, 2, 50), (1, 2, -50), (0, 3, 40), (1, 3, 40)]))  # a site joins two sets
def test_join_sites__equals_plain(case):
    n, links = case
    got = phasing.join_sites(np.array(links, np.int64).reshape(-1, 3), n, 30)
    assert [values.tolist() for values in got] == list(map(list, plain.join_sites(links, n, 30)))


@settings(deadline=None)
@given(st.lists(st.booleans(), min_size=2, max_size=12), st.data())
def test_join_sites__finds_the_haplotypes(truth, data):
    links = []
    for j in range(1, len(truth)):
        for i in range(max(0, j - 3), j):
            strength = data.draw(st.integers(30 if i == j - 1 else 0, 90))
            if strength:
                links.append((i, j, strength if truth[i] == truth[j] else -strength))
    first, swapped, quality = phasing.join_sites(np.array(links, np.int64), len(truth), 30)
    assert first.tolist() == [0] * len(truth)
    assert swapped.tolist() == [side != truth[0] for side in truth]
    assert (quality >= 30).all()


@settings(deadline=None)
@given(matrices())
def test_preferences__equals_plain(case):
    rows, fragments, qualities, alleles = case
    reads, events = region(rows, fragments, [50, 50], [[a - 1] if a else [] for a in alleles])
    haplotypes = np.array([0, len(alleles)])
    flat = np.array(rows).ravel()
    summed, offsets, fits = genotype.fragment_likelihoods(
        reads, flat, np.array([0, flat.size]), haplotypes, np.array(qualities, np.uint8), MODEL
    )
    names = np.array([7 * (9 - f) for f in fragments], np.uint64)
    got = phasing.preferences(
        np.array([[0, 0, 2]]), np.array([[0, alleles[-1]]]), events, reads, haplotypes, summed, offsets, fits,
        names, MODEL,
    )  # fmt: skip
    by_fragment, expected_fits = plain_genotype.fragment_rows(
        rows, fragments, qualities, [100] * len(rows), MODEL
    )
    present = {f for f, fit in zip(fragments, expected_fits, strict=True) if fit}
    expected = {}
    for f in present:
        values = plain_genotype.allele_row(by_fragment[f], alleles, 3, MODEL.fragment_cap)
        expected[7 * (9 - f)] = values[0] - values[alleles[-1]]
    assert got[0].tolist() == [0, len(present)]
    assert got[1].tolist() == sorted(expected)
    assert np.allclose(got[2], [expected[name] for name in sorted(expected)])
