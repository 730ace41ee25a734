"""Confidence in the reference, row by row: equal to the plain twin."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plain import confidence as plain

from genomehub.kernels import pileup as counters
from genomehub.kernels.confidence import reference_likelihoods, supported_rows
from genomehub.kernels.pileup import N_COUNTS, Pileup

strands = st.lists(st.lists(st.integers(0, 6), min_size=4, max_size=4), min_size=2, max_size=2)


@settings(deadline=None)
@given(st.lists(st.tuples(strands, st.sampled_from([0, 1, 2, 3, 5])), max_size=8), st.integers(1, 3))
def test_supported_rows__equals_plain(rows, least):
    bases = np.array([by_strand for by_strand, _ in rows], np.int32).reshape(-1, 2, 4)
    reference = np.array([code for _, code in rows], np.uint8)
    got = supported_rows(bases, reference, least, 0.3)
    assert got.tolist() == [plain.supported(*row, least, 0.3) for row in rows]


counts = st.integers(0, 12)
likelihoods = st.lists(st.integers(-40, 0), min_size=4, max_size=4)
row = st.tuples(
    strands, likelihoods, counts, counts, counts, counts, counts, st.integers(0, 3), st.integers(1, 3)
)


@settings(deadline=None)
@given(st.lists(row, max_size=10), st.sampled_from([1, 2, 3]))
def test_reference_likelihoods__equals_plain(rows, ploidy):
    n = len(rows)
    table = np.zeros((N_COUNTS, n + 1), np.int32)
    for i, line in enumerate(
        [counters.DELETED, counters.INSERTIONS, counters.DELETIONS, counters.ENDS, counters.SPANS]
    ):
        table[line, :n] = [values[2 + i] for values in rows]
    bases = np.array([values[0] for values in rows], np.int32).reshape(-1, 2, 4)
    substitution = np.array([values[1] for values in rows], np.float64).reshape(-1, 4)
    start = np.array([max(0, i - values[7]) for i, values in enumerate(rows)], np.int32)
    end = np.array([min(n, i + values[8]) for i, values in enumerate(rows)], np.int32)
    indel = np.array([[0, 0], [-0.3, 4.2], [-0.6, 8.4], [-0.9, 12.5]])[: ploidy + 1]
    pileup = Pileup(bases, substitution, table)
    got, phred, depth = reference_likelihoods(pileup, substitution, indel, start, end, 99)
    for i, values in enumerate(rows):
        first, last = max(0, start[i] - 1), min(end[i], n - 1)
        ended = table[counters.ENDS, first + 1 : last + 1].sum()
        confidence, expected = plain.reference_likelihood(
            values[1][: ploidy + 1],
            indel.tolist(),
            sum(values[2:5]),
            int(table[counters.SPANS, first] - ended),
            99,
        )
        assert got[i] == pytest.approx(confidence)
        assert phred[i].tolist() == expected
        assert depth[i] == np.sum(values[0]) + values[2]
