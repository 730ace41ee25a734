"""Classes of variants: by hand, against plain repeats whatever the chunk, and that their scores add up."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plain import repeats as plain

from genomehub.config import EvaluateConfig
from genomehub.formats.vcf_reader import genotypes_from
from genomehub.quality import strata
from genomehub.quality.compare import compare, trim
from genomehub.quality.scores import class_table, count
from genomehub.quality.strata import GENOTYPES, REPEATS, SHORTEST_TRACT, SIZES, TRACTS, classify

#       0         1         2         3         4         5         6         7
TEXT = "GTCATTTTTTTTGCAGACACACACACAGGTCTTCTTCTTCTTCGAGTACCCGATACCGATGGATCCAACCGGTTGCA"


def reference(text):
    def letters(contig, start, end):
        return text[max(start, 0) : max(end, 0)]

    def codes(contig, start, end):
        return np.array(["ACGT".index(base) for base in letters(contig, start, end)], np.uint8)

    return letters, codes


def variants(text, *records):
    """Records (start, REF length, ALT, genotype)."""
    rows = sorted(records)
    alleles = [(text[start : start + n], *alt.split(",")) for start, n, alt, _ in rows]
    genotypes = [tuple(map(int, genotype.split("/"))) for *_, genotype in rows]
    nothing = [1.0] * len(rows)
    return genotypes_from([0] * len(rows), [row[0] + 1 for row in rows], alleles, genotypes, nothing, nothing)


@pytest.mark.parametrize(
    ("record", "size", "genotype", "repeat", "tract"),
    [
        ((1, 1, "A", "0/1"), None, "het", "elsewhere", None),
        ((1, 1, "A", "1/1"), None, "hom", "elsewhere", None),
        ((60, 1, "A,T", "1/2"), None, "het", "elsewhere", None),
        # eight T at 4: within, just before, behind, and one base too far
        ((3, 2, "A", "1/1"), "1", "hom", "homopolymer", "homopolymer_7-11"),
        ((3, 1, "G", "0/1"), None, "het", "homopolymer", "homopolymer_7-11"),
        ((12, 1, "A", "0/1"), None, "het", "homopolymer", "homopolymer_7-11"),
        ((13, 1, "A", "0/1"), None, "het", "elsewhere", None),
        ((2, 1, "A", "0/1"), None, "het", "elsewhere", None),
        ((11, 1, "TTTT", "0/1"), "2-5", "het", "homopolymer", "homopolymer_7-11"),
        # (AC)n with flanking matches, (TCT)n; the longer one counts where both are near
        ((15, 1, "T", "0/1"), None, "het", "str", "str_10-19"),
        ((16, 3, "C", "0/1"), "2-5", "het", "str", "str_10-19"),
        ((29, 4, "T", "0/1"), "2-5", "het", "str", "str_10-19"),
        # sizes: the largest change of a called allele
        ((60, 7, "G", "0/1"), "6-15", "het", "elsewhere", None),
        ((60, 1, "G" + "ACGTTGCATCGGATC" * 2, "0/1"), "16-60", "het", "elsewhere", None),
        ((60, 1, "G" + "ACGTTGCATCGGATC" * 5, "0/1"), "61+", "het", "elsewhere", None),
        ((60, 2, "G,GGAC", "1/2"), "2-5", "het", "elsewhere", None),
        ((60, 2, "CA", "0/1"), None, "het", "elsewhere", None),
    ],
)  # fmt: skip
def test_classify__by_hand(record, size, genotype, repeat, tract):
    letters, codes = reference(TEXT)
    found = classify(trim(variants(TEXT, record), letters), codes)
    assert GENOTYPES[found.genotype[0]] == genotype
    assert REPEATS[found.repeat[0]] == repeat
    assert (list(SIZES)[found.size[0]] if found.size[0] >= 0 else None) == size
    assert (list(TRACTS)[found.tract[0]] if found.tract[0] >= 0 else None) == tract


def test_classify__nothing():
    letters, codes = reference(TEXT)
    assert all(part.size == 0 for part in classify(trim(variants(TEXT), letters), codes))


repetitive = st.lists(
    st.tuples(st.text("ACGT", min_size=1, max_size=3), st.integers(1, 12)), min_size=3, max_size=8
)


@settings(max_examples=100, deadline=None)
@given(repetitive, st.data(), st.integers(10, 50))
def test_classify__equals_plain_whatever_the_chunk(parts, data, chunk):
    text = "".join(unit * n for unit, n in parts)
    letters, codes = reference(text)
    places = data.draw(st.lists(st.integers(0, len(text) - 3), max_size=6, unique=True))
    records = [(place, 2, text[place], "0/1") for place in places]
    side = trim(variants(text, *records), letters)
    rows = plain.tracts(codes(0, 0, len(text)).tolist(), SHORTEST_TRACT.tolist())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(strata, "_CHUNK", chunk)
        found = classify(side, codes)
    for i, (start, end) in enumerate(zip(side.start.tolist(), side.end.tolist(), strict=True)):
        near = [(last - first, -unit) for unit, first, last in rows[max(start - 1, 0) : end + 1] if unit]
        length, unit = max(near, default=(0, 0))
        assert REPEATS[found.repeat[i]] == {0: "elsewhere", -1: "homopolymer"}.get(unit, "str")
        name = list(TRACTS)[found.tract[i]] if found.tract[i] >= 0 else None
        assert (name is None) == (unit == 0)
        assert name is None or TRACTS[name][1] <= length <= TRACTS[name][2]


@settings(max_examples=50, deadline=None)
@given(st.data())
def test_class_table__adds_up(data):
    """Classes of a sort are a partition: their counts add up to the whole, which is the table of kinds."""
    letters, codes = reference(TEXT)
    record = st.builds(
        lambda start, alt, genotype: (start, 2, alt, genotype),
        st.integers(0, len(TEXT) - 4),
        st.text("ACGT", min_size=1, max_size=5),
        st.sampled_from(["0/1", "1/1"]),
    ).filter(lambda r: TEXT[r[0] : r[0] + 2] != r[2])
    sides = [variants(TEXT, *data.draw(st.lists(record, max_size=5))) for _ in range(2)]
    comparison = compare(*sides, letters, EvaluateConfig())
    inside = [
        data.draw(st.lists(st.booleans(), min_size=n, max_size=n)) for n in (len(s.position) for s in sides)
    ]
    counted = count(comparison, *(np.array(mask, dtype=bool) for mask in inside))
    table = class_table(
        comparison, counted, *(classify(s, codes) for s in (comparison.truth, comparison.calls))
    )

    def total(repeats, genotypes, kinds):
        rows = [table.get(r, {}).get(g, {}).get(k) for r in repeats for g in genotypes for k in kinds]
        return [
            sum(row[key] for row in rows if row is not None)
            for key in ("tp_truth", "tp_calls", "fp", "fn", "genotype_mismatches")
        ]

    whole = total(["all"], ["all"], ["all"])
    assert whole[:4] == [int(mask.sum()) for mask in (
        counted.truth_found, counted.calls_found, counted.calls_false, counted.truth_missed)]  # fmt: skip
    assert total(REPEATS, GENOTYPES, ["snv", "indel", "mnp"]) == whole
    assert total(["elsewhere", *TRACTS], ["all"], ["all"]) == whole
    assert total(["all"], ["all"], [f"indel_{size}" for size in SIZES]) == total(["all"], ["all"], ["indel"])
