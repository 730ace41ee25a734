"""Thinning of pile-ups: the kernel against its twin, and pieces of a file against the whole."""

import itertools

import numpy as np
import pytest
from builders.calling import Read, make_records
from hypothesis import given, settings
from hypothesis import strategies as st
from plain import depth as plain
from plain.decode import rows

from genomehub.formats.alignment_depth import slice_records, thinned
from genomehub.formats.alignment_reader import concatenate_records
from genomehub.kernels.depth import keep_starts

#: Many reads of few stretches; mates share a name, so some draws are equal.
READS = st.lists(st.tuples(st.integers(-1, 450), st.integers(0, 2**64 - 1)), max_size=60).map(
    lambda reads: sorted(reads + [(start + 7, name) for start, name in reads[::3]])
)


@settings(deadline=None)
@given(READS, st.integers(1, 12))
def test_keep_starts__twin(reads, most):
    start = np.array([start for start, _ in reads], np.int32)
    names = np.array([name for _, name in reads], np.uint64)
    expected = plain.keep_starts(start.tolist(), names.tolist(), most)
    assert keep_starts(start, names, most).tolist() == expected


@settings(deadline=None)
@given(READS, st.integers(1, 12), st.lists(st.integers(0, 80), max_size=6))
def test_thinned__pieces_do_not_matter(reads, most, cuts):
    records = make_records([Read(start, [(4, "M")], "ACGT", name=name % 2**50) for start, name in reads])
    n = records.start.size
    borders = [0, *sorted(min(cut, n) for cut in cuts), n]
    pieces = [slice_records(records, a, b) for a, b in itertools.pairwise(borders)]
    found = concatenate_records(list(thinned(iter(pieces), most)))
    keep = plain.keep_starts(records.start.tolist(), records.name_hash.tolist(), most)
    assert rows(found) == [row for row, kept in zip(rows(records), keep, strict=True) if kept]


@pytest.mark.parametrize("depth", [2_000, 20_000])
def test_thinned__mates_stay_and_depth_ends(depth):
    rng = np.random.default_rng(depth)
    start = np.sort(rng.integers(1_000, 2_000, depth))
    reads = [Read(int(a), [(4, "M")], "ACGT", name=i // 2) for i, a in enumerate(start)]
    (found,) = thinned([make_records(reads)], 100)
    assert set(np.bincount(found.start // 100)[10:20]) <= {100, 101}  # 101: the last draw is that of mates
    alone = np.unique(found.name_hash, return_counts=True)[1] == 1
    assert alone.mean() < 0.2  # neighbours here; drawn one by one, nearly all would be alone
