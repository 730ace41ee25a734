"""Pairs of haplotypes: equal to plain twins; two sites of one repeat do not use three haplotypes."""

import numpy as np
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from plain import diplotypes as plain

from genomehub.config import CallConfig
from genomehub.kernels import diplotypes as kernels
from genomehub.kernels.events import Events
from genomehub.kernels.genotype import Genotypes
from genomehub.kernels.region_reads import RegionReads
from genomehub.variants.genotypes import make_model, posteriors

CONFIG = CallConfig()
MODEL = make_model(CONFIG)
likelihood = st.floats(-4.5, 0)


@st.composite
def matrices(draw):
    n_fragments, n_haplotypes = draw(st.integers(1, 8)), draw(st.integers(1, 5))
    row = st.lists(likelihood, min_size=n_haplotypes, max_size=n_haplotypes)
    return draw(st.lists(row, min_size=n_fragments, max_size=n_fragments))


def pair_likelihoods(rows):
    nothing = np.zeros((len(rows[0]), 0), bool)
    return kernels.pair_likelihoods(np.array(rows), nothing, np.zeros(0), MODEL)


@settings(deadline=None)
@given(matrices())
@example([[0.0, -4.5]] * 300)  # the product underflows many times
def test_pair_likelihoods__equals_plain(rows):
    pairs, explained = pair_likelihoods(rows)
    expected, _ = plain.pair_likelihoods(rows, kernels.CONTRADICTION, kernels.MAX_CONTRADICTIONS)
    assert all(np.isclose(pairs[pair], value) for pair, value in expected.items())
    best = max(expected.values())
    if sum(np.isclose(value, best) for value in expected.values()) == 1:
        assert explained == plain.pair_likelihoods(rows, kernels.CONTRADICTION, kernels.MAX_CONTRADICTIONS)[1]


def as_events(rows, events_of_haplotype):
    m = len(rows)
    flat = np.array([e for own in events_of_haplotype for e in own], np.int64)
    offsets = np.cumsum([0, *map(len, events_of_haplotype)])
    return Events(
        np.array(rows, np.int64), np.ones(m, np.int64), np.arange(m), np.arange(m) + 1, np.array([0, m]),
        flat, offsets,
    )  # fmt: skip


@settings(deadline=None)
@given(st.lists(st.sets(st.integers(0, 3)).map(sorted), min_size=1, max_size=5))
def test_pair_priors__equals_plain(sets):
    priors = np.array([-3.0, -3.5, -1.0, -0.5])
    got = kernels.pair_priors(as_events([10, 20, 30, 40], sets), priors, 0, len(sets))
    assert all(
        np.isclose(got[pair], value) for pair, value in plain.pair_priors(sets, priors.tolist()).items()
    )


def joined(rows, sets, event_rows, priors, before=-1e6):
    """Genotypes of the sites (one per event) of one region after join_sites, which had ``before`` each."""
    n, m = len(rows), len(event_rows)
    events, none = as_events(event_rows, sets), np.zeros(n, np.int64)
    reads = RegionReads(
        np.array([0, n]), np.arange(n), none, none + 100, none, none + 1000, np.arange(n), np.array([n])
    )
    alleles = np.full((m, 7), -3, dtype=np.int64)
    alleles[:, 0], alleles[:, 1] = -1, np.arange(m)
    prior = np.zeros((m, 28))
    prior[:, 1], prior[:, 2] = priors, np.array(priors) + np.log10(0.5)
    flat, haplotypes = np.array(rows).ravel(), np.array([0, len(sets)])
    likelihood = np.full((m, 28), -1e6)
    likelihood[:, :3] = before
    got = Genotypes(alleles, np.full(m, 2), likelihood, prior, np.full(m, n, np.int32))
    sites = np.array([[0, e, e + 1] for e in range(m)])
    kernels.join_sites(
        sites, events, reads, haplotypes, flat, np.array([0, flat.size]), np.ones(n, bool), np.array(priors),
        MODEL, got,
    )  # fmt: skip
    return got


@settings(deadline=None)
@given(
    matrices().flatmap(
        lambda rows: st.tuples(
            st.just(rows),
            st.lists(
                st.sets(st.integers(0, 1)).map(sorted), min_size=len(rows[0]) - 1, max_size=len(rows[0]) - 1
            ),
        )
    )
)
def test_join_sites__equals_plain(case):
    rows, sets = case
    sets, priors = [[], *sets], [-3.0, -2.0]
    assume({0, 1} <= {e for own in sets for e in own})
    pairs, explained = pair_likelihoods(rows)
    got = joined(rows, sets, [10, 20], priors).log10_likelihood
    if not explained:
        assert (got == -1e6).all()
        return
    table = plain.pair_priors(sets, priors)
    values = {pair: pairs[pair] for pair in table}
    for site in range(2):
        alleles = [int(site in own) for own in sets]
        own = {(0, 0): 0.0, (0, 1): priors[site], (1, 1): priors[site] + np.log10(0.5)}
        expected = plain.genotype_likelihoods(values, table, alleles, own, kernels.CLUSTERING)
        line = [expected.get(g, -np.inf) for g in [(0, 0), (0, 1), (1, 1)]]
        assert np.allclose(got[site, :3], line)


def test_join_sites__two_deletions_of_one_repeat_share_reads():
    """TTTG, and TTG a base behind, fit the same reads: what has the second is no REF at the first."""
    rows = [[0.0, -4.5, -4.5]] * 11 + [[-4.5, 0.0, -0.7]] * 12
    got = joined(rows, [[], [0], [1]], [10, 11], [-2.2, -3.9])
    result = posteriors(got, CONFIG)
    assert result.genotype.tolist() == [[0, 1], [0, 0]]
    assert (result.genotype_quality > 20).all()


def test_join_sites__cluster_of_half_of_the_reads_is_as_sure_as_one_site():
    """Foreign reads explain each of three SNVs for 9; that all are foreign at once costs no less."""
    rows = [[0.0, -4.5, -4.5]] * 14 + [[-4.5, 0.0, -4.5]] * 12
    het = 26 * np.log10(0.5)
    got = joined(rows, [[], [0, 1, 2], [2]], [10, 14, 18], [-3.0] * 3, [het - 9.0, het, -63.0])
    behind = got.log10_likelihood[:, 1] - got.log10_likelihood[:, 0]
    assert np.allclose(behind, 9.0)
    assert (posteriors(got, CONFIG).quality > 55).all()


def test_join_sites__cluster_of_few_reads_is_from_elsewhere():
    """Nine SNVs on 6 of 41 fragments, each of them weak evidence: less likely than one stray haplotype."""
    rows = [[0.0, -4.5]] * 35 + [[-1.0, 0.0]] * 6
    got = joined(rows, [[], list(range(9))], list(range(10, 28, 2)), [-3.0] * 9)
    assert (posteriors(got, CONFIG).genotype == 0).all()
