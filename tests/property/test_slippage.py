"""Lengths of repeats: counted as the plain twin does; rates of errors recovered from invented samples."""

import numpy as np
import pytest
from builders.calling import Read, aligned_read, apply_edits, codes, make_records, random_sequence
from hypothesis import given, settings
from hypothesis import strategies as st
from plain import slippage as plain

from genomehub.config import CallConfig
from genomehub.kernels.slippage import MAX_CHANGE, tally_lengths
from genomehub.types import CigarOp
from genomehub.variants.error_model import Slippage, slippage_rate, wrong_lengths_per_gap
from genomehub.variants.likelihoods import gap_open_table
from genomehub.variants.pileup import as_alignments

CONFIG = CallConfig()


@st.composite
def cigars(draw):
    """(start, CIGAR) of a read; both M and X pair bases."""
    cigar = [(draw(st.integers(1, 8)), "M")]
    for length, op in draw(st.lists(st.tuples(st.integers(1, 13), st.sampled_from("IDX")), max_size=3)):
        cigar += [(length, op), (draw(st.integers(1, 8)), "M")]
    return draw(st.integers(0, 30)), [*cigar, (2, "S")]


@settings(deadline=None)
@given(st.lists(cigars(), max_size=6), st.lists(st.tuples(st.integers(0, 50), st.integers(1, 9)), max_size=6))
def test_tally_lengths__equals_plain(reads, spans):
    reads, tracts = sorted(reads), sorted((first, first + n) for first, n in spans)
    length = {"M": 1, "I": 1, "X": 1, "S": 1, "D": 0}
    records = make_records(
        [Read(start, cigar, "A" * sum(n * length[op] for n, op in cigar)) for start, cigar in reads]
    )
    first, last = np.array(tracts, dtype=np.int64).reshape(-1, 2).T
    got = tally_lengths(
        as_alignments(records), np.ones(len(reads), bool), 0, np.ascontiguousarray(first),
        np.ascontiguousarray(last), 2,
    )  # fmt: skip
    walked = [(start, [(CigarOp[op], n) for n, op in cigar]) for start, cigar in reads]
    assert got.tolist() == plain.tally_lengths(walked, tracts, 2, MAX_CHANGE)


def sample(rate, n_repeats=300, depth=30, unit="A", repeats=12, het_every=10, seed=5):
    """Reads over many repeats of which a share ``rate`` lost a unit; every tenth repeat is heterozygous."""
    rng = np.random.default_rng(seed)
    slippage = Slippage()
    for k in range(n_repeats):
        sides = random_sequence(60, seed=2 * k) + "C", "G" + random_sequence(60, seed=2 * k + 1)
        reference = (unit * repeats).join(sides)
        shorter = apply_edits(reference, [(60, "C" + unit, "C")])
        longer = apply_edits(reference, [(60, "C", "C" + unit)])
        reads = []
        for d in range(depth):
            slips, second = rng.random() < rate, k % het_every == 0 and d % 2
            sequence, places = shorter if slips else longer if second else apply_edits(reference, [])
            reads.append(aligned_read(sequence, places, 0, len(sequence), name=d))
        slippage.add(make_records(reads), codes(reference), 0, CONFIG)
    return np.array(slippage.gap_open(CONFIG))


@pytest.mark.parametrize("rate", [0.01, 0.05, 0.2])
@pytest.mark.parametrize(("unit", "repeats"), [("A", 12), ("AC", 9)])
def test_gap_open__says_the_rate_of_the_sample(rate, unit, repeats):
    table = sample(rate, unit=unit, repeats=repeats)
    measured = 10.0 ** (-0.1 * table[len(unit), repeats]) * wrong_lengths_per_gap(len(unit), repeats)
    assert abs(10 * np.log10(measured / rate)) < 2  # costs are whole Phred, and the default has a say


def test_gap_open__sample_without_slips_costs_more_than_the_default():
    table, default = sample(0.0), gap_open_table(CONFIG)
    assert table[1, 12] > default[1, 12] + 6
    assert (table >= default).all()
    assert np.array_equal(table[8], default[8])  # no read covers such a repeat


def test_gap_open__no_reads():
    assert np.array_equal(Slippage().gap_open(CONFIG), gap_open_table(CONFIG))


def test_slippage_rate__heterozygotes_are_no_errors():
    n, off, neither = np.full(200, 30), np.array([15] * 100 + [0] * 100), np.zeros(200, dtype=np.int64)
    assert slippage_rate(n, off, neither, usual=0.05) < 0.01
