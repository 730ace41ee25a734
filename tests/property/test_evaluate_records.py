"""VCF records to matches: as many as brute force finds; hard spellings and genotypes as vcfeval has them.

RTG vcfeval reads a missing allele as the reference under ``--ref-overlap``, a haploid genotype as homozygous,
and looks at phase only when told to; so do we.
"""

# ruff: noqa: E501 - one case a line
import numpy as np
import pytest
from builders import variants as build
from hypothesis import given, settings
from hypothesis import strategies as st
from plain import haplotypes as plain

from genomehub.config import EvaluateConfig
from genomehub.formats.vcf_reader import read_genotypes
from genomehub.quality.compare import compare
from genomehub.types import Contig

#       1234567890123456789012345
TEXT = "ACCACACACTAAAAGTGTTTGCAGT"


class OneContig:
    """The reference as the VCF reader asks for it."""

    contigs = (Contig("1", len(TEXT), "a" * 32, "SQ.a"),)

    def alias(self, names, lengths=None, md5s=None, source=""):
        return np.zeros(len(names), dtype=np.int64)

    def text(self, contig_index, start, end):
        return TEXT[start:end]


def letters(contig, start, end):
    return TEXT[max(start, 0) : max(end, 0)]


def found(folder, truth, calls):
    """Matched variants of truth and of calls, and those that were read."""
    sides = []
    for name, records in (("truth", truth), ("calls", calls)):
        path = folder / f"{name}.vcf"
        path.write_text(
            build.vcf_text(
                [("1", p, alleles[0], ",".join(alleles[1:]), gt) for p, alleles, gt in sorted(records)]
            )
        )
        sides.append(read_genotypes(path, OneContig()))
    comparison = compare(*sides, letters, EvaluateConfig(max_states=100_000))
    assert comparison.n_inexact == 0
    matched = (comparison.truth_group >= 0).sum(), (comparison.calls_group >= 0).sum()
    return *map(int, matched), *(len(side.position) for side in sides)


@st.composite
def records(draw):
    start = draw(st.integers(0, len(TEXT) - 4))
    ref = TEXT[start : start + draw(st.integers(1, 4))]
    alts = draw(st.lists(st.text("AC", min_size=1, max_size=3), min_size=1, max_size=2, unique=True))
    alts = [alt for alt in alts if alt != ref] or [ref + "A"]
    alts += draw(st.sampled_from([[], ["*"], ["<DEL>"]]))
    indices = [".", *map(str, range(len(alts) + 1))]
    genotype = draw(st.sampled_from("/|")).join(draw(st.tuples(*[st.sampled_from(indices)] * 2)))
    return start + 1, (ref, *alts), draw(st.sampled_from([genotype, genotype[0]]))


@settings(max_examples=300, deadline=None)
@given(
    st.lists(records(), min_size=1, max_size=3),
    st.lists(records(), max_size=3),
    st.lists(st.integers(0, 2), max_size=2),
)
def test_records__as_many_matches_as_brute_force(tmp_path_factory, truth, extra, shared):
    calls = [truth[i % len(truth)] for i in shared] + extra[: 3 - len(shared)]
    events = [
        event
        for side, members in enumerate((sorted(truth), sorted(calls)))
        for i, record in enumerate(members)
        if (event := plain.event_of_record(*record, side, i)) is not None
    ]
    n_truth, n_calls, *n_read = found(tmp_path_factory.mktemp("records"), truth, calls)
    assert n_read == [sum(event.side == side for event in events) for side in (0, 1)]
    if not events:
        return
    best = plain.largest_match(events, TEXT, 0)
    assert n_truth + n_calls <= best
    # Variants of one side that spell the reference together match nothing; brute force may count them.
    assert n_truth + n_calls >= best - sum(n_cancelling(events, side) for side in (0, 1))


def n_cancelling(events, side):
    mine = [event for event in events if event.side == side]
    return max(
        (
            len(chosen)
            for chosen in plain.choices(mine)
            if all(plain.spell(TEXT, 0, chosen, h) == TEXT for h in (0, 1))
        ),
        default=0,
    )


@pytest.mark.parametrize(
    ("truth", "calls", "matched"),
    [
        # half-calls: the missing allele is the reference
        ([(5, "CA", "A", "./1")], [(5, "CA", "A", "0/1")], (1, 1)),
        ([(2, "C", "T", "1/.")], [(2, "C", "T", "0|1")], (1, 1)),
        ([(2, "C", "T", "./1")], [(2, "C", "T", "1/1")], (0, 0)),
        # haploid is homozygous
        ([(2, "C", "T", "1")], [(2, "C", "T", "1/1")], (1, 1)),
        ([(2, "C", "T", "1")], [(2, "C", "T", "0/1")], (0, 0)),
        # missing genotypes call nothing
        ([(2, "C", "T", "./.")], [(2, "C", "T", "0/1")], (0, 0)),
        ([(2, "C", "T", ".")], [(2, "C", "T", ".")], (0, 0)),
        # phase is not looked at
        ([(2, "C", "T", "0|1")], [(2, "C", "T", "1|0")], (1, 1)),
        ([(2, "CC", "TT", "0/1")], [(2, "C", "T", "0|1"), (3, "C", "T", "1|0")], (1, 2)),
        # homozygous against one heterozygous record a haplotype
        ([(2, "C", "T", "1/1")], [(2, "C", "T", "0/1"), (2, "C", "T", "0/1")], (1, 2)),
        ([(11, "A", "AA", "1/1")], [(11, "A", "AA", "0/1"), (14, "A", "AA", "0/1")], (1, 2)),
        ([(11, "A", "AA", "1/1")], [(11, "A", "AA", "0/1")], (0, 0)),
        # two alleles at a site in one record or two, in another order, padded
        ([(15, "G", "T,C", "1/2")], [(15, "G", "C", "0/1"), (15, "G", "T", "0/1")], (1, 2)),
        ([(10, "TA", "T,TAA", "1/2")], [(10, "TAAAA", "TAAAAA,TAAA", "1/2")], (1, 1)),
        ([(10, "TAA", "T,TA", "1/2")], [(10, "TA", "T", "0/1"), (12, "AAA", "A", "0/1")], (1, 2)),
        # an SNV on the other haplotype of a deletion, with * and without
        ([(10, "TAAAA", "T", "0/1"), (12, "A", "G,*", "1/2")], [(10, "TAAAA", "T", "0/1"), (12, "A", "G", "0/1")], (2, 2)),
        ([(10, "TAAAA", "T", "0/1"), (12, "A", "G,*", "2/1")], [(10, "TAAAA", "T", "0/1"), (12, "A", "G", "1/1")], (1, 1)),
        ([(10, "TAAAA", "T", "0/1")], [(10, "TAAAA", "T", "0/1"), (12, "A", "*", "0/1")], (1, 1)),
        # overlapping deletions, one on each haplotype
        ([(3, "CACA", "C", "0/1"), (5, "CACA", "C,*", "1/2")], [(3, "CACA", "C", "0/1"), (5, "CACA", "C", "0/1")], (2, 2)),
        # adjacent variants: an insertion and an SNV beside it as one complex record
        ([(15, "G", "CC", "0/1")], [(15, "G", "C", "0/1"), (15, "G", "GC", "0/1")], (1, 2)),
        ([(9, "CT", "G", "1/1")], [(9, "CT", "C", "1/1"), (9, "C", "G", "1/1")], (1, 2)),
        # a deletion and an insertion that make an SNV
        ([(2, "C", "T", "0/1")], [(1, "AC", "A", "0/1"), (2, "C", "CT", "0/1")], (1, 2)),
        # the reference again, spelled at length, calls nothing that the other side lacks
        ([(4, "A", "G", "0/1")], [(1, "ACCAC", "ACCGC", "0/1")], (1, 1)),
        ([(4, "A", "<DEL>", "0/1")], [(4, "A", "<DEL>", "0/1")], (0, 0)),
    ],
)  # fmt: skip
def test_records__hard_cases(tmp_path, truth, calls, matched):
    def split(rows):
        return [(position, (ref, *alts.split(",")), genotype) for position, ref, alts, genotype in rows]

    assert found(tmp_path, split(truth), split(calls))[:2] == matched
    assert found(tmp_path, split(calls), split(truth))[:2] == matched[::-1]
