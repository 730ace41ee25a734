"""Ploidy by build, sex and interval; sex from depths; alleles and spans cut where ploidy changes."""

import logging
import types

import numpy as np
import pytest
from builders.calling import codes, diploid_reads, make_records, random_sequence

from genomehub.config import CallConfig
from genomehub.errors import ConfigError
from genomehub.pipeline import ploidy as pipeline
from genomehub.types import Contig, Interval
from genomehub.variants.ploidy import PloidyMap, Sex, Span, ploidy_of_sex

X37, Y37, X38, Y38, MT = 155_270_560, 59_373_566, 156_040_895, 57_227_415, 16_569


def contigs(*named):
    return tuple(Contig(name, length, "", "") for name, length in named)


@pytest.fixture
def heard(caplog, monkeypatch):
    """What the package warns of, also behind a command that ran in this process and took its log."""
    monkeypatch.setattr(logging.getLogger("genomehub"), "propagate", True)
    caplog.set_level(logging.WARNING, logger="genomehub")
    return caplog


B37 = contigs(("20", 63_025_520), ("X", X37), ("Y", Y37), ("MT", MT))
HG38 = contigs(("chr20", 64_444_167), ("chrX", X38), ("chrY", Y38), ("chrM", MT))


@pytest.mark.parametrize(
    ("genome", "sex", "place", "expected"),
    [
        (B37, Sex.MALE, (0, 5), 2),
        (B37, Sex.MALE, (1, 59_999), 1),
        (B37, Sex.MALE, (1, 60_000), 2),
        (B37, Sex.MALE, (1, 2_699_519), 2),
        (B37, Sex.MALE, (1, 2_699_520), 1),
        (B37, Sex.MALE, (1, 154_931_043), 2),
        (B37, Sex.MALE, (1, 155_260_560), 1),
        (B37, Sex.MALE, (2, 10_000_000), 1),
        (B37, Sex.FEMALE, (1, 10_000_000), 2),
        (B37, Sex.FEMALE, (2, 10_000_000), 0),
        (B37, Sex.UNKNOWN, (2, 10_000_000), 2),
        (B37, Sex.UNKNOWN, (3, 0), 1),
        (HG38, Sex.MALE, (1, 9_999), 1),
        (HG38, Sex.MALE, (1, 10_000), 2),
        (HG38, Sex.MALE, (1, 2_781_478), 2),
        (HG38, Sex.MALE, (1, 2_781_479), 1),
        (HG38, Sex.MALE, (1, 155_701_382), 2),
        (HG38, Sex.MALE, (1, 156_030_895), 1),
        (HG38, Sex.FEMALE, (3, 100), 1),
        (contigs(("X", 1_000), ("MT", 500)), Sex.MALE, (0, 10), 2),  # another species
        (contigs(("X", 1_000), ("MT", 500)), Sex.MALE, (1, 10), 2),
    ],
)
def test_ploidy_of_sex(genome, sex, place, expected):
    contig, start = place
    ploidies = PloidyMap(2, ploidy_of_sex(genome, sex))
    assert ploidies.of(Interval(contig, start, start + 1)) == expected


def test_ploidy_map__cuts_and_leaves_out():
    ploidies = PloidyMap(
        2, [Span(Interval(0, 10, 20), 1), Span(Interval(0, 20, 30), 0), Span(Interval(1, 0, 9), 3)]
    )
    pieces = ploidies.cut([Interval(0, 5, 40), Interval(1, 2, 9)])
    assert pieces == [Interval(0, 5, 10), Interval(0, 10, 20), Interval(0, 30, 40), Interval(1, 2, 9)]
    assert [ploidies.of(piece) for piece in pieces] == [2, 1, 2, 3]


class Genome:
    """A reference and its reader: reads of 100 bp, each contig as deep as told."""

    path = "genome.ref"

    def __init__(self, depths):
        self.contigs, self.depths = B37, depths
        self.n_fetched = 0

    def sequence(self, contig_index, start, end):
        return np.full(end - start, 0 if contig_index != 2 or start > 2_000_000 else 5, dtype=np.uint8)

    def fetch(self, interval):
        self.n_fetched += 1
        n = int(self.depths[self.contigs[interval.contig_index].name] * (interval.end - interval.start) / 100)
        empty = make_records([])
        return empty._replace(
            start=np.full(n, interval.start, np.int32), end=np.full(n, interval.start + 100, np.int32),
            flag=np.zeros(n, np.uint16), mapping_quality=np.full(n, 60, np.uint8),
            offsets=np.arange(n + 1), cigar_offsets=np.arange(n + 1), read_group=np.zeros(n, np.int16),
        )  # fmt: skip


def planned(genome, sex="auto", config=None, intervals=None, **options):
    given = {"read_groups": (0,), "targets": None, "ploidy_regions": None, **options}
    intervals = intervals or [Interval(i, 0, c.length) for i, c in enumerate(B37)]
    return pipeline.plan_ploidy(
        genome, genome, given["read_groups"], intervals, given["targets"], config or CallConfig(), sex,
        given["ploidy_regions"],
    )  # fmt: skip


@pytest.mark.parametrize(
    ("x", "y", "expected"),
    [(15, 9, "male"), (30, 0.3, "female"), (30, 10, "unknown"), (15, 0, "unknown"), (22, 3, "unknown")],
)
def test_plan_ploidy__sex_from_coverage(x, y, expected):
    plan = planned(Genome({"20": 30, "X": x, "Y": y, "MT": 2_000}))
    assert (plan.sex.value, plan.sex_from) == (expected, "coverage")
    assert plan.map.of(Interval(1, 50_000_000, 50_000_001)) == (1 if expected == "male" else 2)


def test_plan_ploidy__few_reads_are_no_woman(heard):
    plan = planned(Genome({"20": 0.2, "X": 0.2, "Y": 0, "MT": 0}))
    assert plan.sex is Sex.UNKNOWN
    assert "too few reads on autosomes" in heard.text


def test_plan_ploidy__nothing_is_read_if_neither_x_nor_y_is_called():
    genome = Genome({})
    assert planned(genome, intervals=[Interval(0, 5, 90)]).sex_from == "not asked"
    assert genome.n_fetched == 0


def test_plan_ploidy__of_targets():
    genome = Genome({"20": 30, "X": 15, "Y": 9, "MT": 0})
    targets = [Interval(0, 100, 5_000), Interval(1, 9_000_000, 9_004_000), Interval(2, 9_000_000, 9_000_500)]
    assert planned(genome, targets=targets).sex is Sex.MALE
    assert genome.n_fetched < 150  # a small target is looked at once


def test_plan_ploidy__contig_of_no_known_build(heard):
    genome = Genome({})
    genome.contigs = contigs(("X", 5_000))
    plan = planned(genome, "male", intervals=[Interval(0, 0, 5_000)])
    assert plan.map.spans == ()
    assert "contig X of 5,000 bp is of neither GRCh37 nor GRCh38" in heard.text


@pytest.mark.parametrize(
    ("sex", "ploidy", "sentence"),
    [("auto", 7, "ploidy 7: is not in 1 to 6"), ("male", 4, 'sex "male": has no say beside ploidy 4')],
)
def test_plan_ploidy__contradictions(sex, ploidy, sentence):
    with pytest.raises(ConfigError, match=sentence):
        planned(Genome({}), sex, CallConfig(ploidy=ploidy))


def test_sexes__of_the_command_line():
    from genomehub.cli.call import SEXES

    assert SEXES == pipeline.SEXES


MIDDLE = "GATCCGTATTACGCAAAAAAAAAATGCTACGATCGGTACC"


def called(haplotypes, ploidy, depth=40):
    """Sites that the caller finds in reads of ``haplotypes`` (lists of edits), mixed in equal shares."""
    from genomehub.formats.alignment_depth import select_records
    from genomehub.variants.caller import call_interval

    reference = random_sequence(500, seed=21) + MIDDLE + random_sequence(460, seed=22)
    reads = [
        diploid_reads(reference, edits, edits, depth=depth // len(haplotypes), seed=3 + i)
        for i, edits in enumerate(haplotypes)
    ]
    records = _all(reads)
    order = np.argsort(records.start, kind="stable")
    assert (np.diff(records.start[order]) >= 0).all()
    calls = call_interval(
        _sorted(records, order, select_records), codes(reference), 0, Interval(0, 0, len(reference)),
        CallConfig(ploidy=ploidy),
    )  # fmt: skip
    return types.SimpleNamespace(**calls.variants, **calls.blocks)


def _all(reads):
    """Join Records; names stay different."""
    from genomehub.formats.alignment_reader import concatenate_records

    named = [part._replace(name_hash=part.name_hash + np.uint64(i)) for i, part in enumerate(reads)]
    return concatenate_records(named)


def _sorted(records, order, select_records):
    from genomehub.formats.alignment_reader import concatenate_records

    rows = np.arange(records.start.size)
    return concatenate_records([select_records(records, rows == i) for i in order])


SNV, DELETION = (505, "G", "T"), (513, "CA", "C")


@pytest.mark.parametrize(
    ("copies", "ploidy", "expected"),
    [(1, 1, [1]), (1, 3, [0, 0, 1]), (2, 3, [0, 1, 1]), (1, 4, [0, 0, 0, 1]), (3, 4, [0, 1, 1, 1]),
     (6, 6, [1] * 6)],
)  # fmt: skip
def test_call_interval__copies_of_a_pool(copies, ploidy, expected):
    found = called([[SNV, DELETION]] * copies + [[]] * (ploidy - copies), ploidy, depth=60 * ploidy // 2)
    assert found.variant_position.tolist() == [506, 514]
    assert found.call_genotype[:, 0].tolist() == [expected, expected]
    assert found.call_PL.shape[2] >= ploidy + 1
    assert (found.call_PL[:, 0, : ploidy + 1].min(axis=1) == 0).all()
    assert found.block_PL.shape[1] == ploidy + 1
    assert (found.block_GQ[5:-5] > 0).all()


def test_call_interval__haploid_with_reads_of_two_alleles_is_unsure():
    found = called([[SNV], []], ploidy=1)
    sure = [q for p, q in zip(found.variant_position, found.call_GQ[:, 0], strict=True) if p == 506]
    assert all(quality < 40 for quality in sure)  # a haplotype and its paralogue: no sure call of either
    at = np.flatnonzero((found.block_start <= 505) & (found.block_end > 505))
    assert len(sure) + len(at) == 1
    assert all(found.block_GQ[i] < 40 for i in at)


def test_call_interval__haploid_blocks_are_surer_than_diploid_ones():
    mean = []
    for ploidy in (1, 2):
        found = called([[]], ploidy, depth=12)
        mean.append(np.average(found.block_GQ, weights=found.block_end - found.block_start))
    assert mean[0] > mean[1] + 3
