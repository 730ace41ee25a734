"""What is said of called sites beside their genotypes: repeats, homopolymers."""

import itertools

import numpy as np
import pytest
from builders.calling import codes, random_sequence

from genomehub.config import CallConfig
from genomehub.variants.annotations import (
    FILTERS,
    Annotations,
    apply_filters,
    filter_descriptions,
    homopolymers,
    repeat_units,
    tandem_repeats,
)
from genomehub.variants.genotypes import Called
from genomehub.variants.pileup import make_window

STRINGS = np.dtypes.StringDType()


@pytest.mark.parametrize(
    ("alleles", "following", "expected"),
    [
        (["GCA", "G"], "CACACATT", ("CA", [3, 2])),
        (["G", "GCACA"], "CACACATT", ("CA", [3, 5])),
        (["GTT", "G", "GT"], "TTTTA", ("T", [4, 2, 3])),
        (["GTT", "*", "GT"], "TTTTA", ("T", [4, -1, 3])),
        (["G", "GA"], "ATT", ("A", [1, 2])),
        (["G", "GA"], "CTT", None),  # nothing repeats
        (["GACG", "G"], "ACGTT", None),  # the only unit goes
        (["GTT", "G", "GTTCA"], "TTTTA", None),  # no one unit
        (["G", "A", "GT"], "TTTTA", None),
        (["GT", "G", "GC"], "TTTTA", None),  # a substitution beside
    ],
)
def test_repeat_units(alleles, following, expected):
    assert repeat_units(alleles, following) == expected


def test_tandem_repeats__only_indels_by_whole_units():
    reference = "ACGT" + "CA" * 6 + "GGTC"
    window = make_window(0, 0, codes(reference))
    texts = np.array([["TCA", "T", ""], ["C", "G", ""], ["T", "TG", ""]], dtype=STRINGS)
    got = tandem_repeats(texts, np.array([3, 4, 3]), window)
    assert got["variant_STR"].tolist() == [True, False, False]
    assert got["variant_RU"].tolist() == ["CA", ".", "."]
    assert got["variant_RPA"].tolist() == [[6, 5, -1], [-1, -1, -1], [-1, -1, -1]]


def test_homopolymers__equal_a_walk():
    reference = random_sequence(300, seed=3) + "A" * 12 + "N" * 5 + random_sequence(50, seed=4)
    row, length = np.array([0, 5, 200, 299, 300, 311, 365]), np.array([1, 3, 1, 1, 8, 2, 2])
    at = []
    for base, group in itertools.groupby(reference):
        n = len(list(group))
        at += [0 if base == "N" else n] * n
    expected = [
        max(at[max(r - 1, 0) : r + n + 1]) for r, n in zip(row.tolist(), length.tolist(), strict=True)
    ]
    assert homopolymers(codes(reference), row, length).tolist() == expected


def test_homopolymers__bounded():
    assert homopolymers(codes("C" + "T" * 500 + "G"), np.array([0]), np.array([1])).tolist() == [100]
    assert homopolymers(codes("CAT"), np.zeros(0, int), np.zeros(0, int)).tolist() == []


def filters_of(genotype=(0, 1), alleles=("A", "C"), strand=(10, 10, 10, 10), quality=50.0, z=0.0, **notes):
    """Names of the filters of one site; ``z`` is its MQRankSum."""
    given = {"depth": sum(strand), "mapping_quality": 60.0, "strand_p": 1.0} | notes
    depth, mapping_quality, strand_p = (
        np.array([given[name]]) for name in ("depth", "mapping_quality", "strand_p")
    )
    nothing = np.zeros((1, 3))
    called = Called(
        nothing, nothing, nothing, np.array([genotype]), np.array([50]), np.array([quality]), nothing, nothing
    )  # fmt: skip
    sums = {"variant_BaseQRankSum": np.array([np.nan]), "variant_MQRankSum": np.array([z])}
    annotations = Annotations(
        depth, nothing, np.array([strand]), mapping_quality, strand_p, np.zeros(1), sums
    )
    flags = apply_filters(called, annotations, np.array([[*alleles, ""]], dtype=STRINGS), CallConfig())
    return [name for name, on in zip(("PASS", *FILTERS), flags[0].tolist(), strict=True) if on]


@pytest.mark.parametrize(
    ("site", "expected"),
    [
        ({}, "PASS"),
        ({"quality": 10.3}, "LowQual"),
        ({"strand": (1, 0, 1, 0)}, "LowDepth"),
        ({"strand_p": 1e-7}, "StrandBias"),
        ({"strand_p": 1e-7, "alleles": ("A", "AC")}, "PASS"),
        ({"mapping_quality": 24.0}, "LowMQ"),
        ({"mapping_quality": 26.0}, "PASS"),
        ({"strand": (12, 12, 3, 4), "z": -4.6}, "ReadBias"),
        ({"strand": (12, 12, 3, 4), "z": -4.4}, "PASS"),
        ({"strand": (12, 12, 5, 4), "z": -4.6}, "PASS"),  # a share of 27 %
        ({"strand": (12, 12, 3, 4), "z": -4.6, "genotype": (1, 1)}, "PASS"),
    ],
)
def test_apply_filters(site, expected):
    assert filters_of(**site) == [expected]


def test_filter_descriptions__name_the_thresholds():
    texts = filter_descriptions(CallConfig())
    assert tuple(texts) == FILTERS
    assert texts["HighDepth"].endswith("more than 5 standard deviations")
    assert "less than 0.25 (SNVs) or 0.25 (indels)" in texts["ReadBias"]
