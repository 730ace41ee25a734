"""compare and scores: other spellings match, genotypes count, regions and thresholds count what they should."""

# ruff: noqa: E501 - one case a line
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genomehub.config import EvaluateConfig
from genomehub.formats.vcf_reader import genotypes_from
from genomehub.quality import compare as module
from genomehub.quality.compare import Kind, compare, shifts, trim, trimmed
from genomehub.quality.scores import count, inside, rates, roc_table, score_table
from genomehub.types import Interval

#         1234567890123456789012345678901234567890
TEXT = "TGCATTGCAGACACACACAGGTCCAAAAAACGTCTTGACC" + "GATTACA" * 200
CONFIG = EvaluateConfig()


def letters(contig, start, end):
    return TEXT[max(start, 0) : max(end, 0)]


def genotypes(*records):
    """Records (position, "REF>ALT[,ALT]", genotype[, quality])."""
    rows = [(*record, 50.0)[:4] for record in sorted(records)]
    alleles = [tuple(text.replace(">", ",").split(",")) for _, text, *_ in rows]
    for (position, *_), (ref, *_) in zip(rows, alleles, strict=True):
        assert letters(0, position - 1, position - 1 + len(ref)) == ref
    return genotypes_from(
        [0] * len(rows), [row[0] for row in rows], alleles,
        [tuple(map(int, row[2].replace("|", "/").split("/"))) for row in rows],
        [row[3] for row in rows], [row[3] for row in rows],
    )  # fmt: skip


def outcome(truth, calls):
    """TP in the truth's and the calls' spelling, FP, FN."""
    comparison = compare(genotypes(*truth), genotypes(*calls), letters, CONFIG)
    n_truth, n_calls = (comparison.truth_group >= 0).sum(), (comparison.calls_group >= 0).sum()
    return n_truth, n_calls, len(calls) - n_calls, len(truth) - n_truth


@pytest.mark.parametrize(
    ("truth", "calls", "wanted"),
    [
        # the same, written the same and in another phase or order of alleles
        ([(4, "A>C", "0/1")], [(4, "A>C", "1|0")], (1, 1, 0, 0)),
        ([(4, "A>C,G", "1/2")], [(4, "A>G,C", "1/2")], (1, 1, 0, 0)),
        # bases around it
        ([(4, "A>C", "0/1")], [(3, "CAT>CCT", "0/1")], (1, 1, 0, 0)),
        # an MNP split into SNVs, heterozygous: in phase only
        ([(4, "ATT>CTG", "0/1")], [(4, "A>C", "0/1"), (6, "T>G", "0/1")], (1, 2, 0, 0)),
        ([(4, "ATT>CTG", "1/1")], [(4, "A>C", "1/1"), (6, "T>G", "0/1")], (0, 0, 2, 1)),
        # a deletion shifted in a repeat: ACACACACA at 11-19, A at 25-30
        ([(10, "GAC>G", "0/1")], [(17, "ACA>A", "0/1")], (1, 1, 0, 0)),
        ([(24, "CA>C", "1/1")], [(29, "AA>A", "1/1")], (1, 1, 0, 0)),
        ([(24, "C>CA", "1/1")], [(30, "A>AA", "1/1")], (1, 1, 0, 0)),
        # one complex record against an insertion and an SNV, against two deletions
        ([(21, "GT>GAC", "0/1")], [(21, "G>GA", "0/1"), (22, "T>C", "0/1")], (1, 2, 0, 0)),
        ([(10, "GACAC>G", "0/1")], [(10, "GAC>G", "0/1"), (14, "CAC>C", "0/1")], (1, 2, 0, 0)),
        # a multiallelic site against one record per allele
        ([(24, "CA>C,CAA", "1/2")], [(24, "CA>C", "0/1"), (24, "C>CA", "0/1")], (1, 2, 0, 0)),
        # genotype, allele, place differ
        ([(4, "A>C", "0/1")], [(4, "A>C", "1/1")], (0, 0, 1, 1)),
        ([(4, "A>C", "0/1")], [(4, "A>G", "0/1")], (0, 0, 1, 1)),
        ([(4, "A>C", "0/1")], [(5, "T>C", "0/1")], (0, 0, 1, 1)),
        # the best subset is taken, what does not fit is left
        ([(4, "A>C", "0/1"), (8, "C>T", "1/1")], [(4, "A>C", "0/1"), (6, "T>A", "0/1"), (8, "C>T", "1/1")], (2, 2, 1, 0)),
        # the same record twice: one is too many
        ([(4, "A>C", "1/1")], [(4, "A>C", "1/1"), (4, "A>C", "1/1")], (1, 1, 1, 0)),
        # a heterozygous deletion over an SNV on the other haplotype
        ([(3, "CATT>C", "0/1"), (5, "T>G", "1/0")], [(3, "CATT>C", "0/1"), (5, "T>G", "0/1")], (2, 2, 0, 0)),
        # two calls that undo one another are no match for nothing
        ([], [(24, "C>CA", "0/1"), (29, "AA>A", "0/1")], (0, 0, 2, 0)),
        ([(24, "C>CA", "0/1")], [(24, "C>CA", "0/1"), (29, "AA>A", "1/1")], (1, 1, 1, 0)),
        ([], [], (0, 0, 0, 0)),
    ],
)  # fmt: skip
def test_compare__spellings(truth, calls, wanted):
    assert outcome(truth, calls) == wanted
    found_truth, found_calls, false, missed = wanted
    assert outcome(calls, truth) == (found_calls, found_truth, missed, false)


@st.composite
def records(draw):
    start = draw(st.integers(0, 60))
    ref = TEXT[start : start + draw(st.integers(1, 3))]
    alts = draw(st.lists(st.text("ACGT", min_size=1, max_size=3), min_size=1, max_size=2, unique=True))
    alts = [alt for alt in alts if alt != ref] or [ref + "T"]
    genotype = draw(st.sampled_from(["0/1", "1/1", f"0/{len(alts)}", f"1/{len(alts)}"]))
    return start + 1, f"{ref}>{','.join(alts)}", genotype


@settings(max_examples=150, deadline=None)
@given(st.lists(records(), max_size=6), st.lists(records(), max_size=6))
def test_compare__swapping_swaps(truth, calls):
    found_truth, found_calls, false, missed = outcome(truth, calls)
    assert outcome(calls, truth) == (found_calls, found_truth, missed, false)


@settings(max_examples=100, deadline=None)
@given(st.lists(records(), max_size=6, unique_by=lambda record: record[0] // 4))
def test_compare__a_set_matches_itself(truth):
    apart = [
        record for i, record in enumerate(sorted(truth)) if i == 0 or record[0] > sorted(truth)[i - 1][0] + 3
    ]
    assert outcome(apart, apart) == (len(apart), len(apart), 0, 0)


@settings(max_examples=100, deadline=None)
@given(st.lists(records(), max_size=5), st.lists(records(), max_size=5))
def test_compare__shortcut_equals_search(truth, calls):
    fast = outcome(truth + calls[:1], truth)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_identical", lambda sides, members: None)
        assert outcome(truth + calls[:1], truth) == fast


def test_compare__allele_match():
    truth = genotypes((4, "A>C", "0/1"), (24, "CA>C", "0/1"), (40, "C>A", "0/1"))
    calls = genotypes((4, "A>C", "1/1"), (29, "AA>A", "1/1"), (40, "C>T", "0/1"))
    comparison = compare(truth, calls, letters, CONFIG)
    assert comparison.truth_allele_match.tolist() == [True, True, False]
    assert comparison.calls_allele_match.tolist() == [True, True, False]
    whole = count(comparison, np.ones(3, bool), np.ones(3, bool))
    assert score_table(comparison, whole)["ALL"]["genotype_mismatches"] == 2


def test_compare__dense_cluster_is_said_to_be_inexact():
    dense = [(25 + i, "A>C", "0/1") for i in range(6)]
    comparison = compare(
        genotypes(*dense), genotypes(*[(p, a.replace("C", "G"), g) for p, a, g in dense]), letters,
        EvaluateConfig(max_states=1),
    )  # fmt: skip
    assert comparison.n_inexact == 1


def test_compare__clusters_on_contigs_are_apart():
    def on(contig):
        return genotypes((4, "A>C", "0/1"))._replace(contig_index=np.array([contig], dtype=np.int32))

    assert compare(on(0), on(1), letters, CONFIG).truth_group.tolist() == [-1]


@pytest.mark.parametrize(
    ("alleles", "genotype", "wanted"),
    [
        (("A", "C"), (0, 1), (9, 10, (None, "C"))),
        (("CAT", "CT"), (1, 1), (10, 11, ("", ""))),
        (("CAT", "CAAT", "CT"), (2, 0), (10, 11, ("", None))),
        (("C", "CAT"), (0, 1), (10, 10, (None, "AT"))),
        (("ACA", "ATA", "ACG"), (1, 2), (10, 12, ("TA", "CG"))),
        (("AAA", "AA"), (0, 1), (9, 10, (None, ""))),
    ],
)
def test_trimmed(alleles, genotype, wanted):
    assert trimmed(9, alleles, genotype) == wanted


@pytest.mark.parametrize(
    ("start", "end", "allele", "wanted"),
    [
        (24, 25, "", (0, 5)), (27, 28, "", (3, 2)), (27, 27, "A", (3, 3)), (10, 12, "", (0, 7)),
        (0, 1, "", (0, 0)), (27, 27, "C", (0, 0)), (3, 3, "TGC", (3, 0)), (len(TEXT) - 7, len(TEXT), "", (1393, 0)),
    ],
)  # fmt: skip
def test_shifts(start, end, allele, wanted):
    assert shifts(0, start, end, allele, letters) == wanted


def test_kinds():
    variants = trim(
        genotypes((4, "A>C", "0/1"), (4, "AT>CT", "0/1"), (4, "AT>CG", "0/1"), (4, "A>C,AT", "1/2"), (4, "A>C,AT", "0/1"),
                  (4, "A>C,G", "1/2")), letters)  # fmt: skip
    kinds = {(int(k), b) for k, b in zip(variants.kind, variants.bases, strict=True)}
    assert kinds == {
        (Kind.SNV, (None, "C")), (Kind.MNP, (None, "CG")), (Kind.INDEL, ("C", "AT")), (Kind.SNV, ("C", "G")),
    }  # fmt: skip


def test_inside__edges():
    variants = trim(
        genotypes(
            (4, "A>C", "0/1"), (6, "T>A", "0/1"), (9, "A>AG", "0/1"), (10, "G>GT", "0/1"), (20, "GG>G", "0/1")
        ),
        letters,
    )
    regions = [Interval(0, 4, 9), Interval(0, 9, 20), Interval(1, 0, 99)]
    # SNV before and in; insertions between two touching regions and within one; a deletion that begins at the edge
    assert inside(variants, regions).tolist() == [False, True, False, True, True]
    assert not inside(variants, []).any()


def test_count__a_match_across_the_edge():
    truth = genotypes((10, "GAC>G", "0/1"), (4, "A>C", "0/1"), (8, "C>T", "0/1"))
    calls = genotypes((17, "ACA>A", "0/1"), (4, "A>C", "0/1"), (6, "T>A", "0/1"), (40, "C>A", "0/1"))
    comparison = compare(truth, calls, letters, CONFIG)
    regions = [Interval(0, 0, 12)]  # the called deletion lies beyond it, the true one in it
    table = score_table(
        comparison, count(comparison, inside(comparison.truth, regions), inside(comparison.calls, regions))
    )
    assert table["INDEL"] | {"f1": None} == rates(1, 1, 0, 0) | {"f1": None, "genotype_mismatches": 0}
    assert [table["SNV"][key] for key in ("tp_truth", "tp_calls", "fp", "fn")] == [1, 1, 1, 1]
    beyond = [Interval(0, 12, 20)]  # the other way round: the call is in, its truth is not, so neither counts
    table = score_table(
        comparison, count(comparison, inside(comparison.truth, beyond), inside(comparison.calls, beyond))
    )
    assert [table["ALL"][key] for key in ("tp_truth", "tp_calls", "fp", "fn")] == [0, 0, 0, 0]


def test_rates__nothing_to_divide_by():
    assert rates(0, 0, 0, 0)["precision"] is None
    assert rates(0, 0, 0, 5) == {
        "tp_truth": 0,
        "tp_calls": 0,
        "fp": 0,
        "fn": 5,
        "precision": None,
        "recall": 0.0,
        "f1": None,
    }
    assert rates(0, 0, 3, 5)["f1"] == 0.0


def test_roc__by_threshold():
    truth = genotypes((4, "A>C", "0/1"), (8, "C>T", "0/1"), (20, "G>A", "0/1"))
    calls = genotypes(
        (4, "A>C", "0/1", 90.0),
        (8, "C>T", "0/1", 30.0),
        (30, "A>C", "0/1", 60.0),
        (31, "C>G", "0/1", float("nan")),
    )
    comparison = compare(truth, calls, letters, CONFIG)
    counted = count(comparison, np.ones(3, bool), np.ones(4, bool))
    table = roc_table(comparison, counted, calls.quality, tuple(Kind), 10)
    assert table["threshold"] == [90.0, 60.0, 30.0, None]
    assert table["tp_truth"] == [1, 1, 2, 2]
    assert table["fp"] == [0, 1, 1, 2]
    assert table["fn"] == [2, 2, 1, 1]
    thinned = roc_table(comparison, counted, calls.quality, tuple(Kind), 2)
    assert thinned["threshold"] == [90.0, None]
    assert roc_table(comparison, counted, calls.quality, (Kind.MNP,), 2)["threshold"] == []
