"""Pileup counters, mates' overlaps and events of reads: equal to plain twins; blocks by hand."""

import numpy as np
import pytest
from builders.calling import Read, codes, make_records, random_sequence
from hypothesis import given, settings
from hypothesis import strategies as st
from plain import pileup as plain

from genomehub.config import CallConfig
from genomehub.kernels import haplotypes as kernels
from genomehub.kernels import pileup as counters
from genomehub.types import Flag
from genomehub.variants.pileup import (
    as_alignments,
    edge_depths,
    make_window,
    overlapping_mates,
    reference_blocks,
    reference_confidence,
    tally_window,
    usable_reads,
    with_qualities,
)

CONFIG = CallConfig(min_clip_length=3)
REFERENCE = "ACCCCGTAATAATAAGTCAGGGGGGCATNCATATATATCCAGTACGAATTT"
KINDS = {"INS": kernels.INSERTION, "SUB": kernels.SUBSTITUTION, "DEL": kernels.DELETION}


@st.composite
def reads(draw):
    """A read within REFERENCE with clips, indels, errors, N and low qualities."""
    start = draw(st.integers(1, 20))
    inner = draw(st.lists(st.tuples(st.integers(1, 3), st.sampled_from("ID")), max_size=2))
    cigar = [(draw(st.integers(1, 6)), "M")]
    for item in inner:
        cigar += [item, (draw(st.integers(1, 5)), "M")]
    head, tail = draw(st.integers(0, 4)), draw(st.integers(0, 4))
    cigar = [(head, "S")] * (head > 0) + cigar + [(tail, "S")] * (tail > 0)
    bases, place = "", start
    for n, op in cigar:
        if op == "M":
            bases += REFERENCE[place : place + n].replace("N", "A")
        elif op in "IS":
            bases += draw(st.text("ACG", min_size=n, max_size=n))
        place += n if op in "MD" else 0
    for _ in range(draw(st.integers(0, 2))):
        i = draw(st.integers(0, len(bases) - 1))
        bases = bases[:i] + draw(st.sampled_from("ACGTN")) + bases[i + 1 :]
    quals = draw(st.lists(st.integers(0, 41), min_size=len(bases), max_size=len(bases)))
    return Read(start, cigar, bases, quals, flag=draw(st.sampled_from([0, 16])))


def window():
    return make_window(0, 0, codes(REFERENCE))


@settings(deadline=None)
@given(st.lists(reads(), max_size=5))
def test_tally__equals_plain(group):
    group = sorted(group, key=lambda read: read.start)
    records = make_records(group)
    alignments = as_alignments(records)
    got = tally_window(records, alignments, np.ones(len(group), bool), window(), CONFIG)
    bases, likelihood, counts = plain.tally(group, REFERENCE, CONFIG.min_base_quality, CONFIG.min_clip_length)
    expected = np.zeros_like(got.bases)
    for (place, strand, base), n in bases.items():
        expected[place, strand, "ACGT".index(base)] = n
    assert np.array_equal(got.bases, expected)
    sums = np.zeros_like(got.log10_likelihood)
    for place, values in likelihood.items():
        sums[place, :3] = values
    assert np.allclose(got.log10_likelihood, sums, atol=1e-9)
    rows = {"deleted": counters.DELETED, "insertions": counters.INSERTIONS, "deletions": counters.DELETIONS,
            "end": counters.DELETION_END, "clips": counters.CLIPS, "ends": counters.ENDS,
            "spans": counters.SPANS}  # fmt: skip
    for name, row in rows.items():
        line = np.zeros(len(REFERENCE) + 1, int)
        for place, n in counts[name].items():
            line[place] = n
        assert np.array_equal(got.counts[row], line), name


@settings(deadline=None)
@given(reads(), reads())
def test_mate_overlaps__equals_plain(one, two):
    pair = sorted([one._replace(name=1), two._replace(name=1)], key=lambda read: read.start)
    records = make_records(pair)
    quals = records.quals.copy()
    counters.mate_overlaps(as_alignments(records), np.array([[0, 1]]), 60, quals)
    expected = [list(read.quals) for read in pair]
    plain.settle_mates(*pair, *expected)
    assert quals.tolist() == expected[0] + expected[1]


def test_overlapping_mates__only_usable_mates_that_overlap():
    pair = Flag.PAIRED | Flag.PROPER_PAIR
    made = [
        Read(10, [(10, "M")], "A" * 10, flag=pair, name=1, mate_start=15),
        Read(15, [(10, "M")], "A" * 10, flag=pair, name=1, mate_start=10),
        Read(10, [(5, "M")], "A" * 5, flag=pair, name=2, mate_start=15),
        Read(15, [(5, "M")], "A" * 5, flag=pair, name=2, mate_start=10),
        Read(12, [(9, "M")], "A" * 9, flag=pair | Flag.DUPLICATE, name=3, mate_start=13),
        Read(13, [(9, "M")], "A" * 9, flag=pair, name=3, mate_start=12),
    ]
    records = make_records(made)
    pairs = overlapping_mates(records, usable_reads(records, CONFIG))
    assert [records.start[p].tolist() for p in pairs] == [[10, 15]]


def test_overlapping_mates__one_template_counts_once():
    pair = Flag.PAIRED | Flag.PROPER_PAIR
    bases = REFERENCE[5:15]
    made = [
        Read(5, [(10, "M")], bases, flag=pair | Flag.MATE_REVERSE, name=1, mate_start=5, template_length=10),
        Read(5, [(10, "M")], bases, flag=pair | Flag.REVERSE, name=1, mate_start=5, template_length=-10),
    ]
    records = make_records(made)
    pileup = tally_window(records, as_alignments(records), usable_reads(records, CONFIG), window(), CONFIG)
    assert pileup.bases.sum(axis=(1, 2))[5:15].tolist() == [1] * 10


@settings(deadline=None)
@given(reads(), st.integers(0, 20), st.integers(21, 45))
def test_read_events__equals_plain(read, low, high):
    records = make_records([read])
    n = len(read.bases)
    key, found, offsets = kernels.read_events(
        as_alignments(records), np.array([0]), np.array([0]), np.array([n]), np.array([low]),
        np.array([high]), codes(REFERENCE), 0, CONFIG.min_base_quality,
    )  # fmt: skip
    expected = plain.read_events(read, REFERENCE, low, high, CONFIG.min_base_quality)
    got = [
        (
            row,
            kind,
            length,
            "".join("ACGTN"[records.bases[source + (k - turn) % length]] for k in range(length)),
        )
        for row, kind, length, source, turn in found.tolist()
    ]
    wanted = [(row, KINDS[kind], n, text if text else "") for row, kind, n, text in expected]
    assert [(*g[:3], "" if g[1] == kernels.DELETION else g[3]) for g in got] == wanted
    assert offsets.tolist() == [0, len(expected)]
    same = {(g[:3], w[3]) for g, w in zip(got, expected, strict=True)}
    assert len(set(key.tolist())) == len(same)


def test_read_events__key_does_not_depend_on_window():
    records = make_records([Read(5, [(3, "M"), (2, "I"), (5, "M")], "GTATTAATAA")])
    keys = []
    for start in (0, 3):
        key, *_ = kernels.read_events(
            as_alignments(records), np.array([0]), np.array([0]), np.array([10]), np.array([1]),
            np.array([40]), codes(REFERENCE[start:]), start, 10,
        )  # fmt: skip
        keys.append(key.tolist())
    assert keys[0] == keys[1] != []


def test_usable_reads__leaves_out_what_must_not_count():
    flags = [0, Flag.DUPLICATE, Flag.QC_FAIL, Flag.SECONDARY, Flag.UNMAPPED, Flag.SUPPLEMENTARY]
    made = [Read(5, [(3, "M")], "GTA", flag=int(flag)) for flag in flags]
    made += [Read(5, [(3, "M")], "GTA", mapping_quality=19), Read(5, [(3, "M")], "")]
    assert usable_reads(make_records(made, sort=False), CONFIG).tolist() == [
        True, False, False, False, False, True, False, False,
    ]  # fmt: skip


def test_with_qualities__missing_ones_get_the_default():
    records = make_records([Read(5, [(3, "M")], "GTA", quals=255), Read(5, [(3, "M")], "GTA", quals=30)])
    assert with_qualities(records, CONFIG).quals.tolist() == [20] * 3 + [30] * 3


@pytest.fixture
def stretch():
    reference = random_sequence(200, seed=3)
    made = [Read(20, [(100, "M")], reference[20:120]) for _ in range(20)]
    made += [Read(150, [(20, "M")], reference[150:170])]
    records = make_records(made)
    area = make_window(0, 0, codes(reference))
    pileup = tally_window(records, as_alignments(records), np.ones(21, bool), area, CONFIG)
    return area, reference_confidence(pileup, area, CONFIG)


def test_reference_blocks__no_data_is_absent_and_bands_split(stretch):
    area, confidence = stretch
    called = np.zeros(200, bool)
    called[60:63] = True
    blocks = reference_blocks(confidence, area, 0, 200, called, CONFIG)
    covered = np.zeros(200, bool)
    for start, end in zip(blocks["block_start"], blocks["block_end"], strict=True):
        assert not covered[start:end].any()
        covered[start:end] = True
    assert np.flatnonzero(covered).tolist() == [*range(20, 60), *range(63, 120), *range(150, 170)]
    in_middle = (blocks["block_start"] <= 70) & (blocks["block_end"] > 70)
    assert blocks["block_MIN_DP"][in_middle].tolist() == [20]
    assert blocks["block_GQ"][in_middle].tolist() == [60]  # 20 reads * 3.01
    alone = blocks["block_start"] >= 150
    assert blocks["block_GQ"][alone].max() == 3
    assert blocks["block_DP"][alone].tolist() == [1] * int(alone.sum())
    depths = edge_depths(confidence, area, blocks)
    assert depths[depths[:, 0] == 1, 1].tolist() == [1]
    first = confidence.depth[blocks["block_start"][0] : blocks["block_end"][0]]
    assert np.repeat(depths[depths[:, 0] == 0, 1], depths[depths[:, 0] == 0, 2]).tolist() == sorted(first)


def test_reference_blocks__empty_window():
    area = make_window(0, 0, codes("N" * 50))
    records = make_records([])
    pileup = tally_window(records, as_alignments(records), np.zeros(0, bool), area, CONFIG)
    confidence = reference_confidence(pileup, area, CONFIG)
    blocks = reference_blocks(confidence, area, 0, 50, np.zeros(50, bool), CONFIG)
    assert all(len(column) == 0 for column in blocks.values())


def test_reference_confidence__repeat_needs_reads_across_it():
    reference = random_sequence(60, seed=5) + "A" * 30 + random_sequence(60, seed=6)
    inside = [Read(40, [(35, "M")], reference[40:75]) for _ in range(10)]
    across = [Read(50, [(50, "M")], reference[50:100]) for _ in range(10)]
    records = make_records(inside + across)
    area = make_window(0, 0, codes(reference))
    pileup = tally_window(records, as_alignments(records), np.ones(20, bool), area, CONFIG)
    quality = reference_confidence(pileup, area, CONFIG).genotype_quality
    assert quality[70] == 30  # 20 reads hold the base, 10 of them the whole repeat
    assert quality[55] == 60
