"""Likelihoods of the allele that a record does not name: equal to the plain twin, for any ploidy."""

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st
from plain import nonref as plain

from genomehub.config import CallConfig
from genomehub.kernels.events import Events
from genomehub.kernels.genotype import MAX_ALLELES, fragment_likelihoods
from genomehub.kernels.nonref import nonref_likelihoods
from genomehub.kernels.region_reads import RegionReads
from genomehub.variants.genotypes import make_model

MODEL = make_model(CallConfig())


def kernel(rows, n_alleles, ploidy):
    """One site whose alleles are one haplotype each, one read a fragment."""
    n, m = len(rows), n_alleles - 1
    reads = RegionReads(
        np.array([0, n]), np.arange(n), np.zeros(n, np.int64), np.full(n, 100), np.zeros(n, np.int64),
        np.full(n, 1000), np.arange(n), np.array([n]),
    )  # fmt: skip
    events = Events(
        np.full(m, 50), np.ones(m, np.int64), np.arange(m), np.arange(m) + 1, np.array([0, m]), np.arange(m),
        np.array([0, *range(m + 1)]),
    )  # fmt: skip
    flat, haplotypes = np.array(rows, dtype=np.float64).ravel(), np.array([0, n_alleles])
    quality = np.full(n, 60, np.uint8)
    fragments, offsets, fits = fragment_likelihoods(
        reads, flat, np.array([0, flat.size]), haplotypes, quality, MODEL
    )
    columns = np.full((1, MAX_ALLELES), -1)
    columns[0, :n_alleles] = np.arange(n_alleles)
    expected = plain.nonref_likelihoods(rows, ploidy)
    out = np.full((1, len(expected) + 1), np.nan)
    nonref_likelihoods(
        np.array([[0, 0, m]]), columns, np.array([ploidy]), out, events, reads, haplotypes, fragments,
        offsets, fits, MODEL,
    )  # fmt: skip
    assert np.isnan(out[0, -1])
    return out[0, :-1], expected


@st.composite
def sites(draw):
    n_alleles = draw(st.integers(2, 4))
    row = st.lists(st.floats(-4, 0), min_size=n_alleles, max_size=n_alleles)
    return draw(st.lists(row, min_size=1, max_size=6)), n_alleles, draw(st.integers(1, 4))


@settings(deadline=None)
@given(sites())
@example(([[0.0, 0.0]], 2, 2))
@example(([[-1.0, -3.0]], 2, 1))
def test_nonref_likelihoods__equals_plain(case):
    got, expected = kernel(*case)
    assert np.allclose(got, expected)


def test_nonref_likelihoods__as_gatk_writes_them():
    # 20:10000117 of GATK's gVCF of NA12878: AD 36,28,0 PL 934,0,1248,1042,1332,2374
    rows = [[0.0, -(1248 + 3.0103 * 64) / 360]] * 36 + [[-(934 + 3.0103 * 64) / 280, 0.0]] * 28
    got, _ = kernel(rows, 2, 2)
    het = -64 * np.log10(2)
    assert np.allclose(-10 * (got - het), [1042, 1332, 2374], atol=1.5)
