"""Metrics of variants: by hand, and one allele at a time in plain Python on random stores."""

from collections import Counter

import numpy as np
import pytest
from builders import alignment_files
from builders import variants as build

from genomehub.errors import InputError
from genomehub.pipeline.qc import qc
from genomehub.quality.metrics_variants import ARRAYS, MAX_INDEL, VariantTally, classify, single_bases
from genomehub.store.variants import VariantStore

STRINGS = np.dtypes.StringDType()
SITES = [
    (0, 9, ("A", "G"), (0, 1)),  # transition, heterozygous; position % 3 == 0: PASS
    (0, 12, ("C", "T"), (1, 1)),
    (0, 15, ("C", "A", "G"), (1, 2)),  # multiallelic, two transversions
    (0, 18, ("A", "ATT"), (0, 1)),
    (0, 21, ("ATT", "A"), (1, 1)),
    (0, 24, ("AC", "GT"), (0, 1)),  # MNP
    (0, 27, ("ACA", "ATA"), (0, 1)),  # an SNV with company: transition
    (0, 31, ("G", "C"), (0, 1)),  # does not pass
    (0, 33, ("A", "*", "T"), (1, 2)),
    (0, 36, ("A", "G"), (0, 0)),  # not carried
    (0, 39, ("A", "G"), (-1, -1)),  # not called
    (0, 42, ("A", "G"), (1, -2)),  # haploid
]


def tally(sites, batches=1):
    counted = VariantTally(["PASS", "LowQual", "LowDepth"])
    rows = build.variants(sites)
    for part in np.array_split(np.arange(len(sites)), batches):
        counted.add({name: rows[name][part] for name in ARRAYS})
    return counted.section()


def test_counts__by_hand():
    section = tally(SITES)
    passing = section["passing"]
    assert (section["with_alt"], section["without_alt"], section["no_call"]) == (10, 1, 1)
    assert passing["sites"] == 9
    kinds = {kind: passing[kind] for kind in ("snv", "mnp", "insertion", "deletion", "other")}
    assert kinds == {"snv": 7, "mnp": 1, "insertion": 1, "deletion": 1, "other": 1}
    assert (passing["transitions"], passing["transversions"]) == (4, 3)
    assert section["transversions"] == 4
    assert (passing["heterozygous"], passing["homozygous"]) == (6, 3)
    assert passing["multiallelic_sites"] == 2
    assert passing["indel_lengths"][MAX_INDEL + 2] == passing["indel_lengths"][MAX_INDEL - 2] == 1
    assert sum(passing["indel_lengths"]) == 2
    assert section["filters"]["PASS"] == 9


def plain_counts(store):
    """Counter of kinds, substitutions, zygosity of all sites that carry an ALT allele."""
    counts = Counter()
    alleles, genotypes = store["variant_allele"].tolist(), store["call_genotype"][:, 0].tolist()
    for texts, genotype in zip(alleles, genotypes, strict=True):
        carried = sorted({a for a in genotype if a > 0})
        if not carried:
            continue
        counts["sites"] += 1
        counts["homozygous" if len(set(genotype)) == 1 else "heterozygous"] += 1
        for allele in carried:
            ref, alt = texts[0], texts[allele]
            if len(ref) == len(alt):
                counts["snv" if len(ref) == 1 else "mnp"] += 1
                if len(ref) == 1:
                    counts["transitions" if ref + alt in ("AG", "GA", "CT", "TC") else "transversions"] += 1
            else:
                counts["insertion" if len(alt) > len(ref) else "deletion"] += 1
                counts["length", len(alt) - len(ref)] += 1
    return counts


@pytest.mark.parametrize("batches", [1, 7])
def test_counts__equal_plain(tmp_path, batches):
    sites = build.random_sites(600, seed=3)
    store = VariantStore.open(build.make_store(tmp_path / "s.vcz", sites))
    expected, section = plain_counts(store), tally(sites, batches)
    for key in ("sites", "snv", "mnp", "insertion", "deletion", "transitions", "transversions", "homozygous"):
        assert section[key] == expected[key], key
    lengths = {n - MAX_INDEL: count for n, count in enumerate(section["indel_lengths"]) if count}
    assert lengths == {key[1]: n for key, n in expected.items() if isinstance(key, tuple)}


def test_distributions__missing_left_out():
    rows = build.variants(SITES[:3])
    rows["variant_quality"][0] = np.array([0x7F800001], np.uint32).view(np.float32)[0]
    rows["call_GQ"][1] = -1
    rows["call_AD"][0] = [[30, 10, 0]]
    counted = VariantTally(["PASS", "LowQual", "LowDepth"])
    counted.add({name: rows[name] for name in ARRAYS})
    section = counted.section()
    assert sum(section["quality_histogram"]) == 2
    assert sum(section["genotype_quality_histogram"]) == 2
    balance = section["allele_balance_histogram"]
    assert (sum(balance), balance[12]) == (1, 1)  # 10 of 40 reads


def test_classify__long_and_symbolic():
    alleles = np.array([["A", "<DEL>", "A" + "T" * 100, ""], ["ACGT", "ACGA", "TCGA", "A"]], STRINGS)
    kinds, lengths = classify(alleles)
    assert kinds[:, 1:].tolist() == [[4, 2, 4], [0, 1, 3]]
    assert lengths[:, 1:].tolist() == [[0, 100, 0], [0, 0, -3]]


def test_single_bases__lower_case_and_unknown():
    ref, alt = np.array(["a", "N", "CAG"], STRINGS), np.array(["G", "A", "CTG"], STRINGS)
    assert [column.tolist() for column in single_bases(ref, alt)] == [[0, 0], [2, 3]]


def test_counts__no_variants_at_all(tmp_path):
    section = tally([(0, 10, ("A", "G"), (0, 0))])
    assert section["with_alt"] == 0
    assert section["passing"]["ti_tv"] is None


@pytest.fixture
def reference(tmp_path):
    return alignment_files.make_reference(tmp_path / "ref", {"1": "ACGT" * 300})


def test_qc__calls_only(tmp_path, reference):
    path = build.make_store(tmp_path / "s.vcz", SITES[:6], reference_digest=reference.digest)
    found = qc(reference.path, None, path, tmp_path / "qc")
    assert found["sample"] == "S1"
    assert found["summary"]["snvs"] == 4
    assert "coverage" not in found
    names = sorted(file.name for file in (tmp_path / "qc").iterdir())
    assert names == [
        "S1.general_mqc.json",
        "S1.indel_lengths_mqc.json",
        "S1.variants_mqc.json",
        "qc.html",
        "qc.json",
    ]


def test_error__called_against_another_reference(tmp_path, reference):
    path = build.make_store(tmp_path / "s.vcz", SITES[:6])
    with pytest.raises(InputError, match=r"s\.vcz: was called against reference digest, but .* is "):
        qc(reference.path, None, path, tmp_path / "qc")
