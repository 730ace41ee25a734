"""Genotypes under contamination: equal to plain twins; stray reads make no heterozygote."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from plain import contamination as plain

from genomehub.config import CallConfig
from genomehub.kernels.contamination import contaminated_likelihoods, contaminated_pairs
from genomehub.kernels.genotype import genotype_number
from genomehub.variants.contamination import companion_table, contamination_of
from genomehub.variants.genotypes import make_model

likelihood = st.floats(-4.5, 0)
shares = st.floats(0.001, 0.3)


def site(rows, rates, ploidy, share):
    model = make_model(CallConfig(ploidy=ploidy, contamination=share))
    out = np.zeros(model.genotypes.shape[0])
    n = len(rates)
    contaminated_likelihoods(
        np.array(rows).reshape(-1, n), np.ones(len(rows), bool), np.arange(n), np.array(rates), model, out
    )
    return out


@st.composite
def sites(draw):
    n = draw(st.integers(2, 4))
    row = st.lists(likelihood, min_size=n, max_size=n)
    rates = draw(st.lists(st.floats(-4, -0.5), min_size=n, max_size=n))
    return draw(st.lists(row, max_size=6)), rates


@settings(deadline=None)
@given(sites(), st.sampled_from([1, 2]), shares)
def test_contaminated_likelihoods__equals_plain(case, ploidy, share):
    rows, rates = case
    expected = plain.likelihoods(rows, [10**rate for rate in rates], ploidy, share)
    assert np.allclose(site(rows, rates, ploidy, share)[: len(expected)], expected)


def test_contaminated_likelihoods__allele_without_haplotype_is_impossible():
    got = site([[0.0, -np.inf], [-1.0, -np.inf]], [0.0, -3.0], 2, 0.05)
    assert np.isfinite(got[0])
    assert got[2] == -np.inf or got[2] < got[0] - 2


@settings(deadline=None, max_examples=40)
@given(
    st.integers(1, 4).flatmap(
        lambda m: st.tuples(
            st.lists(st.lists(likelihood, min_size=m, max_size=m), min_size=1, max_size=6),
            st.lists(st.sets(st.integers(0, 2)), min_size=m, max_size=m),
        )
    ),
    shares,
)
@example(([[0.0, -4.5]] * 300, [set(), {0}]), 0.01)  # the product underflows many times
def test_contaminated_pairs__equals_plain(case, share):
    rows, sets = case
    priors = np.array([-3.0, -3.5, -1.0])
    half = 0.5 * 10 ** (np.array(rows) - np.max(rows, axis=1, keepdims=True)).T
    carries = np.array([[e in own for e in range(3)] for own in sets])
    model = make_model(CallConfig(contamination=share))
    got = contaminated_pairs(half, carries, priors, model, 0.5)
    expected = plain.pairs(rows, sets, 10**priors, share, 0.5)
    assert all(np.isclose(got[pair], value) for pair, value in expected.items())


def best_genotype(n_ref, n_alt, share):
    rows = [[0.0, -4.5]] * n_ref + [[-4.5, 0.0]] * n_alt
    values = site(rows, [0.0, -3.0], 2, share)
    prior = np.array([0.0, -3.0, -3.0 + np.log10(0.5)])
    return int((values[:3] + prior).argmax())


def test_contaminated_likelihoods__reads_of_another_person():
    """3 or 4 of 30 reads of another allele: another person's, if a tenth of the reads is."""
    het, hom = genotype_number(0, 1), genotype_number(1, 1)
    assert best_genotype(26, 4, 0.1) == 0
    assert best_genotype(3, 27, 0.1) == hom
    assert best_genotype(3, 27, 0.001) == het
    assert best_genotype(15, 15, 0.1) == het


@pytest.mark.parametrize("ploidy", [1, 2, 3])
def test_companion_table__equals_counting(ploidy):
    table = 10 ** companion_table(ploidy)
    for i in range(ploidy + 1):
        assert table[i] == pytest.approx([plain.companion(i, j, ploidy, 1.0) for j in range(ploidy + 1)])
        assert i == 0 or table[i].sum() == pytest.approx(1)


@pytest.mark.parametrize("share", [0.0, 0.01, 0.05, 0.15])
def test_contamination_of__finds_what_was_drawn(share):
    rng = np.random.default_rng(7)
    kinds = rng.choice(4, size=1500, p=[0.15, 0.3, 0.45, 0.1])  # the last is heterozygous
    depth = rng.poisson(30, kinds.size) + 10
    n_ref = rng.binomial(depth, np.array([share, share / 2, 0, 0.5])[kinds] * 0.998 + 0.001)
    keep = n_ref <= 0.4 * depth
    other = rng.binomial(depth, 0.002)
    found = contamination_of(n_ref[keep], (depth - n_ref)[keep], other[keep])
    assert found.fraction == pytest.approx(share, rel=0.15, abs=0.0005)
    assert found.is_known


def test_contamination_of__too_few_places():
    few = np.full(20, 3)
    found = contamination_of(few, few * 9, few * 0)
    assert found.fraction == 0.0
    assert not found.is_known
    assert contamination_of(few[:0], few[:0], few[:0]) == (0.0, 0)
