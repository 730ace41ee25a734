"""align_pairs scores pairs as Biopython and parasail do; its CIGARs are worth their scores."""

import random
import re

import parasail
import pytest
from Bio.Align import PairwiseAligner

from genomehub.align import AlignmentScoring, align_pairs

pytestmark = pytest.mark.parity

SCORINGS = [
    AlignmentScoring(1, 4, 6, 1, 0),
    AlignmentScoring(5, 4, 10, 1, 0),
    AlignmentScoring(2, 3, 5, 2, 0),
]


def pairs():
    rng = random.Random(7)
    for _ in range(60):
        target = "".join(rng.choices("ACGT", k=rng.randint(1, 250)))
        query = list(target[rng.randint(0, len(target) // 2) :])
        for _ in range(rng.randint(0, 8)):
            at = rng.randint(0, len(query))
            query[at : at + rng.randint(0, 12)] = rng.choices("ACGT", k=rng.randint(0, 12))
        yield "".join(query), target


PAIRS = list(pairs())


def found(mode, scoring):
    return align_pairs([query for query, _ in PAIRS], [target for _, target in PAIRS], mode, scoring)


@pytest.mark.parametrize("scoring", SCORINGS)
@pytest.mark.parametrize("mode", ["global", "local"])
def test_align_pairs__biopython_scores_the_same(mode, scoring):
    judge = PairwiseAligner(
        mode=mode,
        match_score=scoring.match,
        mismatch_score=-scoring.mismatch,
        open_gap_score=-scoring.gap_open - scoring.gap_extend,
        extend_gap_score=-scoring.gap_extend,
    )
    expected = [judge.score(target, query) if query else None for query, target in PAIRS]
    seen = [row.score for row in found(mode, scoring)]
    assert [a for a, b in zip(seen, expected, strict=True) if b is not None] == [
        b for b in expected if b is not None
    ]


@pytest.mark.parametrize("scoring", SCORINGS)
@pytest.mark.parametrize("mode", ["global", "local"])
def test_align_pairs__parasail_scores_the_same(mode, scoring):
    matrix = parasail.matrix_create("ACGT", scoring.match, -scoring.mismatch)
    judge = {"global": parasail.nw_striped_32, "local": parasail.sw_striped_32}[mode]
    costs = scoring.gap_open + scoring.gap_extend, scoring.gap_extend
    for (query, target), row in zip(PAIRS, found(mode, scoring), strict=True):
        if query:
            assert judge(query, target, *costs, matrix).score == row.score


@pytest.mark.parametrize("scoring", SCORINGS)
@pytest.mark.parametrize("mode", ["global", "local", "extension"])
def test_align_pairs__cigar_is_worth_its_score(mode, scoring):
    for (query, target), row in zip(PAIRS, found(mode, scoring), strict=True):
        i, j, total, edits = row.query_start, row.target_start, 0, 0
        for length, op in ((int(n), op) for n, op in re.findall(r"(\d+)([MID])", row.cigar)):
            if op == "M":
                equal = sum(
                    a == b for a, b in zip(query[i : i + length], target[j : j + length], strict=True)
                )
                total += equal * scoring.match - (length - equal) * scoring.mismatch
                edits += length - equal
            else:
                total -= scoring.gap_open + length * scoring.gap_extend
                edits += length
            i, j = i + length * (op != "D"), j + length * (op != "I")
        assert (i, j, total, edits) == (row.query_end, row.target_end, row.score, row.edit_distance)
