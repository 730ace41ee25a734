"""align_pair, align_pairs, edit_distance: texts in, tuples out; mistakes are told in a sentence."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genomehub.align import AlignmentScoring, align_pair, align_pairs, edit_distance
from genomehub.errors import ConfigError, InputError

texts = st.text("ACGT", max_size=9)


def levenshtein(a, b):
    if not a or not b:
        return len(a) + len(b)
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, start=1):
        before, row = row, [i]
        for j, y in enumerate(b, start=1):
            row.append(min(before[j - 1] + (x != y), before[j] + 1, row[j - 1] + 1))
    return row[-1]


@settings(deadline=None)
@given(texts, texts)
def test_edit_distance__levenshtein(a, b):
    assert edit_distance(a, b) == levenshtein(a, b) == edit_distance(b, a)


def test_align_pair__case_n_and_ambiguity_codes():
    assert align_pair("acgt", "ACGT").edit_distance == 0
    assert align_pair("ACNT", "ACNT")[::6] == (-1, 1)
    assert align_pair("ACRT", "ACRT").edit_distance == 1


def test_align_pair__edits_of_a_local_part():
    found = align_pair("TTTT" + "ACGTACGTTACGATCG", "ACGTACGTCACGATCG" + "GGGG", mode="local")
    assert found == (11, 4, 20, 0, 16, "16M", 1)


def test_align_pair__extension_reaches_the_end_for_the_bonus():
    query, target = "ACGTACGTACGTACGA", "ACGTACGTACGTACGTCC"
    assert align_pair(query, target, "extension")[:5] == (11, 0, 16, 0, 16)
    short = AlignmentScoring(1, 4, 6, 1, 3)
    assert align_pair(query, target, "extension", short)[:5] == (15, 0, 15, 0, 15)


def test_align_pairs__each_as_alone():
    queries, targets = ["ACGT", "", "GATTACA"], ["ACT", "AC", "GATTTACA"]
    for mode in ("global", "local", "extension"):
        alone = [align_pair(q, t, mode) for q, t in zip(queries, targets, strict=True)]
        assert align_pairs(queries, targets, mode) == alone
    assert align_pairs([], []) == []


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((["A"], ["A"], "glocal"), ConfigError, "mode 'glocal': expected one of 'global', 'local'"),
        ((["A", "C"], ["A"]), ConfigError, "2 queries and 1 targets"),
        ((["A"], ["A"], "local", AlignmentScoring(1, -4, 6, 1, 5)), ConfigError, "as positive numbers"),
        ((["AC", "A!"], ["A", "A"]), InputError, "query 2, base 2: b?'!' is no base"),
        ((["A"], ["AC\n"]), InputError, "target 1, base 3"),
        ((["A" * 70_000], ["A" * 70_000]), InputError, "pair 1: a query of 70,000 .* too long for a whole"),
        ((["A"], ["C"], "global", AlignmentScoring(2**29, 1, 1, 1, 0)), InputError, "scores below"),
    ],
)
def test_align_pairs__refuses(arguments, error, message):
    with pytest.raises(error, match=message):
        align_pairs(*arguments)
